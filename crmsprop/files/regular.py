"""Opens what is to be read: files, and nothing that would be waited for."""

import os
import stat

from crmsprop.errors import FileFormatError

# Opening a pipe waits for a writer otherwise. Windows has neither the flag nor such pipes, and text unless it is told.
_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def regular_only(path: str, flags: int) -> int:
    """Open a regular file, or a folder, which `open` refuses itself: what ``open(..., opener=regular_only)`` takes.

    What has been opened is looked at, and not what was there before: a pipe never hangs, a device is never read.

    Parameters
    ----------
    path : str or path-like
    flags : int
        As of `os.open`.

    Returns
    -------
    int
        A file descriptor.

    Raises
    ------
    FileFormatError
        If it is a pipe, a device or the like.
    OSError
        If it cannot be opened.

    Examples
    --------
    >>> import os
    >>> from crmsprop.files import regular_only
    >>> try:
    ...     open(os.devnull, "rb", opener=regular_only)
    ... except ValueError as error:
    ...     print(error)
    /dev/null must be a regular file
    """
    descriptor = os.open(path, flags | _FLAGS)
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        os.close(descriptor)
        raise FileFormatError(f"{os.fsdecode(path)} must be a regular file")
    return descriptor
