"""What every estimator of ours does in fit: validate, encode, build, train."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from crmsprop import kernels
from crmsprop.callbacks import EpochPrinter
from crmsprop.errors import DivergenceError
from crmsprop.estimators.fitted import FittedNetwork
from crmsprop.estimators.inputs import (
    DTYPES,
    Array,
    check_finite_in,
    check_row_length,
    checked_image_shape,
    computing_dtype,
    native,
    rows_of_images,
)
from crmsprop.estimators.validation import held_out, naming_validation_data
from crmsprop.nn import Network
from crmsprop.training import Batches, DataSet, Plan, Training, train

#: Training samples that a layer sees before training begins.
ADAPTING = 2000


class NetworkEstimator(FittedNetwork):
    """Base of all estimators: a stack of layers, its loss, and RMSprop."""

    #: Whether X may hold images even where image_shape is None, and whether a flat row then is one.
    _takes_images = False
    _rows_are_images = False

    # A parameter of every subclass, among its own.
    image_shape: Sequence[int] | None

    # ---- what a subclass is

    @abstractmethod
    def _encode_fit(self, y: Array) -> Array:
        """Learn what y holds and return the loss's targets."""

    @abstractmethod
    def _n_outputs(self) -> int:
        """Width of the output layer."""

    # ---- fit

    def fit(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None) -> "NetworkEstimator":
        """Train a fresh network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or images of shape (n_samples, height, width[, channels])
            Images only for an image estimator, or where `image_shape` is set. uint8 images are taken as they are and
            scaled by 1/255 batch by batch.
        y : array-like of shape (n_samples,)
        X_val, y_val : array-like or None, default=None
            A validation set of one's own, in place of a part of X.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If a parameter is out of its range, or the data does not fit: names the parameter, the rule and the value.
        DivergenceError
            If the loss becomes NaN or infinite; the estimator is fitted with the last good weights.
        """
        with self._unchanged_if_refused():
            seeds = self._seeds()
            plan = self._plan(seeds.order)
            X, y = self._check_training_data(X, y)
            data = self._data_set(X, self._encode_fit(y))
            data, validation = self._split(data, X_val, y_val, seeds.split)
            self._build(X, seeds.weights)
            self._adapt(data)
            self._train(data, validation, plan)
        return self

    @contextmanager
    def _unchanged_if_refused(self) -> Iterator[None]:
        """A fit that fails leaves the estimator as it was; one that diverges, with the last good weights."""
        before = dict(self.__dict__)
        try:
            yield
        except DivergenceError:
            raise
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _check_training_data(self, X: Any, y: Any) -> tuple[Array, Array]:
        image_shape = checked_image_shape(self.image_shape)
        X = native(X)
        if self._takes_images or image_shape:
            X, image_shape = rows_of_images(X, image_shape)
        X, y = validate_data(self, X, y, dtype=DTYPES, multi_output=True, y_numeric=False)
        if image_shape is None:
            self._check_for_rows(X)
        if image_shape is None and self._rows_are_images:
            image_shape = (1, X.shape[1], 1)
        if image_shape is not None:
            check_row_length(X, image_shape)
        self._image_shape = image_shape
        return X, y

    def _check_for_rows(self, X: Array) -> None:
        """Refuse what only images can have done to them."""
        for name, neutral in (("augmentation", None), ("flip_predictions", False)):
            if getattr(self, name) != neutral:
                rule = (
                    f"{name} must be {neutral} unless X has shape (n, height, width[, channels]) or image_shape is set"
                )
                raise ValueError(f"{rule}, got {getattr(self, name)!r:.100} for rows of {X.shape[1]} features")

    def _split(self, data: DataSet, X_val: Any, y_val: Any, seed: int) -> tuple[DataSet, DataSet | None]:
        """Return training and validation data: the user's own set, or a part of `data`, without a copy."""
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together, got only one of them")
        watched = self.early_stopping and self.monitor.startswith("val_")
        fraction = 0.1 if self.validation_fraction is None and watched else self.validation_fraction
        if X_val is not None:
            self._fitted_on_uint8 = data.x.dtype == np.uint8
            with naming_validation_data():
                X_val, y_val = self._check_data(X_val, y_val)
                check_finite_in(X_val, computing_dtype(self.dtype, data.x))
                return data, self._data_set(X_val, self._encode(y_val))
        if fraction is None:
            return data, None
        kept, validating = held_out(len(data.x), fraction, seed, self._strata(data.target))
        return data._replace(rows=kept), data._replace(rows=validating)

    def _strata(self, target: Array) -> Array | None:
        """What a random split keeps the shares of; None for nothing."""
        return None

    def _build(self, X: Array, seed: int) -> None:
        """Make the network and draw its weights."""
        shape = self._sample_shape(X)
        dtype = computing_dtype(self.dtype, X)
        check_finite_in(X, dtype)
        network = Network(self._layers(shape, self._n_outputs()), shape, dtype)
        network.initialize(np.random.default_rng(seed))
        self.network_ = network
        self.__dict__.pop("best_epoch_", None)
        self._fitted_on_uint8 = X.dtype == np.uint8

    def _adapt(self, data: DataSet) -> None:
        """Show some of the training samples to the layers that want to see them."""
        if self.network_.adapts:
            rows = np.arange(data.n_samples) if data.rows is None else data.rows
            some = data._replace(rows=rows[:ADAPTING])
            batches = Batches(some, ADAPTING, self.network_.dtype, kernels.effective_n_threads(self.n_threads))
            self.network_.adapt(next(batches.in_order()).x)

    def _train(self, data: DataSet, validation: DataSet | None, plan: Plan) -> None:
        groups = [{"params": [view], **self._penalties(name)} for name, view in self.network_.learned.items()]
        stopping = self._stopping()
        callbacks = [*([stopping] if self.early_stopping else []), *([EpochPrinter()] if self.verbose else [])]
        callbacks += list(self.callbacks or [])
        training = Training(self.network_, self._optimizer(groups), plan)
        try:
            train(training, self._loss(), data, validation, callbacks)
        finally:
            self.history_ = training.history
            self.n_epochs_ = len(training.history["epoch"])
        if self.early_stopping:
            self.best_epoch_ = stopping.best_epoch_

    def _penalties(self, name: str) -> dict[str, float]:
        """What pulls the values of a parameter towards 0."""
        parameter = self.network_.parameters[name]
        if not parameter.decays:
            return {"l2": 0.0, "weight_decay": 0.0}
        return {"l2": self.l2 if parameter.l2 is None else parameter.l2, "weight_decay": self.weight_decay}
