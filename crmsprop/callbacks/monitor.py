"""The column of the history that a callback watches, and what counts as better there."""

import math
from dataclasses import dataclass

from crmsprop.errors import check_choice, check_real, shown
from crmsprop.training import COLUMNS, Training

MODES = ("auto", "min", "max")

#: The column that a history has where an estimator has a `scoring`.
SCORE = "val_score"

#: The columns that are better lower, and those that are better higher: what "auto" knows.
DIRECTIONS = {"loss": "min", "val_loss": "min", "accuracy": "max", "val_accuracy": "max", SCORE: "max"}


@dataclass(frozen=True)
class Monitor:
    """A column of the history, and which of two of its values is better.

    Parameters
    ----------
    column : str
        Any of the history; under the name `monitor` in the errors, as callbacks call it.
    mode : {"auto", "min", "max"}, default="auto"
        Whether lower or higher is better. "auto": a loss lower, an accuracy or a score higher; no other column.
    min_delta : float, default=0.0
        A value is better only if it is by more than this, in [0, inf).

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of its range.
    """

    column: str
    mode: str = "auto"
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        if check_choice("mode", self.mode, MODES) != "auto":
            check_choice("monitor", self.column, (*COLUMNS, SCORE))
        elif not isinstance(self.column, str) or self.column not in DIRECTIONS:
            known = ", ".join(map(repr, DIRECTIONS))
            raise ValueError(f"monitor must be one of {known} where mode is 'auto', got {shown(self.column)}")
        object.__setattr__(self, "min_delta", check_real("min_delta", self.min_delta, "[0, inf)"))

    @property
    def _lower_is_better(self) -> bool:
        return (self.mode if self.mode != "auto" else DIRECTIONS[self.column]) == "min"

    @property
    def worst(self) -> float:
        """What every value is better than."""
        return math.inf if self._lower_is_better else -math.inf

    def improves(self, value: float, best: float) -> bool:
        """Return whether `value` is better than `best`, by more than `min_delta`."""
        return value + self.min_delta < best if self._lower_is_better else value - self.min_delta > best

    def value(self, context: Training) -> float:
        """Return the value of the latest epoch; ValueError if the training does not fill the column."""
        value = context.history.get(self.column, [None])[-1]
        if value is None:
            raise ValueError(f"monitor must be a column that the training fills, got {why_empty(self.column, context)}")
        return value


def why_empty(column: str, context: Training) -> str:
    """Return what to say of a column that the latest epoch left empty."""
    if column.startswith("val_") and context.history["val_loss"][-1] is None:
        return f"{column!r} without a validation set: set validation_fraction, or give X_val and y_val to fit"
    if column == SCORE:
        return f"{column!r} without a scorer: set scoring"
    if column.endswith("accuracy"):
        return f"{column!r} of a regression, or of a loss that counts no hits"
    return repr(column)
