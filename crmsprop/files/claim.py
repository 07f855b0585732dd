"""Claims: of all who want to write to one path, in whatever process, one at a time may do so."""

import os
import weakref
from contextlib import suppress

from crmsprop.files.locks import HAVE_LOCKS, lock_file
from crmsprop.files.temporary import hidden_name


class Claim:
    """The right to write to a path, from here to `release`, the end of this object or that of the process.

    A hidden file in the folder is locked meanwhile, as the temporary files are. A process that is killed leaves it
    there, without its lock, and who comes next takes it over. Where the system has no such locks, every claim holds.

    Parameters
    ----------
    folder : str
        Is there, and stays.
    name : str
        What will be written in it: a name, or a pattern of names.

    Raises
    ------
    BlockingIOError
        If somebody else holds the claim.
    """

    def __init__(self, folder: str, name: str) -> None:
        path = f"{hidden_name(folder, name)}.lock"
        self._let_go = weakref.finalize(self, _let_go, path, _locked(path), os.getpid())

    def release(self) -> None:
        """Let others have it; nothing happens where that was done before."""
        self._let_go()


def _locked(path: str) -> int | None:
    """Return the descriptor of a new file, or one that a killed process has left; None where there are no locks."""
    while HAVE_LOCKS:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except OSError:  # such as a folder that is read-only: who writes there will hear of it
            return None
        try:
            lock_file(descriptor)
            if os.fstat(descriptor).st_nlink:
                return descriptor
            os.close(descriptor)  # its holder let go of it between the two calls
        except BlockingIOError:
            os.close(descriptor)
            raise
        except OSError:
            os.close(descriptor)
            return None
    return None


def _let_go(path: str, descriptor: int | None, process: int) -> None:
    """Remove the file before its lock ends, or another one could hold it meanwhile; a forked child holds nothing."""
    if descriptor is not None and os.getpid() == process:
        with suppress(OSError):
            os.unlink(path)
        os.close(descriptor)
