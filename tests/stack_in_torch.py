"""A stack of our layers as torch has it: the modules, named as ours, of which torch's own numbers come.

Needs torch. At the root of tests/ and not in tests/golden/, since tests/round_trips.py uses it too.
"""

import torch
from torch import nn

from crmsprop import nn as ours
from crmsprop.nn import output_shapes


class Function(nn.Module):
    """A module without parameters."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Residual(nn.Module):
    """Two ways, added; a way without modules is the input."""

    def __init__(self, layers, shortcut):
        super().__init__()
        self.layers, self.shortcut = layers, shortcut

    def forward(self, x):
        return self.layers(x) + self.shortcut(x)


class PaddedConv(nn.Conv2d):
    """A convolution whose padding may differ from side to side, which torch's cannot."""

    def __init__(self, *arguments, sides, **keywords):
        super().__init__(*arguments, **keywords)
        self.sides = sides

    def forward(self, x):
        return super().forward(nn.functional.pad(x, self.sides))


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def sides(layer, shape):
    """Pixels to the left, to the right, above and below: TensorFlow's rule for "same", where what is odd is behind."""
    if layer.padding == "valid":
        return (0, 0, 0, 0)
    if layer.padding != "same":
        above, left = pair(layer.padding)
        return (left, left, above, above)
    found = []
    for size, kernel, stride in zip(shape[:2], pair(layer.kernel_size), pair(layer.stride), strict=True):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        found = [total // 2, total - total // 2, *found]  # the width comes first
    return tuple(found)


def conv(layer, shape):
    place = {"sides": sides(layer, shape), "bias": layer.use_bias}
    return PaddedConv(shape[2], layer.filters, pair(layer.kernel_size), pair(layer.stride), **place)


def whitening(layer, shape):
    height, width = pair(layer.kernel_size)
    return nn.Conv2d(shape[2], 2 * height * width * shape[2], (height, width))


def batch_norm(layer, shape):
    made = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
    return made(shape[-1], layer.epsilon, 1 - layer.decay)


MODULES = {
    ours.BatchNorm: batch_norm,
    ours.Conv2D: conv,
    ours.Dense: lambda layer, shape: nn.Linear(shape[0], layer.units, layer.use_bias),
    ours.Dropout: lambda layer, shape: nn.Dropout(layer.rate),
    ours.Flatten: lambda layer, shape: nn.Flatten(),
    ours.GELU: lambda layer, shape: nn.GELU(),
    ours.GlobalAveragePool2D: lambda layer, shape: Function(lambda x: x.mean((2, 3))),
    ours.MaxPool2D: lambda layer, shape: nn.MaxPool2d(pair(layer.pool_size)),
    ours.ReLU: lambda layer, shape: nn.ReLU(),
    ours.Residual: lambda layer, shape: Residual(stack(layer.layers, shape), stack(layer.shortcut, shape)),
    ours.Scale: lambda layer, shape: Function(lambda x: x * layer.factor),
    ours.Whitening2D: whitening,
}


def stack(layers, input_shape):
    """Return torch's model of the layers, for images (n, channels, height, width), as it predicts."""
    shapes = [input_shape, *output_shapes(layers, input_shape)]
    modules = [MODULES[type(layer)](layer, shape) for layer, shape in zip(layers, shapes, strict=False)]
    return nn.Sequential(*modules).eval()


def outputs(model, x):
    """Return what a model makes of float32 images (n, height, width, channels)."""
    with torch.no_grad():
        return model(torch.from_numpy(x).permute(0, 3, 1, 2)).numpy()
