"""argparse, with help that reads like a manual page and errors of one line."""

import argparse
import shutil
from typing import Any, NoReturn


class UsageError(ValueError):
    """The command line itself is wrong."""


class ManualFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of descriptions and examples, and sets options and their meaning in two columns."""

    def __init__(self, prog: str, **keywords: Any) -> None:
        width = min(shutil.get_terminal_size().columns, 110)
        super().__init__(prog, **{"max_help_position": 26, "width": width, **keywords})


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError, and accepts no abbreviations: the next option would break them."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**{"allow_abbrev": False, "formatter_class": ManualFormatter, **keywords})

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(f'{message} (see "{self.prog} --help")')
