"""Gradients that a step refuses: what is wrong with them, and what to give instead."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from crmsprop.optimizer.groups import Array


def listed(grads: Any, count: int) -> list[Array]:
    """Return the gradients in a list, once there are `count` of them; TypeError or ValueError otherwise."""
    if isinstance(grads, Mapping):
        raise TypeError(f"grads must be a sequence of arrays, got {type(grads).__name__}: give list(grads.values())")
    if isinstance(grads, np.ndarray) or not isinstance(grads, Iterable):
        raise TypeError(f"grads must be a sequence of arrays, got {type(grads).__name__}: give [grad]")
    values = list(grads)
    if len(values) != count:
        raise ValueError(f"grads must hold one array a parameter, {count}, got {len(values)}")
    return values


def explained(error: Exception, params: Sequence[Array], grads: Sequence[Array], thawed: Sequence[int]) -> Exception:
    """Return what to say for the kernel's error: by the numbers of all arrays, where it counts the `thawed` ones."""
    if type(error) not in (TypeError, ValueError):
        return error
    message = re.sub(r"(?<=\[)\d+(?=\])", lambda number: str(thawed[int(number[0])]), str(error))
    at_fault = re.match(r"grads\[(\d+)\]", message)
    if at_fault and isinstance(grads[int(at_fault[1])], np.ndarray):
        i = int(at_fault[1])
        message = _with_remedy(message, i, params[i].dtype, grads[i].dtype)
    return type(error)(message)


def _with_remedy(message: str, i: int, wanted: np.dtype[Any], given: np.dtype[Any]) -> str:
    if " byte order" in message:  # the kernel's word for every other dtype
        remedy = f": give grads[{i}].astype({str(wanted)!r})" if given.kind in "biuf" else ""
        return f"grads[{i}] must be {wanted}, as params[{i}] is, got {given}{remedy}"
    return f"{message}: give np.ascontiguousarray(grads[{i}])" if "C-contiguous" in message else message
