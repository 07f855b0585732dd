"""Write the network to a file while it is trained."""

import os
import string
from collections.abc import Mapping
from typing import Any

from crmsprop.callbacks.monitor import Monitor, why_empty
from crmsprop.callbacks.own_path import OwnPath
from crmsprop.errors import FileFormatError, check_integer, shown
from crmsprop.persistence import network_to_parts, save_network
from crmsprop.training import COLUMNS, Callback, Training, check_state

#: What a training teaches it, and the types that a file may give back.
STATE: dict[str, tuple[type, ...]] = {
    "path": (str, type(None)),
    "epoch": (int,),
    "best": (int, float, type(None)),
}


class ModelCheckpoint(Callback):
    """Write the network to a file when `monitor` has improved, or every few epochs.

    The file holds the layers and their parameters (with the estimators' `ema`, the averages), no estimator and no
    optimizer. It is written wholly or not at all: a training that is killed leaves the file before.
    ``crmsprop.persistence.load_network`` reads it, and a fitted estimator takes the network that it returns as its
    ``network_``.

    The instance that you make writes to `path`. A copy of it, as `clone` and a search make them for each of their
    estimators, writes to files of its own beside that, with a random part before the suffix: ``path_`` says where. A
    training is refused while another instance, here or in another process, writes to the same path.

    Parameters
    ----------
    path : str or path-like
        The file, which is replaced; a folder that is missing is made. Columns of the history in braces stand for their
        values, formatted as by `str.format`: ``"{epoch:03d}-{val_loss:.4f}.crms"``.
    monitor : str or None, default="val_loss"
        Column of the history: the file is written only if this is better than when it was written last. None: always.
    mode : {"auto", "min", "max"}, default="auto"
        Whether lower or higher is better. "auto": a loss lower, an accuracy or a score higher; no other column.
    every : int, default=1
        Epochs from one look to the next, at least 1.

    Attributes
    ----------
    path_ : str or None
        The file that was written last; None before the first.
    epoch_ : int
        The epoch after which it was written, counted from 1; 0 before the first.
    best_ : float or None
        What `monitor` was then; None where that is None.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of its range. When the training begins, if another callback is
        writing to the path, or a layer of one's own is of a kind that a file cannot hold; at the end of an epoch, if
        the training does not fill a column.

    Examples
    --------
    >>> import os, tempfile
    >>> from crmsprop import MLPClassifier
    >>> from crmsprop.callbacks import ModelCheckpoint
    >>> from crmsprop.persistence import load_network
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = ModelCheckpoint(os.path.join(folder, "{epoch:02d}.crms"), "loss")
    ...     model = MLPClassifier(max_epochs=3, callbacks=[checkpoint], random_state=0).fit([[0.0], [1.0]], [0, 1])
    ...     sorted(os.listdir(folder))
    ...     model.network_ = load_network(checkpoint.path_)
    ['01.crms', '02.crms', '03.crms']
    >>> model.predict([[0.0], [1.0]]).shape
    (2,)
    """

    def __init__(
        self, path: str | os.PathLike[str], monitor: str | None = "val_loss", mode: str = "auto", every: int = 1
    ) -> None:
        self._own = OwnPath(path)
        self.path = _checked_template(self._own.path)
        self._monitor = None if monitor is None else Monitor(monitor, mode)
        self.monitor, self.mode = monitor, mode
        self.every = check_integer("every", every, 1)

    def on_train_begin(self, context: Training) -> None:
        """Forget any training before; refuse a network that no file can hold before an epoch is lost on it."""
        network_to_parts(context.network)
        self._own.claim()
        self.path_: str | None = None
        self.epoch_ = 0
        self.best_ = None if self._monitor is None else self._monitor.worst

    def on_epoch_end(self, context: Training) -> None:
        """Write the file, if it is its turn."""
        value = None if self._monitor is None else self._monitor.value(context)
        if (context.epoch + 1) % self.every or not self._improves(value):
            return
        path = self._own.made(_filled(self.path, context))
        save_network(path, context.network)
        self.path_, self.epoch_, self.best_ = path, context.epoch + 1, value

    def on_train_close(self, context: Training) -> None:
        """Let others have the path."""
        self._own.release()

    def state_dict(self) -> dict[str, Any]:
        """Return which file was written last, after which epoch, and what `monitor` was."""
        return {"path": self.path_, "epoch": self.epoch_, "best": self.best_}

    def load_state_dict(self, state: Mapping[str, Any], context: Training) -> None:
        """Go on with what `state_dict` returned; FileFormatError where it is malformed."""
        check_state(self, state, STATE)
        if (state["best"] is None) != (self._monitor is None):
            raise FileFormatError(f"the best value of ModelCheckpoint must be that of its monitor, got {state['best']}")
        self.path_, self.epoch_, self.best_ = state["path"], state["epoch"], state["best"]

    def _improves(self, value: float | None) -> bool:
        if self._monitor is None or value is None or self.best_ is None:
            return True
        return self._monitor.improves(value, self.best_)


def _columns_in(template: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]


def _checked_template(template: str) -> str:
    """Return a path with placeholders, once it is clear that every epoch can fill it."""
    try:
        unknown = [name for name in _columns_in(template) if name not in COLUMNS]
        if not unknown:
            template.format(**{**dict.fromkeys(COLUMNS, 0.5), "epoch": 1})
    except (ValueError, LookupError) as error:
        raise ValueError(f"path must be a format string, got {shown(template)}: {error}") from error
    if unknown:
        raise ValueError(f"path must have placeholders of {', '.join(COLUMNS)} alone, got {unknown[0]!r:.80}")
    return template


def _filled(template: str, context: Training) -> str:
    row = {column: values[-1] for column, values in context.history.items()}
    for column in _columns_in(template):
        if row[column] is None:
            raise ValueError(f"path must name columns that the training fills, got {why_empty(column, context)}")
    return template.format(**row)
