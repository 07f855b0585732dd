"""Locks on open files, which end with the process that holds them, however it ends.

Windows has no ``flock``, and takes no file away from who has it open: there nothing is locked, as on a file system
without locks. Then nobody can say whether the writer of a file lives, so that nothing is taken for abandoned.
"""

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    HAVE_LOCKS = False
else:
    HAVE_LOCKS = True


def lock_file(descriptor: int) -> None:
    """Lock an open file for as long as it is open.

    Raises
    ------
    BlockingIOError
        If somebody else holds the lock.
    OSError
        If the file cannot be locked, here or on this system.
    """
    if not HAVE_LOCKS:
        raise OSError("this system cannot lock files")
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
