"""Damage that needs no knowledge of a format: bits, cuts, copies, and numbers that are extreme."""

import struct

#: Numbers that are near a limit of something, or are one.
NUMBERS = sorted(
    {0, 1, 2, 3, 7, 10_000, 10**9, 10**18}
    | {2**bits + offset for bits in (7, 8, 15, 16, 31, 32, 40, 62, 63, 64) for offset in (-1, 0, 1)}
)
FLOATS = (float("nan"), float("inf"), -float("inf"), -1.0, 0.0, 1e-45, 3.4e38, 1e308)


def damaged(data, rng, others=()):
    """Return bytes with one to four changes; `others` are files that parts may be taken from."""
    new = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if not new:
            break
        rng.choice(CHANGES)(new, rng)
    if others and rng.random() < 0.05:
        other, at = rng.choice(others), rng.randrange(len(data) + 1)
        new[at:] = other[at:]
    return bytes(new)


def flip_bits(new, rng):
    for _ in range(rng.choice((1, 1, 2, 10))):
        new[rng.randrange(len(new))] ^= 1 << rng.randrange(8)


def set_bytes(new, rng):
    at, count = rng.randrange(len(new)), rng.choice((1, 1, 2, 8, 64))
    value = rng.choice((b"\0", b"\xff", b"\x7f", b"\x80", b" ", rng.randbytes(1)))
    new[at : at + count] = value * len(new[at : at + count])


def put_number(new, rng):
    """Replace one, two, four or eight bytes, at a multiple of their number more often than not."""
    size = rng.choice((1, 2, 4, 4, 8, 8))
    at = rng.randrange(len(new))
    at -= at % size if rng.random() < 0.7 else 0
    new[at : at + size] = number(rng, size)[: len(new) - at]


def number(rng, size):
    """Return the bytes of an extreme number."""
    value = rng.choice(NUMBERS) % 256**size
    return value.to_bytes(size, rng.choice(("little", "little", "big")))


def add_to_number(new, rng):
    size, order = rng.choice((1, 2, 4, 8)), rng.choice(("little", "big"))
    at = rng.randrange(len(new))
    value = int.from_bytes(new[at : at + size], order) + rng.choice((-16, -8, -2, -1, 1, 2, 8, 16))
    new[at : at + size] = (value % 256**size).to_bytes(size, order)[: len(new) - at]


def put_float(new, rng):
    form = rng.choice(("<f", "<d"))
    at = rng.randrange(len(new)) // 4 * 4
    value = rng.choice(FLOATS[:7] if form == "<f" else FLOATS)
    new[at : at + struct.calcsize(form)] = struct.pack(form, value)[: len(new) - at]


def cut(new, rng):
    at = rng.randrange(len(new))
    del new[at : at + rng.choice((1, 2, 8, 64, 512, len(new)))]


def insert(new, rng):
    at, count = rng.randrange(len(new) + 1), rng.choice((1, 2, 8, 64, 512))
    new[at:at] = rng.choice((rng.randbytes(count), bytes(count)))


def copy_part(new, rng):
    """Write a part over another one, or in between."""
    begin, at = rng.randrange(len(new)), rng.randrange(len(new))
    part = new[begin : begin + rng.choice((4, 8, 64, 1000))]
    end = at + (len(part) if rng.random() < 0.5 else 0)
    new[at:end] = part


def change_digits(new, rng):
    """Replace a number that is written in decimal digits, where there is one."""
    places = [i for i, byte in enumerate(new) if 48 <= byte <= 57]
    if not places:
        return
    at = rng.choice(places)
    end = at
    while end < len(new) and 48 <= new[end] <= 57:
        end += 1
    new[at:end] = rng.choice((str(rng.choice(NUMBERS)), "-1", "", "1e999", "9" * 5000)).encode()


CHANGES = (
    flip_bits,
    set_bytes,
    put_number,
    put_number,
    put_number,
    add_to_number,
    put_float,
    cut,
    insert,
    copy_part,
    change_digits,
)
