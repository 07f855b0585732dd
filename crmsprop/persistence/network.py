"""A network as named arrays and plain configuration, and back."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from crmsprop.errors import FileFormatError
from crmsprop.nn import Network
from crmsprop.persistence.layers import KNOWN, Classes, layer_from_config, layer_to_config

Array = np.ndarray[Any, np.dtype[Any]]

_PREFIX = "parameters."

#: A hostile header has room for hundreds of thousands, each of which costs time.
MAX_LAYERS = 1000


def network_to_parts(network: Network) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the arrays of a network, and the configuration that builds it."""
    arrays = {_PREFIX + name: view for name, view in network.arena.views.items()}
    own: dict[str, type[Any]] = {}
    config = {
        "layers": [layer_to_config(layer, own) for layer in network.layers],
        "input_shape": list(network.input_shape),
        "dtype": network.dtype.name,
    }
    return arrays, config


def network_from_parts(arrays: Mapping[str, Array], config: Any, known: Classes = KNOWN) -> Network:
    """Return the network that `network_to_parts` took apart; its layers are of the known classes.

    Raises
    ------
    FileFormatError
        If the configuration is malformed, or an array is missing, left over, or of another shape or dtype than the
        layers need. Sizes are compared before any memory is taken.
    """
    layers, shape, dtype = _checked_config(config, known)
    parameters = {name[len(_PREFIX) :]: array for name, array in arrays.items() if name.startswith(_PREFIX)}
    _check_size(layers, shape, sum(array.size for array in parameters.values()))
    network = Network(layers, shape, dtype)
    if set(parameters) != set(network.arena.views):
        raise FileFormatError(f"the model must hold the parameters {list(network.arena.views)}, got {list(parameters)}")
    for name, view in network.arena.views.items():
        if parameters[name].shape != view.shape or parameters[name].dtype != view.dtype:
            raise FileFormatError(
                f"parameter {name} of the model must be {view.dtype} of shape {view.shape}, "
                f"got {parameters[name].dtype} of shape {parameters[name].shape}"
            )
        if not np.isfinite(parameters[name]).all():
            raise FileFormatError(f"parameter {name} of the model must be finite")
        if (parameters[name] < network.parameters[name].minimum).any():
            raise FileFormatError(f"parameter {name} of the model must be at least {network.parameters[name].minimum}")
        view[...] = parameters[name]
    return network


def _checked_config(config: Any, known: Classes) -> tuple[list[Any], tuple[int, ...], np.dtype[Any]]:
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        raise FileFormatError("the model's network must have a list of layers")
    if len(config["layers"]) > MAX_LAYERS:
        raise FileFormatError(f"the model must have at most {MAX_LAYERS} layers, got {len(config['layers'])}")
    shape = config.get("input_shape")
    if not isinstance(shape, list) or not all(type(size) is int and 0 <= size < 2**31 for size in shape):
        raise FileFormatError(f"the model's input_shape must be a list of sizes, got {shape!r:.100}")
    if config.get("dtype") not in ("float32", "float64"):
        raise FileFormatError(f"the model's dtype must be float32 or float64, got {config.get('dtype')!r:.100}")
    layers = [layer_from_config(layer, known) for layer in config["layers"]]
    return layers, tuple(shape), np.dtype(config["dtype"])


def _check_size(layers: list[Any], shape: tuple[int, ...], size: int) -> None:
    """Walk the shapes in Python integers; the numbers that the layers learn must be those that the file holds."""
    needed = 0
    for layer in layers:
        try:
            next_shape = layer.output_shape(shape)
            needed += sum(math.prod(parameter.shape) for parameter in layer.parameters(shape))
        except Exception as error:  # a class of the user's may raise anything
            raise FileFormatError(f"the layers of the model do not fit each other: {error}") from error
        shape = next_shape
    if needed != size or not layers:
        raise FileFormatError(f"the model's layers need {needed} numbers, and the file holds {size}")
