"""scikit-learn's own callbacks, which it has since 1.9: a fit is a task, and each of its epochs is a task within it.

``estimator.set_callbacks(...)`` takes them; a search or a pipeline hands its own on. Our callbacks, which see each
batch and can steer the training, are a parameter of the estimator instead.
"""

import copy
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from sklearn.utils import _safe_indexing

from crmsprop.callbacks import Callback, EarlyStopping
from crmsprop.estimators.inputs import Array
from crmsprop.training import Training

try:
    from sklearn.callback import CallbackSupportMixin as CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:  # before 1.9 there is nobody to tell anything

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: an estimator then has no `set_callbacks`."""

    def _with_callbacks(method: Any) -> Any:
        return method


Method = TypeVar("Method", bound=Callable[..., Any])


def with_callbacks(method: Method) -> Method:
    """Decorate the method of an estimator that trains: however it ends, scikit-learn's callbacks are torn down."""
    decorated: Method = _with_callbacks(method)
    return decorated


def without_listeners(estimator: Any) -> Any:
    """Return an estimator, from which its scikit-learn callbacks are taken."""
    return estimator.set_callbacks() if hasattr(estimator, "set_callbacks") else estimator


class EpochTasks(Callback):
    """Tells scikit-learn's callbacks of a training and of its epochs; they can stop it after any of them.

    Parameters
    ----------
    estimator : NetworkEstimator
        In the middle of its fit.
    name : str
        Of the task that the whole training is.
    X, y, sample_weight : array-like, array-like and array-like or None
        As the user gave them.
    """

    def __init__(self, estimator: Any, name: str, X: Any, y: Any, sample_weight: Any) -> None:
        self._estimator, self._name = estimator, name
        self._given = X, y, sample_weight
        self._rows: Array | None = None
        self._training: Any = None
        self._epoch: Any = None

    def listeners(self, rows: Array | None) -> list[Callback]:
        """Return this, for a training on these rows of the data, if any callback is there to be told; else nothing."""
        self._rows = rows
        return [self] if getattr(self._estimator, "_skl_callbacks", None) else []

    def on_train_begin(self, context: Training) -> None:
        """Begin the task of all epochs; a training that goes on has fewer of them."""
        n_epochs = context.plan.max_epochs - context.epoch
        self._training = self._estimator._init_callback_context(self._name, max_subtasks=n_epochs)
        self._training.call_on_fit_task_begin(**self._arguments)

    def on_epoch_begin(self, context: Training) -> None:
        """Begin the task of an epoch."""
        self._epoch = self._training.subcontext("epoch")
        self._epoch.call_on_fit_task_begin(**self._arguments, reconstruction_attributes=lambda: self._fitted(context))

    def on_epoch_end(self, context: Training) -> bool:
        """End it; returns whether one of the callbacks stops the training."""
        epoch, self._epoch = self._epoch, None
        return bool(
            epoch.call_on_fit_task_end(**self._arguments, reconstruction_attributes=lambda: self._fitted(context))
        )

    def on_train_end(self, context: Training) -> None:
        """End the epoch that Ctrl-C has broken off."""
        if self._epoch is not None:
            self._epoch.call_on_fit_task_end(estimator=self._estimator)

    def finish(self) -> None:
        """End the task of all epochs, when the estimator is fitted."""
        if self._training is not None:
            self._training.call_on_fit_task_end(**self._arguments, reconstruction_attributes={})

    @property
    def _arguments(self) -> dict[str, Any]:
        """What every task is told; the data as functions, which are called only where a callback asks for them."""
        weighted = self._given[2] is not None
        return {
            "estimator": self._estimator,
            "X": lambda: self._data[0],
            "y": lambda: self._data[1],
            "metadata": (lambda: {"sample_weight": self._data[2]}) if weighted else None,
        }

    @cached_property
    def _data(self) -> tuple[Any, ...]:
        """The samples that train: neither those that are held out nor those of weight 0."""
        if self._rows is None:
            return self._given
        return tuple(None if values is None else _safe_indexing(values, self._rows) for values in self._given)

    def _fitted(self, context: Training) -> dict[str, Any]:
        """What the estimator would have learnt if it stopped now, with the weights of the moment."""
        history = {column: list(values) for column, values in context.history.items()}
        fitted = {"network_": copy.copy(context.network), "history_": history, "n_epochs_": len(history["epoch"])}
        if self._estimator.early_stopping:
            stopping = next(callback for callback in context.callbacks if isinstance(callback, EarlyStopping))
            fitted["best_epoch_"] = stopping.best_epoch_
        return fitted
