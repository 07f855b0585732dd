"""What a fitted estimator can do, whatever it predicts: evaluate, summarize, save, and predict in batches."""

import math
import os
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from crmsprop import kernels
from crmsprop.estimators.inputs import DTYPES, Array, Shape, check_finite_in, check_same_kind, native, rows_of_images
from crmsprop.estimators.parameters import TrainingParameters
from crmsprop.estimators.saving import save
from crmsprop.estimators.summary import summarize
from crmsprop.nn import Layer, Loss, Network
from crmsprop.training import DataSet, Evaluator, History, predict

#: Arrays of at most so many elements, of these dtypes, skip scikit-learn's checks if they are as fit saw them.
PLAIN_SIZE = 1 << 15
PLAIN_DTYPES = frozenset(np.dtype(dtype) for dtype in DTYPES)

#: For data that is only predicted.
NO_TARGET = np.zeros(0, np.int64)


class FittedNetwork(TrainingParameters):
    """Base of the estimators, after `fit`."""

    # What fit sets.
    classes_: Array
    network_: Network
    history_: History
    n_epochs_: int
    best_epoch_: int
    n_features_in_: int
    _image_shape: Shape | None
    _fitted_on_uint8: bool

    @abstractmethod
    def _encode(self, y: Any) -> Array:
        """Return the loss's targets for y of the kind that fit has seen."""

    @abstractmethod
    def _layers(self, input_shape: Shape, n_outputs: int) -> list[Layer]:
        """The stack for samples of `input_shape`."""

    @abstractmethod
    def _loss(self) -> Loss:
        """The loss that the network is trained on."""

    def _data_set(self, X: Array, target: Array) -> DataSet:
        scale = 1 / 255 if X.dtype == np.uint8 and self._image_shape else 1.0
        # A memory-mapped file may begin anywhere: rows that are not aligned or not contiguous are copied.
        rows = X if _is_whole(X) else np.require(X, requirements=["C", "A"])
        return DataSet(rows.reshape(len(X), *self._sample_shape(X)), target, scale=scale)

    def _sample_shape(self, X: Array) -> Shape:
        """Shape of one sample as the network sees it."""
        return (X.shape[1],) if self._image_shape is None else self._image_shape

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
        }

    def _set_fitted(self, network: Network, classes: Array, history: History, fitted: Mapping[str, Any]) -> None:
        """Become what `save` saw."""
        self.network_, self.classes_, self.history_ = network, classes, history
        self.n_epochs_ = len(history["epoch"])
        self._image_shape = None if fitted["image_shape"] is None else tuple(fitted["image_shape"])
        self._fitted_on_uint8 = fitted["fitted_on_uint8"]
        self.n_features_in_ = fitted["n_features_in"]
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
        self._layers(self.network_.input_shape, len(self.classes_))
        parameters = self.get_params(deep=False)
        save(path, type(self).__name__, parameters, self.network_, self.classes_, self.history_, self._fitted_state())

    def evaluate(self, X: Any, y: Any) -> dict[str, float]:
        """Return the mean loss, without the L2 penalty, and the mean accuracy.

        Parameters
        ----------
        X : array-like, as in `fit`
        y : array-like of shape (n_samples,)

        Returns
        -------
        dict
            With the keys "loss" and "accuracy".
        """
        check_is_fitted(self)
        X, y = self._check_data(X, y)
        check_finite_in(X, self.network_.dtype)
        data, n_threads = self._data_set(X, self._encode(y)), kernels.effective_n_threads(self.n_threads)
        if self.flip_predictions:
            loss, accuracy = self._evaluate_both_ways(data, n_threads)
        else:
            loss, accuracy = Evaluator(self.network_, self._loss(), data, n_threads).evaluate()
        if not math.isfinite(loss):
            raise ValueError(f"X must be of the scale that the network was trained on: the loss is {loss}")
        return {"loss": loss, "accuracy": accuracy}

    def _evaluate_both_ways(self, data: DataSet, n_threads: int) -> tuple[float, float]:
        """Loss and accuracy of the mean outputs for an image and for its mirror image."""
        outputs = predict(self.network_, data.x, data.scale, n_threads, flip=True)
        loss, weights = self._loss(), np.full(len(outputs), 1.0 / len(outputs), outputs.dtype)
        result = loss.evaluate(outputs, data.target, weights, None, loss.memory(len(outputs), outputs.dtype), n_threads)
        return result.loss, result.hits

    def summary(self) -> str:
        """Return a table of the layers: output shapes, parameters, MFLOP for one sample, and memory."""
        check_is_fitted(self)
        return summarize(self.network_, self.batch_size)

    def _check_data(self, X: Any, y: Any = None) -> tuple[Array, Any]:
        """Validate data of the kind that fit has seen."""
        if y is None and self._is_plain(X):
            return X.reshape(len(X), self.n_features_in_), None
        X = native(X)
        if self._image_shape is not None:
            X, _ = rows_of_images(X, self._image_shape)
        if y is None:
            X = validate_data(self, X, dtype=DTYPES, reset=False)
        else:
            X, y = validate_data(self, X, y, dtype=DTYPES, multi_output=True, reset=False)
        check_same_kind(X, self._fitted_on_uint8, self._image_shape)
        return X, y

    def _is_plain(self, X: Any) -> bool:
        """Whether scikit-learn's checks, which take longer than a small network, would find nothing to do or to say."""
        return (
            type(X) is np.ndarray
            and 0 < X.size <= PLAIN_SIZE
            and (X.dtype == np.uint8) == self._fitted_on_uint8
            and X.dtype in PLAIN_DTYPES
            and X.shape[1:] in ((self.n_features_in_,), self._image_shape)
            and _is_whole(X)
            and "feature_names_in_" not in self.__dict__
            and (X.dtype == np.uint8 or kernels.all_finite(X))
        )

    def _outputs(self, X: Any) -> Array:
        """Return what the loss makes of the network's outputs, shape (n_samples, n_outputs)."""
        if "network_" not in self.__dict__:  # scikit-learn's own look takes as long as a small network
            check_is_fitted(self)
        X, _ = self._check_data(X)
        check_finite_in(X, self.network_.dtype)
        n_threads = kernels.effective_n_threads(self.n_threads)
        data = self._data_set(X, NO_TARGET)
        outputs = predict(self.network_, data.x, data.scale, n_threads, self.flip_predictions)
        if not kernels.all_finite(outputs):
            self._refuse_outputs(outputs)
        return self._loss().predict(outputs, n_threads)

    @staticmethod
    def _refuse_outputs(outputs: Array) -> None:
        bad = np.flatnonzero(~np.isfinite(outputs).all(axis=-1))
        rule = "X must be of the scale that the network was trained on"
        raise ValueError(f"{rule}: the outputs for sample {bad[0]} are not finite")


def _is_whole(X: Array) -> bool:
    """Whether the rows lie in memory as the kernels read them."""
    flags = X.flags
    return bool(flags.c_contiguous and flags.aligned)
