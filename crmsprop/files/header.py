"""The header of a safetensors file, and the arrays that it names: every number is distrusted."""

import hashlib
import io
import json
import math
import reprlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmsprop.errors import FileFormatError
from crmsprop.files.layout import DTYPES, MAX_CONTAINERS, MAX_HEADER
from crmsprop.files.plain import MAX_INTEGER_DIGITS

Dtypes = Mapping[str, np.dtype[Any]]

_MAX_DIMENSIONS = 64  # NumPy's own limit


class Entry(NamedTuple):
    """One array of a file, as its header has it."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    n_bytes: int


def read_header(file: io.BufferedReader, size: int, kind: str) -> bytes:
    """Return the length field and the header, no longer than file and limit; `kind` is what the file is to be."""
    prefix = file.read(8)
    length = int.from_bytes(prefix, "little")
    if len(prefix) < 8 or length > size - 8:
        raise FileFormatError(f"it is truncated or no {kind} file: {size} bytes, with a header of {length}")
    if length > MAX_HEADER:
        raise FileFormatError(f"its header has {length} bytes, more than the {MAX_HEADER} that are allowed")
    header = file.read(length)
    if len(header) != length or header[:1] != b"{":
        raise FileFormatError(f"its header does not begin with a brace: it is no {kind} file")
    return prefix + header


def parsed(text: bytes | str, what: str) -> dict[str, Any]:
    """Return the object of a JSON text; `what` names it in errors."""
    try:
        decoded = text.decode() if isinstance(text, bytes) else text  # json would guess between UTF-8, 16 and 32
        if (containers := decoded.count("[") + decoded.count("{")) > MAX_CONTAINERS:
            raise FileFormatError(f"its {what} has {containers} brackets, more than the {MAX_CONTAINERS} allowed")
        value = json.loads(decoded, object_pairs_hook=_unique, parse_int=_parsed_integer)
    except FileFormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"its {what} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise FileFormatError(f"its {what} is not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # json keeps the last of two equal keys and other readers the first: one file would have two contents.
    values: dict[str, Any] = {}
    for key, value in pairs:
        key.encode()  # a lone surrogate, which only an escape can bring in, raises a ValueError
        if key in values:
            raise ValueError(f"key {reprlib.repr(key)} stands twice")
        values[key] = value
    return values


def _parsed_integer(digits: str) -> int:
    # int() takes time quadratic in the digits.
    if len(digits) > MAX_INTEGER_DIGITS:
        raise ValueError(f"an integer has {len(digits)} digits")
    return int(digits)


def checked_entries(table: Mapping[str, Any], n_bytes: int, dtypes: Dtypes = DTYPES) -> list[Entry]:
    """Return the arrays of the header, once it is clear that they tile the data without gap or overlap, in order."""
    entries, end = [], 0
    for name, value in table.items():
        entries.append(_checked_entry(name, value, end, dtypes))
        end += entries[-1].n_bytes
    if end != n_bytes:
        raise FileFormatError(f"its arrays take {end} bytes, and {n_bytes} follow its header: truncated or damaged")
    return entries


def _checked_entry(name: str, value: Any, begin: int, dtypes: Dtypes) -> Entry:
    what = f"array {reprlib.repr(name)}"
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise FileFormatError(f"its {what} must have a dtype, shape and data_offsets, got {reprlib.repr(value)}")
    dtype = dtypes.get(value["dtype"]) if isinstance(value["dtype"], str) else None
    if dtype is None:
        raise FileFormatError(f"its {what} has the unknown dtype {reprlib.repr(value['dtype'])}")
    shape = checked_shape(value["shape"], dtype.itemsize, what)
    n_bytes = math.prod(shape) * dtype.itemsize
    offsets = value["data_offsets"]
    if not _is_list_of_integers(offsets) or offsets != [begin, begin + n_bytes]:
        shown = reprlib.repr(offsets)
        raise FileFormatError(f"its {what} has the data_offsets {shown}, not [{begin}, {begin + n_bytes}]")
    return Entry(name, dtype, shape, n_bytes)


def checked_shape(shape: Any, itemsize: int, what: str) -> tuple[int, ...]:
    """Return a shape from a file, once it is clear that NumPy can have an array of it."""
    if not _is_list_of_integers(shape) or len(shape) > _MAX_DIMENSIONS:
        raise FileFormatError(f"its {what} has the bad shape {reprlib.repr(shape)}")
    # NumPy leaves the zeros out when it checks the size of an array: so does this.
    if math.prod(max(extent, 1) for extent in shape) * itemsize >= 2**63:
        raise FileFormatError(f"its {what} has the impossible shape {reprlib.repr(shape)}")
    return tuple(shape)


def _is_list_of_integers(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def read_array(file: io.BufferedReader, entry: Entry, digest: "hashlib._Hash | None" = None) -> NDArray[Any]:
    """Return the array that comes next, in native byte order; its bytes move `digest`."""
    array = np.empty(entry.shape, entry.dtype)
    view = array.reshape(-1).view(np.uint8)
    if file.readinto(view.data) != entry.n_bytes:
        raise FileFormatError(f"it became shorter while array {reprlib.repr(entry.name)} was read")
    if digest is not None:
        digest.update(view.data)
    if entry.dtype == np.bool_ and view.size and view.max() > 1:
        raise FileFormatError(f"its array {reprlib.repr(entry.name)} has booleans other than 0 and 1")
    return array.astype(entry.dtype.newbyteorder("="), copy=False)
