"""The error types of our own, and the few checks that phrase every range error the same way.

A message names the parameter, the rule and the value: ``rho must be in [0, 1), got 1.2``.
"""

import difflib
import functools
import importlib
import inspect
import math
import numbers
import sys
import warnings
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, ParamSpec

import numpy as np

P = ParamSpec("P")

#: How alike two names have to be for one to be a slip of the other, as difflib measures it.
SPELLING = 0.8


class FileFormatError(ValueError):
    """A file is damaged, truncated, hostile, or not of the kind that was asked for. Nothing was changed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from crmsprop import load
    >>> from crmsprop.errors import FileFormatError
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.crms")
    ...     _ = path.write_bytes(b"not a model")
    ...     try:
    ...         load(path)
    ...     except FileFormatError:
    ...         print("refused")
    refused
    """


class DivergenceError(RuntimeError):
    """The training loss became NaN or infinite. The estimator keeps the last good weights.

    Examples
    --------
    >>> from crmsprop import MLPRegressor
    >>> from crmsprop.errors import DivergenceError
    >>> model = MLPRegressor((), learning_rate=1e200, max_epochs=3)
    >>> try:
    ...     model.fit([[1.0], [2.0]], [0.0, 1.0])
    ... except DivergenceError:
    ...     print("a lower learning rate is needed")
    a lower learning rate is needed
    """


class TrainingInterruptedWarning(UserWarning):
    """Ctrl-C has ended a training before its time. The estimator is fitted with what it had learned.

    Examples
    --------
    A program that would rather end than go on with such a model makes an error of it:

    >>> import warnings
    >>> from crmsprop import MLPClassifier
    >>> from crmsprop.errors import TrainingInterruptedWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", TrainingInterruptedWarning)
    ...     model = MLPClassifier(max_epochs=1).fit([[0.0], [1.0]], [0, 1])
    """


class MissingExtraError(RuntimeError):
    """An optional package is needed and not installed; the message says which extra brings it.

    Examples
    --------
    >>> from crmsprop.errors import MissingExtraError, require_extra
    >>> try:
    ...     require_extra("no_such_module", "a picture", "cli")
    ... except MissingExtraError as error:
    ...     print(error)
    a picture needs no_such_module: pip install "crmsprop[cli]"
    """


def require_extra(module: str, purpose: str, extra: str, package: str | None = None) -> Any:
    """Return an optional module, imported now.

    Parameters
    ----------
    module : str
        What to import.
    purpose : str
        What needs it, as the message begins.
    extra : str
        Which extra of crmsprop brings it.
    package : str or None, default=None
        What it is called where it is installed from; None for `module`.

    Raises
    ------
    MissingExtraError
        If it is not installed: says what to install.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        rule = f"{purpose} needs {package or module}"
        raise MissingExtraError(f'{rule}: pip install "crmsprop[{extra}]"') from error


def check_real(name: str, value: Any, interval: str) -> float:
    """Return `value` as a float if it is a real number in `interval`, such as ``"[0, 1)"`` or ``"(0, inf)"``.

    Raises
    ------
    TypeError
        If `value` is not a real number (a bool is not one).
    ValueError
        If `value` is NaN, outside of `interval`, or too large for a float.
    """
    if type(value) is not float and (isinstance(value, bool) or not isinstance(value, numbers.Real)):
        raise TypeError(f"{name} must be a number in {interval}, got {shown(value)}")
    try:
        number = float(value)
    except OverflowError:  # an integer beyond the largest float, in no interval: as NaN below
        number = math.nan
    low, high = _ends(interval)
    above = number >= low if interval[0] == "[" else number > low
    below = number <= high if interval[-1] == "]" else number < high
    if math.isnan(number) or not (above and below):
        raise ValueError(f"{name} must be in {interval}, got {shown(value)}")
    return number


def check_fits(name: str, value: float, dtype: np.dtype[Any]) -> float:
    """Return `value` if it is finite in a float dtype; raise ValueError otherwise."""
    if value > 3e38 and value > float(np.finfo(dtype).max):
        raise ValueError(f"{name} must be finite in {dtype}, got {value}")
    return value


def check_not_zero(name: str, value: float, dtype: np.dtype[Any]) -> None:
    """Raise ValueError if a float dtype makes 0 of a `value` above 0."""
    if 0 < value < 1e-37 and dtype.type(value) == 0:
        raise ValueError(f"{name} must not round to 0 in {dtype}, got {value}")


@functools.cache
def _ends(interval: str) -> tuple[float, float]:
    low, high = interval[1:-1].split(",")
    return float(low), float(high)


def check_integer(name: str, value: Any, minimum: int, maximum: int | None = None) -> int:
    """Return `value` as an int if it is an integer of at least `minimum`.

    Raises
    ------
    TypeError
        If `value` is not an integer (a bool is not one).
    ValueError
        If `value` is less than `minimum`, or more than `maximum`.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer of at least {minimum}, got {shown(value)}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {shown(value)}")
    number = int(value)
    if maximum is not None and number > maximum:
        raise ValueError(f"{name} must be at most {maximum}, got {shown(value)}")
    return number


def check_bool(name: str, value: Any) -> bool:
    """Return `value` if it is True or False (NumPy's own included); raise TypeError otherwise."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of the strings `choices`; raise ValueError otherwise."""
    if not isinstance(value, str) or value not in choices:
        alike = difflib.get_close_matches(str(value).lower(), choices, n=1, cutoff=SPELLING)
        remedy = f": did you mean {alike[0]!r}?" if alike and isinstance(value, str) else ""
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {shown(value)}{remedy}")
    return value


def answers_keywords(elsewhere: Mapping[str, str]) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Return a decorator of an ``__init__``: it says what to give where Python only says that a keyword is unexpected.

    Parameters
    ----------
    elsewhere : mapping of str to str
        What other libraries call by other names, and what to do here: ``{"lr": "give learning_rate"}``.
    """

    def decorated(init: Callable[P, None]) -> Callable[P, None]:
        names = [name for name in inspect.signature(init).parameters if name != "self"]

        @functools.wraps(init)
        def answering(*args: P.args, **kwargs: P.kwargs) -> None:
            for name in kwargs if args else ():
                if name not in names:
                    alike = difflib.get_close_matches(name.lower(), names, n=1, cutoff=SPELLING)
                    guess = f"give {alike[0]}" if alike else f"its parameters are {', '.join(names)}"
                    advice = elsewhere.get(name, guess)
                    raise TypeError(f"{type(args[0]).__name__} has no parameter {name!r}: {advice}")
            init(*args, **kwargs)

        return answering

    return decorated


def warn_user(message: str, category: type[UserWarning] = UserWarning) -> None:
    """Issue a warning that points at the first line outside of this package: the user's."""
    level, frame = 1, sys._getframe()
    while _is_ours(frame) and frame.f_back is not None:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_ours(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name == "crmsprop" or name.startswith("crmsprop.")


def shown(value: Any) -> str:
    """Return ``repr(value)`` for an error message, without its middle where it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python prints no integer of more than 4,300 digits
        return f"<{type(value).__name__} too long to print>"
    return text if len(text) <= 80 else f"{text[:40]}...{text[-37:]}"
