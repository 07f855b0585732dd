"""What the header of an array says: its shape, its type, and where its bytes lie."""

import math
import struct
from typing import Any, NamedTuple

import numpy as np

from crmsprop.errors import FileFormatError
from crmsprop.files.hdf5.objects import Header, Kind
from crmsprop.files.hdf5.source import NOWHERE, Fields, Source
from crmsprop.files.header import Entry, checked_shape

#: What Keras makes of bfloat16, which HDF5 did not know: two bytes without a meaning. It says so in an attribute too.
_TWO_BYTES = np.dtype("V2")

#: Bit offset and precision, place and size of exponent and mantissa, and bias, by the bytes of a number of IEEE 754.
_FLOATS = {2: (0, 16, 10, 5, 0, 10, 15), 4: (0, 32, 23, 8, 0, 23, 127), 8: (0, 64, 52, 11, 0, 52, 1023)}

#: How h5py writes what can be true or false: names for 0 and 1 over integers of 8 bits with a sign. The names are
#: filled up to 8 bytes in the older layout.
_NAMES = (b"FALSE\0\0\0TRUE\0\0\0\0\0\1", b"FALSE\0TRUE\0\0\1")
_BOOLEANS = tuple(b"\x08\0\0\x01\0\0\0\0\0\x08\0" + names for names in _NAMES)

_CLASSES = ("integers", "floats", "times", "strings", "bits", "bytes", "records", "references", "names")


class Place(NamedTuple):
    """What an array is, and where in the file its first byte is."""

    entry: Entry
    address: int


def array_in(source: Source, header: Header, path: str) -> Place:
    """Return what the header of an object says of it, which must be an array of numbers within the file."""
    what, messages = f"its array {path!r:.100}", header.messages
    if not messages.keys() >= {Kind.DATASPACE, Kind.DATATYPE, Kind.LAYOUT}:
        raise FileFormatError(f"{path!r:.100} is no array, and no group")
    if Kind.EXTERNAL_FILES in messages:
        raise FileFormatError(f"{what} lies in other files, and those are not read")
    dtype = _dtype(messages[Kind.DATATYPE], what)
    shape = checked_shape(_shape(messages[Kind.DATASPACE], what), dtype.itemsize, f"array {path!r:.100}")
    if Kind.FILTERS in messages:
        raise FileFormatError(f"{what} is compressed or not in one piece, and only plain arrays are read")
    address, n_bytes = _location(messages[Kind.LAYOUT], what)
    needed = math.prod(shape) * dtype.itemsize
    if not needed:
        return Place(Entry(path, dtype, shape, 0), 0)
    stored = 0 if address == NOWHERE else n_bytes
    if stored != needed or address + stored > source.size:
        raise FileFormatError(f"{what} has {needed} bytes by its shape and {stored} in the file, or ends beyond it")
    return Place(Entry(path, dtype, shape, needed), address)


def _shape(message: Fields, what: str) -> list[int]:
    version, rank, flags = message.number(1), message.number(1), message.number(1)
    if version not in (1, 2):
        raise FileFormatError(f"{what} has the unknown version {version} of a shape")
    is_nothing = version == 2 and message.number(1) == 2
    if version == 1:
        message.take(5)
    if is_nothing or flags & ~1:
        raise FileFormatError(f"{what} must hold numbers in rows and columns")
    return [message.number() for _ in range(rank)]


def _dtype(message: Fields, what: str) -> np.dtype[Any]:
    number, bits, itemsize = message.number(1) & 15, message.number(3), message.number(4)
    rest = message.take(len(message))
    dtype = None
    if number == 0:
        dtype = _integer(bits, itemsize, rest)
    elif number == 1:
        dtype = _float(bits, itemsize, rest)
    elif number == 5 and itemsize == 2:
        dtype = _TWO_BYTES
    elif number == 8 and (bits, itemsize) == (2, 1) and rest[1:].startswith(_BOOLEANS):
        dtype = np.dtype(bool)
    if dtype is None:
        kind = _CLASSES[number] if number < len(_CLASSES) else "rows"
        raise FileFormatError(f"{what} must hold numbers as NumPy has them, got {kind} of {itemsize} bytes")
    return dtype


def _integer(bits: int, itemsize: int, rest: bytes) -> np.dtype[Any] | None:
    # Bit 0 says which byte is first and bit 3 whether there is a sign; the others are about bits that are not used.
    if bits & ~0b1001 or itemsize not in (1, 2, 4, 8) or rest[:4] != struct.pack("<HH", 0, 8 * itemsize):
        return None
    return np.dtype(f"{'>' if bits & 1 else '<'}{'i' if bits & 8 else 'u'}{itemsize}")


def _float(bits: int, itemsize: int, rest: bytes) -> np.dtype[Any] | None:
    # Bit 0 says which byte is first; then that the first bit of a mantissa goes without saying, and where the sign is.
    plain = 0x20 | (8 * itemsize - 1) << 8
    if bits & ~1 != plain or itemsize not in _FLOATS or rest[:12] != struct.pack("<HHBBBBI", *_FLOATS[itemsize]):
        return None
    return np.dtype(f"{'>' if bits & 1 else '<'}f{itemsize}")


def _location(message: Fields, what: str) -> tuple[int, int]:
    """Return where the bytes of an array are, and how many."""
    version, kind = message.number(1), message.number(1)
    if kind == 3 and version == 4:
        raise FileFormatError(f"{what} lies in other files, and those are not read")
    if version not in (3, 4) or kind != 1:
        raise FileFormatError(f"{what} is compressed or not in one piece, and only plain arrays are read")
    return message.number(), message.number()
