"""What a training leaves behind, one value an epoch."""

import math
from collections.abc import Mapping

#: Columns of a history, in order; the validation ones hold None where there is no validation set, the accuracies in a
#: regression.
COLUMNS = ("epoch", "loss", "val_loss", "accuracy", "val_accuracy", "learning_rate", "seconds")

History = dict[str, list[float | None]]


def new_history() -> History:
    """Return a history without epochs."""
    return {column: [] for column in COLUMNS}


def measured(accuracy: float) -> float | None:
    """Return an accuracy as it stands in a history: None for the NaN of a loss that knows no right and wrong."""
    return None if math.isnan(accuracy) else accuracy


def append(history: History, row: Mapping[str, float | None]) -> None:
    """Add an epoch; a column that `row` lacks gets None."""
    for column, values in history.items():
        values.append(row.get(column))
