"""Stop when a column of the history stops getting better."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from crmsprop.callbacks.monitor import Monitor
from crmsprop.errors import check_bool, check_integer, check_real
from crmsprop.training import Callback, Training, check_state, check_weights

#: What a training teaches it, and the types that a file may give back.
STATE: dict[str, tuple[type, ...]] = {
    "best": (int, float),
    "best_epoch": (int,),
    "wait": (int,),
    "stopped_epoch": (int, type(None)),
    "best_weights": (np.ndarray, type(None)),
}


class EarlyStopping(Callback):
    """Stop the training when `monitor` has not improved for `patience` epochs (Prechelt, 1998).

    The parameters mean what those of Keras's callback of that name mean.

    Parameters
    ----------
    monitor : str, default="val_loss"
        Column of the history.
    patience : int, default=5
        Epochs without a new best after which training stops, at least 1.
    restore_best : bool, default=True
        Whether the network goes back to the weights of the best epoch when the training ends, stopped or not.
    mode : {"auto", "min", "max"}, default="auto"
        Whether lower or higher is better. "auto": a loss lower, an accuracy or a score higher; no other column.
    min_delta : float, default=0.0
        A value is a new best only if it is better by more than this, in [0, inf).
    baseline : float or None, default=None
        What has to be reached too: patience is lost until a new best is better than this by more than `min_delta`.
    start_from_epoch : int, default=0
        Epochs at the beginning that are not looked at, at least 0: none of them stops the training or is the best.

    Attributes
    ----------
    best_epoch_ : int
        The best epoch so far, counted from 1; 0 before the first.
    best_ : float
        Its value of `monitor`.
    wait_ : int
        Epochs for which patience has been lost.
    stopped_epoch_ : int or None
        The epoch after which training was stopped, counted from 1; None if it was not.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of its range. At the end of the first epoch, if the training does
        not fill the column.

    Examples
    --------
    >>> from crmsprop import MLPClassifier
    >>> from crmsprop.callbacks import EarlyStopping
    >>> stopping = EarlyStopping("loss", patience=2, min_delta=1.0)
    >>> model = MLPClassifier(max_epochs=50, callbacks=[stopping]).fit([[0.0], [1.0]], [0, 1])
    >>> stopping.best_epoch_, stopping.stopped_epoch_
    (1, 3)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        restore_best: bool = True,
        *,
        mode: str = "auto",
        min_delta: float = 0.0,
        baseline: float | None = None,
        start_from_epoch: int = 0,
    ) -> None:
        self._monitor = Monitor(monitor, mode, min_delta)
        self.monitor, self.mode, self.min_delta = monitor, mode, self._monitor.min_delta
        self.patience = check_integer("patience", patience, 1)
        self.restore_best = check_bool("restore_best", restore_best)
        self.baseline = None if baseline is None else check_real("baseline", baseline, "(-inf, inf)")
        self.start_from_epoch = check_integer("start_from_epoch", start_from_epoch, 0)

    def on_train_begin(self, context: Training) -> None:
        """Forget any training before."""
        self.best_ = self._monitor.worst
        self.best_epoch_ = 0
        self.wait_ = 0
        self.stopped_epoch_: int | None = None
        self._best_weights: np.ndarray[Any, np.dtype[Any]] | None = None

    def on_epoch_end(self, context: Training) -> bool:
        """Note a new best, and its weights; or lose patience."""
        value = self._monitor.value(context)
        if context.epoch < self.start_from_epoch:
            return False
        self.wait_ += 1
        if self._monitor.improves(value, self.best_):
            self._note_best(value, context)
        elif self.wait_ >= self.patience:
            self.stopped_epoch_ = context.epoch + 1
            return True
        return False

    def on_train_end(self, context: Training) -> None:
        """Go back to the best weights."""
        if self._best_weights is not None:
            context.network.arena.flat[:] = self._best_weights
            self._best_weights = None

    def state_dict(self) -> dict[str, Any]:
        """Return the best epoch so far with its weights, and the patience that is lost."""
        return {
            "best": self.best_,
            "best_epoch": self.best_epoch_,
            "wait": self.wait_,
            "stopped_epoch": self.stopped_epoch_,
            "best_weights": self._best_weights,
        }

    def load_state_dict(self, state: Mapping[str, Any], context: Training) -> None:
        """Go on with what `state_dict` returned; FileFormatError where it is malformed."""
        check_state(self, state, STATE)
        if state["best_weights"] is not None:
            check_weights("the best weights of EarlyStopping", state["best_weights"], context)
        self.best_, self.best_epoch_, self.wait_ = state["best"], state["best_epoch"], state["wait"]
        self.stopped_epoch_, self._best_weights = state["stopped_epoch"], state["best_weights"]

    def _note_best(self, value: float, context: Training) -> None:
        self.best_, self.best_epoch_ = value, context.epoch + 1
        if self.baseline is None or self._monitor.improves(value, self.baseline):
            self.wait_ = 0
        if self.restore_best:
            self._keep(context)

    def _keep(self, context: Training) -> None:
        if self._best_weights is None:
            self._best_weights = context.network.arena.flat.copy()
        else:
            self._best_weights[:] = context.network.arena.flat
