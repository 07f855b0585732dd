"""Ways to make an argument bad: an array of another kind, a number that means nothing, no array at all."""

import contextlib

import boundary_cases as cases
import numpy as np
from boundary_cases import slots

#: Numbers at the limits of something, or beyond.
INTEGERS = (0, -1, 1, 2, 3, 16, 17, 255, 256, 1000, *(sign * 2**bits + more for bits in (31, 32, 62, 63, 64)
            for sign in (1, -1) for more in (-1, 0, 1)), 10**30)  # fmt: skip
FLOATS = (np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, 1.0, 1e308, -1e308, 5e-324, 1e-45, 2**31, 2**63)
#: What `calls.use_arrays` is told to do, which is no argument of a compiled function.
PLANS = ("begun", "acts")
JUNK = (None, "x", b"", 1.5, 0, [], (), {}, True, 1j, np.float32(1), np.array(3), np.zeros(3, "O"), object(), len)

# ---- arrays, as in boundary_cases, and some more


def as_objects(array):
    return array.astype(object)


def as_booleans(array):
    return array.astype(bool)


def as_text(array):
    return array.astype("S3")


def reversed_rows(array):
    return array[::-1] if array.ndim else None


def broadcast(array):
    return np.broadcast_to(array[:1], array.shape) if array.ndim and len(array) else None


def without_axis(array):
    return array.reshape(-1).copy() if array.ndim != 1 else array.reshape(())[()] if array.size == 1 else None


def longer_along(axis):
    def longer(array):
        if axis >= array.ndim:
            return None
        more = (*array.shape[:axis], 1, *array.shape[axis + 1 :])
        return np.concatenate([array, np.zeros(more, array.dtype)], axis)

    return longer


def shorter_along(axis):
    def shorter(array):
        return np.delete(array, 0, axis) if axis < array.ndim and array.shape[axis] else None

    return shorter


def empty_along(axis):
    def empty(array):
        return array.take([], axis) if axis < array.ndim else None

    return empty


def other_bytes(array):
    return np.frombuffer(np.random.default_rng(array.size).bytes(array.nbytes), array.dtype).reshape(array.shape).copy()


def as_subclass(array):
    return array.view(np.matrix) if array.ndim == 2 else array.view(np.recarray)


def masked(array):
    return np.ma.masked_less(array, 0)


WAYS = (
    *(cases.as_integers, cases.as_doubles, cases.as_complex, cases.as_half, cases.byte_swapped, cases.misaligned),
    *(cases.strided, cases.fortran, cases.read_only, cases.one_more_axis),
    *(as_objects, as_booleans, as_text, reversed_rows, broadcast, without_axis, other_bytes, as_subclass, masked),
    *(way(axis) for way in (longer_along, shorter_along, empty_along) for axis in range(4)),
)


def spoil(d, arguments):
    """Change one or two arguments in place; says how."""
    return [_spoil_one(d, arguments) for _ in range(d.one_of((1, 1, 1, 2)))]


def _spoil_one(d, arguments):
    places = slots(arguments, scratch=True)
    if places and d.chance(0.6):
        return _spoil_array(d, arguments, d.one_of(places))
    names = [name for name in arguments if name not in PLANS]
    if not names:
        return "no arguments"
    name = d.one_of(names)
    arguments[name] = other_value(d, arguments[name])
    return f"{name} another value"


def _spoil_array(d, arguments, slot):
    if d.chance(0.1):
        slot.put(arguments, d.one_of(JUNK))
        return f"{slot} no array"
    way, array = d.one_of(WAYS), None
    with np.errstate(all="ignore"), contextlib.suppress(ValueError, TypeError, OverflowError):  # one that is spoiled
        array = way(slot.get(arguments))
    if array is None or getattr(array, "itemsize", 1) == 0:  # an element of an array of objects has none
        return f"{slot} as it is"
    slot.put(arguments, array)
    return f"{slot} {way.__name__}"


def other_value(d, value):
    """Return another value in place of one that is good, of the same type more often than not.

    What has named parts keeps its class: which it is, is no matter of memory, and no C code relies on it.
    """
    if hasattr(value, "_fields"):
        return _other_element(d, value)
    if d.chance(0.15):
        return d.one_of(JUNK)
    if isinstance(value, bool | str):
        return d.one_of((*JUNK, "constant", "nearest", not value))
    if isinstance(value, int):
        return d.one_of(INTEGERS)
    if isinstance(value, float):
        return d.one_of(FLOATS)
    if isinstance(value, tuple | list) and value:
        return _other_element(d, value)
    return d.one_of((*JUNK, *INTEGERS, *FLOATS))


def _other_element(d, values):
    """A tuple or a list, perhaps with names, in which an element is another, or missing, or there twice."""
    place, others = d.integer(0, len(values) - 1), list(values)
    change = d.random.random()
    if change < 0.7 or hasattr(values, "_fields"):
        others[place] = other_value(d, values[place])
    elif change < 0.85:
        del others[place]
    else:
        others.insert(place, values[place])
    return type(values)(*others) if hasattr(values, "_fields") else type(values)(others)


def overlap(d, arguments):
    """Let an array share memory with another one, once they have their places; says which."""
    found = [(slot, slot.get(arguments)) for slot in slots(arguments, scratch=True)]
    places = [slot for slot, array in found if array.flags.c_contiguous and not array.dtype.hasobject]
    if len(places) < 2:
        return "nothing that overlaps"
    first, second = d.random.sample(places, 2)
    memory, array = first.get(arguments), second.get(arguments)
    if memory.nbytes < array.nbytes:
        memory, array, second = array, memory, first
    item = array.itemsize
    start = d.integer(0, (memory.nbytes - array.nbytes) // item) * item
    whole = memory.reshape(-1).view(np.uint8)
    inside = whole[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    second.put(arguments, inside)
    return f"{second} within another array"
