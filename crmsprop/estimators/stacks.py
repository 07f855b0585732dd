"""The stacks of layers that the convenience estimators stand for."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from crmsprop.errors import check_choice, check_integer, check_real
from crmsprop.nn import Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D, ReLU, Sigmoid, Tanh, output_shapes
from crmsprop.nn.layer import MOST, Shape

#: A file of a model has room for a few more.
MAX_LAYERS = 990

#: By scikit-learn's names.
ACTIVATIONS: dict[str, tuple[Layer, ...]] = {
    "relu": (ReLU(),),
    "identity": (),
    "tanh": (Tanh(),),
    "logistic": (Sigmoid(),),
}


def hidden_layers(name: str, sizes: int | Sequence[int], activation: str, dropout: float) -> list[Layer]:
    """Return Dense, activation and Dropout for each of `sizes`; `name` is the parameter that holds them."""
    after = activation_layers(activation)
    if check_real("dropout", dropout, "[0, 1)"):
        after = (*after, Dropout(dropout))
    return [layer for units in checked_sizes(name, sizes) for layer in (Dense(units), *after)]


def convolution_layers(
    filters: int | Sequence[int], kernel_size: Any, pool_size: Any, padding: Any, activation: str, input_shape: Shape
) -> list[Layer]:
    """Return Conv2D, activation and MaxPool2D for each of `filters`; a pooling that would leave nothing is left out."""
    layers: list[Layer] = []
    shape = input_shape
    pool = MaxPool2D(pool_size)
    for count in checked_sizes("filters", filters):
        conv = Conv2D(count, kernel_size, padding=padding)
        shape = conv.output_shape(shape)
        layers += [conv, *activation_layers(activation)]
        if shape[0] >= pool.window[0] and shape[1] >= pool.window[1]:
            layers.append(pool)
            shape = pool.output_shape(shape)
    return layers


def with_output(layers: Sequence[Layer], input_shape: Shape, n_outputs: int) -> list[Layer]:
    """Return `layers` and a Dense layer of `n_outputs` units, behind a Flatten where they end in images."""
    if not isinstance(layers, Sequence) or isinstance(layers, str | bytes):
        raise TypeError(f"layers must be a sequence of layers, got {layers!r:.100}")
    if len(layers) > MAX_LAYERS:
        raise ValueError(f"layers must hold at most {MAX_LAYERS} layers, got {len(layers)}")
    shape = output_shapes(layers, input_shape)[-1] if layers else input_shape
    flatten = [Flatten()] if len(shape) != 1 else []
    return [*layers, *flatten, Dense(n_outputs)]


def activation_layers(activation: str) -> tuple[Layer, ...]:
    """Return the layers that `activation` names."""
    if activation == "sigmoid":
        raise ValueError("activation must be 'logistic' for the sigmoid, as in scikit-learn, got 'sigmoid'")
    return ACTIVATIONS[check_choice("activation", activation, tuple(ACTIVATIONS))]


def checked_sizes(name: str, sizes: int | Sequence[int]) -> list[int]:
    """Return `sizes` as a list of ints of at least 1; a single one is a list of one."""
    if isinstance(sizes, int | np.integer):
        return [check_integer(name, sizes, 1, MOST)]
    is_row = isinstance(sizes, np.ndarray) and sizes.ndim == 1
    if isinstance(sizes, str | bytes) or not (isinstance(sizes, Sequence) or is_row):
        raise TypeError(f"{name} must be an integer or a sequence of integers of at least 1, got {sizes!r:.100}")
    return [check_integer(f"{name}[{i}]", size, 1, MOST) for i, size in enumerate(sizes)]
