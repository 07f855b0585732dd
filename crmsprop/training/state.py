"""The state of a training between two steps: taken as a tree of arrays and numbers, and put back, distrusting it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmsprop.errors import FileFormatError
from crmsprop.training.callback import Callback, stateful
from crmsprop.training.history import COLUMNS

if TYPE_CHECKING:
    from crmsprop.training.context import Training

Array = np.ndarray[Any, np.dtype[Any]]

_NUMBER = (int, float)

#: The kinds of what a state says of its place in the training.
_PROGRESS: dict[str, tuple[type, ...]] = {
    "epoch": (int,),
    "step": (int,),
    "batch": (int,),
    "stopped": (bool,),
    "learning_rate": (float,),
    "loss": (float,),
    "accuracy": (float,),
    "batch_loss": (float,),
    "sums": (list,),
    "seconds": (float,),
}


class SavedState(NamedTuple):
    """A state that a file held.

    Attributes
    ----------
    path : str
        Of the file, for the errors.
    tree : dict
        What `state_of` returned, or whatever the file made of it.
    """

    path: str
    tree: Mapping[str, Any]

    def part(self, name: str) -> dict[str, Any]:
        """Return a part that must be a dict."""
        value = self.tree.get(name)
        if not isinstance(value, dict):
            raise self.error(f"its {name} must be a JSON object, got {value!r:.100}")
        return value

    def error(self, message: str) -> FileFormatError:
        """Return the error that says what is wrong with the file."""
        return FileFormatError(f"cannot resume from {self.path}: {message}")


def state_of(training: Training) -> dict[str, Any]:
    """Return all that a training needs to go on from a safe point, as a tree of arrays, numbers and text.

    The arrays are those of the training itself: they are to be written before it goes on.
    """
    weights, optimizer = training.network.arena.flat, training.optimizer
    values = {name: getattr(training, name) for name in _PROGRESS if name != "seconds"}
    return {
        "identity": training.identity,
        "progress": {**values, "seconds": time.perf_counter() - training.epoch_began},
        "history": training.history,
        "weights": weights,
        "averages": None if training.averages is None else training.averages.buffers,  # the others are the optimizer's
        "good": training.good if training.position else None,  # at the end of an epoch, what the training would leave
        "optimizer": {
            "learning_rate": optimizer.learning_rate,
            "groups": [group._asdict() for group in optimizer.groups],
            "state": optimizer.state_dict(),
        },
        "callbacks": [callback.state_dict() for callback in stateful(training.callbacks)],
    }


def restore(training: Training, saved: SavedState) -> None:
    """Put everything back but what the callbacks know.

    Raises
    ------
    FileFormatError
        If a part of the state does not fit the training. What has been put back by then stays: the training is of no
        further use.
    """
    progress, history = _checked_progress(training, saved), _checked_history(saved)
    for name in _PROGRESS:
        if name not in ("sums", "seconds"):
            setattr(training, name, progress[name])
    training.sums, training.first_step = tuple(progress["sums"]), training.epoch * training.n_batches
    if training.stopped:
        training.first_step = training.step  # an epoch that was cut short was the last
    training.epoch_began = time.perf_counter() - progress["seconds"]
    training.resumed = True
    training.history.update(history)
    training.network.arena.flat[:] = _checked_weights(training, saved, "weights")
    _check_minima(training, saved, training.network.arena.views)
    _restore_optimizer(training, saved)
    _restore_averages(training, saved)
    _restore_good_weights(training, saved)


def restore_callbacks(training: Training, saved: SavedState) -> None:
    """Give each callback that has a state its own back.

    Raises
    ------
    FileFormatError
        If one of ours cannot take the state.
    """
    states, callbacks = saved.tree.get("callbacks"), stateful(training.callbacks)
    if not isinstance(states, list) or len(states) != len(callbacks):
        raise saved.error(f"its callbacks must be {len(callbacks)} states, got {states!r:.100}")
    for callback, state in zip(callbacks, states, strict=True):
        if not isinstance(state, dict):
            raise saved.error(f"the state of its {type(callback).__name__} must be a JSON object, got {state!r:.100}")
        try:
            callback.load_state_dict(state, training)
        except FileFormatError as error:
            raise saved.error(str(error)) from error


def check_state(callback: Callback, state: Mapping[str, Any], kinds: Mapping[str, tuple[type, ...]]) -> None:
    """Raise FileFormatError unless the state of a callback has these keys, each with a value of one of its types."""
    _check_kinds(f"the state of {type(callback).__name__}", state, kinds)


def check_weights(what: str, weights: Any, training: Training) -> None:
    """Raise FileFormatError unless an array from a file can be the arena of the network."""
    _check_array(what, weights, training.network.arena.flat)


def _check_array(what: str, array: Any, own: Array) -> None:
    if not isinstance(array, np.ndarray) or array.shape != own.shape or array.dtype != own.dtype:
        raise FileFormatError(f"{what} must be {own.dtype} of shape {own.shape}, got {array!r:.100}")
    if not np.isfinite(array).all():
        raise FileFormatError(f"{what} must be finite")


def _check_kinds(what: str, values: Mapping[str, Any], kinds: Mapping[str, tuple[type, ...]]) -> None:
    if set(values) != set(kinds):
        raise FileFormatError(f"{what} must have {', '.join(kinds)}, got {', '.join(values):.200}")
    for name, allowed in kinds.items():
        if type(values[name]) not in allowed:
            raise FileFormatError(f"{name} in {what} is malformed: {values[name]!r:.100}")


def _checked_progress(training: Training, saved: SavedState) -> dict[str, Any]:
    progress, n_batches = saved.part("progress"), training.n_batches
    try:
        _check_kinds("its progress", progress, _PROGRESS)
    except FileFormatError as error:
        raise saved.error(str(error)) from error
    epoch, step, sums = progress["epoch"], progress["step"], progress["sums"]
    first = epoch * n_batches
    earliest = first - n_batches + 1 if progress["stopped"] else first
    if not (0 <= epoch <= training.plan.max_epochs and max(1, earliest) <= step < first + n_batches):
        raise saved.error(f"its step must be one of epoch {epoch} of {n_batches} batches, got {step}")
    if (progress["stopped"] or epoch == training.plan.max_epochs) and step > first:
        raise saved.error(f"its training must have ended at step {first}, got {step}")
    if not 0 <= progress["batch"] < n_batches:
        raise saved.error(f"its batch must be below {n_batches}, got {progress['batch']}")
    if not _are_sums(sums, counts_hits=not math.isnan(progress["accuracy"])):
        raise saved.error(f"its sums must be three finite numbers, the last above 0, got {sums!r:.100}")
    if not math.isfinite(progress["seconds"]):
        raise saved.error(f"its seconds must be finite, got {progress['seconds']}")
    return progress


def _are_sums(sums: list[Any], counts_hits: bool) -> bool:
    """Return whether they can be sums of losses, hits and weights; the hits are NaN where the loss counts none."""
    if len(sums) != 3 or not all(type(value) is float for value in sums) or not sums[2] > 0:
        return False
    return all(map(math.isfinite, sums if counts_hits else (sums[0], sums[2]))) and math.isnan(sums[1]) != counts_hits


def _checked_history(saved: SavedState) -> dict[str, list[float | None]]:
    history, n_epochs = saved.part("history"), saved.part("progress")["epoch"]
    if tuple(history)[: len(COLUMNS)] != COLUMNS or not all(isinstance(values, list) for values in history.values()):
        raise saved.error(f"its history must hold a list for each of {', '.join(COLUMNS)}")
    if any(len(values) != n_epochs for values in history.values()):
        raise saved.error(f"its history must have {n_epochs} epochs")
    if not all(value is None or type(value) in _NUMBER for values in history.values() for value in values):
        raise saved.error("its history must hold numbers")
    return {column: list(values) for column, values in history.items()}


def _checked_weights(training: Training, saved: SavedState, name: str) -> Any:
    try:
        check_weights(f"its {name}", saved.tree.get(name), training)
    except FileFormatError as error:
        raise saved.error(str(error)) from error
    return saved.tree[name]


def _check_minima(training: Training, saved: SavedState, arrays: Mapping[str, Array]) -> None:
    for name, array in arrays.items():
        minimum = training.network.parameters[name].minimum
        if (array < minimum).any():
            raise saved.error(f"its parameter {name} must be at least {minimum}")


def _restore_averages(training: Training, saved: SavedState) -> None:
    if training.averages is None:
        return
    given, buffers = saved.part("averages"), training.averages.buffers
    if set(given) != set(buffers):
        raise saved.error(f"its averages must be those of {', '.join(buffers) or 'nothing'}, got {given!r:.100}")
    for name, own in buffers.items():
        try:
            _check_array(f"its average of {name}", given[name], own)
        except FileFormatError as error:
            raise saved.error(str(error)) from error
        own[...] = given[name]
    _check_minima(training, saved, buffers)


def _restore_good_weights(training: Training, saved: SavedState) -> None:
    if saved.tree.get("good") is not None:
        training.good[:] = _checked_weights(training, saved, "good")
    elif training.averages is None:
        training.good[:] = training.network.arena.flat
    else:
        training.averages.swap_in()
        training.good[:] = training.network.arena.flat
        training.averages.swap_out()


def _restore_optimizer(training: Training, saved: SavedState) -> None:
    optimizer, parts = training.optimizer, saved.part("optimizer")
    groups, state = parts.get("groups"), parts.get("state")
    if not isinstance(groups, list) or len(groups) != len(optimizer.groups) or not isinstance(state, dict):
        raise saved.error(f"its optimizer must have {len(optimizer.groups)} groups and a state, got {parts!r:.100}")
    arrays = [value for value in state.values() if isinstance(value, np.ndarray)]
    if not all(np.isfinite(array).all() for array in arrays):
        raise saved.error("the state of its optimizer must be finite")
    try:
        optimizer.learning_rate = parts["learning_rate"]
        for number, (group, settings) in enumerate(zip(optimizer.groups, groups, strict=True)):
            if group._asdict() != settings:
                optimizer.set_group(number, **settings)
        optimizer.load_state_dict(state)
    except (TypeError, ValueError, KeyError, RuntimeError) as error:
        raise saved.error(f"its optimizer does not fit the training: {error}") from error
