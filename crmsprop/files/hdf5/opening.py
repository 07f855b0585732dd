"""Open an HDF5 file and find every array in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np

from crmsprop.errors import FileFormatError
from crmsprop.files.hdf5.arrays import Place, array_in
from crmsprop.files.hdf5.groups import members_of
from crmsprop.files.hdf5.objects import header_of, root_of
from crmsprop.files.hdf5.source import Source
from crmsprop.files.regular import regular_only
from crmsprop.files.stored import Array, Stored

#: A network of a thousand layers has some ten thousand groups and arrays.
MAX_OBJECTS = 100_000
MAX_DEPTH = 64
#: Bytes of a whole path: without a limit, names of a few bytes in the file become gigabytes.
MAX_PATH = 1000


@contextmanager
def open_hdf5(path: str | os.PathLike[str]) -> Iterator[dict[str, Stored]]:
    """Open an HDF5 file for as long as the context lasts.

    Only what lies plainly in the file itself is taken: groups, and arrays of numbers without a filter, as h5py writes
    them unless it is asked for more. No array is read before it is asked for.

    Parameters
    ----------
    path : str or path-like

    Yields
    ------
    dict of str to Stored
        The arrays by path, such as ``"layers/conv2d/vars/0"``, sorted; bfloat16, two bytes without a meaning to HDF5,
        becomes float32.

    Raises
    ------
    FileFormatError
        If the file is damaged, truncated or no HDF5 file, or holds anything else than groups and plain arrays; from
        `load` too.
    OSError
        If the file is missing, is a folder, or cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> import h5py
    >>> from crmsprop.files import open_hdf5
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "example.h5")
    ...     with h5py.File(path, "w") as file:
    ...         file["layers/dense/vars/0"] = [[1.0, 2.0]]
    ...     with open_hdf5(path) as arrays:
    ...         arrays["layers/dense/vars/0"].load()
    array([[1., 2.]])
    """
    name = os.fsdecode(path)
    with open(name, "rb", opener=regular_only) as file:
        try:
            yield _arrays_in(Source(file))
        except FileFormatError as error:
            raise FileFormatError(f"cannot read {name}: {error}") from error


def _arrays_in(source: Source) -> dict[str, Stored]:
    """Return every array by its path: what is known of it, not what it holds."""
    found: dict[str, Stored] = {}
    root = root_of(source)
    seen, waiting = {root}, [("", root)]
    while waiting:
        path, address = waiting.pop()
        header = header_of(source, address, path or "/")
        if header.is_group:
            for name, member in members_of(source, header, path or "/"):
                waiting.append((_checked_path(path, name), _seen_once(member, seen, f"{path}/{name}")))
        else:
            place = array_in(source, header, path or "/")
            found[path] = Stored(place.entry.shape, partial(_load, source, place))
    return dict(sorted(found.items()))


def _checked_path(path: str, name: str) -> str:
    joined = f"{path}/{name}".removeprefix("/")
    if joined.count("/") > MAX_DEPTH or len(joined) > MAX_PATH:
        limits = f"at most {MAX_DEPTH} deep, with paths of {MAX_PATH} characters"
        raise FileFormatError(f"its groups must be {limits}, go on below {path:.60}")
    return joined


def _seen_once(address: int, seen: set[int], path: str) -> int:
    if address in seen:
        raise FileFormatError(f"{path!r:.100} is also there under another name")
    seen.add(address)
    if len(seen) > MAX_OBJECTS:
        raise FileFormatError(f"it must hold at most {MAX_OBJECTS} groups and arrays")
    return address


def _load(source: Source, place: Place) -> Array:
    values = source.read_array(place.address, place.entry)
    if values.dtype.kind == "V":
        return (values.view("<u2").astype(np.uint32) << 16).view(np.float32)
    return values
