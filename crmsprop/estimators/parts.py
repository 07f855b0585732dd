"""A training that takes over what another one left: partial_fit, and fit with warm_start."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from crmsprop.nn import Network
from crmsprop.optimizer import RMSprop
from crmsprop.training import Callback, History, Paused, Plan, Training


class Progress(NamedTuple):
    """Where a training in parts is: steps taken by partial_fit, and the state after the last one.

    `averages` are None where there are none; else the network holds them, and this what trains.
    """

    step: int
    optimizer: dict[str, Any]
    averages: Paused | None = None


class OneEpoch(Callback):
    """Ends a training after an epoch, however many its schedule spans."""

    def on_epoch_end(self, context: Training) -> bool:
        """Stop."""
        return True


def next_part(
    network: Network, optimizer: RMSprop, plan: Plan, history: History | None, progress: Progress | None
) -> Training:
    """Return a training that goes on behind the last epoch of `history`, at the step and with the state of `progress`.

    The schedule spans ``plan.max_epochs`` epochs, or as many as there are.
    """
    history = {} if history is None else {column: list(values) for column, values in history.items()}
    n_epochs = len(history.get("epoch", ()))
    training = Training(network, optimizer, replace(plan, max_epochs=max(plan.max_epochs, n_epochs + 1)))
    training.history.update(history)
    training.epoch = n_epochs
    if progress is not None:
        _check_same_state(optimizer, progress.optimizer)
        training.step = training.first_step = progress.step
        optimizer.load_state_dict(progress.optimizer)
        if training.averages is not None and progress.averages is not None:
            training.averages.resume(progress.averages)
    return training


def _check_same_state(optimizer: RMSprop, state: Mapping[str, Any]) -> None:
    """ValueError where an option has been set since the part before for which the optimizer keeps other arrays."""
    options = optimizer.options
    for name, kept, on in (
        ("momentum", "velocities", options.momentum > 0),
        ("centered", "means", options.centered),
        ("ema", "averages", options.ema is not None),
    ):
        if on != any(key.startswith(f"{kept}.") for key in state):
            rule = (
                f"{name} must stay {'off' if on else 'on'} from one partial_fit to the next, as the optimizer's state"
            )
            raise ValueError(f"{rule} goes on, got {getattr(options, name)!r}: call fit for a new training")


def progress_of(training: Training) -> Progress:
    """Return what the next part of a training goes on from."""
    averages = None if training.averages is None else training.averages.pause()
    return Progress(training.step, training.optimizer.state_dict(), averages)


def take_weights(network: Network, old: Network) -> None:
    """Give a network the parameters of one of the same layers; ValueError for another one."""
    for name in ("layers", "input_shape", "dtype"):
        now, before = getattr(network, name), getattr(old, name)
        if now != before:
            raise ValueError(
                f"warm_start must be False where layers or data are not those of the fit before: {name} was "
                f"{before!r:.100}, got {now!r:.100}"
            )
    network.arena.flat[:] = old.arena.flat


def check_same_targets(now: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """ValueError where y is of another kind than in the fit before, or uint8 met another dtype."""
    for name in ("_target_kind", "classes_", "_fitted_on_uint8"):
        if not np.array_equal(np.asarray(now.get(name)), np.asarray(before.get(name))):
            what = {"_target_kind": "kind of y", "classes_": "classes_"}.get(name, "use of uint8 in X")
            raise ValueError(
                f"warm_start must be False where the data are not those of the fit before: its {what} was "
                f"{before.get(name)!r:.100}, got {now.get(name)!r:.100}"
            )
