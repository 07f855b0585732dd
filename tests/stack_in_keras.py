"""A stack of our layers as Keras has it: a functional model, and its layers by the names of ours.

Needs keras. At the root of tests/ and not in tests/golden/, since tests/round_trips.py uses it too.
"""

from functools import partial

import keras
import numpy as np
from keras import layers as theirs

from crmsprop import nn as ours


def conv(layer):
    """An integer is not of Keras; where the filter is three times as wide and has no stride, 1 is "same"."""
    assert layer.padding in ("same", "valid") or (layer.padding, layer.kernel_size, layer.stride) == (1, 3, 1)
    padding = layer.padding if isinstance(layer.padding, str) else "same"
    return theirs.Conv2D(layer.filters, layer.kernel_size, layer.stride, padding, use_bias=layer.use_bias)


def whitening(layer, channels):
    return theirs.Conv2D(2 * layer.kernel_size**2 * channels, layer.kernel_size)


LAYERS = {
    ours.BatchNorm: lambda layer: theirs.BatchNormalization(momentum=layer.decay, epsilon=layer.epsilon),
    ours.Conv2D: conv,
    ours.Dense: lambda layer: theirs.Dense(layer.units, use_bias=layer.use_bias),
    ours.Dropout: lambda layer: theirs.Dropout(layer.rate),
    ours.Flatten: lambda layer: theirs.Flatten(),
    ours.GELU: lambda layer: theirs.Activation(partial(keras.activations.gelu, approximate=False)),
    ours.GlobalAveragePool2D: lambda layer: theirs.GlobalAveragePooling2D(),
    ours.MaxPool2D: lambda layer: theirs.MaxPooling2D(layer.pool_size),
    ours.ReLU: lambda layer: theirs.ReLU(),
    ours.Scale: lambda layer: theirs.Rescaling(layer.factor),
}


def stack(layers, input_shape):
    """Return Keras's model of the layers, and the layer of Keras for each of ours that is no block, by its name."""
    parts = {}
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, chained(layers, inputs, "", parts)), parts


def chained(layers, x, prefix, parts):
    for i, layer in enumerate(layers):
        name = f"{prefix}{i}"
        if isinstance(layer, ours.Residual):
            ways = [
                chained(way, x, f"{name}.{of}.", parts)
                for of, way in (("layers", layer.layers), ("shortcut", layer.shortcut))
            ]
            x = theirs.Add()(ways)
        else:
            is_whitening = isinstance(layer, ours.Whitening2D)
            parts[name] = whitening(layer, x.shape[-1]) if is_whitening else LAYERS[type(layer)](layer)
            x = parts[name](x)
    return x


def give(parts, views):
    """Give the layers of Keras the parameters of ours: their axes, and their order, are the same."""
    for name, layer in parts.items():
        own = [view for key, view in views.items() if key.rpartition(".")[0] == name]
        layer.set_weights(own)


def outputs(model, x):
    """Return what a model makes of float32 images (n, height, width, channels)."""
    return np.concatenate([model(x[i : i + 100], training=False) for i in range(0, len(x), 100)])
