"""A layer of your own: Swish, ``x * sigmoid(beta * x)``, with a beta that is learned for each channel.

Ramachandran, Zoph and Le, "Searching for activation functions", 2017. What a layer has to do is told by
``help(crmsprop.nn.Layer)``. Run this with ``python examples/own_layer.py``.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit

import crmsprop
from crmsprop import NetworkClassifier
from crmsprop.datasets import load_digits
from crmsprop.nn import Conv2D, Dense, Flatten, Initializer, Layer, MaxPool2D, Parameter, check_gradients


@dataclass(frozen=True)
class Constant(Initializer):
    """A parameter that starts as one number everywhere."""

    value: float

    def __call__(self, shape, rng):
        return np.full(shape, self.value)


@dataclass(frozen=True)
class Swish(Layer):
    """``x * sigmoid(beta * x)``, with a beta for each channel of images or each number of a row."""

    start: float = 1.0

    def __post_init__(self):
        if not 0 < self.start < 100:
            raise ValueError(f"start must be in (0, 100), got {self.start}")

    def output_shape(self, input_shape):
        return input_shape

    def parameters(self, input_shape):
        return (Parameter("beta", input_shape[-1:], Constant(self.start), decays=False),)

    def memory(self, site):
        """Room for the sigmoid, which backward needs again."""
        return np.empty((site.batch_size, *site.input_shape), site.dtype)

    def forward(self, x, out, own, run):
        gate = own.memory[: len(x)]
        np.multiply(own.params[0], x, out=gate)
        expit(gate, out=gate)
        np.multiply(x, gate, out=out)

    def backward(self, x, out, dy, dx, own, run):
        gate = own.memory[: len(x)]
        slope = out * (1 - gate)  # of out to beta * x
        np.sum(dy * slope * x, axis=tuple(range(x.ndim - 1)), out=own.grads[0])
        if dx is not None:
            np.multiply(dy, gate + own.params[0] * slope, out=dx)


def main():
    print(f"largest relative error of a gradient: {max(check_gradients(Swish(), (4, 4, 3)).errors.values()):.0e}")

    (X, y), (X_test, y_test) = load_digits()
    layers = [Conv2D(16, 3, padding="same"), Swish(), MaxPool2D(2), Flatten(), Dense(32), Swish(0.5)]
    model = NetworkClassifier(layers, max_epochs=8, learning_rate=3e-3, random_state=0).fit(X, y)
    print(model.summary())
    print(f"accuracy {model.score(X_test, y_test):.3f}")
    print("betas of the convolution:", model.network_.arena.views["1.beta"].round(2))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "swish.crms"
        model.save(path)  # the names and fields of the layers, no code: who loads it gives the class
        again = crmsprop.load(path, custom_classes=[Swish])
    print("the same from a file:", np.array_equal(again.predict_proba(X_test), model.predict_proba(X_test)))


if __name__ == "__main__":
    main()
