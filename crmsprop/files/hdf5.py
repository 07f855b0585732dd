"""Read the arrays of an HDF5 file of strangers, such as the weights of a Keras model.

HDF5 can do much more than hold arrays: links to other files, arrays that are put together from other files, filters
that make gigabytes of a few bytes, objects that hold themselves. Keras writes none of that, and all of it is refused.
Attributes are not read. The rest is parsed by the HDF5 library, which is trusted with it as h5py is.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from crmsprop.errors import FileFormatError, require_extra
from crmsprop.files.header import check_readable
from crmsprop.files.stored import Array, Stored

SIGNATURE = b"\x89HDF\r\n\x1a\n"

#: A network of a thousand layers has some ten thousand groups and arrays.
MAX_OBJECTS = 100_000
MAX_DEPTH = 64


@contextmanager
def open_hdf5(path: str | os.PathLike[str]) -> Iterator[dict[str, Stored]]:
    """Open an HDF5 file for as long as the context lasts.

    Only what lies plainly in the file itself is taken: groups, and arrays of numbers without a filter. No array is read
    before it is asked for.

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
    MissingExtraError
        If h5py is not installed.
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
    check_readable(name)
    h5py = require_extra("h5py", "reading HDF5", "keras")
    with open(name, "rb") as file:
        try:
            if file.read(len(SIGNATURE)) != SIGNATURE:
                raise FileFormatError("it does not begin as HDF5 does")
            with _opened(h5py, file) as root:
                yield _Walk(h5py, os.fstat(file.fileno()).st_size).arrays_in(root)
        except FileFormatError as error:
            raise FileFormatError(f"cannot read {name}: {error}") from error


def _opened(h5py: Any, file: Any) -> Any:
    file.seek(0)
    with _damage_of("it is no HDF5 file, or"):
        return h5py.File(file, "r")  # from the open file: a name could be another one by now


@contextmanager
def _damage_of(what: str) -> Iterator[None]:
    """Whatever the library makes of damage is a FileFormatError here."""
    try:
        yield
    except FileFormatError:
        raise
    except Exception as error:
        raise FileFormatError(f"{what} is damaged: {error!s:.200}") from error


class _Walk:
    """A look at everything in a file: what it is and how large, not at what it holds."""

    def __init__(self, h5py: Any, file_size: int) -> None:
        self._h5py, self._file_size = h5py, file_size
        self._addresses: set[int] = set()

    def arrays_in(self, root: Any) -> dict[str, Stored]:
        """Return every array by its path."""
        found: dict[str, Stored] = {}
        with _damage_of("it"):
            waiting = [("", self._seen_once("/", root))]
            while waiting:
                path, group = waiting.pop()
                for key, member in self._members(path, group):
                    if isinstance(member, self._h5py.Group):
                        waiting.append((f"{key}/", member))
                    else:
                        found[key] = self._checked_array(key, member)
        return dict(sorted(found.items()))

    def _members(self, path: str, group: Any) -> Iterator[tuple[str, Any]]:
        """Every object in a group by its path."""
        if path.count("/") > MAX_DEPTH:
            raise FileFormatError(f"its groups must be at most {MAX_DEPTH} deep, go on below {path:.60}")
        for name in group:
            if not isinstance(group.get(name, getlink=True), self._h5py.HardLink):
                raise FileFormatError(f"{path + name!r:.100} is a link to elsewhere, and those are not followed")
            yield path + name, self._seen_once(path + name, group[name])

    def _seen_once(self, path: str, member: Any) -> Any:
        address = self._h5py.h5o.get_info(member.id).addr
        if address in self._addresses:
            raise FileFormatError(f"{path!r:.100} is also there under another name")
        self._addresses.add(address)
        if len(self._addresses) > MAX_OBJECTS:
            raise FileFormatError(f"it must hold at most {MAX_OBJECTS} groups and arrays")
        return member

    def _checked_array(self, path: str, array: Any) -> Stored:
        with _damage_of(f"its array {path!r:.100}"):
            problem = self._problem_of(array)
            if problem is not None:
                raise FileFormatError(f"its array {path!r:.100} {problem}")
            return Stored(array.shape, partial(_load, path, array))

    def _problem_of(self, array: Any) -> str | None:
        """What is wrong with an object that is no group; None for a plain array of numbers within the file."""
        if not isinstance(array, self._h5py.Dataset):
            return "is no array"
        if array.is_virtual or array.external:
            return "lies in other files, and those are not read"
        if array.id.get_create_plist().get_nfilters() or array.chunks is not None:
            return "is compressed or cut into chunks, and only plain arrays are read"
        if array.shape is None or not (array.dtype.kind in "fiub" or _is_bfloat16(array)):
            return f"must hold numbers, got {array.dtype!s:.60}"
        n_bytes = array.size * array.dtype.itemsize
        if array.id.get_storage_size() != n_bytes or n_bytes > self._file_size:
            return f"has {n_bytes} bytes by its shape and {array.id.get_storage_size()} in the file"
        return None


def _is_bfloat16(array: Any) -> bool:
    """Whether an array is what Keras makes of bfloat16, which HDF5 does not know: two bytes without a meaning.

    It says so in an attribute too, but the library does not bear to read a damaged one: the process would end.
    """
    return bool(array.dtype.str == "|V2" and array.dtype.fields is None)


def _load(path: str, array: Any) -> Array:
    with _damage_of(f"its array {path!r:.100}"):
        values = np.asarray(array[()])
    if values.dtype.kind == "V":
        return (values.view("<u2").astype(np.uint32) << 16).view(np.float32)
    return values.astype(values.dtype.newbyteorder("="), copy=False)
