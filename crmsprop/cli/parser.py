"""argparse, with help that reads like a manual page and errors of one line."""

import argparse
import shutil
from collections.abc import Callable
from typing import Any, NoReturn

from crmsprop.cli.hints import did_you_mean


class UsageError(ValueError):
    """The command line itself is wrong."""


class ManualFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of descriptions and examples, and sets options and their meaning in two columns."""

    def __init__(self, prog: str, **keywords: Any) -> None:
        width = min(shutil.get_terminal_size().columns, 110)
        super().__init__(prog, **{"max_help_position": 26, "width": width, **keywords})


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError, and accepts no abbreviations: the next option would break them.

    Attributes
    ----------
    hint : callable
        ``hint(name, text)`` is the end of the error about the text that was given for what an option sets.
    """

    hint: Callable[[str, str], str]

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**{"allow_abbrev": False, "formatter_class": ManualFormatter, **keywords})
        self.hint = lambda name, text: ""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(f'{message} (see "{self.prog} --help")')

    def flags(self) -> dict[str, str]:
        """Return the options by their own names, without dashes in front, and by those of what they set."""
        found = {flag.strip("-"): flag for flag in self._option_string_actions}
        for flag, action in self._option_string_actions.items():
            found.setdefault(action.dest, flag)
        return found

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """Return what an option makes of its text; ArgumentError, with the hint, where that is nothing."""
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError as error:
            error.message += self.hint(action.dest, arg_string)
            raise

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Raise ArgumentError for what is none of the choices, with the one that may be meant."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += did_you_mean(str(value), map(str, action.choices or ()))
            raise
