"""An optimizer's state as plain arrays and numbers keyed by name, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from crmsprop.errors import check_integer
from crmsprop.kernels.rule import RMSpropState
from crmsprop.optimizer.groups import Array

COUNTERS = ("n_steps", "n_accumulated")


def state_to_dict(state: RMSpropState, counters: Mapping[str, int]) -> dict[str, Any]:
    """Return copies of all arrays, keyed as ``"mean_squares.0"``, and the counters."""
    return {**{name: array.copy() for name, array in _arrays(state).items()}, **counters}


def check_state_dict(values: Mapping[str, Any], state: RMSpropState, accumulate_steps: int) -> dict[str, int]:
    """Return the counters in `values`, once every key, shape and dtype is that of `state`.

    Raises
    ------
    TypeError, ValueError
        If one is not: names it. Nothing is changed.
    """
    if not isinstance(values, Mapping):
        raise TypeError(f"state must be a mapping, as state_dict returns it, got {type(values).__name__}")
    arrays = _arrays(state)
    wanted = {*arrays, *COUNTERS}
    if set(values) != wanted:
        missing, unknown = sorted(wanted - set(values)), sorted(set(map(str, values)) - wanted)
        raise ValueError(f"state must have the keys of this optimizer's state_dict, got {missing=}, {unknown=}")
    for name, array in arrays.items():
        given = values[name]
        if not isinstance(given, np.ndarray) or given.shape != array.shape or given.dtype != array.dtype:
            kind = f"{given.dtype} of shape {given.shape}" if isinstance(given, np.ndarray) else type(given).__name__
            raise ValueError(f"state[{name!r}] must be {array.dtype} of shape {array.shape}, got {kind}")
        if not array.flags.writeable:
            raise ValueError(f"{name} of this optimizer must be writable")
        if name.startswith("mean_squares.") and (given < 0).any():
            raise ValueError(f"state[{name!r}] must not be negative, got {given.min()}")
    counters = {name: check_integer(f"state[{name!r}]", _number(values[name]), 0, 2**53) for name in COUNTERS}
    if counters["n_accumulated"] >= accumulate_steps:
        raise ValueError(f"state['n_accumulated'] must be below {accumulate_steps}, got {counters['n_accumulated']}")
    return counters


def _number(value: Any) -> Any:
    """What NumPy's own files make of a number is an array of no axes."""
    return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value


def load_state(values: Mapping[str, Any], state: RMSpropState) -> None:
    """Copy checked `values` into the arrays of `state`."""
    copies = {name: values[name].copy() for name in _arrays(state)}  # they may be the arrays of `state` themselves
    for name, array in _arrays(state).items():
        array[...] = copies[name]


def _arrays(state: RMSpropState) -> dict[str, Array]:
    return {
        f"{name}.{i}": array
        for name, arrays in state._asdict().items()
        if arrays is not None
        for i, array in enumerate(arrays)
    }
