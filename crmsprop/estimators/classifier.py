"""What classifiers add: labels, probabilities, accuracy."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d

from crmsprop import kernels
from crmsprop.errors import shown
from crmsprop.estimators.inputs import Array
from crmsprop.estimators.losses import check_loss
from crmsprop.estimators.portable import PortableNetwork
from crmsprop.estimators.targets import classes_of, labels_of, warn_of_one_hot
from crmsprop.estimators.weights import weighed_by_class
from crmsprop.nn import BinaryCrossEntropy, Loss, SoftmaxCrossEntropy
from crmsprop.training import DataSet, Plan

LOSSES = ("cross_entropy",)

#: What y can be: one label a sample, or an indicator for each of several labels.
CLASSES, LABELS = "classes", "labels"

#: Labels that an error names.
NAMED = 5


@dataclass(eq=False, repr=False, kw_only=True)
class NetworkClassifierBase(ClassifierMixin, PortableNetwork):  # type: ignore[misc]
    """Base of the classifiers: a softmax over the classes and its cross-entropy, or a sigmoid for each label.

    Parameters
    ----------
    loss : {"cross_entropy"} or Loss, default="cross_entropy"
        What is minimized: the cross-entropy of the softmax over the classes, or of the sigmoid of each label; or a loss
        of your own, see `crmsprop.nn.Loss`, whose `predict` gives probabilities.
    class_weight : dict, "balanced" or None, default=None
        How much each class counts in training, a label missing from the dict 1; "balanced" for n_samples / (n_classes *
        samples of the class). It multiplies the weights of the samples that train, not of those that validate.
    label_smoothing : float, default=0.0
        Share of each label that is spread over all classes, in [0, 1): the loss, that of validation too, is the
        cross-entropy for ``(1 - label_smoothing) * one_hot(label) + label_smoothing / n_classes``. Where labels do not
        exclude each other, 0 and 1 become ``label_smoothing / 2`` and ``1 - label_smoothing / 2``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; the numbers of the columns where y has several.
    multilabel_ : bool
        Whether y had several columns of 0 and 1: labels that do not exclude each other.
    """

    _documents: ClassVar[str] = "classifier"

    loss: str | Loss = "cross_entropy"
    class_weight: Any = None
    label_smoothing: float = 0.0

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> "NetworkClassifierBase":
        """Train one epoch on a part of the data, going on from the parts before.

        The optimizer's state, the schedule and the history go on too, and with `ema` the weights that it averages; the
        schedule spans `max_epochs` calls, or as many as there are. After `fit` or `load` weights and history go on,
        while optimizer and schedule begin afresh.

        Parameters
        ----------
        X, y : array-like, as in `fit`
        classes : array-like of shape (n_classes,) or None, default=None
            All labels that will come; needed in the first call, unless y has several columns.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How much each sample counts, at least 0.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            As `fit`; and where `classes` are missing or others than before, or `early_stopping`, a balanced
            `class_weight` or a `Checkpoint` is set, which need a whole training.

        Warns
        -----
        UserWarning
            As `fit`, about the first part alone.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(f"class_weight must be None or a dict in partial_fit, got {self.class_weight!r:.100}")
        self._fit_part(X, y, sample_weight, classes)
        return self

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each sample, or the labels that are more probable than not.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Of the labels' dtype; or 0 and 1, as int64.
        """
        outputs = self._outputs(X)
        if self._target_kind == LABELS:
            return (outputs > 0.5).astype(np.int64)
        labels: Array = self.classes_[outputs.argmax(axis=1)]
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

    @property
    def multilabel_(self) -> bool:
        """Whether y had a column of 0 and 1 for each of several labels, which do not exclude each other."""
        check_is_fitted(self)
        return self._target_kind == LABELS

    def decision_function(self, X: Any) -> Array:
        """Return the logit of each class or label; of two classes the one of the second above that of the first.

        With `flip_predictions` it is the mean of that for an image and of that for its mirror image.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
        """
        check_is_fitted(self)
        n_threads = kernels.effective_n_threads(self.n_threads)
        logits = self._activations(self.network_, X, n_threads, self._flips())
        return logits[:, 1] - logits[:, 0] if self._target_kind == CLASSES and logits.shape[1] == 2 else logits

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            logarithms: Array = np.log(self.predict_proba(X))
        return logarithms

    @staticmethod
    def _target_kinds() -> tuple[str, ...]:
        return CLASSES, LABELS

    def _plain_targets(self, y: Any) -> Any:
        return labels_of(y)

    def _learn_targets(self, y: Array) -> None:
        self._target_kind = CLASSES
        with np.errstate(invalid="ignore"):  # it looks whether floats are whole, by way of integers
            kind = type_of_target(y, input_name="y", raise_unknown=True)
        if kind == "multilabel-indicator":
            if isinstance(self.loss, str):  # a Loss says what y is meant to be
                warn_of_one_hot(y)
            self._target_kind, self.classes_ = LABELS, np.arange(y.shape[1])
        else:
            with np.errstate(invalid="ignore"):
                check_classification_targets(y)
            self.classes_ = np.unique(column_or_1d(y, warn=True))

    def _learn_from_part(self, y: Array, classes: Any) -> None:
        self._learn_targets(y)
        if self._target_kind == LABELS:
            self._check_classes(classes)
        elif classes is None:
            raise ValueError("classes must be given in the first call of partial_fit, got None")
        else:
            self.classes_ = np.unique(classes_of(classes))

    def _check_classes(self, classes: Any) -> None:
        if classes is not None and not np.array_equal(np.unique(classes_of(classes)), self.classes_):
            raise ValueError(
                f"classes must be {self.classes_!r:.200}, as y or the first call say, got {classes!r:.200}"
            )

    def _encode(self, y: Any, dtype: np.dtype[Any]) -> Array:
        if self._target_kind == LABELS:
            return self._indicators(y, dtype)
        y = column_or_1d(y, warn=True)
        alike = y.dtype == self.classes_.dtype and y.dtype.kind in "biufU"  # a look at what was found tells as much
        if not alike:
            self._check_known(y)
        target: Array = np.searchsorted(self.classes_, y).astype(np.int64, copy=False)
        if alike and not np.array_equal(self.classes_.take(target, mode="clip"), y):
            self._check_known(y)
        return target

    def _check_known(self, y: Array) -> None:
        unknown = np.setdiff1d(y, self.classes_)
        if unknown.size:
            seen = f"labels that fit has seen ({_named(self.classes_)})"
            raise ValueError(f"y must hold only {seen}, got {_named(unknown)}; fine_tune with a new head learns others")

    def _indicators(self, y: Any, dtype: np.dtype[Any]) -> Array:
        y = y.toarray() if issparse(y) else np.asarray(y)
        if y.ndim != 2 or y.shape[1] != len(self.classes_):
            raise ValueError(f"y must have a column for each of {len(self.classes_)} labels, got shape {y.shape}")
        unknown = np.setdiff1d(y, [0, 1])
        if unknown.size:
            raise ValueError(f"y must hold only 0 and 1 where it has several columns, got {unknown!r:.200}")
        return np.ascontiguousarray(y, dtype)

    def _strata(self, target: Array) -> Array | None:
        return target if self._target_kind == CLASSES else None

    def _weigh_classes(self, data: DataSet) -> DataSet:
        if self.class_weight is None:
            return data
        if self._target_kind == LABELS:
            raise ValueError(f"class_weight must be None where y has several columns, got {self.class_weight!r:.100}")
        return weighed_by_class(data, self.class_weight, self.classes_, self.network_.dtype)

    def _n_outputs(self) -> int:
        return len(self.classes_)

    def _chosen_loss(self) -> Loss:
        several = self.__dict__.get("_target_kind") == LABELS
        ours = BinaryCrossEntropy(self.label_smoothing) if several else SoftmaxCrossEntropy(self.label_smoothing)
        if not isinstance(self.loss, Loss):
            check_loss(self.loss, LOSSES)
            return ours
        if self.label_smoothing:
            raise ValueError(f"label_smoothing must be 0 where loss is a Loss, got {self.label_smoothing}")
        return self.loss

    def _plan(self, seed: int) -> Plan:
        self._chosen_loss()
        return super()._plan(seed)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = tags.target_tags.multi_output = True
        return tags


def _named(labels: Array) -> str:
    """How a message writes labels, the first of many."""
    more = f" and {len(labels) - NAMED} more" if len(labels) > NAMED else ""
    return ", ".join(map(shown, labels[:NAMED].tolist())) + more
