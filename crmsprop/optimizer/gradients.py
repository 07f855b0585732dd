"""Gradients and state that a step refuses: what is wrong with them, and what to give instead."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from crmsprop.optimizer.groups import Array, wrong_dtype

#: The kernel's words for every dtype that it does not take.
ANY_DTYPE = " in native byte order"


def listed(grads: Any, count: int) -> list[Array]:
    """Return the gradients in a list, once there are `count` of them; TypeError or ValueError otherwise."""
    if isinstance(grads, Mapping):
        raise TypeError(f"grads must be a sequence of arrays, got {type(grads).__name__}: give list(grads.values())")
    if isinstance(grads, np.ndarray) or not isinstance(grads, Iterable):
        raise TypeError(f"grads must be a sequence of arrays, got {type(grads).__name__}: give [grad]")
    values = list(grads)
    if len(values) != count:
        raise ValueError(f"grads must hold as many arrays as params, {count}, got {len(values)}")
    return values


def explained(error: Exception, params: Sequence[Array], grads: Sequence[Array], thawed: Sequence[int]) -> Exception:
    """Return what to say for the kernel's error: by the numbers of all arrays, where it counts the `thawed` ones."""
    if type(error) not in (TypeError, ValueError):
        return error
    message = re.sub(r"(?<=\[)\d+(?=\])", lambda number: str(thawed[int(number[0])]), str(error))
    at_fault = re.match(r"grads\[(\d+)\]", message)
    if at_fault and isinstance(grads[int(at_fault[1])], np.ndarray):
        i = int(at_fault[1])
        message = _of_gradient(message, f"grads[{i}]", f"params[{i}]", params[i].dtype, grads[i].dtype)
    return type(error)(message)


def explained_by_name(error: Exception, arrays: Mapping[str, Any]) -> Exception:
    """Return what to say for the kernel's error about a single array: "param", its "grad", or one of its state."""
    if type(error) not in (TypeError, ValueError):
        return error
    message = str(error).replace("grads[0]", "grad")
    name = message.partition(" ")[0]
    wanted, given = arrays["param"].dtype, getattr(arrays.get(name), "dtype", None)
    if given is not None and name == "grad":
        message = _of_gradient(message, "grad", "param", wanted, given)
    elif given is not None and name == "param":
        message = wrong_dtype("param", given) if ANY_DTYPE in message else message
    elif given is not None:
        message = _of_state(message, name, wanted, given)
    return type(error)(message)


def _of_gradient(message: str, name: str, param: str, wanted: np.dtype[Any], given: np.dtype[Any]) -> str:
    if ANY_DTYPE in message:
        remedy = f": give {name}.astype({str(wanted)!r})" if given.kind in "biuf" else ""
        return f"{name} must be {wanted}, as {param} is, got {given}{remedy}"
    return f"{message}: give np.ascontiguousarray({name})" if "C-contiguous" in message else message


def _of_state(message: str, name: str, wanted: np.dtype[Any], given: np.dtype[Any]) -> str:
    """A copy of what is updated in place would be lost: the next step is to begin with another array."""
    if ANY_DTYPE in message:
        message = f"{name} must be {wanted}, as param is, got {given}"
    elif "C-contiguous" not in message:
        return message
    return f"{message}: begin with {'param.copy()' if name == 'average' else 'np.zeros_like(param)'}"
