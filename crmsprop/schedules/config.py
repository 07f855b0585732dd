"""The plain JSON configuration of a schedule, to a file and back. No user code is stored and none is imported."""

import math
import reprlib
from dataclasses import fields
from typing import Any

from crmsprop.errors import FileFormatError, warn_user
from crmsprop.schedules.base import FunctionSchedule, Joined, Product, Schedule, ScheduleLike, as_term
from crmsprop.schedules.cycles import CosineAnnealing, OneCycle
from crmsprop.schedules.decays import ExponentialDecay, InverseTimeDecay, StepDecay
from crmsprop.schedules.phases import PiecewiseConstant, Warmup

_PLAIN = (CosineAnnealing, ExponentialDecay, InverseTimeDecay, OneCycle, PiecewiseConstant, StepDecay, Warmup)
# The only classes that a file can name. A user's function or class is not among them.
_CLASSES: dict[str, type[Schedule]] = {known.__name__: known for known in (*_PLAIN, Joined, Product)}


def schedule_to_config(schedule: ScheduleLike | None) -> dict[str, Any] | None:
    """Return the plain JSON configuration of what a user gave as `schedule`.

    Parameters
    ----------
    schedule : Schedule or callable or None
        As in `as_schedule`.

    Returns
    -------
    dict or None
        Plain JSON types: the class name under "class", and the parameters. Of user code, which is a function or a class
        from elsewhere, only the name, as ``module:name`` under "function". None for None.

    Raises
    ------
    TypeError
        If `schedule` is none of these.

    Examples
    --------
    >>> from crmsprop.schedules import StepDecay, schedule_to_config
    >>> schedule_to_config(StepDecay(factor=0.5, every=10))
    {'class': 'StepDecay', 'factor': 0.5, 'every': 10}
    """
    if schedule is None:
        return None
    term = as_term(schedule)
    if type(term) not in _CLASSES.values():
        return {"function": _module_and_name(term.function if isinstance(term, FunctionSchedule) else term)}
    return {"class": type(term).__name__, **{item.name: _plain(getattr(term, item.name)) for item in fields(term)}}


def schedule_from_config(config: Any) -> Schedule | None:
    """Return the schedule of a configuration from a file, which may be hostile.

    A user's function is never imported. It gives a UserWarning that names it, and None, the constant factor 1, in its
    place: the term is left out of a product, None is returned where no other term is left, and two that follow each
    other stay two where one is left.

    Parameters
    ----------
    config : dict or None
        What `schedule_to_config` returned.

    Returns
    -------
    Schedule or None
        The schedule; None for None.

    Raises
    ------
    FileFormatError
        If the configuration is not one of a known class with good values.

    Examples
    --------
    >>> from crmsprop.schedules import schedule_from_config
    >>> schedule_from_config({"class": "StepDecay", "factor": 0.5, "every": 10})
    StepDecay(factor=0.5, every=10)
    """
    if config is None:
        return None
    if not isinstance(config, dict):
        raise FileFormatError(f"a schedule must be a JSON object, got {reprlib.repr(config)}")
    if set(config) == {"function"}:
        _warn_of_function(config["function"])
        return None
    values = dict(config)
    name = values.pop("class", None)
    if not isinstance(name, str) or name not in _CLASSES:
        raise FileFormatError(f"unknown schedule {reprlib.repr(name)}, known are {', '.join(_CLASSES)}")
    if name == "Joined":
        return _joined_from(values)
    return _product_from(values) if name == "Product" else _construct(_CLASSES[name], values)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return schedule_to_config(value) if isinstance(value, Schedule) else value


def _joined_from(values: dict[str, Any]) -> Schedule | None:
    if values.get("first") is None or values.get("second") is None:
        raise FileFormatError(f"a Joined must have a first and a second schedule, got {reprlib.repr(values)}")
    parts = {name: schedule_from_config(values[name]) for name in ("first", "second")}
    constant = Product(())
    joined = _construct(Joined, {**values, **{name: part or constant for name, part in parts.items()}})
    return joined if any(parts.values()) else None


def _product_from(values: dict[str, Any]) -> Schedule | None:
    terms = values.get("terms")
    if set(values) != {"terms"} or not isinstance(terms, list) or None in terms:
        raise FileFormatError(f"a Product must have a list of terms, got {reprlib.repr(values)}")
    known = [term for term in map(schedule_from_config, terms) if term is not None]
    if len(known) == len(terms):
        return Product(tuple(known))
    return math.prod(known[1:], start=known[0]) if known else None


def _construct(known: type[Schedule], values: dict[str, Any]) -> Schedule:
    try:
        return known(**values)
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"bad values of {known.__name__}: {error}") from error


def _warn_of_function(name: Any) -> None:
    if not isinstance(name, str):
        raise FileFormatError(f"the name of a schedule function must be a string, got {reprlib.repr(name)}")
    warn_user(
        f"the schedule function {name[:200]!r} is not imported from a file, None takes its place: set schedule again"
    )


def _module_and_name(code: Any) -> str:
    named = code if hasattr(code, "__qualname__") else type(code)
    return f"{named.__module__}:{named.__qualname__}"
