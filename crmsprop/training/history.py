"""What a training leaves behind, one value an epoch."""

from collections.abc import Mapping

#: Columns of a history, in order; the validation ones hold None where there is no validation set.
COLUMNS = ("epoch", "loss", "val_loss", "accuracy", "val_accuracy", "learning_rate", "seconds")

History = dict[str, list[float | None]]


def new_history() -> History:
    """Return a history without epochs."""
    return {column: [] for column in COLUMNS}


def append(history: History, row: Mapping[str, float | None]) -> None:
    """Add an epoch; a column that `row` lacks gets None."""
    for column in COLUMNS:
        history[column].append(row.get(column))
