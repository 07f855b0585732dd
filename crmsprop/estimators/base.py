"""What every estimator of ours does in fit: validate, encode, build, train."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted, validate_data

from crmsprop import kernels
from crmsprop.callbacks import Callback, EpochPrinter
from crmsprop.errors import DivergenceError, check_bool, check_integer
from crmsprop.estimators.fine_tuning import Freeze, Unfreeze, copy_weights, frozen_layers
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
from crmsprop.estimators.interruption import raise_in_a_loop, warn_of_interruption
from crmsprop.estimators.parameters import Seeds
from crmsprop.estimators.validation import held_out, naming_validation_data
from crmsprop.nn import Network
from crmsprop.nn.layer import Shape
from crmsprop.optimizer import RMSprop
from crmsprop.training import Batches, DataSet, Plan, SavedState, Training, described, train

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
        """Train a fresh network, or go on with the one that a `Checkpoint` among the callbacks has stored.

        Ctrl-C ends the training, and a warning says so: the estimator is then fitted with the weights of the end of the
        last whole epoch (with `early_stopping` and `restore_best`, of the best one), and its history ends there; in the
        first epoch, with those of the last step. A second Ctrl-C raises KeyboardInterrupt and leaves the estimator as
        it was, and so does the first where `fit` is called by a search or in a job of joblib.

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
        FileFormatError
            If the file of a `Checkpoint` is damaged.

        Warns
        -----
        TrainingInterruptedWarning
            If Ctrl-C ended the training.
        """
        with self._unchanged_if_refused():
            saved = self._saved_state()
            seeds = self._seeds_of(saved)
            plan = self._plan(seeds.order)
            X, y = self._check_training_data(X, y)
            data = self._data_set(X, self._encode_fit(y))
            data, validation = self._split(data, X_val, y_val, seeds.split)
            self._build(X, seeds.weights)
            self._adapt(data)
            training = self._training(plan, seeds, self._optimizer(self._groups()))
            self._train(training, data, validation, saved)
            raise_in_a_loop(training)
        warn_of_interruption(training)
        return self

    def fine_tune(
        self,
        X: Any,
        y: Any,
        X_val: Any = None,
        y_val: Any = None,
        *,
        freeze: Freeze = "features",
        unfreeze_after: int | None = None,
        learning_rate: float | None = None,
        max_epochs: int | None = None,
        reset_head: bool = True,
    ) -> "NetworkEstimator":
        """Go on from the fitted network with other data, and other classes if need be.

        Frozen layers keep their weights and work as in prediction: no dropout, and batch normalization by its running
        statistics, which stay as they are. Where the first layers are frozen, no backward pass goes through them.

        Parameters
        ----------
        X, y, X_val, y_val : array-like
            As in `fit`; samples of the shape and kind that `fit` has seen.
        freeze : {"features"} or int or callable or None, default="features"
            What stays as it is: all layers before the first dense one (all but the output, where there are no
            convolutions); so many layers from the first on; those for which ``freeze(i, layer)`` is True; or none.
        unfreeze_after : int or None, default=None
            Epochs after which every layer learns; None for never.
        learning_rate, max_epochs : float and int, or None, default=None
            In place of the estimator's.
        reset_head : bool, default=True
            Whether the output layer starts anew, for the classes of `y`. False keeps it, and takes only labels that it
            knows.

        Returns
        -------
        self

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError, ValueError
            As in `fit`; the estimator is then as it was.
        DivergenceError
            As in `fit`.

        Examples
        --------
        >>> from crmsprop import CNNClassifier
        >>> from crmsprop.datasets import load_digits
        >>> (X, y), _ = load_digits()
        >>> digits = CNNClassifier((8, 16), dense_units=(), max_epochs=3, random_state=0).fit(X[y < 8], y[y < 8])
        >>> new = digits.fine_tune(X[y > 7][:60], y[y > 7][:60], freeze="features", max_epochs=10)
        >>> new.classes_
        array([8, 9])
        """
        check_is_fitted(self)
        changes = {"learning_rate": learning_rate, "max_epochs": max_epochs}
        settings = clone(self).set_params(**{name: value for name, value in changes.items() if value is not None})
        with self._unchanged_if_refused():
            seeds, before = self._seeds(), self.network_
            plan = settings._plan(seeds.order)
            X, y = self._check_data(X, y)
            target = self._encode_fit(y) if check_bool("reset_head", reset_head) else self._encode(y)
            data, validation = self._split(self._data_set(X, target), X_val, y_val, seeds.split)
            check_finite_in(X, before.dtype)
            self.network_ = self._fresh_network(before.input_shape, before.dtype, seeds.weights)
            copy_weights(before, self.network_, but_last=reset_head)
            frozen = frozen_layers(freeze, self.network_.layers)
            later = [] if unfreeze_after is None else [Unfreeze(check_integer("unfreeze_after", unfreeze_after, 0))]
            training = self._training(plan, seeds, settings._optimizer(self._groups(frozen)), frozen)
            self._train(training, data, validation, callbacks=later)
            raise_in_a_loop(training)
        warn_of_interruption(training)
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
        self.network_ = self._fresh_network(shape, dtype, seed)
        self.__dict__.pop("best_epoch_", None)
        self._fitted_on_uint8 = X.dtype == np.uint8

    def _fresh_network(self, shape: Shape, dtype: Any, seed: int) -> Network:
        network = Network(self._layers(shape, self._n_outputs()), shape, dtype)
        network.initialize(np.random.default_rng(seed))
        return network

    def _adapt(self, data: DataSet) -> None:
        """Show some of the training samples to the layers that want to see them."""
        if self.network_.adapts:
            rows = np.arange(data.n_samples) if data.rows is None else data.rows
            some = data._replace(rows=rows[:ADAPTING])
            batches = Batches(some, ADAPTING, self.network_.dtype, kernels.effective_n_threads(self.n_threads))
            self.network_.adapt(next(batches.in_order()).x)

    def _training(self, plan: Plan, seeds: Seeds, optimizer: RMSprop, frozen: frozenset[int] = frozenset()) -> Training:
        origin = {
            "random_state": list(seeds),
            "validation_fraction": described(self.validation_fraction),
            "classes_": described(getattr(self, "classes_", np.zeros(0)).tolist()),  # a regressor has none
            "frozen": sorted(frozen),
        }
        return Training(self.network_, optimizer, plan, origin=origin, frozen=frozen)

    def _train(
        self,
        training: Training,
        data: DataSet,
        validation: DataSet | None,
        saved: SavedState | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        """Train the network; `callbacks` come before the user's."""
        stopping = self._stopping()
        watching = [*([stopping] if self.early_stopping else []), *([EpochPrinter()] if self.verbose else [])]
        callbacks = [*watching, *callbacks, *(self.callbacks or [])]
        try:
            train(training, self._loss(), data, validation, callbacks, saved)
        finally:
            self.history_ = training.history
            self.n_epochs_ = len(training.history["epoch"])
        if self.early_stopping:
            self.best_epoch_ = stopping.best_epoch_

    def _groups(self, frozen: frozenset[int] = frozenset()) -> list[dict[str, Any]]:
        """A group of the optimizer for each array that is learned; those of frozen layers stay as they are."""
        return [
            {"params": [view], "frozen": int(name.split(".")[0]) in frozen, **self._penalties(name)}
            for name, view in self.network_.learned.items()
        ]

    def _penalties(self, name: str) -> dict[str, float]:
        """What pulls the values of a parameter towards 0."""
        parameter = self.network_.parameters[name]
        if not parameter.decays:
            return {"l2": 0.0, "weight_decay": 0.0}
        return {"l2": self.l2 if parameter.l2 is None else parameter.l2, "weight_decay": self.weight_decay}
