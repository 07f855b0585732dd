"""A bar with the time left, on standard error, for what takes long."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from crmsprop.cli.terminal import harmless, show
from crmsprop.errors import MissingExtraError, require_extra

#: Seconds before a bar shows: what is over by then needs none.
DELAY = 0.5


@contextmanager
def progress(total: int, unit: str, quiet: bool) -> Iterator[Callable[[int], object]]:
    """Show a bar while the block runs, if standard error is a terminal and tqdm is installed.

    Parameters
    ----------
    total : int
        How much there is to do.
    unit : str
        Of what.
    quiet : bool
        Whether to show nothing in any case.

    Yields
    ------
    callable
        Takes how much was done since the last call.
    """
    bar_of = None if quiet else bars()
    if bar_of is None:
        yield lambda done: None
        return
    with bar_of(
        total=total, unit=unit, leave=False, dynamic_ncols=True, delay=DELAY, file=sys.stderr, disable=None
    ) as bar:
        yield bar.update


def say(line: str, quiet: bool) -> None:
    """Write a line to standard error, above the bar where there is one; nothing if `quiet`."""
    if quiet:
        return
    if (bar_of := bars()) is None:
        show(line, sys.stderr)
    else:
        bar_of.write(harmless(line), file=sys.stderr)
        sys.stderr.flush()


def bars() -> Any:
    """Return tqdm's bar; None where it is not installed, since nothing but the bar is lost."""
    try:
        return require_extra("tqdm", "the progress bar", "cli").tqdm
    except MissingExtraError:
        return None


def duration(seconds: float) -> str:
    """Return a time as hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
