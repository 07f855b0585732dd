"""What y holds, as a model takes it: classes, labels that do not exclude each other, or numbers."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.multiclass import type_of_target

Array = np.ndarray[Any, np.dtype[Any]]


class Targets(ABC):
    """A kind of y, and what an array of it has to be."""

    @abstractmethod
    def check(self, name: str, y: Array, of: str, n: int) -> None:
        """ValueError unless `y` holds this kind for the `n` samples in the array that is called `of`."""

    @abstractmethod
    def check_alike(self, y: Array, y_test: Array) -> None:
        """ValueError where a model of `y` cannot be tested on `y_test`."""

    @abstractmethod
    def count(self, y: Array) -> str:
        """Return how many of what `y` tells."""

    def strata(self, y: Array) -> Array | None:
        """Return what a split keeps the shares of; None for nothing."""
        return None


class Classes(Targets):
    """One label a sample."""

    def check(self, name: str, y: Array, of: str, n: int) -> None:
        """ValueError unless there is a class label for each sample."""
        if y.shape != (n,):
            raise ValueError(f"{name} must have shape ({n},), a label a sample of {of}, got {y.shape}")
        if y.dtype.kind not in "biuU" and y.dtype not in (np.float32, np.float64):
            raise ValueError(f"{name} must hold class labels, numbers or strings, got {y.dtype}")
        if (kind := type_of_target(y)) not in ("binary", "multiclass"):
            raise ValueError(f"{name} must hold class labels, got {kind} {y.dtype} values")

    def check_alike(self, y: Array, y_test: Array) -> None:
        """ValueError where there are labels that `y` lacks."""
        unknown = np.setdiff1d(y_test, y)
        if unknown.size:
            raise ValueError(f"y_test must hold labels of y only, got {unknown!r:.80}")

    def count(self, y: Array) -> str:
        """Return how many classes there are."""
        return f"{len(np.unique(y))} classes"

    def strata(self, y: Array) -> Array:
        """Return the labels."""
        return y


class Columns(Targets):
    """Base of what may have several columns."""

    def check_alike(self, y: Array, y_test: Array) -> None:
        """ValueError where there are not as many columns."""
        if y_test.shape[1:] != y.shape[1:]:
            raise ValueError(f"y_test must have the shape (n, ...) of y, {y.shape}, got {y_test.shape}")


class Labels(Columns):
    """A column of 0 and 1 for each of several labels."""

    def check(self, name: str, y: Array, of: str, n: int) -> None:
        """ValueError unless there is an indicator for each label and sample."""
        if y.ndim != 2 or len(y) != n:
            raise ValueError(f"{name} must have shape ({n}, n_labels), a row a sample of {of}, got {y.shape}")
        if y.dtype.kind not in "biuf" or np.setdiff1d(y, [0, 1]).size:
            raise ValueError(f"{name} must hold only 0 and 1, got {y.dtype} values {np.unique(y)!r:.80}")

    def count(self, y: Array) -> str:
        """Return how many labels there are."""
        return f"{y.shape[1]} labels at once"


class Numbers(Columns):
    """A number a sample, or several."""

    def check(self, name: str, y: Array, of: str, n: int) -> None:
        """ValueError unless there are finite numbers for each sample."""
        if y.ndim not in (1, 2) or len(y) != n:
            raise ValueError(f"{name} must have shape ({n},) or ({n}, n_outputs), as {of}, got {y.shape}")
        if y.dtype.kind not in "biuf" or not np.isfinite(y).all():
            raise ValueError(f"{name} must hold finite numbers, got {y.dtype} values {y!r:.80}")

    def count(self, y: Array) -> str:
        """Return how many numbers a sample has."""
        n = 1 if y.ndim == 1 else y.shape[1]
        return f"{n} number{'s' if n > 1 else ''} each"


CLASSES, LABELS, NUMBERS = Classes(), Labels(), Numbers()


def targets_of(model: Any) -> Targets:
    """Return what a fitted model predicts."""
    if not is_classifier(model):
        return NUMBERS
    return LABELS if model.multilabel_ else CLASSES
