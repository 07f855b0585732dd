"""Write a container, wholly or not at all."""

import errno
import hashlib
import io
import json
import os
import reprlib
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmsprop.files.layout import DTYPE_NAMES, METADATA, NO_DIGEST, VERSION, header_bytes
from crmsprop.files.locks import HAVE_LOCKS
from crmsprop.files.naming import naming
from crmsprop.files.plain import check_plain, check_text
from crmsprop.files.temporary import temporary_beside


def write_container(
    path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any], kind: str
) -> None:
    """Write named arrays and a configuration to one file, wholly or not at all.

    The file is written to a temporary name in the same folder, flushed to the disk and renamed: whatever fails, a file
    that was there before is as it was. What a writer that was killed has left goes with the next write of that file. A
    new file gets the permissions of the umask, an old one keeps its own. The same content gives the same bytes.

    Parameters
    ----------
    path : str or path-like
        The file; an existing one is replaced. A symbolic link is followed.
    arrays : mapping of str to ndarray
        Booleans, integers of 8 to 64 bits, float32 and float64, in any shape, memory layout and byte order.
    config : mapping of str to object
        Plain JSON: dict with str keys, list, str, int, finite float, bool and None, no subclasses. Its order is kept.
    kind : str
        What the file is, such as "model"; `read_container` asks for it.

    Raises
    ------
    TypeError
        If an array or a value of the configuration is of a type that the file cannot hold.
    ValueError
        If a float is not finite, an integer has more than 2,048 bits, the configuration is too large or too deep, or
        `path` is not a regular file.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from crmsprop.files import read_container, write_container
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "example.crmsprop")
    ...     write_container(path, {"weight": np.ones((2, 3), np.float32)}, {"epochs": 5}, kind="example")
    ...     arrays, config = read_container(path, kind="example")
    >>> arrays["weight"].shape, config
    ((2, 3), {'epochs': 5})
    """
    target, mode = _target_of(path)
    table = _stored_table(arrays)
    metadata = _metadata_of(config, kind)
    views = [array.reshape(-1).view(np.uint8).data for array in table.values()]
    metadata["sha256"] = _digest([header_bytes(table, metadata), *views])
    _replace_file(target, [header_bytes(table, metadata), *views], mode)


def write_file(path: str | os.PathLike[str], *chunks: bytes | memoryview) -> None:
    """Write bytes to one file, wholly or not at all, as `write_container` does; so that a text is never lost half-way.

    Parameters
    ----------
    path : str or path-like
        The file; an existing one is replaced. A symbolic link is followed.
    *chunks : bytes
        What the file will hold, one behind the other.

    Raises
    ------
    ValueError
        If `path` is not a regular file.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> from crmsprop.files import write_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_file(os.path.join(folder, "history.csv"), b"epoch,loss\\n", b"1,0.5\\n")
    ...     os.listdir(folder)
    ['history.csv']
    """
    target, mode = _target_of(path)
    _replace_file(target, chunks, mode)


def _target_of(path: str | os.PathLike[str]) -> tuple[str, int | None]:
    """Return the file that `path` leads to, and the permissions that it will have, None for those of the umask."""
    name = os.fsdecode(path)
    if not name or name.endswith(os.sep):
        raise ValueError(f"path must be that of a file, got {name!r}")
    target = os.path.realpath(name)
    return target, _permissions_to_keep(target)


def write_safetensors(path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays to a plain safetensors file, which torch and others read, wholly or not at all.

    Parameters
    ----------
    path : str or path-like
        The file; an existing one is replaced. A symbolic link is followed.
    arrays : mapping of str to ndarray
        Booleans, integers of 8 to 64 bits, float32 and float64, in any shape, memory layout and byte order.

    Raises
    ------
    TypeError
        If an array is of a type that the file cannot hold.
    ValueError
        If `path` is not a regular file.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from crmsprop.files import open_safetensors, write_safetensors
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "example.safetensors")
    ...     write_safetensors(path, {"weight": np.ones((2, 3), np.float32)})
    ...     with open_safetensors(path) as arrays:
    ...         arrays["weight"].shape
    (2, 3)
    """
    table = _stored_table(arrays)
    views = [array.reshape(-1).view(np.uint8).data for array in table.values()]
    write_file(path, header_bytes(table, {"format": "pt"}), *views)  # as transformers asks of a file


def _metadata_of(config: Mapping[str, Any], kind: str) -> dict[str, str]:
    check_text(kind, ("kind",))
    if not isinstance(config, Mapping):
        raise TypeError(f"config must be a mapping, got {reprlib.repr(config)}")
    check_plain(dict(config), ("config",))
    return {
        "format": "crmsprop",
        "kind": kind,
        "format_version": str(VERSION),
        "config": json.dumps(dict(config), ensure_ascii=False, separators=(",", ":"), allow_nan=False),
        "sha256": NO_DIGEST,
    }


def _stored_table(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    for name in arrays:
        check_text(name, ("an array name",))
    stored = {name: _stored(name, array) for name, array in arrays.items()}
    if METADATA in stored:
        raise ValueError(f"an array name must not be {METADATA!r}, which the format reserves")
    # Wide items first: every array then lies at a multiple of its item size, for tools that map the file.
    return dict(sorted(stored.items(), key=lambda item: (-item[1].itemsize, item[0])))


def _stored(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return the array as it lies in the file, C-ordered and little-endian; a copy only where it is neither."""
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"array {name!r} must be a plain numpy.ndarray, got {type(array).__name__}")
    dtype = array.dtype.newbyteorder("<")
    if dtype not in DTYPE_NAMES:
        raise TypeError(f"array {name!r} has dtype {array.dtype}, a file can hold {', '.join(DTYPE_NAMES.values())}")
    if dtype == np.bool_:  # a view of bytes can hold other than 0 and 1, and a reader refuses those
        array = array.view(np.uint8) != 0
    return np.asarray(array, dtype=dtype, order="C")


def _digest(chunks: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _permissions_to_keep(path: str) -> int | None:
    """Return the permissions of the file that is about to be replaced, None for a new file."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise ValueError(f"path must be a regular file or not exist, got {path!r}")
    if not os.access(path, os.W_OK):  # a rename would get past a read-only file
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return stat.S_IMODE(mode) & 0o777


def _replace_file(path: str, chunks: Iterable[bytes | memoryview], mode: int | None) -> None:
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "No such folder", folder)
    with naming(path), temporary_beside(path, mode) as file:
        _write_synced(file, chunks, mode)
        if not HAVE_LOCKS:
            file.close()  # Windows renames no open file, and no lock is lost
        os.replace(file.name, path)
    _sync_folder(folder)


def _write_synced(file: io.BufferedWriter, chunks: Iterable[bytes | memoryview], mode: int | None) -> None:
    for chunk in chunks:
        file.write(chunk)
    if mode is not None:
        os.chmod(file.name, mode)
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: str) -> None:
    # Some file systems cannot do this. Then a power cut may bring back the old file, which is whole too: no error.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
