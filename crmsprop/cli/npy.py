"""Arrays by ``numpy.save``, alone or in an archive: no memory is taken before the header has been checked."""

import ast
import io
import math
import os
import sys
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from crmsprop.errors import FileFormatError, shown
from crmsprop.files import regular_only

Array = np.ndarray[Any, np.dtype[Any]]

#: What arrays may inflate to in any case, and how many times the size of their archive beyond that. A file of 300 kB
#: can hold 300 MB of zeros; what people measure seldom shrinks to a tenth.
MAX_INFLATED = 256 * 2**20
MAX_RATIO = 100
#: Of the header of one array, as in NumPy.
MAX_HEADER = 10_000


def read_npy(path: Path) -> Array:
    """Return the array in an .npy file.

    Raises
    ------
    FileFormatError
        If the file is no .npy file or is damaged, or the array holds Python objects.
    OSError
        If it cannot be read.
    """
    with open(path, "rb", opener=regular_only) as file:
        try:
            check_header(file, os.fstat(file.fileno()).st_size, "it")
            file.seek(0)
            return _checked(np.lib.format.read_array(file, allow_pickle=False), "it")
        except Exception as error:  # a hostile header makes numpy raise many types
            raise FileFormatError(f"{path} cannot be read: {reason(error)}") from error


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> Array:
    """Return an array of an archive; what is wrong with it raises any type.

    Raises
    ------
    ValueError
        If it holds Python objects, or its header does not fit its bytes.
    """
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is compressed in another way than numpy does it")
    with archive.open(member) as stream:
        check_header(stream, member.file_size, name)
    with archive.open(member) as stream:
        return _checked(np.lib.format.read_array(stream, allow_pickle=False), name)


def reason(error: Exception) -> str:
    """Return what an error says, cut short: those of zipfile and numpy repeat what the file says."""
    return f"{error!s:.300}" or type(error).__name__


def check_inflated(members: list[zipfile.ZipInfo], archive_bytes: int) -> None:
    """Raise ValueError if members are much larger than their archive."""
    n_bytes = sum(member.file_size for member in members)
    if n_bytes > max(MAX_INFLATED, MAX_RATIO * archive_bytes):
        rule = f"it must not inflate to more than {MAX_RATIO} times its size and {MAX_INFLATED:,} bytes"
        raise ValueError(f"{rule}, got {n_bytes:,}: save it with numpy.savez")


def check_header(stream: IO[bytes], n_bytes: int, name: str) -> None:
    """Raise ValueError unless an array of numbers or text takes all the bytes that a stream has."""
    try:
        version = np.lib.format.read_magic(stream)
    except ValueError as error:
        raise ValueError(f"{name} is no array: {error}") from error
    if version != (1, 0):  # the others are for headers beyond what numpy reads, and can ask for gigabytes
        raise ValueError(f"{name} has version {version[0]}.{version[1]} of the format, and 1.0 is read")
    shape, _, dtype = np.lib.format.read_array_header_1_0(io.BytesIO(_literal_header(stream, name)))
    if dtype.hasobject:
        raise ValueError(f"{name} holds Python objects, which are not read: save {name}.astype(str)")
    if not dtype.itemsize or min(shape, default=0) < 0 or len(shape) > 64:
        raise ValueError(f"{name} has the impossible shape {shown(shape)} of {dtype!s:.60}")
    needed, there = math.prod(shape) * dtype.itemsize, n_bytes - stream.tell()
    if needed != there or math.prod(max(size, 1) for size in shape) * dtype.itemsize >= 2**63:
        raise ValueError(f"{name} has {needed} bytes by its shape {shown(shape)}, and {there} in the file")


def _literal_header(stream: IO[bytes], name: str) -> bytes:
    """Return a header, with its length before it, that is a literal of Python.

    NumPy gives any other one to Python's tokenizer, for the sake of Python 2 and its ``3L``; since Python 3.12 that
    looks for a file called ``<string>`` when it fails, to show the line.
    """
    length = stream.read(2)
    header = stream.read(min(int.from_bytes(length, "little"), MAX_HEADER))
    try:
        ast.literal_eval(header.decode("latin1"))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError(f"{name} has a header that cannot be read, got {shown(header)}") from None
    return length + header


def _checked(array: Array, name: str) -> Array:
    """Return an array whose text is text: Python ends with a SystemError where a character is none."""
    if array.dtype.kind == "U":
        codes = np.ascontiguousarray(array).reshape(-1).view(array.dtype.str[0] + "u4")
        if ((codes > sys.maxunicode) | ((codes >= 0xD800) & (codes < 0xE000))).any():
            raise ValueError(f"{name} holds text that is not Unicode")
    return array
