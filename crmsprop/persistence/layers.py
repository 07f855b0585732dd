"""Layers to plain configuration and back: only classes of our own are ever built, by name from a fixed list."""

from dataclasses import fields
from typing import Any

from crmsprop import nn
from crmsprop.errors import FileFormatError
from crmsprop.nn import Layer

LAYERS = (
    *(nn.BatchNorm, nn.Conv2D, nn.Dense, nn.DepthwiseConv2D, nn.Dropout, nn.Flatten, nn.SpatialDropout2D),
    *(nn.AveragePool2D, nn.GlobalAveragePool2D, nn.MaxPool2D, nn.Residual, nn.Scale, nn.Whitening2D),
    *(nn.ELU, nn.GELU, nn.LeakyReLU, nn.ReLU, nn.SiLU, nn.Sigmoid, nn.Tanh),
)
INITIALIZERS = (
    *(nn.Dirac, nn.GlorotNormal, nn.GlorotUniform, nn.HeNormal, nn.HeUniform, nn.LeCunNormal, nn.Ones, nn.Zeros),
)
#: Layers and initializers in one layer: a hostile header has room for hundreds of thousands.
MAX_PARTS = 2000

KNOWN: dict[str, type[Any]] = {known.__name__: known for known in (*LAYERS, *INITIALIZERS)}


def layer_to_config(layer: Any) -> dict[str, Any]:
    """Return the class name and the parameters of a layer or initializer.

    Raises
    ------
    TypeError
        If its class is not one of ours: a file could not bring it back.
    """
    name = type(layer).__name__
    if KNOWN.get(name) is not type(layer):
        raise TypeError(f"layers must be of crmsprop's own classes to be saved, got {layer!r:.100}")
    return {"class": name, **{field.name: _plain(getattr(layer, field.name)) for field in fields(layer)}}


def layer_from_config(config: Any) -> Layer:
    """Return the layer of a configuration from a file; FileFormatError where it is not one of ours."""
    if (parts := _parts(config)) > MAX_PARTS:
        raise FileFormatError(f"a layer of the model must have at most {MAX_PARTS} parts, got {parts}")
    layer = _object(config)
    if not isinstance(layer, Layer):
        raise FileFormatError(f"a layer of the model must be one, got {config!r:.100}")
    return layer


def _parts(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_parts, value.values()))
    return sum(map(_parts, value)) if isinstance(value, list) else 0


def _object(config: Any) -> Any:
    if not isinstance(config, dict) or not isinstance(config.get("class"), str) or config["class"] not in KNOWN:
        raise FileFormatError(f"the model holds an unknown layer, {config!r:.100}")
    values = {name: _value(value) for name, value in config.items() if name != "class"}
    try:
        return KNOWN[config["class"]](**values)
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"the model holds a layer with bad parameters, {config!r:.200}: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, str)):
        return value
    if type(value) in KNOWN.values():
        return layer_to_config(value)
    return float(value) if isinstance(value, float) or not hasattr(value, "__index__") else int(value)


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return _object(value)
    return tuple(map(_value, value)) if isinstance(value, list) else value
