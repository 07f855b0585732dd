"""What decides what a training leaves, by name: a saved state is of use to a training with the same alone."""

from __future__ import annotations

import hashlib
import inspect
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crmsprop.errors import FileFormatError, shown
from crmsprop.nn import Loss
from crmsprop.training.batches import Array, DataSet
from crmsprop.training.callback import Callback, stateful

if TYPE_CHECKING:
    from crmsprop.training.context import Training
    from crmsprop.training.state import SavedState

#: Parameters of a callback that say where it writes, and not what a training becomes.
_PLACES = ("path", "write")

#: Fields of a plan that never change a bit of the result.
_FREE = ("n_threads",)

#: Bytes of the data that are hashed at once: what is not contiguous is copied part by part.
_AT_ONCE = 1 << 24


def identity_of(training: Training, loss: Loss, data: DataSet, validation: DataSet | None) -> dict[str, Any]:
    """Return all that decides what a training leaves, under the names that a user knows, as plain JSON.

    Data are told apart by their SHA-256. Functions are told apart by their names alone, and so are objects that say no
    more of themselves.
    """
    network, optimizer, plan = training.network, training.optimizer, training.plan
    return {
        **training.origin,
        "learning_rate": optimizer.learning_rate,
        **_fields_of(optimizer.options),
        **_fields_of(plan),
        **_callbacks_identity(stateful(training.callbacks)),
        "dtype": network.dtype.name,
        "loss": described(loss),
        **_data_identity(data, "X", "y"),
        **({} if validation is None else _data_identity(validation, "X_val", "y_val")),
        "layers": [described(layer) for layer in network.layers],
        "groups": [described(group) for group in optimizer.groups],
    }


def check_identity(saved: SavedState, identity: Mapping[str, Any]) -> None:
    """Raise FileFormatError unless a saved state is of a training with this identity: names what differs."""
    before = saved.part("identity")
    for name in (*identity, *before):
        if name not in before or name not in identity or before[name] != identity[name]:
            was, now = shown(before.get(name)), shown(identity.get(name))
            rule = f"{name:.100} must be {was}, as in the training that {saved.path} holds"
            raise FileFormatError(f"{rule}, got {now}")


def described(value: Any) -> Any:
    """Return a parameter as plain JSON that is the same in every process."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)  # JSON knows no infinity
    if isinstance(value, np.ndarray):
        return _described_array(value)
    if isinstance(value, list | tuple):
        return [described(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__qualname__, _fields_of(value)]
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _fields_of(value: Any) -> dict[str, Any]:
    names = [item.name for item in fields(value) if item.init and item.name not in _FREE]  # the others are caches
    return {name: described(getattr(value, name)) for name in names}


def _data_identity(data: DataSet, x: str, y: str) -> dict[str, Any]:
    parts = {x: data.x, y: data.target, f"weights of {x}": data.weights, f"rows of {x}": data.rows}
    arrays = {name: described(array) for name, array in parts.items() if array is not None}
    return {**arrays, f"scale of {x}": data.scale}


def _callbacks_identity(callbacks: Sequence[Callback]) -> dict[str, Any]:
    """Return the classes of callbacks, and their parameters, each under a name of its own."""
    names = [type(callback).__name__ for callback in callbacks]
    identity: dict[str, Any] = {"callbacks": names}
    for number, (name, callback) in enumerate(zip(names, callbacks, strict=True)):
        owner = name if names.count(name) == 1 else f"{name} {names[: number + 1].count(name)}"
        for parameter in inspect.signature(type(callback)).parameters:
            if parameter in vars(callback) and parameter not in _PLACES:
                identity[f"{parameter} of {owner}"] = described(vars(callback)[parameter])
    return identity


def _described_array(array: Array) -> str:
    digest, rows = hashlib.sha256(), np.atleast_1d(array)
    step = max(1, _AT_ONCE // max(1, rows[:1].nbytes))
    for start in range(0, len(rows), step):
        digest.update(np.ascontiguousarray(rows[start : start + step]).reshape(-1).view(np.uint8).data)
    return f"{digest.hexdigest()[:32]} (SHA-256), {array.dtype} of {array.shape}"
