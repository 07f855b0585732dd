"""The hooks that a training calls; the callbacks themselves live in crmsprop.callbacks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from crmsprop.training.loop import Training

HOOKS = ("on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end")


class Callback:
    """Base of all callbacks: hooks that do nothing.

    A callback of one's own overrides the hooks that it needs. Its parameters are set in ``__init__`` and not changed;
    what it learns in a training goes into attributes that end in ``_`` and are set in `on_train_begin`. A hook whose
    name ends in ``_end`` stops the training by returning True; what the others return is ignored.

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

    def on_epoch_begin(self, context: Training) -> Any:
        """Called before the first batch of an epoch."""

    def on_epoch_end(self, context: Training) -> Any:
        """Called after validation, when the epoch stands in ``context.history``."""

    def on_batch_begin(self, context: Training) -> Any:
        """Called before a step."""

    def on_batch_end(self, context: Training) -> Any:
        """Called after a step."""


class Hooks:
    """The hooks that the callbacks of a training really have, so that one that nobody overrides costs nothing."""

    def __init__(self, callbacks: Sequence[Callback], context: Training) -> None:
        self._context = context
        self._calls: dict[str, list[Callable[[Training], Any]]] = {
            hook: [getattr(callback, hook) for callback in callbacks if _overrides(callback, hook)] for hook in HOOKS
        }

    def call(self, hook: str) -> bool:
        """Call `hook` of every callback, in order; returns whether one of them stops the training."""
        calls = self._calls[hook]
        if not calls:
            return False
        answers = [call(self._context) for call in calls]
        return hook.endswith("_end") and any(isinstance(answer, (bool, np.bool_)) and answer for answer in answers)


def _overrides(callback: Callback, hook: str) -> bool:
    return getattr(type(callback), hook) is not getattr(Callback, hook)
