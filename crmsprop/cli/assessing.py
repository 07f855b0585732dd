"""What a trained model makes of samples whose labels or numbers are known, as means and as a table."""

import math
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from crmsprop.cli.data import Labelled
from crmsprop.cli.progress import progress
from crmsprop.cli.report import aligned, result_words
from crmsprop.cli.targets import CLASSES, NUMBERS, targets_of
from crmsprop.cli.terminal import printable

Array = np.ndarray[Any, np.dtype[Any]]

#: Samples that are evaluated between two looks at the progress bar.
PART = 4096


class Assessment(NamedTuple):
    """What a model makes of known samples.

    Attributes
    ----------
    score : dict of float
        The means: the loss, and accuracy or R2.
    predicted : ndarray of shape (n,) or (n, n_outputs)
        As `predict` gives it.
    confidences : ndarray of shape (n,)
        Of classes, the probability of the predicted one; else empty.
    """

    score: dict[str, float]
    predicted: Array
    confidences: Array

    def words(self) -> str:
        """Return the means as text."""
        return result_words(self.score)


def assess(model: Any, data: Labelled, quiet: bool) -> Assessment:
    """Return what the model makes of the data; of classes part by part, with a bar unless `quiet`."""
    if targets_of(model) is NUMBERS:  # as a whole: a part with counts of 0 only has no Poisson deviance
        predicted = model.predict(data.X)
        score = {**model.evaluate(data.X, data.y), "R2": float(np.mean(_r2(data.y, predicted)))}
        return Assessment(score, predicted, np.zeros(0))
    loss, accuracy, parts = 0.0, 0.0, []
    with progress(len(data.y), "sample", quiet) as advance:
        for start in range(0, len(data.y), PART):
            X, y = data.X[start : start + PART], data.y[start : start + PART]
            mean = model.evaluate(X, y)
            loss, accuracy = loss + mean["loss"] * len(y), accuracy + mean["accuracy"] * len(y)
            parts.append(model.predict_proba(X))
            advance(len(y))
    return _decided(model, {"loss": loss / len(data.y), "accuracy": accuracy / len(data.y)}, np.concatenate(parts))


def _decided(model: Any, score: dict[str, float], probabilities: Array) -> Assessment:
    """Decide as `predict` does."""
    if targets_of(model) is CLASSES:
        return Assessment(score, model.classes_[probabilities.argmax(axis=1)], probabilities.max(axis=1))
    return Assessment(score, (probabilities > 0.5).astype(np.int64), np.zeros(0))


def table(model: Any, y: Array, predicted: Array) -> str:
    """Return a line a class, label or output; what cannot be said of it, as the recall without samples, is "-"."""
    targets = targets_of(model)
    if targets is NUMBERS:
        return _table_of_numbers(y, predicted)
    if targets is CLASSES:
        names, in_y, in_predicted = model.classes_, y[:, None] == model.classes_, predicted[:, None] == model.classes_
        return _table_of_classes("class", names, in_y, in_predicted)
    return _table_of_classes("label", model.classes_, y > 0, predicted > 0)


def _table_of_classes(head: str, names: Array, in_y: Array, in_predicted: Array) -> str:
    """Return the table; a column of the arrays says of each sample whether it has the class."""
    samples, taken, right = (np.count_nonzero(has, axis=0) for has in (in_y, in_predicted, in_y & in_predicted))
    columns = [
        (head, [printable(name) for name in names], "<"),
        ("samples", [f"{count:,}" for count in samples], ">"),
        ("correct", [f"{count:,}" for count in right], ">"),
        ("recall", _shares(right, samples), ">"),
        ("precision", _shares(right, taken), ">"),
        ("F1", _shares(2 * right, samples + taken), ">"),
    ]
    return aligned(columns)


def _shares(part: Array, whole: Array) -> list[str]:
    return ["-" if all_ == 0 else f"{some / all_:.4f}" for some, all_ in zip(part, whole, strict=True)]


def _table_of_numbers(y: Array, predicted: Array) -> str:
    y, predicted = y.reshape(len(y), -1), predicted.reshape(len(y), -1)
    errors = {
        "mean absolute error": mean_absolute_error(y, predicted, multioutput="raw_values"),
        "root mean squared error": np.sqrt(mean_squared_error(y, predicted, multioutput="raw_values")),
    }
    columns = [
        ("output", [str(i) for i in range(y.shape[1])], "<"),
        ("mean", [f"{mean:.4g}" for mean in y.mean(axis=0)], ">"),
        ("mean predicted", [f"{mean:.4g}" for mean in predicted.mean(axis=0)], ">"),
        *((name, [f"{value:.4g}" for value in values], ">") for name, values in errors.items()),
        ("R2", ["-" if math.isnan(value) else f"{value:.4f}" for value in _r2(y, predicted)], ">"),
    ]
    return aligned(columns)


def _r2(y: Array, predicted: Array) -> Array:
    """Return the coefficient of determination of each output; NaN where a single sample has none."""
    y, predicted = y.reshape(len(y), -1), predicted.reshape(len(y), -1)
    if len(y) < 2:
        return np.full(y.shape[1], np.nan)
    r2: Array = r2_score(y, predicted, multioutput="raw_values")
    return r2
