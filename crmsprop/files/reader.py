"""Read a container, distrusting every byte."""

import errno
import hashlib
import io
import json
import math
import os
import re
import reprlib
import stat
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmsprop.errors import FileFormatError
from crmsprop.files.layout import DTYPES, MAX_HEADER, METADATA, NO_DIGEST, VERSION
from crmsprop.files.plain import MAX_INTEGER_DIGITS, check_plain

_MAX_DIMENSIONS = 64  # NumPy's own limit


class _Entry(NamedTuple):
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    n_bytes: int


def read_container(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write_container` wrote, distrusting every byte.

    Every number is checked against the size of the file before memory is taken. The values of the configuration are
    plain JSON and no more than that: who uses them checks them.

    Parameters
    ----------
    path : str or path-like
        The file.
    kind : str
        What the file has to be, such as "model".

    Returns
    -------
    arrays : dict of str to ndarray
        The arrays, sorted by name; each owns its memory, is writable and in native byte order.
    config : dict
        The configuration.

    Raises
    ------
    FileFormatError
        If the file is damaged, truncated or hostile, of another kind, or written by a newer version.
    OSError
        If the file is missing, is a folder, or cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> from crmsprop.files import read_container, write_container
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "example.crmsprop")
    ...     write_container(path, {}, {"epochs": 5}, kind="example")
    ...     read_container(path, kind="example")
    ({}, {'epochs': 5})
    """
    name = os.fsdecode(path)
    _check_readable(name)
    with open(name, "rb") as file:
        try:
            return _read(file, kind)
        except FileFormatError as error:
            raise FileFormatError(f"cannot read {name}: {error}") from error


def _check_readable(path: str) -> None:
    """Refuse what is not a regular file before it is opened: opening a pipe would wait for a writer."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise FileFormatError(f"cannot read {path}: it is not a regular file")


def _read(file: io.BufferedReader, kind: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    size = os.fstat(file.fileno()).st_size
    header = _read_header(file, size)
    document = _parsed(header[8:], "header")
    metadata = _checked_metadata(document.pop(METADATA, None), kind)
    entries = _checked_entries(document, size - len(header))
    digest = hashlib.sha256(_without_digest(header, metadata["sha256"]))
    arrays = {entry.name: _read_array(file, entry, digest) for entry in entries}
    if digest.hexdigest() != metadata["sha256"]:
        raise FileFormatError("its SHA-256 does not match its content, so that it is damaged")
    return dict(sorted(arrays.items())), _parsed_config(metadata["config"])


def _read_header(file: io.BufferedReader, size: int) -> bytes:
    """Return the length field and the header, no longer than the file and our limit."""
    prefix = file.read(8)
    length = int.from_bytes(prefix, "little")
    if len(prefix) < 8 or length > size - 8:
        raise FileFormatError(f"it is truncated or no crmsprop file: {size} bytes, with a header of {length}")
    if length > MAX_HEADER:
        raise FileFormatError(f"its header has {length} bytes, more than the {MAX_HEADER} that are allowed")
    header = file.read(length)
    if len(header) != length or header[:1] != b"{":
        raise FileFormatError("its header does not begin with a brace: it is no crmsprop file")
    return prefix + header


def _parsed(text: bytes | str, what: str) -> dict[str, Any]:
    try:
        decoded = text.decode() if isinstance(text, bytes) else text  # json would guess between UTF-8, 16 and 32
        value = json.loads(decoded, object_pairs_hook=_unique, parse_int=_parsed_integer)
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


def _checked_metadata(metadata: Any, kind: str) -> dict[str, str]:
    if not isinstance(metadata, dict) or metadata.get("format") != "crmsprop":
        raise FileFormatError("it has a safetensors header without crmsprop's metadata: it is no crmsprop file")
    if not all(isinstance(metadata.get(key), str) for key in ("kind", "format_version", "config", "sha256")):
        raise FileFormatError("its metadata lacks a kind, format_version, config or sha256 that is a string")
    _check_version(metadata["format_version"])
    if metadata["kind"] != kind:
        raise FileFormatError(f"it holds a {reprlib.repr(metadata['kind'])}, not a {kind!r}")
    return metadata


def _check_version(text: str) -> None:
    if re.fullmatch("[1-9][0-9]{0,8}", text) is None:
        raise FileFormatError(f"its format_version must be a positive integer, got {reprlib.repr(text)}")
    if int(text) > VERSION:
        raise FileFormatError(f"it has format version {text}, and this crmsprop reads up to {VERSION}: upgrade")


def _without_digest(header: bytes, digest: str) -> bytes:
    if re.fullmatch("[0-9a-f]{64}", digest) is None or header.count(digest.encode()) != 1:
        raise FileFormatError("its sha256 is malformed")
    return header.replace(digest.encode(), NO_DIGEST.encode())


def _checked_entries(table: Mapping[str, Any], n_bytes: int) -> list[_Entry]:
    """Return the arrays of the header, once it is clear that they tile the data without gap or overlap."""
    entries, end = [], 0
    for name, value in table.items():
        entries.append(_checked_entry(name, value, end))
        end += entries[-1].n_bytes
    if end != n_bytes:
        raise FileFormatError(f"its arrays take {end} bytes, and {n_bytes} follow its header: truncated or damaged")
    return entries


def _checked_entry(name: str, value: Any, begin: int) -> _Entry:
    what = f"array {reprlib.repr(name)}"
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise FileFormatError(f"its {what} must have a dtype, shape and data_offsets, got {reprlib.repr(value)}")
    dtype = DTYPES.get(value["dtype"]) if isinstance(value["dtype"], str) else None
    if dtype is None:
        raise FileFormatError(f"its {what} has the unknown dtype {reprlib.repr(value['dtype'])}")
    shape = _checked_shape(value["shape"], dtype.itemsize, what)
    n_bytes = math.prod(shape) * dtype.itemsize
    offsets = value["data_offsets"]
    if not _is_list_of_integers(offsets) or offsets != [begin, begin + n_bytes]:
        shown = reprlib.repr(offsets)
        raise FileFormatError(f"its {what} has the data_offsets {shown}, not [{begin}, {begin + n_bytes}]")
    return _Entry(name, dtype, shape, n_bytes)


def _checked_shape(shape: Any, itemsize: int, what: str) -> tuple[int, ...]:
    if not _is_list_of_integers(shape) or len(shape) > _MAX_DIMENSIONS:
        raise FileFormatError(f"its {what} has the bad shape {reprlib.repr(shape)}")
    # NumPy leaves the zeros out when it checks the size of an array: so does this.
    if math.prod(max(extent, 1) for extent in shape) * itemsize >= 2**63:
        raise FileFormatError(f"its {what} has the impossible shape {reprlib.repr(shape)}")
    return tuple(shape)


def _is_list_of_integers(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _read_array(file: io.BufferedReader, entry: _Entry, digest: "hashlib._Hash") -> NDArray[Any]:
    array = np.empty(entry.shape, entry.dtype)
    view = array.reshape(-1).view(np.uint8)
    if file.readinto(view.data) != entry.n_bytes:
        raise FileFormatError(f"it became shorter while array {reprlib.repr(entry.name)} was read")
    digest.update(view.data)
    if entry.dtype == np.bool_ and view.size and view.max() > 1:
        raise FileFormatError(f"its array {reprlib.repr(entry.name)} has booleans other than 0 and 1")
    return array.astype(entry.dtype.newbyteorder("="), copy=False)


def _parsed_config(text: str) -> dict[str, Any]:
    config = _parsed(text, "config")
    try:
        check_plain(config, ("config",))
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"it is not plain: {error}") from error
    return config
