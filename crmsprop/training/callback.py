"""The hooks that a training calls; the callbacks themselves live in crmsprop.callbacks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from crmsprop.training.context import Training

HOOKS = (
    *("on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end"),
    *("on_safe_point", "on_train_close"),
)


class Callback:
    """Base of all callbacks: hooks that do nothing.

    There are the six of Keras, at both ends of a training, an epoch and a batch, and two that these cannot stand in
    for: in `on_safe_point` all callbacks have heard of the step or epoch before, so that a checkpoint of them is whole;
    and `on_train_close` is called even where an exception ends the training, so that a file is let go.

    A callback of one's own overrides the hooks that it needs. Its parameters are set in ``__init__`` and not changed;
    what it learns in a training goes into attributes that end in ``_`` and are set in `on_train_begin`. A hook whose
    name ends in ``_end`` stops the training by returning True; what the others return is ignored.

    ``context.network`` is what trains. With averages of the weights, as by the estimators' `ema`, it holds them in
    `on_epoch_end` and `on_train_end`; what a callback changes in it at the end of an epoch is changed in both.

    What it learns is lost with a training that is killed, unless `state_dict` returns it and `load_state_dict` takes it
    back: the callback `Checkpoint` stores it beside all else that a training needs to go on.

    Examples
    --------
    >>> from crmsprop.callbacks import Callback
    >>> class StopAfter(Callback):
    ...     def __init__(self, epochs):
    ...         self.epochs = epochs
    ...     def on_epoch_end(self, context):
    ...         return context.epoch + 1 >= self.epochs
    """

    def __repr__(self) -> str:
        known = [name for name in inspect.signature(type(self)).parameters if name in vars(self)]
        return f"{type(self).__name__}({', '.join(f'{name}={vars(self)[name]!r}' for name in known)})"

    def on_train_begin(self, context: Training) -> Any:
        """Called before the first epoch."""

    def on_train_end(self, context: Training) -> Any:
        """Called after the last epoch; not where an exception ends the training."""

    def on_train_close(self, context: Training) -> Any:
        """Called last, however the training has ended, or `on_train_begin` failed: to let go of files and the like."""

    def on_epoch_begin(self, context: Training) -> Any:
        """Called before the first batch of an epoch."""

    def on_epoch_end(self, context: Training) -> Any:
        """Called after validation, when the epoch stands in ``context.history``."""

    def on_batch_begin(self, context: Training) -> Any:
        """Called before a step."""

    def on_batch_end(self, context: Training) -> Any:
        """Called after a step."""

    def on_safe_point(self, context: Training) -> Any:
        """Called between two steps or epochs, when every callback has heard of the one before: the state is whole."""

    def state_dict(self) -> Mapping[str, Any]:
        """Return what this training has taught the callback, for a checkpoint.

        Returns
        -------
        mapping of str to object
            None, bool, int, float, str and arrays, in lists and dicts where need be.
        """
        return {}

    def load_state_dict(self, state: Mapping[str, Any], context: Training) -> None:
        """Go on with a state that `state_dict` returned in a training that was killed.

        Called behind `on_train_begin`; and, where the checkpoint is from the middle of an epoch, behind another call of
        `on_epoch_begin`. The state comes from a file: it may be damaged or hostile.

        Parameters
        ----------
        state : mapping of str to object
        context : Training
            As it was at the checkpoint.
        """


class Hooks:
    """The hooks that the callbacks of a training really have, so that one that nobody overrides costs nothing."""

    def __init__(self, callbacks: Sequence[Callback], context: Training) -> None:
        self._context = context
        self._calls: dict[str, list[Callable[[Training], Any]]] = {
            hook: [getattr(callback, hook) for callback in callbacks if _overrides(callback, hook)] for hook in HOOKS
        }

    def has(self, hook: str) -> bool:
        """Return whether any callback has `hook`."""
        return bool(self._calls[hook])

    def call(self, hook: str) -> None:
        """Call `hook` of every callback, in order, and note in the context whether one of them stops the training."""
        calls = self._calls[hook]
        if not calls:
            return
        answers = [call(self._context) for call in calls]
        if hook.endswith("_end") and any(isinstance(answer, (bool, np.bool_)) and answer for answer in answers):
            self._context.stopped = True

    def close(self) -> None:
        """Call `on_train_close` of every callback, the last one first, whatever the others raise."""
        with ExitStack() as stack:
            for call in self._calls["on_train_close"]:
                stack.callback(call, self._context)


def stateful(callbacks: Sequence[Callback]) -> list[Callback]:
    """Return those that have a state to store."""
    return [callback for callback in callbacks if _overrides(callback, "state_dict")]


def _overrides(callback: Callback, method: str) -> bool:
    """Return whether the class of a callback has a method of its own in place of one that does nothing."""
    return getattr(type(callback), method) is not getattr(Callback, method)
