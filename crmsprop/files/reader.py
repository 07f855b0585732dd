"""Read a container, distrusting every byte."""

import hashlib
import io
import os
import re
import reprlib
from typing import Any

from numpy.typing import NDArray

from crmsprop.errors import FileFormatError
from crmsprop.files.header import checked_entries, parsed, read_array, read_header
from crmsprop.files.layout import METADATA, NO_DIGEST, VERSION
from crmsprop.files.plain import check_plain
from crmsprop.files.regular import regular_only


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
    with open(name, "rb", opener=regular_only) as file:
        try:
            return _read(file, kind)
        except FileFormatError as error:
            raise FileFormatError(f"cannot read {name}: {error}") from error


def _read(file: io.BufferedReader, kind: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    size = os.fstat(file.fileno()).st_size
    header = read_header(file, size, "crmsprop")
    document = parsed(header[8:], "header")
    metadata = _checked_metadata(document.pop(METADATA, None), kind)
    entries = checked_entries(document, size - len(header))
    digest = hashlib.sha256(_without_digest(header, metadata["sha256"]))
    arrays = {entry.name: read_array(file, entry, digest) for entry in entries}
    if digest.hexdigest() != metadata["sha256"]:
        raise FileFormatError("its SHA-256 does not match its content, so that it is damaged")
    return dict(sorted(arrays.items())), _parsed_config(metadata["config"])


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


def _parsed_config(text: str) -> dict[str, Any]:
    config = parsed(text, "config")
    try:
        check_plain(config, ("config",))
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"it is not plain: {error}") from error
    return config
