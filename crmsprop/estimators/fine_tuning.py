"""Going on from a fitted network: to new classes, with all of its layers or only the last ones."""

import itertools
import numbers
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from crmsprop.callbacks import Callback
from crmsprop.errors import check_bool, check_integer
from crmsprop.estimators.base import NetworkEstimator
from crmsprop.estimators.inputs import Array, check_finite_in
from crmsprop.estimators.interruption import raise_in_a_loop, warn_of_interruption
from crmsprop.estimators.sklearn_callbacks import EpochTasks
from crmsprop.nn import Conv2D, Dense, Layer, Network
from crmsprop.training import DataSet, Training

#: Which layers stay as they are: the features, so many from the first on, or those that a function picks.
Freeze = str | int | Callable[[int, Layer], bool] | None


def frozen_layers(freeze: Freeze, layers: tuple[Layer, ...]) -> frozenset[int]:
    """Return the numbers of the layers that `freeze` means.

    Raises
    ------
    TypeError, ValueError
        If it means nothing, or leaves no layer to learn.
    """
    frozen = frozenset(_picked(freeze, layers))
    if len(layers) - 1 in frozen:
        raise ValueError("freeze must leave the output layer to learn, got one that freezes it")
    return frozen


def _picked(freeze: Freeze, layers: tuple[Layer, ...]) -> list[int]:
    if freeze is None:
        return []
    if isinstance(freeze, str):
        if freeze != "features":
            raise ValueError(f"freeze must be 'features', a number of layers, a function or None, got {freeze!r:.100}")
        return list(range(_n_features(layers)))
    if callable(freeze):
        return [i for i, layer in enumerate(layers) if check_bool("freeze(i, layer)", freeze(i, layer))]
    if isinstance(freeze, bool) or not isinstance(freeze, numbers.Integral):
        raise TypeError(f"freeze must be 'features', a number of layers, a function or None, got {freeze!r:.100}")
    return list(range(check_integer("freeze", freeze, 0, len(layers) - 1)))


def _n_features(layers: tuple[Layer, ...]) -> int:
    """All layers before the first dense one; where there are no others, all before the output."""
    first = next(i for i, layer in enumerate(layers) if isinstance(layer, Dense))
    return first if first and any(isinstance(layer, Conv2D) for layer in layers[:first]) else len(layers) - 1


class Unfreeze(Callback):
    """Lets every layer learn after so many epochs."""

    def __init__(self, after: int) -> None:
        self.after = after

    def on_epoch_begin(self, context: Training) -> None:
        if context.epoch == self.after:
            context.frozen = frozenset()
            for group in range(len(context.network.learned)):
                context.optimizer.set_group(group, frozen=False)


def copy_weights(source: Network, target: Network, but_last: bool) -> None:
    """Copy every parameter, or all but those of the last layer, from a network of the same layers.

    Layers without parameters, such as Dropout, do not count: the parameters are matched by their order.

    Raises
    ------
    ValueError
        If the layers have other parameters: names the first that differ.
    """
    given, wanted = ([*_parameters(network, but_last)] for network in (source, target))
    for (name, old), (other, new) in itertools.zip_longest(given, wanted, fillvalue=("none", None)):
        if old is None or new is None or (_kind(name), old.shape) != (_kind(other), new.shape):
            rule = "layers must be those of the fit before, but for what has no parameters"
            found = f"got {_described(other, new)} in place of {_described(name, old)}"
            raise ValueError(f"{rule}, {found}: call fit to train other layers")
    for (_, old), (_, new) in zip(given, wanted, strict=True):
        new[...] = old


def _parameters(network: Network, but_last: bool) -> Iterator[tuple[str, Array]]:
    head = f"{len(network.layers) - 1}."
    return ((name, view) for name, view in network.arena.views.items() if not (but_last and name.startswith(head)))


def _kind(name: str) -> str:
    """What a parameter is, such as "bias", without the number of its layer."""
    return name.partition(".")[2]


def _described(name: str, view: Array | None) -> str:
    return "nothing" if view is None else f"{name!r} of shape {view.shape}"


class FineTunable(NetworkEstimator):
    """Base of the estimators that go on from a fitted network."""

    def fine_tune(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        freeze: Freeze = "features",
        unfreeze_after: int | None = None,
        learning_rate: float | None = None,
        max_epochs: int | None = None,
        reset_head: bool = True,
    ) -> "FineTunable":
        """Go on from the fitted network with other data, and other classes if need be.

        Frozen layers keep their weights and work as in prediction: no dropout, and batch normalization by its running
        statistics, which stay as they are. Where the first layers are frozen, no backward pass goes through them; and
        without augmentation what they make of each sample is computed once and kept, if it takes at most 1 GiB.

        The layers are those of the fit; only what has no parameters, such as dropout, can have been set since.

        Parameters
        ----------
        X, y, sample_weight, X_val, y_val, sample_weight_val : array-like
            As in `fit`; samples of the shape and kind that `fit` has seen.
        freeze : {"features"} or int or callable or None, default="features"
            What stays as it is: all layers before the first dense one (all but the output, where there are no
            convolutions); so many layers from the first on; those for which ``freeze(i, layer)`` is True; or none.
        unfreeze_after : int or None, default=None
            Epochs after which every layer learns; None for never.
        learning_rate, max_epochs : float and int, or None, default=None
            In place of the estimator's.
        reset_head : bool, default=True
            Whether the output layer starts anew, for what `y` holds: other classes, other columns, or labels that do
            not exclude each other. False keeps it, and takes only labels that it knows.

        Returns
        -------
        self

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError, ValueError
            As in `fit`, or if there is a `Checkpoint` among the callbacks; the estimator is then as it was.
        DivergenceError
            As in `fit`.

        Warns
        -----
        TrainingInterruptedWarning
            As in `fit`.
        UserWarning
            As in `fit`, about a `y` for a new head.

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
            self._check_no_checkpoints("fine_tune")
            tasks = EpochTasks(self, "fine_tune", X, y, sample_weight)
            seeds, before = self._seeds(), self.network_
            plan = settings._plan(seeds.order)
            data, y = self._tuning_set(X, y, sample_weight, check_bool("reset_head", reset_head))
            split = self._split(data, y, X_val, y_val, sample_weight_val, seed=seeds.split)
            self.network_ = self._fresh_network(before.input_shape, before.dtype, seeds.weights)
            copy_weights(before, self.network_, but_last=reset_head)
            frozen = frozen_layers(freeze, self.network_.layers)
            first = [] if unfreeze_after is None else [Unfreeze(check_integer("unfreeze_after", unfreeze_after, 0))]
            training = self._training(plan, seeds, settings._optimizer(self._groups(frozen)), frozen)
            self.__dict__.pop("_progress", None)
            self._train(training, split, first, tasks=tasks)
            raise_in_a_loop(training)
        warn_of_interruption(training)
        return self

    def _tuning_set(self, X: Any, y: Any, sample_weight: Any, reset_head: bool) -> tuple[DataSet, Array]:
        """Return the samples, for the targets that y holds or for those that the head knows, and y."""
        if not reset_head:
            return self._next_set(X, y, sample_weight, None)
        X, y = self._check_data(X, y)
        check_finite_in(X, self.network_.dtype)
        X = X if X.dtype == np.uint8 else X.astype(self.network_.dtype, copy=False)
        data = self._training_set(X, y, sample_weight, self._learn_targets)
        self._learn_loss()  # a new head can be for another kind of y
        return data, y
