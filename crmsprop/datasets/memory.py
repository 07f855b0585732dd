"""What memory there is, asked before much of it is taken: Linux gives more than it has, and ends the process later."""

import os
import re
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
#: Where a container says what it may take; version 2 of the control groups, then 1.
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def available_bytes() -> int | None:
    """Return how many bytes this process can still get without swapping; None where the system does not tell.

    On Linux what the kernel holds available, or the limit of the container, if that is less; elsewhere all that the
    machine has.
    """
    known = [n_bytes for n_bytes in (_of_the_machine(), *map(_limit, LIMITS)) if n_bytes is not None]
    return min(known, default=None)


def _of_the_machine() -> int | None:
    found = re.search(r"^MemAvailable: +(\d+) kB$", _text(MEMINFO), re.MULTILINE)
    if found:
        return 1024 * int(found[1])
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # no such function, or no such name
        return None


def _limit(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None  # "max" where there is none


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
