"""The networks of ours that are the models of golden/make_torch_weights.py and make_keras_weights.py, layer for layer.

At the root of tests/ and not in tests/persistence/, for the reason that `cifar_files` gives.
"""

from pathlib import Path

import numpy as np

from crmsprop.nn import (
    GELU,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    Network,
    ReLU,
    Residual,
    Tanh,
)

GOLDEN = Path(__file__).parent / "golden"

#: What Keras has by default.
KERAS_NORM = BatchNorm(epsilon=1e-3, decay=0.99)


def conv(filters, stride=1, kernel=3, use_bias=False):
    return Conv2D(filters, kernel, stride=stride, padding=kernel // 2, use_bias=use_bias)


def block(filters, stride=1):
    shortcut = [conv(filters, stride, 1), BatchNorm()] if stride > 1 else []
    layers = [conv(filters, stride), BatchNorm(), ReLU(), conv(filters), BatchNorm()]
    return Residual(layers, shortcut), ReLU()


def keras_block(filters, stride=1):
    first, second = (Conv2D(filters, 3, step, padding="same") for step in (stride, 1))
    around = [Conv2D(filters, 1, stride, padding="same"), KERAS_NORM] if stride > 1 else []
    return Residual([first, KERAS_NORM, ReLU(), second, KERAS_NORM], around), ReLU()


#: Input shape, and layers.
TORCH = {
    "sequential": (
        (9, 7, 3),
        [
            *(Conv2D(4, (3, 2), stride=(2, 1), padding=(1, 0)), BatchNorm(), ReLU(), MaxPool2D((2, 3), stride=1)),
            *(Flatten(), BatchNorm(), GELU(), Dense(6), Dropout(0.5), Tanh(), Dense(6, use_bias=False), Dense(5)),
        ],
    ),
    "vgg": (
        (8, 8, 3),
        [
            *(conv(4, use_bias=True), ReLU(), conv(6, use_bias=True), ReLU(), MaxPool2D(2)),
            *(conv(6, use_bias=True), ReLU(), conv(6, use_bias=True), ReLU(), MaxPool2D(2)),
            *(Flatten(), Dense(12), ReLU(), Dropout(0.5), Dense(12), ReLU(), Dropout(0.5), Dense(5)),
        ],
    ),
    "resnet": (
        (8, 8, 3),
        [
            *(conv(4), BatchNorm(), ReLU(), *block(4), *block(4), *block(6, 2), *block(6)),
            *(Flatten(), Dense(7), ReLU(), Dense(5)),
        ],
    ),
    "blocks": (
        (6, 6, 2),
        [
            conv(4),
            Residual([conv(4), Residual([BatchNorm(), ReLU()]), conv(4, 2)], [conv(4, 2), BatchNorm()]),
            *(Flatten(), Residual([Tanh(), BatchNorm()]), Dense(5), Residual([Dense(5)], [ReLU(), Dense(5)])),
        ],
    ),
}
KERAS = {
    "sequential": (
        (9, 7, 3),
        [
            *(Conv2D(4, (3, 2), stride=2, padding="same"), KERAS_NORM, ReLU(), MaxPool2D(2)),
            *(Conv2D(4, 1, use_bias=False), Flatten(), KERAS_NORM, Dense(6), ReLU(), Dropout(0.5), Dense(5)),
        ],
    ),
    "functional": (
        (8, 8, 3),
        [
            *(Conv2D(4, 3, padding="same"), *keras_block(4), *keras_block(6, 2)),
            *(Flatten(), Dense(7), ReLU(), Dense(5)),
        ],
    ),
    "nested": (
        (8, 8, 3),
        [
            *(Conv2D(4, 3), ReLU(), Conv2D(5, 3), KERAS_NORM, ReLU(), Conv2D(6, 3), Conv2D(6, 1), KERAS_NORM),
            *(Flatten(), Dense(7), Dense(7), Dense(7), Dense(5)),
        ],
    ),
}


def network(case, dtype=np.float32):
    """A network whose weights are all zeros."""
    input_shape, layers = case
    return Network(layers, input_shape, dtype)


def outputs(network, x):
    x = np.ascontiguousarray(x, network.dtype)
    return network.forward(x, network.workspace(len(x))).copy()
