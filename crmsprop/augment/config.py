"""The plain JSON configuration of an augmentation, to a file and back. No user code is stored and none is imported."""

import reprlib
from dataclasses import fields
from typing import Any

from crmsprop.augment.base import Augmentation, Operation, Sum
from crmsprop.augment.cutout import Cutout
from crmsprop.augment.geometry import Crop, Flip, Rotation, Translation, Zoom
from crmsprop.augment.mixup import Mixup
from crmsprop.augment.tones import Brightness, Contrast
from crmsprop.errors import FileFormatError

# The only classes that a file can name.
_OPERATIONS: dict[str, type[Operation]] = {
    known.__name__: known for known in (Flip, Rotation, Translation, Zoom, Crop, Brightness, Contrast, Cutout, Mixup)
}


def augmentation_to_config(augmentation: Augmentation | None) -> dict[str, Any] | None:
    """Return the plain JSON configuration of an augmentation.

    Parameters
    ----------
    augmentation : Augmentation or None

    Returns
    -------
    dict or None
        Plain JSON types: the class name under "class", and the parameters. None for None.

    Raises
    ------
    TypeError
        If an operation is not of crmsprop's own classes: a file could not bring it back.

    Examples
    --------
    >>> from crmsprop.augment import Flip, augmentation_to_config
    >>> augmentation_to_config(Flip())
    {'class': 'Flip', 'rate': 0.5}
    """
    if augmentation is None:
        return None
    if isinstance(augmentation, Sum):
        return {"class": "Sum", "operations": [augmentation_to_config(term) for term in augmentation.terms]}
    name = type(augmentation).__name__
    if _OPERATIONS.get(name) is not type(augmentation):
        raise TypeError(f"augmentation must be of crmsprop's own classes to be saved, got {augmentation!r:.100}")
    return {"class": name, **{item.name: getattr(augmentation, item.name) for item in fields(augmentation)}}


def augmentation_from_config(config: Any) -> Augmentation | None:
    """Return the augmentation of a configuration from a file, which may be hostile.

    Parameters
    ----------
    config : dict or None
        What `augmentation_to_config` returned.

    Returns
    -------
    Augmentation or None
        The augmentation; None for None.

    Raises
    ------
    FileFormatError
        If the configuration is not one of a known class with good values.

    Examples
    --------
    >>> from crmsprop.augment import augmentation_from_config
    >>> augmentation_from_config({"class": "Flip", "rate": 0.5})
    Flip(rate=0.5)
    """
    if config is None:
        return None
    if isinstance(config, dict) and config.get("class") == "Sum":
        operations = config.get("operations")
        if set(config) != {"class", "operations"} or not isinstance(operations, list):
            raise FileFormatError(f"a Sum must have a list of operations, got {reprlib.repr(config)}")
        terms: Augmentation = _built(Sum, {"operations": tuple(_operation(operation) for operation in operations)})
        return terms
    return _operation(config)


def _operation(config: Any) -> Operation:
    if not isinstance(config, dict):
        raise FileFormatError(f"an augmentation must be a JSON object, got {reprlib.repr(config)}")
    values = dict(config)
    name = values.pop("class", None)
    if not isinstance(name, str) or name not in _OPERATIONS:
        raise FileFormatError(f"unknown augmentation {reprlib.repr(name)}, known are {', '.join(_OPERATIONS)}")
    operation: Operation = _built(_OPERATIONS[name], values)
    return operation


def _built(known: type[Any], values: dict[str, Any]) -> Any:
    try:
        return known(**values)
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"bad values of {known.__name__}: {error}") from error
