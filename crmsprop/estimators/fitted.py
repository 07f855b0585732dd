"""What a fitted estimator can do, whatever it predicts: evaluate, summarize, save, and predict in batches."""

import math
import os
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from crmsprop import kernels
from crmsprop.callbacks.monitor import SCORE
from crmsprop.errors import check_bool
from crmsprop.estimators.inputs import (
    DTYPES,
    Array,
    Shape,
    check_finite_in,
    check_same_kind,
    native,
    refuse_images,
    rows_of_images,
    validated,
)
from crmsprop.estimators.losses import check_takes_targets, checked_predictions, predicts_alike
from crmsprop.estimators.parameters import TrainingParameters
from crmsprop.estimators.saving import save
from crmsprop.estimators.summary import summarize
from crmsprop.estimators.weights import checked_weights, rows_that_count
from crmsprop.nn import Layer, Loss, Network
from crmsprop.training import DataSet, Evaluator, History, predict

#: Arrays of at most so many elements, of these dtypes, skip scikit-learn's checks if they are as fit saw them.
PLAIN_SIZE = 1 << 15
PLAIN_DTYPES = frozenset(np.dtype(dtype) for dtype in DTYPES)

UINT8 = np.dtype(np.uint8)


class FittedNetwork(TrainingParameters):
    """Base of the estimators, after `fit`."""

    # What fit sets.
    classes_: Array  # of classifiers
    network_: Network
    history_: History
    n_epochs_: int
    best_epoch_: int
    n_features_in_: int
    _image_shape: Shape | None
    _fitted_on_uint8: bool
    _target_kind: str
    _n_targets: int
    _fitted_loss: Loss

    # A parameter of every subclass, among its own.
    loss: str | Loss

    @abstractmethod
    def _plain_targets(self, y: Any) -> Any:
        """Return y in an array of NumPy's own; an error where it holds what can be no target."""

    @abstractmethod
    def _encode(self, y: Any, dtype: np.dtype[Any]) -> Array:
        """Return the loss's targets for y of the kind that fit has seen; numbers in the dtype of the network."""

    @abstractmethod
    def _layers(self, input_shape: Shape, n_outputs: int) -> list[Layer]:
        """The stack for samples of `input_shape`."""

    @abstractmethod
    def _chosen_loss(self) -> Loss:
        """The loss that the parameters name."""

    def _loss(self) -> Loss:
        """The loss that the network is trained on, which may have changed since, but not in what it predicts."""
        loss = self._chosen_loss()
        if not predicts_alike(loss, self._fitted_loss):
            rule = "loss must not change without a fit to one that makes something else of the outputs"
            raise ValueError(f"{rule}, got {loss!r:.100} after {self._fitted_loss!r:.100}")
        return loss

    def _learn_loss(self) -> None:
        """Take the loss that the parameters name for that of the targets that are known by now."""
        loss = self._chosen_loss()
        check_takes_targets(loss, several=self._target_kind != "classes")
        self._fitted_loss = loss

    def _data_set(self, X: Array, target: Array, weights: Array | None = None) -> DataSet:
        """Samples as the network sees them; those of weight 0 do not belong."""
        x, scale = self._samples(X)
        return DataSet(x, target, weights, scale, rows_that_count(weights))

    def _samples(self, X: Array) -> tuple[Array, float]:
        """X in the shape that the network sees, and the factor on it."""
        # A memory-mapped file may begin anywhere: rows that are not aligned or not contiguous are copied.
        rows = X if _is_whole(X) else np.require(X, requirements=["C", "A"])
        if self._image_shape is None:
            return rows, 1.0
        return rows.reshape(len(X), *self._image_shape), 1 / 255 if X.dtype == UINT8 else 1.0

    def _sample_shape(self, X: Array) -> Shape:
        """Shape of one sample as the network sees it."""
        return (X.shape[1],) if self._image_shape is None else self._image_shape

    @property
    def loss_curve_(self) -> list[float | None]:
        """The training loss of each epoch."""
        check_is_fitted(self)
        return list(self.history_["loss"])

    @property
    def validation_scores_(self) -> list[float | None] | None:
        """What `scoring` made of the validation data after each epoch, or their accuracy; None without either."""
        check_is_fitted(self)
        scores = self.history_.get(SCORE, self.history_["val_accuracy"])
        return None if all(score is None for score in scores) else list(scores)

    @property
    def image_shape_(self) -> Shape | None:
        """Shape of one image, (height, width, channels); None where X holds plain rows."""
        check_is_fitted(self)
        return self._image_shape

    def _fitted_state(self) -> dict[str, Any]:
        """What a fit leaves beside network, labels and history."""
        return {
            "image_shape": self._image_shape,
            "fitted_on_uint8": self._fitted_on_uint8,
            "n_features_in": self.n_features_in_,
            "feature_names_in": getattr(self, "feature_names_in_", None),
            "best_epoch": getattr(self, "best_epoch_", None),
            "target_kind": self._target_kind,
        }

    def _set_fitted(self, network: Network, history: History, fitted: Mapping[str, Any]) -> None:
        """Become what `save` saw, but for the classes."""
        self.network_, self.history_ = network, history
        self.n_epochs_ = len(history["epoch"])
        self._image_shape = None if fitted["image_shape"] is None else tuple(fitted["image_shape"])
        self._fitted_on_uint8 = fitted["fitted_on_uint8"]
        self._target_kind = fitted["target_kind"]
        self.n_features_in_ = fitted["n_features_in"]
        self._fitted_loss = self._chosen_loss()
        if fitted["feature_names_in"] is not None:
            self.feature_names_in_ = np.array(fitted["feature_names_in"], dtype=object)
        if fitted["best_epoch"] is not None:
            self.best_epoch_ = fitted["best_epoch"]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one file, wholly or not at all; ``crmsprop.load`` reads it.

        The file holds parameters, network, labels and history, and no pickle. A function given as `schedule` is stored
        as its name only; callbacks are not stored.

        Parameters
        ----------
        path : str or path-like
            An existing file is replaced.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError, ValueError
            If a parameter or a label is of a type that a file cannot hold, a parameter was set to what `fit` would
            refuse, or the estimator is of a class of one's own.
        OSError
            If the file cannot be written.
        """
        check_is_fitted(self)
        if not type(self).__module__.startswith("crmsprop."):
            raise TypeError(f"only the estimators of crmsprop can be saved to a file, got a {type(self).__qualname__}")
        self._plan(seed=0)  # a file with parameters that are out of range would not load
        self._loss()
        self._layers(self.network_.input_shape, *self.network_.output_shape)
        save(path, self)

    def evaluate(self, X: Any, y: Any, sample_weight: Any = None) -> dict[str, float]:
        """Return the mean loss, without the L2 penalty, and for classes the mean accuracy.

        Parameters
        ----------
        X, y : array-like, as in `fit`
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How much each sample counts.

        Returns
        -------
        dict
            With the key "loss", and "accuracy" unless it is a regression: the share of samples that are right, of
            several labels at once those of which all are, as in `score`.
        """
        check_is_fitted(self)
        X, y = self._check_data(X, y)
        check_finite_in(X, self.network_.dtype)
        dtype, n_threads = self.network_.dtype, kernels.effective_n_threads(self.n_threads)
        data = self._data_set(X, self._encode(y, dtype), checked_weights(sample_weight, len(X), dtype))
        if self._flips():
            loss, accuracy = self._evaluate_both_ways(data, n_threads)
        else:
            loss, accuracy = Evaluator(self.network_, self._loss(), data, n_threads).evaluate()
        if not math.isfinite(loss):
            raise ValueError(f"X must be of the scale that the network was trained on: the loss is {loss}")
        return {"loss": loss} if math.isnan(accuracy) else {"loss": loss, "accuracy": accuracy}

    def _evaluate_both_ways(self, data: DataSet, n_threads: int) -> tuple[float, float]:
        """Loss and accuracy of the mean outputs for an image and for its mirror image."""
        outputs = predict(self.network_, data.x, data.scale, n_threads, flip=True)
        loss, weights = self._loss(), np.ones(len(outputs), outputs.dtype) if data.weights is None else data.weights
        memory, total = loss.memory(len(outputs), outputs.dtype), float(np.sum(weights, dtype=np.float64))
        result = loss.evaluate(outputs, data.target, weights, None, memory, n_threads)
        return result.loss / total, result.hits / total

    def summary(self) -> str:
        """Return a table of the layers: output shapes, parameters, MFLOP for one sample, and memory."""
        check_is_fitted(self)
        return summarize(self.network_, self.batch_size)

    def _check_data(self, X: Any, y: Any = None) -> tuple[Array, Any]:
        """Validate data of the kind that fit has seen."""
        if y is None and self._is_plain(X):
            return X if X.ndim == 2 else X.reshape(len(X), self.n_features_in_), None
        X = native(X)
        if self._image_shape is not None:
            X, _ = rows_of_images(X, self._image_shape)
        else:
            refuse_images(X)
        if y is None:
            X = validated(self, X, reset=False)
        else:
            X, y = validated(self, X, y=self._plain_targets(y), multi_output=True, reset=False)
        check_same_kind(X, self._fitted_on_uint8, self._image_shape)
        return X, y

    def _is_plain(self, X: Any) -> bool:
        """Whether scikit-learn's checks, which take longer than a small network, would find nothing to do or to say."""
        return (
            type(X) is np.ndarray
            and 0 < X.size <= PLAIN_SIZE
            and (X.dtype == UINT8) == self._fitted_on_uint8
            and X.dtype in PLAIN_DTYPES
            and X.shape[1:] in ((self.n_features_in_,), self._image_shape)
            and _is_whole(X)
            and "feature_names_in_" not in self.__dict__
            and (X.dtype == UINT8 or kernels.all_finite(X))
        )

    def _outputs(self, X: Any) -> Array:
        """Return what the loss makes of the network's outputs, shape (n_samples, n_outputs)."""
        if "network_" not in self.__dict__:  # scikit-learn's own look takes as long as a small network
            check_is_fitted(self)
        n_threads = kernels.effective_n_threads(self.n_threads)
        outputs, loss = self._activations(self.network_, X, n_threads, self._flips()), self._loss()
        predicted = loss.predict(outputs, n_threads)
        if isinstance(self.loss, str):
            return predicted
        predicted = checked_predictions(predicted, outputs, loss)
        if not np.isfinite(predicted).all():
            self._refuse_outputs(predicted)
        return predicted

    def _flips(self) -> bool:
        """Whether predictions are made from images and their mirror images, which can have been set since the fit."""
        if self.flip_predictions is False:  # the check takes a hundredth of the time of one row
            return False
        if check_bool("flip_predictions", self.flip_predictions) and self._image_shape is None:
            raise ValueError("flip_predictions must be False where fit has seen rows and no images, got True")
        return bool(self.flip_predictions)

    def _activations(self, network: Network, X: Any, n_threads: int, flip: bool = False) -> Array:
        """Return what a network, ours or the beginning of it, makes of X."""
        X, _ = self._check_data(X)
        check_finite_in(X, network.dtype)
        outputs = predict(network, *self._samples(X), n_threads, flip)
        if not kernels.all_finite(outputs):
            self._refuse_outputs(outputs)
        return outputs

    @staticmethod
    def _refuse_outputs(outputs: Array) -> None:
        bad = np.flatnonzero(~np.isfinite(outputs).all(axis=tuple(range(1, outputs.ndim))))
        rule = "X must be of the scale that the network was trained on"
        raise ValueError(f"{rule}: the outputs for sample {bad[0]} are not finite")


def _is_whole(X: Array) -> bool:
    """Whether the rows lie in memory as the kernels read them."""
    flags = X.flags
    return bool(flags.c_contiguous and flags.aligned)
