"""Layers and losses to plain configuration and back: only classes of a fixed list are built, and those that the user
gives. A file names a class; it can neither bring nor import one."""

import numbers
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from crmsprop import nn
from crmsprop.errors import FileFormatError, shown
from crmsprop.nn import Initializer, Layer, Loss

LAYERS = (
    *(nn.BatchNorm, nn.Conv2D, nn.Dense, nn.DepthwiseConv2D, nn.Dropout, nn.Flatten, nn.SpatialDropout2D),
    *(nn.AveragePool2D, nn.GlobalAveragePool2D, nn.MaxPool2D, nn.Residual, nn.Scale, nn.Whitening2D),
    *(nn.ELU, nn.GELU, nn.LeakyReLU, nn.ReLU, nn.SiLU, nn.Sigmoid, nn.Tanh),
)
INITIALIZERS = (
    *(nn.Dirac, nn.GlorotNormal, nn.GlorotUniform, nn.HeNormal, nn.HeUniform, nn.LeCunNormal, nn.Ones, nn.Zeros),
)
LOSSES = (
    *(nn.AbsoluteError, nn.BinaryCrossEntropy, nn.Huber, nn.PoissonDeviance, nn.SoftmaxCrossEntropy, nn.SquaredError),
)
#: Layers and initializers in one layer: a hostile header has room for hundreds of thousands.
MAX_PARTS = 2000

#: What a class by its name is.
Classes = Mapping[str, type[Any]]
KNOWN: Classes = {known.__name__: known for known in (*LAYERS, *INITIALIZERS, *LOSSES)}
#: What a class of the user's has to be one of.
BASES = (Layer, Initializer, Loss)


def known_classes(custom_classes: Iterable[type[Any]]) -> Classes:
    """Return the classes that a file may name: ours, and those that the user gives.

    Raises
    ------
    TypeError
        If one of the latter is not a dataclass that is a Layer, an Initializer or a Loss, or has the name of another.
    """
    known = dict(KNOWN)
    for i, kind in enumerate(custom_classes):
        if not isinstance(kind, type) or not issubclass(kind, BASES) or not is_dataclass(kind):
            rule = f"custom_classes[{i}] must be a dataclass that is a Layer, an Initializer or a Loss"
            raise TypeError(f"{rule}, got {shown(kind)}")
        if known.setdefault(kind.__name__, kind) is not kind:
            raise TypeError(f"custom_classes[{i}] must have a name of its own, got a second {kind.__name__}")
    return known


def layer_to_config(layer: Any, own: dict[str, type[Any]] | None = None) -> dict[str, Any]:
    """Return the class name and the parameters of a layer.

    Parameters
    ----------
    layer : Layer
    own : dict of str to type or None, default=None
        The user's classes that were met before, by name, to which those of `layer` are added: in one file a name must
        not stand for two.

    Raises
    ------
    TypeError
        If a file could not bring it back: if it is no dataclass, or has a parameter that is neither plain nor a layer
        or an initializer itself, or if its name is that of another class.
    """
    if not isinstance(layer, Layer):
        raise TypeError(f"layers must be Layers to be saved, got {shown(layer)}")
    return _checked_config("layers", layer, {} if own is None else own)


def loss_to_config(loss: Loss) -> dict[str, Any]:
    """Return the class name and the parameters of a loss; TypeError where a file could not bring it back."""
    return _checked_config("loss", loss, {})


def layer_from_config(config: Any, known: Classes = KNOWN) -> Layer:
    """Return the layer of a configuration from a file; FileFormatError where it is not one of the known classes."""
    layer: Layer = _checked_object(config, known, Layer, "layer")
    return layer


def loss_from_config(config: Any, known: Classes = KNOWN) -> Loss:
    """Return the loss of a configuration from a file; FileFormatError where it is not one of the known classes."""
    loss: Loss = _checked_object(config, known, Loss, "loss")
    return loss


def _checked_object(config: Any, known: Classes, base: type[Any], what: str) -> Any:
    if (parts := _parts(config)) > MAX_PARTS:
        raise FileFormatError(f"a {what} of the model must have at most {MAX_PARTS} parts, got {parts}")
    made = _object(config, known)
    if not isinstance(made, base):
        raise FileFormatError(f"a {what} of the model must be one, got {config!r:.100}")
    return made


def _parts(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_parts, value.values()))
    return sum(map(_parts, value)) if isinstance(value, list) else 0


def _object(config: Any, known: Classes) -> Any:
    if not isinstance(config, dict) or not isinstance(config.get("class"), str):
        raise FileFormatError(f"the model holds an unknown layer or loss, {config!r:.100}")
    kind = known.get(config["class"])
    if kind is None:
        needed = f"the model needs the class {config['class']!r:.100}, which crmsprop lacks"
        raise FileFormatError(f"{needed}: custom_classes must hold it")
    values = {name: _value(value, known) for name, value in config.items() if name != "class"}
    try:
        return kind(**values)
    except Exception as error:  # a class of the user's may raise anything
        bad = f"the model holds a {kind.__name__} with bad parameters, {values!r:.200}"
        raise FileFormatError(f"{bad}: {error!s:.300}") from error


def _value(value: Any, known: Classes) -> Any:
    if isinstance(value, dict):
        return _object(value, known)
    return tuple(_value(item, known) for item in value) if isinstance(value, list) else value


def _checked_config(what: str, part: Any, own: dict[str, type[Any]]) -> dict[str, Any]:
    """Return a configuration, once it is clear that what it builds has it, too."""
    config = _config(what, part, own)
    try:
        again = _config(what, _object(config, {**KNOWN, **own}), own)
    except FileFormatError as error:
        rule = f"{what} must take the values of their own fields to be saved"
        raise TypeError(f"{rule}, got {shown(part)}: {error}") from error
    if again != config:
        raise TypeError(f"{what} must keep the values of their fields as they are to be saved, got {shown(part)}")
    return config


def _config(what: str, part: Any, own: dict[str, type[Any]]) -> dict[str, Any]:
    kind, name = type(part), type(part).__name__
    if KNOWN.get(name) is not kind:
        if not is_dataclass(kind):
            raise TypeError(f"{what} must be dataclasses to be saved, got {shown(part)}")
        if name in KNOWN or own.setdefault(name, kind) is not kind:
            raise TypeError(f"{what} must be of classes with different names to be saved, got two called {name}")
    values = {field.name: getattr(part, field.name) for field in fields(part) if field.init}
    return {"class": name, **{key: _plain(what, f"{key} of {name}", value, own) for key, value in values.items()}}


def _plain(what: str, name: str, value: Any, own: dict[str, type[Any]]) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(what, name, item, own) for item in value]
    if isinstance(value, BASES):
        return _config(what, value, own)
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if not isinstance(value, numbers.Real):
        rule = "must be a number, text, a boolean, None, a layer, an initializer or several of them to be saved"
        raise TypeError(f"{name} {rule}, got {shown(value)}")
    return int(value) if isinstance(value, numbers.Integral) else float(value)
