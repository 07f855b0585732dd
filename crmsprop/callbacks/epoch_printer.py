"""A line of text for each epoch."""

from collections.abc import Callable

from crmsprop.callbacks.monitor import SCORE
from crmsprop.training import Callback, Training

#: What is measured, in the order of the line.
METRICS = ("loss", "accuracy", "val_loss", "val_accuracy", SCORE)


class EpochPrinter(Callback):
    """Prints a line for each epoch: number, losses, accuracies, learning rate, seconds.

    Parameters
    ----------
    write : callable, default=print
        Takes one line of text.

    Examples
    --------
    >>> from crmsprop.callbacks import EpochPrinter
    >>> printer = EpochPrinter()
    """

    def __init__(self, write: Callable[[str], object] = print) -> None:
        self.write = write

    def on_epoch_end(self, context: Training) -> None:
        """Print the last row of the history."""
        row = {column: values[-1] for column, values in context.history.items()}
        self.write(format_epoch(row, context.plan.max_epochs))


def format_epoch(row: dict[str, float | None], max_epochs: int) -> str:
    """Return one epoch of a history as a line of text."""
    width = len(str(max_epochs))
    metrics = [name for name in METRICS if row.get(name) is not None]
    parts = [
        f"epoch {row['epoch']:>{width}}/{max_epochs}",
        *(f"{name} {row[name]:.4f}" for name in metrics),
        f"learning_rate {row['learning_rate']:.3g}",
        f"{row['seconds']:.2f} s",
    ]
    return "  ".join(parts)
