"""What every estimator of ours does in fit: validate, encode, build, train."""

import copy
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from crmsprop import kernels
from crmsprop.callbacks import Callback, EarlyStopping, EpochPrinter
from crmsprop.callbacks.monitor import SCORE
from crmsprop.errors import DivergenceError
from crmsprop.estimators.features import HiddenFeatures
from crmsprop.estimators.inputs import (
    Array,
    check_finite_in,
    check_row_length,
    checked_image_shape,
    computing_dtype,
    native,
    refuse_images,
    rows_of_images,
    validated,
    warn_of_channels_first,
    warn_of_flat_images,
)
from crmsprop.estimators.interruption import raise_in_a_loop, warn_of_interruption
from crmsprop.estimators.parameters import Seeds
from crmsprop.estimators.parts import OneEpoch, Progress, check_same_targets, next_part, progress_of, take_weights
from crmsprop.estimators.scoring import ValidationScore
from crmsprop.estimators.sklearn_callbacks import CallbackSupportMixin, EpochTasks, with_callbacks
from crmsprop.estimators.validation import Split, held_out, naming_validation_data
from crmsprop.estimators.weights import checked_weights, rows_that_count, spread
from crmsprop.nn import Network
from crmsprop.nn.layer import Shape
from crmsprop.optimizer import RMSprop
from crmsprop.training import Batches, DataSet, Plan, SavedState, Training, described, train

#: Training samples that a layer sees before training begins.
ADAPTING = 2000


class NetworkEstimator(CallbackSupportMixin, HiddenFeatures):  # type: ignore[misc]
    """Base of all estimators: a stack of layers, its loss, and RMSprop."""

    #: Whether X may hold images even where image_shape is None, and whether a flat row then is one.
    _takes_images = False
    _rows_are_images = False
    _y_is_numeric = False

    # A parameter of every subclass, among its own.
    image_shape: Sequence[int] | None

    # What partial_fit leaves for its next call.
    _progress: Progress

    # ---- what a subclass is

    @abstractmethod
    def _learn_targets(self, y: Array) -> None:
        """Learn what kind of thing y holds: its labels, or the number of its columns."""

    @abstractmethod
    def _n_outputs(self) -> int:
        """Width of the output layer."""

    # ---- fit

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> "NetworkEstimator":
        """Train a fresh network, or with `warm_start` the one that is there.

        A `Checkpoint` among the callbacks can make it go on from what it has stored.

        Ctrl-C ends the training, and a warning says so: the estimator is then fitted with the weights of the end of the
        last whole epoch (with `early_stopping` and `restore_best`, of the best one), and its history ends there; in the
        first epoch, with those of the last step. A second Ctrl-C raises KeyboardInterrupt and leaves the estimator as
        it was, and so does the first where `fit` is called by a search or in a job of joblib.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or images of shape (n_samples, height, width[, channels])
            Images only for an image estimator, or where `image_shape` is set. uint8 images are taken as they are and
            scaled by 1/255 batch by batch.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels or numbers. Several columns are those of a regression, or of 0 and 1: labels that do not exclude each
            other.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How much each sample counts, at least 0; a sample of weight 0 is left out. Only their proportions matter.
        X_val, y_val : array-like or None, default=None
            A validation set of one's own, in place of a part of X. In a Pipeline it does not pass the steps before: use
            `validation_fraction`, or the pipeline's ``transform_input=["X_val"]`` with ``set_fit_request(X_val=True,
            y_val=True)`` and scikit-learn's metadata routing.
        sample_weight_val : array-like or None, default=None
            How much its samples count.

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
        UserWarning
            If an image estimator without `image_shape` gets rows of more than 3 numbers, each of which is then an image
            of one pixel's height; or images of shape (n_samples, 1, 3 or 4, ...) whose other two axes are longer than
            4, which look as if their channels came first. If a classifier gets y with three columns or more and exactly
            one 1 in each row, which looks like one-hot encoded classes, and `loss` is a name: it takes them for labels
            that do not exclude each other.
        """
        with self._unchanged_if_refused() as before:
            saved, tasks = self._saved_state(), EpochTasks(self, "fit", X, y, sample_weight)
            seeds = self._seeds_of(saved)
            plan = self._plan(seeds.order)
            X, y = self._check_training_data(X, y)
            data = self._training_set(X, y, sample_weight, self._learn_targets)
            self._build(X, seeds.weights)
            warm = self.warm_start and "network_" in before
            if warm:
                check_same_targets(self.__dict__, before)
                take_weights(self.network_, before["network_"])
            split = self._split(data, y, X_val, y_val, sample_weight_val, seed=seeds.split)
            if not warm:
                self._adapt(split.training)
            training = self._training(plan, seeds, self._optimizer(self._groups()))
            self._train(training, split, saved=saved, tasks=tasks)
            raise_in_a_loop(training)
        warn_of_interruption(training)
        return self

    def _fit_part(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> None:
        """Train one epoch more, or the first one: partial_fit. Ctrl-C leaves the estimator as it was."""
        with self._unchanged_if_refused() as before:
            self._check_no_checkpoints("partial_fit")
            seeds = self._seeds()
            plan = self._plan(seeds.order)
            if self.early_stopping:
                raise ValueError("early_stopping must be False in partial_fit, got True")
            if "network_" in before:
                data, y = self._next_set(X, y, sample_weight, classes)
            else:
                X, y = self._check_training_data(X, y)
                data = self._training_set(X, y, sample_weight, lambda y: self._learn_from_part(y, classes))
                self._build(X, seeds.weights)
                self._adapt(data)
            optimizer = self._optimizer(self._groups())
            training = next_part(self.network_, optimizer, plan, before.get("history_"), before.get("_progress"))
            self._train(training, self._split(data, y, seed=seeds.split), last=[OneEpoch()])
            if training.interrupted:
                raise KeyboardInterrupt
            self._progress = progress_of(training)

    @contextmanager
    def _unchanged_if_refused(self) -> Iterator[dict[str, Any]]:
        """A fit that fails leaves the estimator as it was; one that diverges, with the last good weights."""
        before = dict(self.__dict__)
        try:
            yield before
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
        else:
            refuse_images(X)
        X, y = validated(self, X, y=self._plain_targets(y), multi_output=True, y_numeric=self._y_is_numeric)
        if image_shape is None:
            self._check_for_rows(X)
        elif self.image_shape is None:
            warn_of_channels_first(len(X), image_shape)
        if image_shape is None and self._rows_are_images:
            warn_of_flat_images(X)
            image_shape = (1, X.shape[1], 1)
        if image_shape is not None:
            check_row_length(X, image_shape)
        self._image_shape = image_shape
        self._fitted_on_uint8 = X.dtype == np.uint8
        return X, y

    def _check_for_rows(self, X: Array) -> None:
        """Refuse what only images can have done to them."""
        for name, neutral in (("augmentation", None), ("flip_predictions", False)):
            if getattr(self, name) != neutral:
                rule = (
                    f"{name} must be {neutral} unless X has shape (n, height, width[, channels]) or image_shape is set"
                )
                raise ValueError(f"{rule}, got {getattr(self, name)!r:.100} for rows of {X.shape[1]} features")

    def _training_set(self, X: Array, y: Array, sample_weight: Any, learn: Callable[[Array], None]) -> DataSet:
        """Learn what y holds, encode it and weigh the samples; those of weight 0 are as if they were not there."""
        dtype = computing_dtype(self.dtype, X)
        weights = checked_weights(sample_weight, len(X), dtype)
        rows = rows_that_count(weights)
        y = y if rows is None else y[rows]
        learn(y)
        return self._data_set(X, spread(self._encode(y, dtype), rows, len(X)), weights)

    def _next_set(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> tuple[DataSet, Array]:
        """Return the samples of another part, and y."""
        self._check_classes(classes)
        X, y = self._check_data(X, y)
        self.network_ = copy.copy(self.network_)  # a part that fails leaves the other one as it was
        dtype = self.network_.dtype
        check_finite_in(X, dtype)
        return self._data_set(X, self._encode(y, dtype), checked_weights(sample_weight, len(X), dtype)), y

    def _learn_from_part(self, y: Array, classes: Any) -> None:
        """As _learn_targets, for a y that may lack some of the classes."""
        self._learn_targets(y)

    def _check_classes(self, classes: Any) -> None:
        """ValueError where a later part comes with other classes."""

    def _split(
        self, data: DataSet, y: Array, X_val: Any = None, y_val: Any = None, sample_weight_val: Any = None, *, seed: int
    ) -> Split:
        """Return training and validation data: the user's own set, or a part of `data`, without a copy."""
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together, got only one of them")
        if X_val is not None:
            return self._own_validation(data, X_val, y_val, sample_weight_val)
        if sample_weight_val is not None:
            raise ValueError("sample_weight_val must be None without X_val and y_val")
        watched = self.early_stopping and self.monitor.startswith("val_")
        fraction = 0.1 if self.validation_fraction is None and watched else self.validation_fraction
        if fraction is None:
            return Split(self._weigh_classes(data), None, y)
        rows = np.arange(len(data.x)) if data.rows is None else data.rows
        strata = self._strata(data.target)
        kept, validating = held_out(rows, fraction, seed, None if strata is None else strata[rows])
        return Split(self._weigh_classes(data._replace(rows=kept)), data._replace(rows=validating), y)

    def _own_validation(self, data: DataSet, X_val: Any, y_val: Any, sample_weight_val: Any) -> Split:
        dtype = self.network_.dtype
        with naming_validation_data():
            X_val, y_val = self._check_data(X_val, y_val)
            check_finite_in(X_val, dtype)
            target = self._encode(y_val, dtype)
        weights = checked_weights(sample_weight_val, len(X_val), dtype, "sample_weight_val")
        validation = self._data_set(X_val, target, weights)
        return Split(self._weigh_classes(data), validation, y_val)

    def _strata(self, target: Array) -> Array | None:
        """What a random split keeps the shares of; None for nothing."""
        return None

    def _weigh_classes(self, data: DataSet) -> DataSet:
        """Weigh the samples that train by their class too, if that is asked for."""
        return data

    def _build(self, X: Array, seed: int) -> None:
        """Make the network and draw its weights."""
        shape = self._sample_shape(X)
        dtype = computing_dtype(self.dtype, X)
        check_finite_in(X, dtype)
        self._learn_loss()
        self.network_ = self._fresh_network(shape, dtype, seed)
        for name in ("best_epoch_", "_progress"):
            self.__dict__.pop(name, None)

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

    @with_callbacks
    def _train(
        self,
        training: Training,
        split: Split,
        first: Sequence[Callback] = (),
        last: Sequence[Callback] = (),
        saved: SavedState | None = None,
        tasks: EpochTasks | None = None,
    ) -> None:
        """Train the network, from its beginning or from a saved state; `first` and `last` are callbacks of our own.

        scikit-learn's own hear of it by `tasks`, behind all others.
        """
        stopping = self._stopping()
        listeners = [] if tasks is None else tasks.listeners(split.training.rows)
        callbacks = [*first, *self._all_callbacks(split, stopping), *last, *listeners]
        try:
            train(training, self._loss(), split.training, split.validation, callbacks, saved)
        finally:
            self.history_ = training.history
            self.n_epochs_ = len(training.history["epoch"])
        if self.early_stopping:
            self.best_epoch_ = stopping.best_epoch_
        if tasks is not None:
            tasks.finish()

    def _all_callbacks(self, split: Split, stopping: EarlyStopping) -> list[Callback]:
        """What judges comes first, what the user wants to see last."""
        limit = self._time_limit()
        return [
            *self._judges(split),
            *([stopping] if self.early_stopping else []),
            *([] if limit is None else [limit]),
            *([EpochPrinter()] if self.verbose else []),
            *(self.callbacks or []),
        ]

    def _judges(self, split: Split) -> list[Callback]:
        scorer = self._scorer()
        if scorer is None:
            if self.early_stopping and self.monitor == SCORE:
                raise ValueError(f"scoring must be set where monitor is {SCORE!r}, got None")
            return []
        if split.validation is None:
            wanted = "scoring must be None without validation data: set validation_fraction, or give X_val and y_val"
            raise ValueError(f"{wanted}, got {self.scoring!r:.100}")
        return [ValidationScore(self, scorer, split.validation, split.y_val)]

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
