"""What memory there is, asked before much of it is taken: Linux gives more than it has, and ends the process later."""

import os
import re
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
#: Where a container says what it may take and what it has taken; version 2 of the control groups, then 1.
GROUPS = (
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current"),
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes"),
)
#: Of what it has taken, copies of files that the kernel gives up first; with those of the groups within in version 1.
RECLAIMABLE = re.compile(r"^(?:total_)?inactive_file (\d+)$", re.MULTILINE)


def available_bytes() -> int | None:
    """Return how many bytes this process can still get without swapping; None where the system does not tell.

    On Linux what the kernel holds available, or what the container may still take, if that is less; elsewhere all that
    the machine has.
    """
    of_groups = (_of_a_group(*group) for group in GROUPS)
    known = [n_bytes for n_bytes in (_of_the_machine(), *of_groups) if n_bytes is not None]
    return min(known, default=None)


def _of_the_machine() -> int | None:
    found = re.search(r"^MemAvailable: +(\d+) kB$", _text(MEMINFO), re.MULTILINE)
    if found:
        return 1024 * int(found[1])
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # no such function, or no such name
        return None


def _of_a_group(folder: Path, limit: str, usage: str) -> int | None:
    most, used = _number(folder / limit), _number(folder / usage) or 0
    if most is None:
        return None
    reclaimable = max(map(int, RECLAIMABLE.findall(_text(folder / "memory.stat"))), default=0)
    return max(0, most - max(0, used - reclaimable))


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None  # "max" where there is none


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
