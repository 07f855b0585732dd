"""What bench_kernels.py times: the kernels of every layer, and what else runs at each batch.

A case is a name, a call, and how much the call does: multiply-adds in PRODUCTS, bytes read and written in MEMORY. Both
are tables from what a case belongs to, the class of a layer for most, to functions that make its cases.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import numpy as np

from crmsprop import kernels
from crmsprop.augment import Flip, Rotation, Translation, Zoom
from crmsprop.augment.batches import Augmenter
from crmsprop.kernels.geometry import ConvGeometry, same_padding
from crmsprop.nn import Own, Run, Scale

F32 = np.float32
Cases = Iterator[tuple[str, Callable[[], Any], int]]


def normal(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(F32)


# ---- products


def dense(samples, inputs, units, behind_relu=False):
    """Forward, and both gradients; between two ReLUs half of what comes in is exactly 0, and dx is cut off there."""
    x, weight, bias, out = normal(samples, inputs), normal(inputs, units), normal(units), normal(samples, units)
    dy = out.copy()
    if behind_relu:
        x, dy = np.maximum(x, 0), np.maximum(dy, 0)
    dx, dweight, dbias = (np.empty_like(array) for array in (x, weight, bias))
    scratch = np.zeros(kernels.dense_scratch(samples, inputs, units, F32, True, 1), F32)
    products, name = samples * inputs * units, f"dense {samples} x {inputs} x {units}{', behind a ReLU' * behind_relu}"
    forward = (x, weight, bias, out, True, behind_relu, scratch, 1)
    backward = (x, weight, dy, dx, dweight, dbias, behind_relu, behind_relu, behind_relu, scratch, 1)
    yield f"{name}, forward", lambda: kernels.dense_forward(*forward), products
    yield f"{name}, backward", lambda: kernels.dense_backward(*backward), 2 * products


def conv(images, size, channels, filters, kernel=3, padding=0, pool=1, relu=True, first=False):
    """Forward and backward."""
    x, weight = normal(images, size, size, channels), 0.1 * normal(kernel, kernel, channels, filters)
    geometry = ConvGeometry((1, 1), (padding,) * 4, (pool, pool), relu)
    rows, columns = geometry.output(x.shape, weight.shape)
    out = np.empty((images, rows, columns, filters), F32)
    argmax = np.empty(out.shape, np.uint8) if pool > 1 else None
    dx, dweight, dbias = None if first else np.empty_like(x), np.empty_like(weight), np.empty(filters, F32)
    scratch = np.zeros(kernels.conv2d_scratch(x.shape, weight.shape, geometry, F32, True, 1), F32)
    forward = (x, weight, np.zeros(filters, F32), out, argmax, geometry, scratch, 1)
    kernels.conv2d_forward(*forward)
    backward = (x, weight, out, normal(*out.shape), argmax, dx, dweight, dbias, geometry, scratch, 1)
    products = out.size * pool * pool * weight[..., 0].size
    name = f"conv {kernel} x {kernel}, {channels} to {filters}, {size} x {size}{', pool' * (pool > 1)}"
    yield f"{name}, forward", lambda: kernels.conv2d_forward(*forward), products
    yield f"{name}, backward", lambda: kernels.conv2d_backward(*backward), products * (1 if first else 2)


def whitening():
    """Forward: the filters are not learned, and backward there is but a sum to the bias."""
    yield next(conv(32, 32, 3, 24, kernel=2, relu=False, first=True))


def depthwise(images, size, channels, kernel=3, stride=1):
    """Forward and backward of a depthwise convolution, "same"."""
    x, weight, bias = normal(images, size, size, channels), normal(kernel, kernel, channels), normal(channels)
    slide = ((stride, stride), (*same_padding(size, kernel, stride), *same_padding(size, kernel, stride)))
    out = np.empty((images, -(-size // stride), -(-size // stride), channels), F32)
    dx, dweight, dbias = (np.empty_like(array) for array in (x, weight, bias))
    scratch = np.zeros(kernels.depthwise_conv2d_scratch(images, weight.shape), F32)
    backward = (x, weight, normal(*out.shape), dx, dweight, dbias, *slide, scratch, 1)
    products, name = out.size * kernel * kernel, f"depthwise {kernel} x {kernel}, {channels} of {size} x {size}"
    name += f", stride {stride}" * (stride > 1)
    yield f"{name}, forward", lambda: kernels.depthwise_conv2d_forward(x, weight, bias, out, *slide, 1), products
    yield f"{name}, backward", lambda: kernels.depthwise_conv2d_backward(*backward), 2 * products


# ---- memory


@cache
def images():
    """Images, and room for as many: every case reads the one and writes the other."""
    return normal(256, 8, 8, 64), np.empty((256, 8, 8, 64), F32)


def relu():
    x, out = images()
    yield "ReLU", lambda: kernels.relu_forward(x, out, 1), 2 * x.nbytes
    yield "ReLU, backward", lambda: kernels.relu_backward(x, x, out, 1), 3 * x.nbytes


def activation(name, kind, slope=0.0):
    x, out = images()
    yield name, lambda: kernels.activation_forward(x, out, kind, slope, 1), 2 * x.nbytes
    backward = (x, x, x, out, kind, slope, 1)  # of any values: none of them asks whether `out` came from `x`
    yield f"{name}, backward", lambda: kernels.activation_backward(*backward), 3 * x.nbytes


def dropout():
    x, out = images()
    yield "dropout", lambda: kernels.dropout(x, out, 0.5, 7, 1), 2 * x.nbytes


def dropout_of_channels():
    x, out = images()
    yield "dropout of channels", lambda: kernels.dropout_channels(x, out, 0.5, 7, 1), 2 * x.nbytes


def scale():
    """No kernel of ours: NumPy multiplies."""
    (x, out), layer, own, run = images(), Scale(1 / 9), Own((), (), None), Run()
    yield "scale", lambda: layer.forward(x, out, own, run), 2 * x.nbytes


def batch_norm():
    x, out = images()
    rows, targets, sums = x.reshape(-1, 64), out.reshape(-1, 64), np.zeros(kernels.batch_norm_scratch(256 * 64, 64))
    channels = [np.ones(64, F32) for _ in range(8)]
    forward = (rows, *channels[:6], targets, 1e-5, 0.9, sums, 1)
    applied = (rows, *channels[:5], targets, 1e-5, 1)
    backward = (rows, *channels[:3], rows, targets, *channels[3:5], sums, 1)
    yield "batch norm", lambda: kernels.batch_norm_forward(*forward), 3 * x.nbytes
    yield "batch norm, prediction", lambda: kernels.batch_norm_apply(*applied), 2 * x.nbytes
    yield "batch norm, backward", lambda: kernels.batch_norm_backward(*backward), 5 * x.nbytes


def max_pool():
    x, out = images()
    pooled, places, window = normal(256, 4, 4, 64), np.empty((256, 4, 4, 64), np.uint8), ((2, 2), (2, 2), 1)
    size = x.nbytes + pooled.nbytes + places.nbytes
    yield "max-pool 2 x 2", lambda: kernels.max_pool2d_forward(x, pooled, places, *window), size
    kernels.max_pool2d_forward(x, pooled, places, *window)
    yield "max-pool 2 x 2, backward", lambda: kernels.max_pool2d_backward(pooled, places, out, *window), size


def average_pool(name, size):
    x, out = images()
    means = normal(256, 8 // size, 8 // size, 64)
    window, amount = ((size, size), (size, size), 1), x.nbytes + means.nbytes
    yield name, lambda: kernels.average_pool2d_forward(x, means, *window), amount
    yield f"{name}, backward", lambda: kernels.average_pool2d_backward(means, out, *window), amount


def total():
    """What a residual block adds: its two ways, and their gradients."""
    x, out = images()
    yield "sum", lambda: kernels.add(x, out, out, 1), 3 * x.nbytes


def gather():
    """A batch out of a data set, and each of its images moved while it is read."""
    pictures, order = np.zeros((2000, 32, 32, 3), np.uint8), np.random.default_rng(0).permutation(2000)[:256]
    batch = np.empty((256, 32, 32, 3), F32)
    moves = Augmenter(Flip() + Rotation(15) + Translation(0.1) + Zoom(0.1), pictures, None, 1 / 255, F32, 1)
    drawn, size = moves.draw(order, 0, 0), batch.nbytes * 5 // 4
    yield "gather of uint8 images", lambda: kernels.gather(pictures, order, batch, 1 / 255, 1), size
    yield "gather of uint8 images, each moved by a map", lambda: moves.fill(drawn, batch), size


def cross_entropy():
    logits, labels, weights = normal(4096, 10), np.zeros(4096, np.int64), np.ones(4096, F32)
    found = (np.empty(4096, F32), np.empty(4096, np.uint8), np.empty_like(logits))
    call = partial(kernels.cross_entropy, logits, labels, weights, *found, 1)
    yield "cross-entropy of 10 classes", call, 2 * logits.nbytes


# ---- the tables

PRODUCTS: dict[str, list[Callable[[], Cases]]] = {
    "Dense": [
        *(partial(dense, *shape) for shape in ((32, 2304, 128), (128, 3072, 512), (200, 100, 256), (32, 64, 10))),
        partial(dense, 64 * 64, 128, 256),
        *(partial(dense, *shape, behind_relu=True) for shape in ((200, 256, 128), (128, 512, 256), (32, 128, 10))),
    ],
    "Conv2D": [
        partial(conv, 32, 32, 3, 32, pool=2, first=True),
        partial(conv, 32, 15, 32, 64, pool=2),
        partial(conv, 32, 31, 24, 32, padding=1, pool=2, relu=False),
        partial(conv, 32, 15, 32, 32, padding=1, relu=False),
        partial(conv, 64, 7, 128, 128, padding=1, relu=False),
        partial(conv, 32, 16, 64, 64, kernel=1),
        partial(conv, 64, 8, 128, 256, kernel=1, relu=False),
    ],
    "DepthwiseConv2D": [
        partial(depthwise, 32, 32, 64),
        partial(depthwise, 32, 7, 96),
        partial(depthwise, 32, 16, 96, kernel=5, stride=2),
    ],
    "Whitening2D": [whitening],
}
MEMORY: dict[str, list[Callable[[], Cases]]] = {
    "ReLU": [relu],
    "GELU": [partial(activation, "GELU", "gelu")],
    "ELU": [partial(activation, "ELU", "elu", 1.0)],
    "LeakyReLU": [partial(activation, "leaky ReLU", "leaky_relu", 0.01)],
    "SiLU": [partial(activation, "SiLU", "silu")],
    "Tanh": [partial(activation, "tanh", "tanh")],
    "Sigmoid": [partial(activation, "sigmoid", "sigmoid")],
    "Dropout": [dropout],
    "SpatialDropout2D": [dropout_of_channels],
    "BatchNorm": [batch_norm],
    "MaxPool2D": [max_pool],
    "AveragePool2D": [partial(average_pool, "average pool 2 x 2", 2)],
    "GlobalAveragePool2D": [partial(average_pool, "global average pool", 8)],
    "Scale": [scale],
    "Residual": [total],
    "a batch": [gather],
    "a loss": [cross_entropy],
}
