"""Text for the terminal, which no name from a file may steer."""

import os
import sys
from typing import Any, TextIO


def printable(text: Any) -> str:
    """Return a name from a file as text that cannot steer a terminal."""
    text = str(text)
    return text if text.isprintable() else ascii(text)


def show(text: str, file: TextIO | None = None) -> None:
    """Print text of ours, lines and all, with whatever names are in it; what the terminal cannot show is escaped.

    Parameters
    ----------
    text : str
    file : TextIO or None, default=None
        None for standard output.

    Raises
    ------
    OSError
        If it cannot be written to, as a file on a full disk.
    """
    _write(harmless(text), sys.stdout if file is None else file)


def warn(line: str) -> None:
    """Print a warning on standard error, whatever is to be quiet."""
    show(f"crmsprop: warning: {line}", sys.stderr)


def shown_together() -> bool:
    """Return whether a reader of standard output sees standard error, too: both are a terminal, or one file or pipe."""
    if sys.stdout.isatty() and sys.stderr.isatty():
        return True
    try:
        return os.path.sameopenfile(sys.stdout.fileno(), sys.stderr.fileno())
    except (OSError, ValueError):  # streams without a file behind them, such as those of a notebook
        return False


def hand_on(text: str) -> None:
    """Print text for other programs on standard output: exactly, unless that is a terminal, for which see `show`."""
    _write(harmless(text) if sys.stdout.isatty() else text, sys.stdout)


def _write(text: str, to: TextIO) -> None:
    encoding = to.encoding or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=to, flush=True)
    except OSError as error:
        error.filename = "standard output" if to is sys.stdout else "standard error"
        raise


def silence(file: TextIO) -> None:
    """Lead a stream that cannot be written to, and what still lies in its buffer, to nowhere: Python tries at its end.

    There is no way back, so that only a process that is about to end does this.
    """
    try:
        file.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, file.fileno())
        os.close(nowhere)


def harmless(text: str) -> str:
    """Return text with every letter but the ends of lines escaped that is not to be seen, such as ESC."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text)
