"""Stop when a column of the history stops getting better."""

import math
from typing import Any

import numpy as np

from crmsprop.errors import check_bool, check_choice, check_integer
from crmsprop.training import COLUMNS, Callback, Training

MONITORS = tuple(column for column in COLUMNS if column not in ("epoch", "learning_rate", "seconds"))


class EarlyStopping(Callback):
    """Stop the training when `monitor` has not improved for `patience` epochs (Prechelt, 1998).

    Parameters
    ----------
    monitor : {"loss", "val_loss", "accuracy", "val_accuracy"}, default="val_loss"
        Column of the history. A loss is better lower, an accuracy higher.
    patience : int, default=5
        Epochs without a new best after which training stops, at least 1.
    restore_best : bool, default=True
        Whether the network goes back to the weights of the best epoch when the training ends, stopped or not.

    Attributes
    ----------
    best_epoch_ : int
        The best epoch so far, counted from 1; 0 before the first.
    best_ : float
        Its value of `monitor`.
    stopped_epoch_ : int or None
        The epoch after which training was stopped, counted from 1; None if it was not.

    Examples
    --------
    >>> from crmsprop.callbacks import EarlyStopping
    >>> EarlyStopping(patience=3)
    EarlyStopping(monitor='val_loss', patience=3, restore_best=True)
    """

    def __init__(self, monitor: str = "val_loss", patience: int = 5, restore_best: bool = True) -> None:
        self.monitor = check_choice("monitor", monitor, MONITORS)
        self.patience = check_integer("patience", patience, 1)
        self.restore_best = check_bool("restore_best", restore_best)

    def __repr__(self) -> str:
        return f"EarlyStopping(monitor={self.monitor!r}, patience={self.patience}, restore_best={self.restore_best})"

    def on_train_begin(self, context: Training) -> None:
        """Forget any training before."""
        self.best_ = math.inf if self.monitor.endswith("loss") else -math.inf
        self.best_epoch_ = 0
        self.stopped_epoch_: int | None = None
        self._best_weights: np.ndarray[Any, np.dtype[Any]] | None = None

    def on_epoch_end(self, context: Training) -> bool:
        """Note a new best, and its weights; or lose patience."""
        value = context.history[self.monitor][-1]
        if value is None:
            raise ValueError(
                f"monitor must be a column that the training fills, got {self.monitor!r} without a "
                "validation set: set validation_fraction, or give X_val and y_val to fit"
            )
        epoch = context.epoch + 1
        if value < self.best_ if self.monitor.endswith("loss") else value > self.best_:
            self.best_, self.best_epoch_ = value, epoch
            if self.restore_best:
                self._keep(context)
        elif epoch - self.best_epoch_ >= self.patience:
            self.stopped_epoch_ = epoch
            return True
        return False

    def on_train_end(self, context: Training) -> None:
        """Go back to the best weights."""
        if self._best_weights is not None:
            context.network.arena.flat[:] = self._best_weights
            self._best_weights = None

    def _keep(self, context: Training) -> None:
        if self._best_weights is None:
            self._best_weights = context.network.arena.flat.copy()
        else:
            self._best_weights[:] = context.network.arena.flat
