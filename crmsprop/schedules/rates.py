"""The checks of a user's function ``(epoch, learning_rate) -> learning_rate``: what it takes, and what it returns."""

import inspect
from collections.abc import Callable
from typing import Any

from crmsprop.errors import check_real, shown


def check_takes_two(name: str, function: Callable[[int, float], float]) -> None:
    """TypeError if a function cannot be called with an epoch and a learning rate, as far as it can be told."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some of those that are compiled tell nothing
        return
    try:
        signature.bind(0, 0.0)
    except TypeError:
        raise TypeError(
            f"{name} must take (epoch, learning_rate), got {shown(function)}, which takes {signature}"
        ) from None


def check_rate(name: str, rate: Any, epoch: int) -> float:
    """Return what a user's function gave for an epoch as a float; ValueError if it is no learning rate."""
    try:
        return check_real("rate", rate, "[0, inf)")
    except (TypeError, ValueError):
        rule = f"{name} must return the learning rate, a finite number of at least 0"
        remedy = ": is there a return for every epoch?" if rate is None else ""
        raise ValueError(f"{rule}, got {shown(rate)} for epoch {epoch}{remedy}") from None
