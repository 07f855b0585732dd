"""A scorer of scikit-learn after each epoch."""

import copy
import math
import numbers
from typing import Any

import numpy as np

from crmsprop.callbacks.monitor import SCORE
from crmsprop.errors import check_real
from crmsprop.estimators.inputs import Array
from crmsprop.training import Callback, DataSet, Training


class ValidationScore(Callback):
    """Fills the column val_score of the history, before the other callbacks look at it.

    Parameters
    ----------
    estimator : NetworkEstimator
        In the middle of its fit: it predicts with the weights of the moment.
    scorer : callable
        ``scorer(estimator, X, y)``; it also gets `sample_weight` where there are weights.
    validation : DataSet
    y : ndarray
        What its targets mean, as the user writes it.
    """

    def __init__(self, estimator: Any, scorer: Any, validation: DataSet, y: Array) -> None:
        # The validation data lost the names of its columns on the way, and scikit-learn would warn about that.
        self._judged = copy.copy(estimator)
        self._judged.__dict__.pop("feature_names_in_", None)
        self._scorer = scorer
        rows = slice(None) if validation.rows is None else validation.rows
        self._data = validation.x[rows], y[rows]
        self._weights = {} if validation.weights is None else {"sample_weight": validation.weights[rows]}

    def on_train_begin(self, context: Training) -> None:
        """Add the column, empty for the epochs that are there."""
        context.history.setdefault(SCORE, [None] * len(context.history["epoch"]))

    def on_epoch_end(self, context: Training) -> None:
        """Judge."""
        score = self._scorer(self._judged, *self._data, **self._weights)
        score = score.item() if isinstance(score, np.ndarray) and score.ndim == 0 else score
        if isinstance(score, numbers.Real) and math.isnan(score):
            raise ValueError(f"scoring must give a number, got {score!r} after epoch {context.epoch + 1}")
        context.history[SCORE][-1] = check_real("the score that scoring gives", score, "[-inf, inf]")
