"""The learning-rate finder: one short training under a growing learning rate (Smith, 2017)."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from crmsprop.callbacks import Callback
from crmsprop.errors import DivergenceError, check_integer, check_real, shown
from crmsprop.estimators.base import NetworkEstimator
from crmsprop.estimators.finder_result import DIVERGED, LearningRateFinderResult
from crmsprop.estimators.sklearn_callbacks import without_listeners
from crmsprop.schedules import Schedule
from crmsprop.training import Training


def find_learning_rate(
    estimator: Any,
    X: Any,
    y: Any,
    min_learning_rate: float = 1e-7,
    max_learning_rate: float = 10.0,
    steps: int = 100,
    *,
    smoothing: float = 0.9,
    callbacks: Sequence[Callback] = (),
) -> LearningRateFinderResult:
    """Train on one batch after the other, each at a higher learning rate, and see at which rates the loss falls.

    A fresh network, as `fit` would build it, is trained on the whole of X; its rates grow exponentially, from the
    lowest in the first step to the highest in the last. The ramp ends early where the smoothed loss is above four times
    its lowest value, or a loss is NaN or infinite. The estimator itself is not changed, whether it is fitted or not.
    What it says about the learning rate, its schedule, averages, epochs, time, validation, scoring and callbacks does
    not count here.

    The smoothed loss of step t, counted from 1, is ``a[t] / (1 - smoothing**t)``, where
    ``a[t] = smoothing * a[t - 1] + (1 - smoothing) * loss[t]`` and ``a[0] = 0``.

    Parameters
    ----------
    estimator : estimator
        One of ours, or a pipeline that ends in one: X then is what the steps before make of it.
    X, y : array-like
        Training data, as for the estimator's `fit`.
    min_learning_rate : float, default=1e-7
        Rate of the first step, in (0, inf).
    max_learning_rate : float, default=10.0
        Rate of the last step, above `min_learning_rate`.
    steps : int, default=100
        Batches, at least 2; where an epoch has fewer, the ramp goes on in the next one.
    smoothing : float, default=0.9
        Share of the average before in the smoothed loss, in [0, 1). fastai's 0.98 is an average over some 50 steps,
        half a ramp of 100: the curve then hardly falls before it rises.
    callbacks : sequence of Callback, default=()
        What else to do at each batch. One that stops the training ends the ramp.

    Returns
    -------
    LearningRateFinderResult
        Decided by the estimator's ``random_state``; the same for any number of threads.

    Raises
    ------
    TypeError, ValueError
        If a parameter, here or of the estimator, is out of its range, or the data does not fit.
    DivergenceError
        If not even the first loss is finite.

    References
    ----------
    Smith, "Cyclical learning rates for training neural networks", WACV 2017; https://arxiv.org/abs/1506.01186

    Examples
    --------
    >>> from crmsprop import CNNClassifier, find_learning_rate
    >>> from crmsprop.datasets import load_digits
    >>> (X, y), _ = load_digits()
    >>> model = CNNClassifier(random_state=0)
    >>> result = find_learning_rate(model, X, y)
    >>> 1e-4 < result.suggestion < 1e-1
    True
    >>> model = model.set_params(learning_rate=result.suggestion)
    """
    ramp = checked_ramp(min_learning_rate, max_learning_rate, steps)
    recorder = _Recorder(ramp.steps, check_real("smoothing", smoothing, "[0, 1)"))
    _check_callbacks(callbacks)
    network, X = _network_and_its_data(estimator, X, y)
    network.set_params(
        learning_rate=1.0,  # the ramp gives the rates themselves
        schedule=ramp,
        ema=None,
        max_epochs=ramp.steps,  # an epoch has a batch at least
        max_seconds=None,
        validation_fraction=None,
        early_stopping=False,
        scoring=None,
        warm_start=False,
        callbacks=[recorder, *callbacks],
        verbose=0,
    )
    diverged = _diverges(network, X, y, recorder)
    rates, losses, smoothed = np.array([recorder.rates_, recorder.losses_, recorder.smoothed_])
    return LearningRateFinderResult(rates, losses, smoothed, diverged)


@dataclass(frozen=True)
class _Ramp(Schedule):
    """Rates that grow by the same factor each step, from `first` to `last`, both to the bit."""

    first: float
    last: float
    steps: int

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        way = step / (self.steps - 1)
        rate: float = self.first ** (1 - way) * self.last**way
        return rate


class _Recorder(Callback):
    """Notes rate and loss of each batch, and stops after `steps` of them, or where the smoothed loss explodes."""

    def __init__(self, steps: int, smoothing: float) -> None:
        self.steps = steps
        self.smoothing = smoothing

    def on_train_begin(self, context: Training) -> None:
        self.rates_: list[float] = []
        self.losses_: list[float] = []
        self.smoothed_: list[float] = []
        self.exploded_ = False
        self._average, self._lowest = 0.0, math.inf

    def on_batch_end(self, context: Training) -> bool:
        self.rates_.append(context.learning_rate)
        self.losses_.append(context.batch_loss)
        self._average = self.smoothing * self._average + (1 - self.smoothing) * context.batch_loss
        self.smoothed_.append(self._average / (1 - self.smoothing ** len(self.losses_)))
        self._lowest = min(self._lowest, self.smoothed_[-1])
        self.exploded_ = self.smoothed_[-1] > DIVERGED * self._lowest
        return self.exploded_ or len(self.losses_) == self.steps


def checked_ramp(min_learning_rate: float, max_learning_rate: float, steps: int) -> _Ramp:
    """Return the rates of a search; parameters and errors as those of `find_learning_rate`."""
    first = check_real("min_learning_rate", min_learning_rate, "(0, inf)")
    last = check_real("max_learning_rate", max_learning_rate, "(0, inf)")
    if first >= last:
        raise ValueError(f"max_learning_rate must be above min_learning_rate, got {last:g} and {first:g}")
    n_rises = check_integer("steps", steps, 2) - 1
    # Rates that are closer to each other could be rounded to the same number.
    if math.log(last) - math.log(first) < 4 * n_rises * sys.float_info.epsilon:
        rule = f"max_learning_rate must be above min_learning_rate by so much that {steps} rates differ"
        raise ValueError(f"{rule}, got {last} and {first}")
    return _Ramp(first, last, n_rises + 1)


def _check_callbacks(callbacks: Any) -> None:
    """TypeError unless `callbacks` is a sequence of callbacks."""
    if not isinstance(callbacks, Sequence) or isinstance(callbacks, str):
        raise TypeError(f"callbacks must be a sequence of Callback, got {shown(callbacks)}")
    for i, callback in enumerate(callbacks):
        if not isinstance(callback, Callback):
            raise TypeError(f"callbacks[{i}] must be a Callback, got {shown(callback)}")


def _network_and_its_data(estimator: Any, X: Any, y: Any) -> tuple[NetworkEstimator, Any]:
    """Return an unfitted copy of the network at the end of `estimator`, and what the steps before it make of X."""
    if isinstance(estimator, Pipeline):
        if len(estimator) > 1:
            X = clone(estimator[:-1]).fit_transform(X, y)
        return _network_and_its_data(estimator[-1], X, y)
    if not isinstance(estimator, NetworkEstimator):
        rule = "estimator must be an estimator of crmsprop, or a pipeline that ends in one"
        raise TypeError(f"{rule}, got {shown(estimator)}")
    return without_listeners(clone(estimator)), X


def _diverges(network: NetworkEstimator, X: Any, y: Any, recorder: _Recorder) -> bool:
    """Run the ramp; returns whether the loss ended it."""
    try:
        network.fit(X, y)
    except DivergenceError:
        if not recorder.losses_:
            raise
        return True
    return recorder.exploded_
