"""What every estimator of ours can be told about training, and the checks of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state

from crmsprop import kernels
from crmsprop.augment import Augmentation
from crmsprop.callbacks import Callback, Checkpoint, EarlyStopping, TimeLimit
from crmsprop.callbacks.monitor import DIRECTIONS
from crmsprop.errors import check_bool, check_choice, check_integer, check_real
from crmsprop.optimizer import RMSprop
from crmsprop.schedules import as_schedule
from crmsprop.training import Plan, SavedState


class Seeds(NamedTuple):
    """One seed for each thing that chance decides."""

    weights: int
    split: int
    order: int


# A dataclass, so that the parameters stand once, here, and scikit-learn still finds them in every __init__.
@dataclass(eq=False, repr=False, kw_only=True)
class TrainingParameters(BaseEstimator):  # type: ignore[misc]
    """Parameters that all estimators share; all by keyword.

    Parameters
    ----------
    learning_rate : float, default=1e-3
        Step size, in [0, inf).
    schedule : Schedule or callable or None, default=None
        Factor on `learning_rate` at each step; or a function ``(epoch, learning_rate) -> learning_rate``, which gets
        the number of the epoch, counted from 0, and the rate of the epoch before.
    rho : float, default=0.9
        Decay of RMSprop's mean square, in [0, 1).
    epsilon : float, default=1e-8
        Added to RMSprop's root, in [0, inf).
    momentum : float, default=0.0
        In [0, 1).
    nesterov : bool, default=False
        Whether to step ahead along the momentum, which it needs.
    centered : bool, default=False
        Whether RMSprop divides by the standard deviation of the gradient.
    eps_in_sqrt : bool, default=False
        Whether RMSprop adds `epsilon` under the root, as Keras does, where 1e-7 damps the steps of small gradients.
    l2 : float, default=0.0
        L2 penalty on the weights, not the biases, in [0, inf): adds ``l2 * weight`` to the gradient.
    weight_decay : float, default=0.0
        Decoupled decay of the weights, not the biases, in [0, inf): each step takes ``learning_rate * weight_decay`` of
        a weight off, past RMSprop's division.
    clip_value, clip_norm, global_clip_norm : float or None, default=None
        Largest absolute value of an element of a gradient, largest Euclidean norm of one array's gradient, or of all
        of them together, in (0, inf); at most one may be given.
    ema : float or None, default=None
        Decay, in [0, 1), such as 0.999, of an exponential moving average of the weights, which is what validates,
        predicts and is saved, while the steps go on from the weights themselves (as Polyak and Juditsky, 1992, with the
        plain mean). After step t, counted from 1: ``average = d * average + (1 - d) * weight``; d is the smaller of
        `ema` and ``(1 + t) / (10 + t)``, as TensorFlow's ExponentialMovingAverage warms up: an average over the last
        tenth of the steps until `ema` is reached, and nothing of where they began. The running statistics of a
        normalization are averaged alike, or they would not fit. None for no average.
    max_epochs : int, default=30
        Passes over the training data, at least 1.
    max_seconds : float or None, default=None
        Seconds that the training may take, in (0, inf): it ends with the first batch or epoch that is done later, and
        keeps what it has. What comes out then depends on the machine.
    batch_size : int, default=32
        Samples a step, at least 1.
    augmentation : Augmentation or None, default=None
        What is done to each image in each epoch, such as ``Flip() + Rotation(15)``, see crmsprop.augment; images that
        validate stay as they are.
    validation_fraction : float or None, default=None
        Share of the samples held out for validation, stratified by class, in (0, 1); None for none, or for a tenth
        with `early_stopping` on a validation column.
    early_stopping : bool, default=False
        Whether to stop when `monitor` has not improved for `patience` epochs.
    monitor : {"loss", "val_loss", "accuracy", "val_accuracy", "val_score"}, default="val_loss"
        Column of `history_` that early stopping watches: a loss is better lower, an accuracy or a score higher.
    scoring : str or callable or None, default=None
        Scorer of scikit-learn, such as "f1_macro", or ``scorer(estimator, X, y)``, that judges the validation data
        after each epoch and fills the column ``val_score`` of `history_`. It gets a copy of the validation data.
    patience : int, default=5
        Epochs without a new best that early stopping waits for, at least 1.
    min_delta : float, default=0.0
        A value is a new best only if it is better by more than this, in [0, inf).
    restore_best : bool, default=True
        Whether early stopping goes back to the weights of the best epoch.
    warm_start : bool, default=False
        Whether `fit` begins with the weights of the `fit` before (with `ema`, their averages), where it would draw new
        ones; a new training otherwise, with a history of its own. Data and layers have to be of the same kind.
    dtype : {"float32", "float64"} or None, default=None
        What the network computes in; None for float32 on uint8 and float32 input, else float64.
    random_state : int, RandomState or None, default=None
        What weights, held-out samples, order of samples, dropout and augmentation are drawn from.
    flip_predictions : bool, default=False
        Whether predictions are made from the mean output for an image and for its mirror image, left for right, at
        twice the time; for images only. Training does without, and so do the columns val_loss and val_accuracy.
    n_threads : int or None, default=None
        None for every core that the process may use, or, in a job of joblib or dask, for its share of them:
        OMP_NUM_THREADS and the limits of threadpoolctl and joblib count. The number never changes a bit of the result.
    callbacks : sequence of Callback or None, default=None
        What else to do at each epoch or batch, see crmsprop.callbacks. Those of scikit-learn, which it has since 1.9,
        are given by ``set_callbacks``, to the estimator or to the search or pipeline around it.
    verbose : int, default=0
        Above 0, prints a line an epoch.

    Attributes
    ----------
    network_ : Network
        Layers and parameters.
    history_ : dict of lists
        One value an epoch: epoch, loss, val_loss, accuracy, val_accuracy, learning_rate, seconds, and val_score with
        `scoring`. What was not measured is None, such as the accuracies of a regression. The training loss and accuracy
        are those of the samples as they trained, with dropout, augmentation and mixed labels, and without `ema`.
    loss_curve_ : list of float
        The training loss of each epoch.
    validation_scores_ : list of float or None
        The score of the validation data after each epoch: that of `scoring`, else the accuracy; None without either.
    n_epochs_ : int
        Epochs trained.
    best_epoch_ : int
        With `early_stopping`: the epoch of the best `monitor`, counted from 1. After a search it says how long to train
        on all samples, see the examples of MLPClassifier; a `schedule` that spans the training then spans fewer epochs.
    n_features_in_ : int
        Numbers in a sample: the columns of X, or height x width x channels of an image.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of X, where it has some that are all text.

    Notes
    -----
    What other libraries call by other names:

    ==========================================  =====================================================
    elsewhere                                   here
    ==========================================  =====================================================
    ``max_iter``, ``epochs``                    `max_epochs`
    ``learning_rate_init``, ``lr``              `learning_rate`
    ``learning_rate="adaptive"``                ``callbacks=[ReduceOnPlateau()]``, or a `schedule`
    ``alpha`` of scikit-learn                   `l2`, as ``alpha / batch_size``
    ``alpha`` of torch, ``eps``                 `rho`, `epsilon`
    ``weight_decay`` of torch's RMSprop         `l2`
    ``solver``, ``optimizer``                   none: it is RMSprop
    ``n_iter_no_change``, ``tol``               `patience`, `min_delta`
    ``validation_split``                        `validation_fraction`
    ``clipvalue``, ``clipnorm``                 `clip_value`, `clip_norm`
    ``device``, ``n_jobs``                      `n_threads`
    ``seed``                                    `random_state`
    ==========================================  =====================================================
    """

    _documents: ClassVar[str] = "training"

    learning_rate: float = 1e-3
    schedule: Any = None
    rho: float = 0.9
    epsilon: float = 1e-8
    momentum: float = 0.0
    nesterov: bool = False
    centered: bool = False
    eps_in_sqrt: bool = False
    l2: float = 0.0
    weight_decay: float = 0.0
    clip_value: float | None = None
    clip_norm: float | None = None
    global_clip_norm: float | None = None
    ema: float | None = None
    max_epochs: int = 30
    max_seconds: float | None = None
    batch_size: int = 32
    augmentation: Augmentation | None = None
    validation_fraction: float | None = None
    early_stopping: bool = False
    monitor: str = "val_loss"
    scoring: Any = None
    patience: int = 5
    min_delta: float = 0.0
    restore_best: bool = True
    warm_start: bool = False
    dtype: Any = None
    random_state: Any = None
    flip_predictions: bool = False
    n_threads: int | None = None
    callbacks: Sequence[Callback] | None = None
    verbose: int = 0

    def _plan(self, seed: int) -> Plan:
        """Return how to train; checks every parameter that does not need the data."""
        check_bool("early_stopping", self.early_stopping)
        check_bool("flip_predictions", self.flip_predictions)
        check_bool("warm_start", self.warm_start)
        check_integer("verbose", int(self.verbose) if isinstance(self.verbose, bool) else self.verbose, 0)
        if self.validation_fraction is not None:
            check_real("validation_fraction", self.validation_fraction, "(0, 1)")
        if not isinstance(self.augmentation, Augmentation | None):
            wanted = "augmentation must be None or one of crmsprop.augment, such as Flip() + Rotation(15)"
            raise TypeError(f"{wanted}, got {self.augmentation!r:.100}")
        self._check_callbacks()
        self._stopping()
        self._time_limit()
        self._scorer()
        optimizer = self._optimizer([{"params": []}])
        return Plan(
            check_integer("max_epochs", self.max_epochs, 1, 2**53),  # schedules divide by them as floats
            check_integer("batch_size", self.batch_size, 1),
            as_schedule(self.schedule, optimizer.learning_rate),
            seed,
            kernels.effective_n_threads(self.n_threads),
            self.augmentation,
        )

    def _stopping(self) -> EarlyStopping:
        check_choice("monitor", self.monitor, tuple(DIRECTIONS))
        return EarlyStopping(self.monitor, self.patience, self.restore_best, min_delta=self.min_delta)

    def _time_limit(self) -> TimeLimit | None:
        return None if self.max_seconds is None else TimeLimit(check_real("max_seconds", self.max_seconds, "(0, inf)"))

    def _scorer(self) -> Any:
        """Return the scorer that `scoring` names; None where it is None."""
        if self.scoring is None:
            return None
        if not isinstance(self.scoring, str) and not callable(self.scoring):
            raise TypeError(f"scoring must be None, the name of a scorer or a callable, got {self.scoring!r:.100}")
        return check_scoring(self, scoring=self.scoring)

    def _check_callbacks(self) -> None:
        if not isinstance(self.callbacks, list | tuple | None):
            raise TypeError(f"callbacks must be None or a sequence of Callback, got {self.callbacks!r:.100}")
        for i, callback in enumerate(self.callbacks or []):
            if not isinstance(callback, Callback):
                raise TypeError(f"callbacks[{i}] must be a Callback, got {callback!r:.100}")

    def _check_no_checkpoints(self, method: str) -> None:
        self._check_callbacks()
        if any(isinstance(callback, Checkpoint) for callback in self.callbacks or []):
            raise ValueError(f"callbacks must hold no Checkpoint for {method}, which cannot go on from one, got one")

    def _seeds(self) -> Seeds:
        try:
            random = check_random_state(self.random_state)
        except ValueError as error:
            rule = "random_state must be None, an integer in [0, 2**32) or a numpy.random.RandomState"
            raise ValueError(f"{rule}, got {self.random_state!r:.100}") from error
        return Seeds(*(int(seed) for seed in random.randint(np.iinfo(np.int32).max, size=3)))

    def _saved_state(self) -> SavedState | None:
        """Return what a Checkpoint among the callbacks wants to go on from; None for the beginning."""
        self._check_callbacks()
        checkpoints = [callback for callback in self.callbacks or [] if isinstance(callback, Checkpoint)]
        states = (checkpoint.saved() for checkpoint in checkpoints)
        return next((state for state in states if state is not None), None)

    def _seeds_of(self, saved: SavedState | None) -> Seeds:
        """Return the seeds of a training; one that goes on and has no random_state has those that were drawn then."""
        if saved is None or self.random_state is not None:
            return self._seeds()
        seeds = saved.part("identity").get("random_state")
        if not isinstance(seeds, list) or len(seeds) != 3 or not all(type(seed) is int for seed in seeds):
            raise saved.error(f"its random_state must be three integers, got {seeds!r:.100}")
        if not all(0 <= seed < 2**31 for seed in seeds):
            raise saved.error(f"its random_state must be in [0, 2**31), got {seeds!r:.100}")
        return Seeds(*seeds)

    def _optimizer(self, groups: list[dict[str, Any]]) -> RMSprop:
        return RMSprop(
            groups,
            self.learning_rate,
            self.rho,
            self.epsilon,
            momentum=self.momentum,
            nesterov=self.nesterov,
            centered=self.centered,
            eps_in_sqrt=self.eps_in_sqrt,
            l2=self.l2,
            weight_decay=self.weight_decay,
            clip_value=self.clip_value,
            clip_norm=self.clip_norm,
            global_clip_norm=self.global_clip_norm,
            ema=self.ema,
            ema_warmup=self.ema is not None,
            n_threads=self.n_threads,
        )
