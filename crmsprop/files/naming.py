"""Errors of the system that say which file they are about."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Let every OSError name `path`: a full disk does not say where, and a read-only folder a temporary file.

    Parameters
    ----------
    path : str

    Examples
    --------
    >>> from crmsprop.files import naming
    >>> with naming("history.csv"):
    ...     raise OSError(28, "No space left on device")
    Traceback (most recent call last):
        ...
    OSError: [Errno 28] No space left on device: 'history.csv'
    """
    try:
        yield
    except OSError as error:
        error.filename = path
        del error.filename2
        raise
