"""Lower the learning rate when a column of the history stops getting better."""

from collections.abc import Mapping
from typing import Any

from crmsprop.callbacks.monitor import Monitor
from crmsprop.errors import FileFormatError, check_integer, check_real
from crmsprop.training import Callback, Training, check_state

#: What a training teaches it, and the types that a file may give back. The rate that it has set is the optimizer's.
STATE: dict[str, tuple[type, ...]] = {
    "best": (int, float),
    "wait": (int,),
    "cooldown": (int,),
    "reduced_epochs": (list,),
}


class ReduceOnPlateau(Callback):
    """Multiply the learning rate by `factor` when `monitor` has not improved for `patience` epochs.

    The parameters mean what those of Keras's ReduceLROnPlateau mean. What is lowered is the optimizer's learning rate,
    which a schedule multiplies: with both, the rate of a step is the lowered one times the schedule's factor.

    Parameters
    ----------
    monitor : str, default="val_loss"
        Column of the history.
    factor : float, default=0.1
        What the learning rate is multiplied by, in (0, 1).
    patience : int, default=10
        Epochs without a new best after which the rate is lowered, at least 1.
    mode : {"auto", "min", "max"}, default="auto"
        Whether lower or higher is better. "auto": a loss lower, an accuracy or a score higher; no other column.
    min_delta : float, default=1e-4
        A value is a new best only if it is better by more than this, in [0, inf).
    cooldown : int, default=0
        Epochs behind a reduction in which no patience is lost, at least 0.
    min_learning_rate : float, default=0.0
        What the optimizer's learning rate is never lowered below, in [0, inf).

    Attributes
    ----------
    best_ : float
        The best value of `monitor` so far.
    wait_, cooldown_ : int
        Epochs for which patience has been lost, and epochs of the cooldown that are left.
    reduced_epochs_ : list of int
        The epochs after which the rate was lowered, counted from 1.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of its range. At the end of the first epoch, if the training does
        not fill the column.

    Examples
    --------
    >>> from crmsprop import MLPClassifier
    >>> from crmsprop.callbacks import ReduceOnPlateau
    >>> plateau = ReduceOnPlateau("loss", factor=0.5, patience=2, min_delta=1.0)
    >>> model = MLPClassifier(max_epochs=6, learning_rate=0.01, callbacks=[plateau]).fit([[0.0], [1.0]], [0, 1])
    >>> model.history_["learning_rate"]
    [0.01, 0.01, 0.01, 0.005, 0.005, 0.0025]
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        *,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_learning_rate: float = 0.0,
    ) -> None:
        self._monitor = Monitor(monitor, mode, min_delta)
        self.monitor, self.mode, self.min_delta = monitor, mode, self._monitor.min_delta
        self.factor = check_real("factor", factor, "(0, 1)")
        self.patience = check_integer("patience", patience, 1)
        self.cooldown = check_integer("cooldown", cooldown, 0)
        self.min_learning_rate = check_real("min_learning_rate", min_learning_rate, "[0, inf)")

    def on_train_begin(self, context: Training) -> None:
        """Forget any training before."""
        self.best_ = self._monitor.worst
        self.wait_ = self.cooldown_ = 0
        self.reduced_epochs_: list[int] = []

    def on_epoch_end(self, context: Training) -> None:
        """Note a new best; or lose patience and lower the rate."""
        value = self._monitor.value(context)
        if self.cooldown_:
            self.cooldown_ -= 1
            self.wait_ = 0
        if self._monitor.improves(value, self.best_):
            self.best_, self.wait_ = value, 0
        elif not self.cooldown_:
            self.wait_ += 1
            if self.wait_ >= self.patience:
                self._reduce(context)

    def state_dict(self) -> dict[str, Any]:
        """Return the best value so far, the patience that is lost, and the epochs of the reductions."""
        return {
            "best": self.best_,
            "wait": self.wait_,
            "cooldown": self.cooldown_,
            "reduced_epochs": self.reduced_epochs_,
        }

    def load_state_dict(self, state: Mapping[str, Any], context: Training) -> None:
        """Go on with what `state_dict` returned; FileFormatError where it is malformed."""
        check_state(self, state, STATE)
        if not all(type(epoch) is int for epoch in state["reduced_epochs"]):
            raise FileFormatError(f"the reduced epochs of ReduceOnPlateau must be integers, got {state!r:.100}")
        self.best_, self.wait_, self.cooldown_ = state["best"], state["wait"], state["cooldown"]
        self.reduced_epochs_ = list(state["reduced_epochs"])

    def _reduce(self, context: Training) -> None:
        rate = context.optimizer.learning_rate
        if rate > self.min_learning_rate:
            context.optimizer.learning_rate = max(rate * self.factor, self.min_learning_rate)
            self.reduced_epochs_.append(context.epoch + 1)
            self.wait_, self.cooldown_ = 0, self.cooldown
