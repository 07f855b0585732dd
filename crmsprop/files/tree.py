"""Nested state, such as that of a training, as named arrays and plain configuration, and back."""

import math
import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmsprop.errors import FileFormatError

_ARRAY, _FLOAT = "$array", "$float"
_NOT_FINITE = ("nan", "inf", "-inf")


def tree_to_parts(tree: Mapping[str, Any]) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return what `write_container` takes for dicts and lists of arrays, numbers, text and None, nested in any way.

    An array stands in the configuration as ``{"$array": name}``, a float that JSON has no word for as
    ``{"$float": "inf"}``. NumPy's own numbers become Python's, tuples become lists.

    Raises
    ------
    ValueError
        If a key begins with a dollar, or two arrays get one name.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.files import tree_from_parts, tree_to_parts
    >>> arrays, config = tree_to_parts({"best": -np.inf, "epochs": [{"weights": np.ones(3)}]})
    >>> list(arrays), config["epochs"]
    (['epochs/0/weights'], [{'weights': {'$array': 'epochs/0/weights'}}])
    >>> tree_from_parts(arrays, config)["best"]
    -inf
    """
    arrays: dict[str, NDArray[Any]] = {}
    return arrays, {key: _packed(value, _checked_key(key), arrays) for key, value in tree.items()}


def tree_from_parts(arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tree that `tree_to_parts` took apart.

    Raises
    ------
    FileFormatError
        If an array is missing, left over or asked for twice, or a key begins with a dollar.
    """
    left = dict(arrays)
    tree = {key: _unpacked(value, left) for key, value in _checked_items(config)}
    if left:
        raise FileFormatError(f"it has an array that nothing asks for, {reprlib.repr(next(iter(left)))}")
    return tree


def _packed(value: Any, name: str, arrays: dict[str, NDArray[Any]]) -> Any:
    if isinstance(value, np.ndarray):
        if name in arrays:
            raise ValueError(f"two arrays must not have one name, got {name!r}")
        arrays[name] = value
        return {_ARRAY: name}
    if isinstance(value, Mapping):
        return {key: _packed(item, f"{name}/{_checked_key(key)}", arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(item, f"{name}/{index}", arrays) for index, item in enumerate(value)]
    if isinstance(value, np.generic):
        value = value.item()
    return {_FLOAT: str(value)} if isinstance(value, float) and not math.isfinite(value) else value


def _checked_key(key: Any) -> Any:
    if isinstance(key, str) and key.startswith("$"):
        raise ValueError(f"a key must not begin with a dollar, got {key!r}")
    return key


def _unpacked(value: Any, left: dict[str, NDArray[Any]]) -> Any:
    if isinstance(value, list):
        return [_unpacked(item, left) for item in value]
    if not isinstance(value, dict):
        return value
    if list(value) == [_ARRAY] and isinstance(value[_ARRAY], str) and value[_ARRAY] in left:
        return left.pop(value[_ARRAY])
    if list(value) == [_FLOAT] and value[_FLOAT] in _NOT_FINITE:
        return float(value[_FLOAT])
    return {key: _unpacked(item, left) for key, item in _checked_items(value)}


def _checked_items(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if key.startswith("$"):
            raise FileFormatError(f"it has {reprlib.repr(key)} for {reprlib.repr(value)}, which stands for nothing")
        yield key, value
