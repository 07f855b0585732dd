"""A bar with the time left, on standard error, for what takes long."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from crmsprop.cli.terminal import harmless
from crmsprop.errors import require_extra

#: Seconds before a bar shows: what is over by then needs none.
DELAY = 0.5


@contextmanager
def progress(total: int, unit: str, quiet: bool) -> Iterator[Callable[[int], object]]:
    """Show a bar while the block runs, if standard error is a terminal.

    Parameters
    ----------
    total : int
        How much there is to do.
    unit : str
        Of what.
    quiet : bool
        Whether to show nothing in any case; then tqdm is not needed.

    Yields
    ------
    callable
        Takes how much was done since the last call.

    Raises
    ------
    MissingExtraError
        If tqdm is not installed.
    """
    if quiet:
        yield lambda done: None
        return
    tqdm = require_extra("tqdm", "the progress bar", "cli").tqdm
    with tqdm(
        total=total, unit=unit, leave=False, dynamic_ncols=True, delay=DELAY, file=sys.stderr, disable=None
    ) as bar:
        yield bar.update


def say(line: str, quiet: bool) -> None:
    """Write a line to standard error, above the bar where there is one; nothing if `quiet`."""
    if not quiet:
        require_extra("tqdm", "the progress bar", "cli").tqdm.write(harmless(line), file=sys.stderr)
        sys.stderr.flush()


def duration(seconds: float) -> str:
    """Return a time as hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
