"""What every estimator of ours does: validate, encode, build, train; and predict in batches."""

import os
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from crmsprop import kernels
from crmsprop.callbacks import Callback, EarlyStopping, EpochPrinter
from crmsprop.errors import DivergenceError, check_bool, check_integer, check_real
from crmsprop.estimators.inputs import (
    DTYPES,
    Array,
    Shape,
    check_row_length,
    check_same_kind,
    checked_image_shape,
    computing_dtype,
    rows_of_images,
)
from crmsprop.estimators.saving import save
from crmsprop.estimators.summary import summarize
from crmsprop.nn import Layer, Loss, Network
from crmsprop.optimizer import RMSprop
from crmsprop.schedules import as_schedule
from crmsprop.training import EVALUATION_BATCH, Batches, DataSet, Evaluator, History, Plan, Training, train


class Seeds(NamedTuple):
    """One seed for each thing that chance decides."""

    weights: int
    split: int
    order: int


class NetworkEstimator(BaseEstimator):  # type: ignore[misc]
    """Base of all estimators: a stack of layers, its loss, and RMSprop."""

    #: Whether X holds images even where image_shape is None.
    _takes_images = False

    # What a subclass's __init__ sets, for the type checker.
    image_shape: Sequence[int] | None
    learning_rate: float
    schedule: Any
    rho: float
    epsilon: float
    momentum: float
    centered: bool
    eps_in_sqrt: bool
    l2: float
    max_epochs: int
    batch_size: int
    validation_fraction: float | None
    early_stopping: bool
    patience: int
    restore_best: bool
    dtype: Any
    random_state: Any
    n_threads: int | None
    callbacks: Sequence[Callback] | None
    verbose: int

    # What every subclass's fit sets.
    classes_: Array

    # ---- what a subclass is

    @abstractmethod
    def _layers(self, input_shape: Shape, n_outputs: int) -> list[Layer]:
        """The stack for samples of `input_shape`."""

    @abstractmethod
    def _encode_fit(self, y: Array) -> Array:
        """Learn what y holds and return the loss's targets."""

    @abstractmethod
    def _encode(self, y: Any) -> Array:
        """Return the loss's targets for more y of the same kind."""

    @abstractmethod
    def _n_outputs(self) -> int:
        """Width of the output layer."""

    @abstractmethod
    def _loss(self) -> Loss:
        """The loss that the network is trained on."""

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

    def _plan(self, seed: int) -> Plan:
        """Return how to train; checks every parameter that does not need the data."""
        check_bool("early_stopping", self.early_stopping)
        check_integer("verbose", int(self.verbose) if isinstance(self.verbose, bool) else self.verbose, 0)
        if self.validation_fraction is not None:
            check_real("validation_fraction", self.validation_fraction, "(0, 1)")
        if not isinstance(self.callbacks, list | tuple | None):
            raise TypeError(f"callbacks must be None or a sequence of Callback, got {self.callbacks!r:.100}")
        for i, callback in enumerate(self.callbacks or []):
            if not isinstance(callback, Callback):
                raise TypeError(f"callbacks[{i}] must be a Callback, got {callback!r:.100}")
        EarlyStopping(patience=self.patience, restore_best=self.restore_best)
        optimizer = self._optimizer([])
        return Plan(
            check_integer("max_epochs", self.max_epochs, 1),
            check_integer("batch_size", self.batch_size, 1),
            as_schedule(self.schedule, optimizer.learning_rate),
            seed,
            kernels.effective_n_threads(self.n_threads),
        )

    def _check_training_data(self, X: Any, y: Any) -> tuple[Array, Array]:
        image_shape = checked_image_shape(self.image_shape)
        if self._takes_images or image_shape:
            X, image_shape = rows_of_images(X, image_shape)
        X, y = validate_data(self, X, y, dtype=DTYPES, multi_output=True, y_numeric=False)
        if image_shape is None and self._takes_images:
            image_shape = (1, X.shape[1], 1)
        if image_shape is not None:
            check_row_length(X, image_shape)
        self._image_shape = image_shape
        return X, y

    def _seeds(self) -> Seeds:
        random = check_random_state(self.random_state)
        return Seeds(*(int(seed) for seed in random.randint(np.iinfo(np.int32).max, size=3)))

    def _data_set(self, X: Array, target: Array) -> DataSet:
        scale = 1 / 255 if X.dtype == np.uint8 and self._image_shape else 1.0
        # A memory-mapped file may begin anywhere: rows that are not aligned or not contiguous are copied.
        rows = np.require(X, requirements=["C", "A"])
        return DataSet(rows.reshape(len(X), *self._sample_shape(X)), target, scale=scale)

    def _sample_shape(self, X: Array) -> Shape:
        """Shape of one sample as the network sees it."""
        return (X.shape[1],) if self._image_shape is None else self._image_shape

    def _split(self, data: DataSet, X_val: Any, y_val: Any, seed: int) -> tuple[DataSet, DataSet | None]:
        """Return training and validation data: the user's own set, or a part of `data`, without a copy."""
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together, got only one of them")
        fraction = 0.1 if self.validation_fraction is None and self.early_stopping else self.validation_fraction
        if X_val is not None:
            self._fitted_on_uint8 = data.x.dtype == np.uint8
            with _naming_validation_data():
                X_val, y_val = self._check_data(X_val, y_val)
                return data, self._data_set(X_val, self._encode(y_val))
        if fraction is None:
            return data, None
        kept, held_out = self._held_out(len(data.x), fraction, seed, self._strata(data.target))
        return data._replace(rows=kept), data._replace(rows=held_out)

    @staticmethod
    def _held_out(n: int, fraction: float, seed: int, strata: Array | None) -> tuple[Array, Array]:
        """Return the numbers of the samples that train, and of those that validate."""
        try:
            kept, held_out = train_test_split(np.arange(n), test_size=fraction, random_state=seed, stratify=strata)
        except ValueError as error:
            rule = "validation_fraction must leave samples of every class in both parts"
            raise ValueError(f"{rule}, got {fraction}: {error}") from error
        return kept, held_out

    def _strata(self, target: Array) -> Array | None:
        """What a random split keeps the shares of; None for nothing."""
        return None

    def _build(self, X: Array, seed: int) -> None:
        """Make the network and draw its weights."""
        shape = self._sample_shape(X)
        network = Network(self._layers(shape, self._n_outputs()), shape, computing_dtype(self.dtype, X))
        network.initialize(np.random.default_rng(seed))
        self.network_ = network
        self.__dict__.pop("best_epoch_", None)
        self._fitted_on_uint8 = X.dtype == np.uint8

    def _train(self, data: DataSet, validation: DataSet | None, plan: Plan) -> None:
        groups = [
            {"params": [view], "l2": self._penalty(name)}
            for name, view in self.network_.arena.views.items()
            if view.size
        ]
        stopping = EarlyStopping(patience=self.patience, restore_best=self.restore_best)
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

    def _penalty(self, name: str) -> float:
        parameter = self.network_.parameters[name]
        if not parameter.decays:
            return 0.0
        return self.l2 if parameter.l2 is None else parameter.l2

    def _optimizer(self, groups: list[dict[str, Any]]) -> RMSprop:
        return RMSprop(
            groups,
            self.learning_rate,
            self.rho,
            self.epsilon,
            momentum=self.momentum,
            centered=self.centered,
            eps_in_sqrt=self.eps_in_sqrt,
            l2=self.l2,
            n_threads=self.n_threads,
        )

    # ---- after fit

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
        TypeError
            If a parameter or a label is of a type that a file cannot hold.
        OSError
            If the file cannot be written.
        """
        check_is_fitted(self)
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
        data = self._data_set(X, self._encode(y))
        evaluator = Evaluator(self.network_, self._loss(), data, kernels.effective_n_threads(self.n_threads))
        loss, accuracy = evaluator.evaluate()
        return {"loss": loss, "accuracy": accuracy}

    def summary(self) -> str:
        """Return a table of the layers: output shapes, parameters, MFLOP for one sample, and memory."""
        check_is_fitted(self)
        return summarize(self.network_, self.batch_size)

    def _check_data(self, X: Any, y: Any = None) -> tuple[Array, Any]:
        """Validate data of the kind that fit has seen."""
        if self._image_shape is not None:
            X, _ = rows_of_images(X, self._image_shape)
        if y is None:
            X = validate_data(self, X, dtype=DTYPES, reset=False)
        else:
            X, y = validate_data(self, X, y, dtype=DTYPES, multi_output=True, reset=False)
        check_same_kind(X, self._fitted_on_uint8)
        return X, y

    def _outputs(self, X: Any) -> Array:
        """Return what the loss makes of the network's outputs, shape (n_samples, n_outputs)."""
        check_is_fitted(self)
        X, _ = self._check_data(X)
        n_threads = kernels.effective_n_threads(self.n_threads)
        data = self._data_set(X, np.zeros(len(X), np.int64))
        batches = Batches(data, EVALUATION_BATCH, self.network_.dtype, n_threads)
        workspace = self.network_.workspace(batches.batch_size, n_threads)
        outputs = np.empty((len(X), *self.network_.output_shape), self.network_.dtype)
        start = 0
        for batch in batches.in_order():
            outputs[start : start + len(batch.x)] = self.network_.forward(batch.x, workspace)
            start += len(batch.x)
        return self._loss().predict(outputs, n_threads)


@contextmanager
def _naming_validation_data() -> Iterator[None]:
    """Errors about X and y are about X_val and y_val here."""
    try:
        yield
    except (TypeError, ValueError) as error:
        message = re.sub(r"\b([Xy])\b(?!_)", r"\1_val", str(error))
        raise type(error)(message) from error
