"""Read a plain safetensors file of strangers, such as a torch ``state_dict``, distrusting every byte.

References
----------
The format: https://github.com/huggingface/safetensors#format
"""

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from crmsprop.errors import FileFormatError
from crmsprop.files.header import Entry, checked_entries, parsed, read_array, read_header
from crmsprop.files.layout import DTYPES, METADATA
from crmsprop.files.regular import regular_only
from crmsprop.files.stored import Array, Stored

#: Half a float32: NumPy has no dtype for it.
_BFLOAT16 = np.dtype([("bfloat16", "<u2")])

_DTYPES = {**DTYPES, "F16": np.dtype("<f2"), "BF16": _BFLOAT16}


@contextmanager
def open_safetensors(path: str | os.PathLike[str]) -> Iterator[dict[str, Stored]]:
    """Open a safetensors file for as long as the context lasts.

    Every number of its header is checked against the size of the file, and no array is read before it is asked for.

    Parameters
    ----------
    path : str or path-like

    Yields
    ------
    dict of str to Stored
        The arrays by name, in the order of the file's bytes; float16 stays what it is, bfloat16 becomes float32.

    Raises
    ------
    FileFormatError
        If the file is damaged, truncated, hostile or no safetensors file; from `load` too.
    OSError
        If the file is missing, is a folder, or cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from crmsprop.files import open_safetensors, write_safetensors
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "example.safetensors")
    ...     write_safetensors(path, {"bias": np.array([1.0, 2.0])})
    ...     with open_safetensors(path) as arrays:
    ...         arrays["bias"].load()
    array([1., 2.])
    """
    name = os.fsdecode(path)
    with open(name, "rb", opener=regular_only) as file:
        try:
            yield _arrays_in(file)
        except FileFormatError as error:
            raise FileFormatError(f"cannot read {name}: {error}") from error


def _arrays_in(file: io.BufferedReader) -> dict[str, Stored]:
    size = os.fstat(file.fileno()).st_size
    header = read_header(file, size, "safetensors")
    table = parsed(header[8:], "header")
    table.pop(METADATA, None)
    arrays, offset = {}, len(header)
    for entry in checked_entries(_in_order(table), size - len(header), _DTYPES):
        arrays[entry.name] = Stored(entry.shape, partial(_load, file, entry, offset))
        offset += entry.n_bytes
    return arrays


def _in_order(table: Mapping[str, Any]) -> dict[str, Any]:
    """The entries in the order of their bytes, which the header need not have; malformed ones first, to be refused."""

    def ends(item: tuple[str, Any]) -> tuple[int, ...]:
        offsets = item[1].get("data_offsets") if isinstance(item[1], dict) else None
        is_pair = isinstance(offsets, list) and len(offsets) == 2 and all(type(offset) is int for offset in offsets)
        return tuple(offsets) if is_pair and offsets is not None else (-1,)

    return dict(sorted(table.items(), key=ends))


def _load(file: io.BufferedReader, entry: Entry, offset: int) -> Array:
    file.seek(offset)
    array = read_array(file, entry)
    if entry.dtype == _BFLOAT16:
        return (array["bfloat16"].astype(np.uint32) << 16).view(np.float32)
    return array
