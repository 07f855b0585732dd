"""An estimator from the file that saving.py wrote; nothing in the file is run or imported."""

import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from crmsprop.augment import augmentation_from_config
from crmsprop.callbacks.monitor import SCORE
from crmsprop.errors import FileFormatError, shown
from crmsprop.estimators.cnn import CNNClassifier, CNNRegressor
from crmsprop.estimators.inputs import Array, checked_image_shape
from crmsprop.estimators.mlp import MLPClassifier, MLPRegressor
from crmsprop.estimators.network import NetworkClassifier, NetworkRegressor
from crmsprop.estimators.saving import KIND, NOT_STORED
from crmsprop.files import read_container
from crmsprop.nn import Layer, Network
from crmsprop.persistence import (
    MAX_LAYERS,
    Classes,
    known_classes,
    layer_from_config,
    loss_from_config,
    network_from_parts,
)
from crmsprop.schedules import schedule_from_config
from crmsprop.training import COLUMNS
from crmsprop.versions import other_writer

#: The only classes that a file can name.
ESTIMATORS: dict[str, type[Any]] = {
    known.__name__: known
    for known in (CNNClassifier, CNNRegressor, MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor)
}

#: What a fit leaves beside the network, and of which type it is in a file.
FITTED: dict[str, tuple[type, ...]] = {
    "image_shape": (list, type(None)),
    "fitted_on_uint8": (bool,),
    "n_features_in": (int,),
    "feature_names_in": (list, type(None)),
    "best_epoch": (int, type(None)),
    "target_kind": (str,),
}

#: Parameters that files of earlier versions lack, with what they were then. tests/golden/saved holds such files.
ADDED = {"ema": None}


def load(path: str | os.PathLike[str], custom_classes: Iterable[type[Any]] = ()) -> Any:
    """Return the estimator that ``save`` wrote.

    Nothing in the file is run or imported. A user's function that was the schedule is not brought back: a warning
    names it, and ``schedule`` is None.

    Parameters
    ----------
    path : str or path-like
    custom_classes : iterable of type, default=()
        Classes of your own that the layers, initializers or loss of the model have. The file knows their names and the
        values of their fields, and gets no other class than these and ours.

    Returns
    -------
    estimator
        Fitted: predicts the same bits as the one that was saved, on the same machine and build.

    Raises
    ------
    TypeError
        If `custom_classes` does not hold dataclasses that are layers, initializers or losses.
    FileFormatError
        If the file is damaged, truncated, hostile or no model. If it needs a class that is not there.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import crmsprop
    >>> model = crmsprop.MLPClassifier(max_epochs=2, random_state=0).fit([[0.0], [1.0]], ["no", "yes"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.crms")
    ...     model.save(path)
    ...     again = crmsprop.load(path)
    >>> np.array_equal(again.predict_proba([[0.5]]), model.predict_proba([[0.5]]))
    True
    """
    known = known_classes(custom_classes)
    arrays, config = read_container(path, KIND)
    try:
        return _estimator(arrays, config, known)
    except FileFormatError as error:
        raise FileFormatError(f"cannot read {os.fsdecode(path)}: {error}{other_writer(config)}") from error


def _estimator(arrays: Mapping[str, Array], config: dict[str, Any], known: Classes) -> Any:
    kind = ESTIMATORS.get(str(config.get("estimator")))
    if kind is None:
        raise FileFormatError(f"it holds the unknown estimator {config.get('estimator')!r:.100}")
    network = network_from_parts(arrays, config.get("network"), known)
    estimator = kind(**_parameters_from_config(kind, config.get("parameters"), known))
    _check_parameters(estimator, network)
    fitted = _checked_fitted(config.get("fitted"), network)
    estimator._set_fitted(network, _checked_history(config.get("history")), fitted)
    _set_targets(estimator, config.get("classes"), arrays)
    return estimator


def _set_targets(estimator: Any, config: Any, arrays: Mapping[str, Array]) -> None:
    """Bring back what the estimator knows of y, once it fits the outputs of the network."""
    shape, kind = estimator.network_.output_shape, estimator._target_kind
    if kind not in estimator._target_kinds():
        raise FileFormatError(f"its target_kind must be one of {estimator._target_kinds()}, got {kind!r:.100}")
    if is_classifier(estimator):
        estimator.classes_ = _labels_from_config(config, arrays)
        if (len(estimator.classes_),) != shape:
            raise FileFormatError(f"its network must have an output a class, got {shape} for {len(estimator.classes_)}")
    elif config is not None or len(shape) != 1 or (estimator._is_column() and shape != (1,)):
        raise FileFormatError(f"its network must have an output a number and no classes, got {shape}, {config!r:.100}")
    estimator._n_targets = shape[0]


def _check_parameters(estimator: Any, network: Network) -> None:
    """All must be as fit would have it."""
    try:
        estimator._plan(seed=0)
        estimator._layers(network.input_shape, math.prod(network.output_shape))
        checked_image_shape(estimator.image_shape)
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"its parameters are not those of a model that was trained: {error}") from error


def _parameters_from_config(kind: type[Any], parameters: Any, known: Classes) -> dict[str, Any]:
    names = set(kind._get_param_names()) - set(NOT_STORED)
    if not isinstance(parameters, dict):
        raise FileFormatError(f"its parameters must be those of {kind.__name__}, got {parameters!r:.200}")
    stored = {**{name: value for name, value in ADDED.items() if name in names}, **parameters}
    if stored.keys() != names:
        unlike = ", ".join(map(shown, sorted(stored.keys() ^ names)))
        raise FileFormatError(f"its parameters must be those of {kind.__name__}, they differ in {unlike:.200}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}
    values["schedule"] = schedule_from_config(parameters["schedule"])
    values["augmentation"] = augmentation_from_config(parameters["augmentation"])
    if parameters.get("class_weight") is not None:
        values["class_weight"] = _weights_from_config(parameters["class_weight"])
    if "layers" in parameters:
        values["layers"] = _layers_from_config(parameters["layers"], known)
    if not isinstance(parameters["loss"], str):
        values["loss"] = loss_from_config(parameters["loss"], known)
    return values


def _layers_from_config(layers: Any, known: Classes) -> list[Layer]:
    if not isinstance(layers, list) or len(layers) > MAX_LAYERS:
        raise FileFormatError(f"its layers must be a list of at most {MAX_LAYERS}, got {layers!r:.100}")
    return [layer_from_config(layer, known) for layer in layers]


def _weights_from_config(class_weight: Any) -> Any:
    if isinstance(class_weight, str):
        return class_weight
    if not isinstance(class_weight, list) or not all(map(_is_weight_of_a_label, class_weight)):
        raise FileFormatError(f"its class_weight must be pairs of a label and a weight, got {class_weight!r:.100}")
    return dict(class_weight)


def _is_weight_of_a_label(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and not isinstance(pair[0], list | dict)


def _checked_history(history: Any) -> dict[str, list[float | None]]:
    if not isinstance(history, dict) or tuple(history) not in (COLUMNS, (*COLUMNS, SCORE)):
        raise FileFormatError("its history must have the columns " + ", ".join(COLUMNS))
    rows = history.values()
    if not all(isinstance(row, list) for row in rows):
        raise FileFormatError("its history must hold a list a column")
    if len({len(row) for row in rows}) != 1 or not all(
        value is None or type(value) in (int, float) for row in rows for value in row
    ):
        raise FileFormatError("its history must hold numbers, one a column and epoch")
    return dict(history)


def _labels_from_config(config: Any, arrays: Mapping[str, Array]) -> Array:
    if config == {"kind": "array"} and "classes" in arrays:
        classes = arrays["classes"]
    elif isinstance(config, dict) and config.get("kind") in ("text", "object"):
        labels = config.get("labels")
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise FileFormatError("its class labels must be strings")
        classes = np.array(labels, dtype=object if config["kind"] == "object" else str)
    else:
        raise FileFormatError(f"its class labels are malformed: {config!r:.100}")
    if classes.ndim != 1 or not len(classes) or not np.array_equal(np.unique(classes), classes):
        raise FileFormatError("its class labels must stand in one row, sorted and different from each other")
    if classes.dtype.kind == "f" and not np.isfinite(classes).all():
        raise FileFormatError("its class labels must be finite")
    return classes


def _checked_fitted(fitted: Any, network: Network) -> dict[str, Any]:
    """Return what a fit leaves beside the network, once each value is of its kind and fits it."""
    if not isinstance(fitted, dict) or set(fitted) != set(FITTED):
        raise FileFormatError(f"its fitted state must have {', '.join(FITTED)}, got {fitted!r:.100}")
    for name, allowed in FITTED.items():
        if type(fitted[name]) not in allowed:
            raise FileFormatError(f"its {name} is malformed: {fitted[name]!r:.100}")
    _check_image_shape(fitted["image_shape"], fitted["n_features_in"], network)
    names = fitted["feature_names_in"]
    if names is not None and (len(names) != fitted["n_features_in"] or not all(isinstance(n, str) for n in names)):
        raise FileFormatError("its feature_names_in must be one string a feature")
    return fitted


def _check_image_shape(shape: list[Any] | None, n_features: int, network: Network) -> None:
    if shape is not None and (len(shape) != 3 or not all(type(size) is int for size in shape)):
        raise FileFormatError(f"its image_shape must be height, width and channels, got {shape!r:.100}")
    if tuple(shape or (n_features,)) != network.input_shape:
        raise FileFormatError(f"its network must take what its image_shape says, got {network.input_shape}, {shape}")
    if n_features != math.prod(network.input_shape):
        raise FileFormatError(f"its n_features_in must be {math.prod(network.input_shape)}, got {n_features}")
