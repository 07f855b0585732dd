"""Damage to HDF5 files and to pictures, whose headers are numbers at places that the format knows."""

import functools
import re
import struct
import zlib

from fuzzing.damage import NUMBERS, damaged, number

HDF5_SIGNATURES = re.compile(b"TREE|SNOD|HEAP|OHDR|OCHK|FRHP|FHDB|FHIB|BTHD|BTIN|BTLF")


def hdf5(data, rng):
    """Numbers near the signatures, among them addresses of other parts of the same file."""
    if rng.random() < 0.3:
        return damaged(data, rng)
    new, places = bytearray(data), _places(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        size = rng.choice((1, 2, 4, 8, 8, 8, 8))
        at = rng.choice(places) + rng.randrange(144) // size * size
        value = rng.choice((rng.choice(places), rng.choice(NUMBERS), rng.randrange(64), len(data)))
        if at + size <= len(new):
            old = int.from_bytes(new[at : at + size], "little")
            value = rng.choice((value, value, value, old + 1, old - 1, old * 2, old + 8))
            new[at : at + size] = (value % 256**size).to_bytes(size, "little")
    return bytes(new)


@functools.lru_cache(maxsize=8)
def _places(data):
    """Where something begins: the file, what has a signature, and the headers of objects, which have none."""
    headers = [
        at
        for at in range(0, len(data) - 16, 8)
        if data[at : at + 2] == b"\1\0" and data[at + 4 : at + 8] == b"\1\0\0\0"
    ]
    return (0, 0, *(match.start() for match in HDF5_SIGNATURES.finditer(data)), *headers)


def picture(data, rng):
    """Numbers in the first bytes, where headers are; for PNG and JPEG, in any of their parts."""
    kind = rng.random()
    if kind < 0.3:
        return damaged(data, rng)
    if data.startswith(b"\x89PNG"):
        return png(data, rng)
    if data.startswith(b"\xff\xd8"):
        return jpeg(data, rng)
    head = 64 if kind < 0.8 else 300
    return damaged(data[:head], rng) + data[head:]


def png(data, rng):
    """Chunks that are changed, put in, left out, doubled or swapped, with right checksums but for some."""
    chunks = list(_chunks(data))
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(len(chunks))
        rng.choice(PNG_CHANGES)(chunks, at, rng)
    return data[:8] + b"".join(_chunk(name, content, rng) for name, content in chunks)


@functools.lru_cache(maxsize=16)
def _chunks(data):
    found, at = [], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return tuple(found)


def _chunk(name, content, rng):
    checksum = zlib.crc32(name + content) ^ (rng.random() < 0.01)
    length = len(content) if rng.random() < 0.99 else rng.choice(NUMBERS) % 2**32
    return struct.pack(">I", length) + name + content + struct.pack(">I", checksum)


def _change_header(chunks, at, rng):
    sizes = [rng.choice((rng.choice(NUMBERS) % 2**32, rng.randrange(1, 9000), 8660)) for _ in range(2)]
    rest = bytes(rng.choice((content, rng.randrange(18))) for content in chunks[0][1][8:13].ljust(5, b"\0"))
    header = struct.pack(">II", *sizes) + rest if rng.random() < 0.5 else damaged(chunks[0][1] or b"\0", rng)
    chunks[0] = (b"IHDR", header)


def _change_chunk(chunks, at, rng):
    name, content = chunks[at]
    chunks[at] = (name, damaged(content, rng) if content else number(rng, 8))


def _change_pixels(chunks, at, rng):
    """Other filters and pixels in a stream that is whole."""
    for i, (name, content) in enumerate(chunks):
        if name == b"IDAT":
            try:
                raw = zlib.decompress(content)
            except zlib.error:
                continue
            chunks[i] = (name, zlib.compress(rng.choice((damaged(raw or b"\0", rng), b"", raw * 50, bytes(10**6)))))


def _put_chunk(chunks, at, rng):
    zeros = zlib.compress(bytes(rng.choice((10, 10**6, 5 * 10**6))), 1)
    contents = (
        (b"zTXt", b"a\0\0" + zeros),
        (b"iTXt", b"a\0\1\0\0\0" + zeros),
        (b"iCCP", b"a\0\0" + zeros),
        (b"tEXt", b"a\0" + bytes(10**5)),
        (b"PLTE", rng.randbytes(rng.choice((3, 4, 768, 3000)))),
        (b"tRNS", rng.randbytes(rng.choice((1, 6, 300)))),
        (b"eXIf", b"II*\0\x08\0\0\0" + number(rng, 2) + rng.randbytes(40)),
        (b"acTL", number(rng, 4) * 2),
        (b"fcTL", number(rng, 4) + rng.randbytes(22)),
        (b"fdAT", rng.randbytes(20)),
        (b"IEND", b""),
        (b"IHDR", chunks[0][1]),
        (rng.randbytes(4), rng.randbytes(9)),
        (b"cHRM", rng.randbytes(32)),
        (b"gAMA", number(rng, 4)),
        (b"pHYs", number(rng, 4) * 2 + b"\1"),
    )
    chunks.insert(at, rng.choice(contents))


def _remove_chunk(chunks, at, rng):
    if len(chunks) > 1:
        del chunks[at]


def _double_chunk(chunks, at, rng):
    chunks[at:at] = [chunks[at]] * rng.choice((1, 1, 200))


PNG_CHANGES = (
    _change_header,
    _change_header,
    _change_chunk,
    _change_pixels,
    _put_chunk,
    _put_chunk,
    _remove_chunk,
    _double_chunk,
)


def jpeg(data, rng):
    """Segments whose numbers, lengths or order are changed."""
    new = bytearray(data)
    places = [at for at in range(len(data) - 4) if data[at] == 0xFF and data[at + 1] in range(0xC0, 0xFF)]
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.choice(places)
        if rng.random() < 0.3 and data[at + 1] in (0xC0, 0xC1, 0xC2):  # height and width
            new[at + 5 : at + 9] = struct.pack(">HH", *(rng.choice((0, 1, 8000, 8660, 65500, 65535)) for _ in range(2)))
        elif rng.random() < 0.5:
            length = 4 + int.from_bytes(data[at + 2 : at + 4], "big") % 100
            new[at : at + length] = damaged(bytes(new[at : at + length]) or b"\0", rng)
        else:
            new[at + 1] = rng.randrange(0xC0, 0xFF)
    return bytes(new)
