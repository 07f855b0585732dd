"""Temporary files beside their target: no writer takes another's, and each removes what killed ones have left.

A writer holds a lock on its temporary file until that has its final name. The lock ends with the process, however that
ends: a temporary file that can be locked is abandoned. A number of the process in its name would say less, where
containers or machines share a folder.
"""

import hashlib
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from crmsprop.files.locks import HAVE_LOCKS, lock_file

_SUFFIX = ".tmp"


@contextmanager
def temporary_beside(path: str, mode: int | None) -> Iterator[io.BufferedWriter]:
    """Open a new file in the folder of `path`, for whoever renames it; gone at the end, unless it was renamed.

    Parameters
    ----------
    path : str
        What the file will be renamed to. What killed writers of the same path have left is removed.
    mode : int or None
        None for the permissions of the umask; else nobody but the owner can open the file.
    """
    remove_abandoned(path)
    while True:
        temporary = f"{_prefix(path)}{secrets.token_hex(8)}{_SUFFIX}"
        try:
            with open(temporary, "xb", opener=None if mode is None else partial(os.open, mode=0o600)) as file:
                if not _is_ours(file):
                    continue
                yield file
                return
        finally:
            with suppress(OSError):
                os.unlink(temporary)


def remove_abandoned(path: str) -> None:
    """Remove the temporary files that killed writers of `path` have left."""
    if not HAVE_LOCKS:
        return
    folder, prefix = os.path.split(_prefix(path))
    with suppress(OSError), os.scandir(folder) as entries:
        for name in [entry.path for entry in entries if entry.name.startswith(prefix)]:
            _remove_unless_locked(name)


def hidden_name(folder: str, name: str) -> str:
    """Return what the hidden files of a name alone begin with: that itself may be as long as a name can be."""
    return os.path.join(folder, f".crmsprop-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}")


def _prefix(path: str) -> str:
    return f"{hidden_name(*os.path.split(path))}-"


def _is_ours(file: io.BufferedWriter) -> bool:
    """Lock a new file; False where another writer took it for abandoned, in the moment before it was locked."""
    try:
        lock_file(file.fileno())
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks, where nothing is taken for abandoned
        return True
    return os.fstat(file.fileno()).st_nlink > 0


def _remove_unless_locked(path: str) -> None:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            lock_file(descriptor)
            os.unlink(path)
        finally:
            os.close(descriptor)
