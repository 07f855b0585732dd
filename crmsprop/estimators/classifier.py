"""What classifiers add: labels, probabilities, accuracy."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from crmsprop.estimators.inputs import Array
from crmsprop.estimators.portable import PortableNetwork
from crmsprop.nn import Loss, SoftmaxCrossEntropy
from crmsprop.training import Plan


@dataclass(eq=False, repr=False, kw_only=True)
class NetworkClassifierBase(ClassifierMixin, PortableNetwork):  # type: ignore[misc]
    """Base of the classifiers: a softmax over the classes and its cross-entropy."""

    label_smoothing: float = 0.0

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each sample.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray of shape (n_samples,)
            Of the labels' dtype.
        """
        best = self._outputs(X).argmax(axis=1)
        labels: Array = self.classes_[best]
        return labels

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class for each sample; a row does not depend on the others, to the bit.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; float32 or float64, as the network computes.
        """
        return self._outputs(X)

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            logarithms: Array = np.log(self.predict_proba(X))
        return logarithms

    def _encode_fit(self, y: Array) -> Array:
        check_classification_targets(y)
        self.classes_, target = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        return np.asarray(target, np.int64)

    def _encode(self, y: Any) -> Array:
        y = column_or_1d(y, warn=True)
        unknown = np.setdiff1d(y, self.classes_)
        if unknown.size:
            raise ValueError(f"y must hold only labels that fit has seen, {self.classes_!r:.200}, got {unknown!r:.200}")
        target: Array = np.searchsorted(self.classes_, y).astype(np.int64)
        return target

    def _strata(self, target: Array) -> Array | None:
        return target

    def _n_outputs(self) -> int:
        return len(self.classes_)

    def _loss(self) -> Loss:
        return SoftmaxCrossEntropy(self.label_smoothing)

    def _plan(self, seed: int) -> Plan:
        self._loss()
        return super()._plan(seed)
