"""How this program was started: commands that are there to be copied begin alike."""

import os
import shutil
import sys

NAME = "crmsprop"


def program() -> list[str]:
    """Return the words that start this program again: its name, unless the shell would not find it by that.

    Returns
    -------
    list of str
        ``["crmsprop"]``; or the path that was typed, such as ``.venv/bin/crmsprop``; or ``[python, "-m", "crmsprop"]``.
    """
    started = sys.argv[0]
    folder, name = os.path.split(started)
    if name == "__main__.py" and os.path.basename(folder) == NAME:
        return [sys.executable, "-m", NAME]
    return [started] if name == NAME and not _is_found(started) else [NAME]


def _is_found(started: str) -> bool:
    """Return whether the shell finds this very program by its name."""
    found = shutil.which(NAME)
    return found is not None and os.path.exists(started) and os.path.samefile(found, started)
