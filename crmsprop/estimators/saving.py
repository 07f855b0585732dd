"""An estimator to one file: parameters, fitted state and network; no pickle. loading.py reads it."""

import numbers
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from crmsprop.augment import augmentation_to_config
from crmsprop.errors import warn_user
from crmsprop.estimators.inputs import Array
from crmsprop.files import DTYPE_NAMES, write_container
from crmsprop.nn import Loss
from crmsprop.persistence import layer_to_config, loss_to_config, network_to_parts
from crmsprop.schedules import schedule_to_config
from crmsprop.versions import __version__

#: What the container calls our files.
KIND = "model"

#: Parameters that are stored as configurations of their own.
OBJECTS = ("schedule", "augmentation", "layers", "loss", "class_weight")

#: Parameters that hold live objects: a file cannot bring them back.
NOT_STORED = ("callbacks",)


def save(path: str | os.PathLike[str], estimator: Any) -> None:
    """Write a fitted estimator to one file, wholly or not at all; see NetworkEstimator.save."""
    arrays, network_config = network_to_parts(estimator.network_)
    config = {
        "version": __version__,
        "estimator": type(estimator).__name__,
        "parameters": _parameters_to_config(estimator.get_params(deep=False)),
        "network": network_config,
        "classes": _labels_to_config(getattr(estimator, "classes_", None), arrays),
        "history": {column: [_plain(value) for value in values] for column, values in estimator.history_.items()},
        "fitted": {name: _plain(value) for name, value in estimator._fitted_state().items()},
    }
    write_container(path, arrays, config, KIND)


def _parameters_to_config(parameters: Mapping[str, Any]) -> dict[str, Any]:
    stored = {name: value for name, value in parameters.items() if name not in NOT_STORED}
    stored["schedule"] = schedule_to_config(stored["schedule"])
    stored["augmentation"] = augmentation_to_config(stored["augmentation"])
    if not isinstance(stored["random_state"], (int, np.integer, type(None))):
        warn_user("random_state is a generator, whose state is not saved: it loads as None")
        stored["random_state"] = None
    if stored["scoring"] is not None and not isinstance(stored["scoring"], str):
        warn_user("scoring is an object, which is not saved: it loads as None")
        stored["scoring"] = None
    if isinstance(stored.get("class_weight"), Mapping):  # whose keys need not be text
        stored["class_weight"] = [[_plain(label), _plain(weight)] for label, weight in stored["class_weight"].items()]
    if stored["dtype"] is not None:
        stored["dtype"] = np.dtype(stored["dtype"]).name
    if "layers" in stored:
        stored["layers"] = [layer_to_config(layer) for layer in stored["layers"]]
    if isinstance(stored["loss"], Loss):
        stored["loss"] = loss_to_config(stored["loss"])
    return {name: value if name in OBJECTS else _plain(value) for name, value in stored.items()}


def _plain(value: Any) -> Any:
    """Return a parameter as plain JSON; TypeError where it cannot be."""
    if isinstance(value, np.ndarray) or (isinstance(value, Sequence) and not isinstance(value, str | bytes)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, numbers.Real) and not isinstance(value, int | float):  # a Fraction
        return float(value)
    return value


def _labels_to_config(classes: Array | None, arrays: dict[str, Array]) -> dict[str, Any] | None:
    """Return how labels are stored: numbers as an array, text in the configuration; None where there are none."""
    if classes is None:
        return None
    if classes.dtype in DTYPE_NAMES or classes.dtype.newbyteorder("<") in DTYPE_NAMES:
        arrays["classes"] = classes
        return {"kind": "array"}
    labels = classes.tolist()
    if not all(isinstance(label, str) for label in labels):
        rule = "classes_ must hold strings, booleans, integers, float32 or float64 to be saved"
        raise TypeError(f"{rule}, got {classes!r:.200}")
    return {"kind": "text" if classes.dtype.kind == "U" else "object", "labels": [str(label) for label in labels]}
