"""The check of what a user's function ``(epoch, learning_rate) -> learning_rate`` returns."""

from typing import Any

from crmsprop.errors import check_real, shown


def check_rate(rate: Any, epoch: int) -> float:
    """Return what a user's function gave for an epoch as a float; ValueError if it is no learning rate."""
    try:
        return check_real("rate", rate, "[0, inf)")
    except (TypeError, ValueError):
        rule = "the function's learning rate must be a finite number of at least 0"
        raise ValueError(f"{rule}, got {shown(rate)} for epoch {epoch}") from None
