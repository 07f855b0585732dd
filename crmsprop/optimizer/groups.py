"""Parameter groups: what a user gives as `params`, taken apart and checked."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from crmsprop import kernels
from crmsprop.errors import check_bool, check_fits, check_real, shown

Array = np.ndarray[Any, np.dtype[Any]]


DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
NUMBERS = ("learning_rate", "l2", "weight_decay")


class Group(NamedTuple):
    """Settings of the parameters of one group; None for the optimizer's own."""

    learning_rate: float | None = None
    l2: float | None = None
    weight_decay: float | None = None
    frozen: bool = False


def unpack(params: Any) -> tuple[tuple[Array, ...], list[Group], list[int]]:
    """Return every array, the groups, and each array's group, from a list of arrays or of groups.

    All but the values in the arrays is checked.
    """
    params = _listed(params)
    if isinstance(params[0], Mapping):
        pairs = [_unpack_group(i, group) for i, group in enumerate(params)]
    else:
        pairs = [(params, Group())]
    arrays = [array for members, _ in pairs for array in members]
    _check_arrays(arrays)
    for i, (_, group) in enumerate(pairs):
        for name in NUMBERS:
            if arrays:
                check_fits(f"params[{i}][{name!r}]", getattr(group, name) or 0.0, arrays[0].dtype)
    group_of = [i for i, (members, _) in enumerate(pairs) for _ in members]
    return tuple(arrays), [group for _, group in pairs], group_of


def _listed(params: Any) -> list[Any]:
    """Return what a user gives as `params` in a list; an error says what to give in place of what holds no arrays."""
    kind = type(params).__name__
    if isinstance(params, Mapping):
        remedy = "[params]" if "params" in params else "list(params.values())"
        raise TypeError(f"params must be a sequence of arrays, or of groups of them, got a {kind}: give {remedy}")
    if isinstance(params, np.ndarray) or not isinstance(params, Iterable):
        remedy = ": give [params]" if isinstance(params, np.ndarray) else ""
        raise TypeError(f"params must be a sequence of arrays, or of groups of them, got {kind}{remedy}")
    values = list(params)
    if not values:
        raise ValueError("params must hold at least one array, or a group, which may be empty, got none")
    return values


def check_place(group: Any, count: int) -> int:
    """Return `group` if it is the place of one of `count` groups."""
    if isinstance(group, bool) or not isinstance(group, Integral):
        raise TypeError(f"group must be the index of one of {count} groups, an integer, got {shown(group)}")
    place = int(group)
    if not 0 <= place < count:
        raise ValueError(f"group must be the index of one of {count} groups, from 0, got {shown(group)}")
    return place


def changed(group: Group, settings: Mapping[str, Any], dtype: np.dtype[Any]) -> Group:
    """Return the group with some settings in place of its own, once they are checked."""
    unknown = sorted(set(settings) - set(Group._fields))
    if unknown:
        raise ValueError(f"the settings of a group must be among {', '.join(Group._fields)}, got {', '.join(unknown)}")
    values = {name: _checked(name, name, value) for name, value in settings.items()}
    for name in set(NUMBERS) & set(values):
        check_fits(name, values[name] or 0.0, dtype)
    return group._replace(**values)


def _unpack_group(i: int, group: Any) -> tuple[list[Any], Group]:
    if not isinstance(group, Mapping) or "params" not in group:
        raise TypeError(f"params[{i}] must be a dict with the key 'params', as the first group is, got {group!r:.100}")
    unknown = sorted(str(key) for key in group if key not in ("params", *Group._fields))
    if unknown:
        known = ", ".join(("params", *Group._fields))
        raise ValueError(f"params[{i}] must have no keys but {known}, got {', '.join(unknown)}")
    settings = {name: _checked(name, f"params[{i}][{name!r}]", group[name]) for name in Group._fields if name in group}
    members = group["params"]
    if isinstance(members, np.ndarray):
        members = [members]
    if not isinstance(members, Iterable):
        raise TypeError(f"params[{i}]['params'] must be a sequence of arrays, got {type(members).__name__}")
    return list(members), Group(**settings)


def _checked(name: str, shown: str, value: Any) -> Any:
    if name == "frozen":
        return check_bool(shown, value)
    return None if value is None else check_real(shown, value, "[0, inf)")


def _check_arrays(params: list[Array]) -> None:
    """Refuse what the kernel would refuse, before any state is made; and arrays that overlap."""
    for i, param in enumerate(params):
        if not isinstance(param, np.ndarray):
            raise TypeError(f"params[{i}] must be a NumPy array, got {type(param).__name__}")
    _check_dtypes([param.dtype for param in params])
    kernels.rmsprop_check(params)
    intervals = sorted((*np.lib.array_utils.byte_bounds(param), i) for i, param in enumerate(params) if param.size)
    for (_, end, i), (begin, _, j) in itertools.pairwise(intervals):
        if begin < end:
            raise ValueError(f"params[{max(i, j)}] must not overlap params[{min(i, j)}] in memory")


def _check_dtypes(dtypes: list[np.dtype[Any]]) -> None:
    """One of two for all; the kernel would name the byte order, whatever is wrong."""
    for i, dtype in enumerate(dtypes):
        if dtype != dtypes[0]:
            raise TypeError(f"params[{i}] must be {dtypes[0]}, as params[0] is, got {dtype}")
        if dtype not in DTYPES:
            raise TypeError(wrong_dtype(f"params[{i}]", dtype))


def wrong_dtype(name: str, dtype: np.dtype[Any]) -> str:
    """Return what an error says of a parameter that is neither float32 nor float64, or not in native byte order."""
    order = " in native byte order" if dtype.newbyteorder("=") in DTYPES else ""
    return f"{name} must be float32 or float64{order}, got {dtype}"


def filled_like(params: Sequence[Array], value: float = 0.0) -> tuple[Array, ...]:
    """Arrays full of `value` for each parameter, all of them views of one array, so that a snapshot is one copy."""
    flat = np.full(sum(param.size for param in params), value, params[0].dtype if params else np.float64)
    ends = np.cumsum([0, *(param.size for param in params)])
    return tuple(flat[ends[i] : ends[i + 1]].reshape(param.shape) for i, param in enumerate(params))
