"""Depthwise convolution: one filter a channel."""

from collections.abc import Iterator, Sequence

import numpy as np

from crmsprop.kernels.reference import layer_checks
from crmsprop.kernels.reference.checks import Array, Pair, silent

Padding = tuple[int, int, int, int]
Tap = tuple[tuple[int, int], tuple[slice, slice], tuple[slice, slice]]


def depthwise_conv2d_scratch(images: int, weight_shape: Sequence[int]) -> int:
    """Elements of scratch that depthwise_conv2d_backward needs for up to `images` images."""
    return 0


@silent
def depthwise_conv2d_forward(
    x: Array, weight: Array, bias: Array | None, out: Array, stride: Pair, padding: Padding, n_threads: int
) -> None:
    """Cross-correlate each channel of the images with its own filter, and add its bias.

    Shapes: x (n, height, width, channels), weight (kh, kw, channels), bias (channels,) or None, out (n, rows, columns,
    channels) as ``ConvGeometry(stride, padding)`` says. A tap that falls outside of the image adds nothing.
    """
    layer_checks.check_depthwise(x, weight, bias, out, stride, padding)
    out[...] = 0 if bias is None else bias
    for tap, there, here in _taps(x, weight, out, stride, padding):
        out[:, *here] += x[:, *there] * weight[tap]


@silent
def depthwise_conv2d_backward(
    x: Array,
    weight: Array,
    dy: Array,
    dx: Array | None,
    dweight: Array,
    dbias: Array | None,
    stride: Pair,
    padding: Padding,
    scratch: Array,
    n_threads: int,
) -> None:
    """Gradients of depthwise_conv2d_forward from `dy`, the gradient to out; `dx` and `dbias` may be None."""
    layer_checks.check_depthwise_backward(x, weight, dy, dx, dweight, dbias, stride, padding)
    if dx is not None:
        dx[...] = 0
    dweight[...] = 0
    for tap, there, here in _taps(x, weight, dy, stride, padding):
        dweight[tap] = np.sum(x[:, *there] * dy[:, *here], axis=(0, 1, 2))
        if dx is not None:
            dx[:, *there] += dy[:, *here] * weight[tap]
    if dbias is not None:
        np.sum(dy, axis=(0, 1, 2), out=dbias)


def _taps(x: Array, weight: Array, out: Array, stride: Pair, padding: Padding) -> Iterator[Tap]:
    """Each tap of the filters, the pixels that it falls on, and the outputs that read it there."""
    for i in range(weight.shape[0]):
        for j in range(weight.shape[1]):
            rows, to_rows = _meeting(x.shape[1], out.shape[1], stride[0], i - padding[0])
            columns, to_columns = _meeting(x.shape[2], out.shape[2], stride[1], j - padding[2])
            yield (i, j), (rows, columns), (to_rows, to_columns)


def _meeting(size: int, outputs: int, stride: int, shift: int) -> tuple[slice, slice]:
    """Pixels ``t * stride + shift`` that lie in an axis of `size`, and their outputs t."""
    first = max(0, -(shift // stride))
    end = max(first, min(outputs, (size - 1 - shift) // stride + 1))
    start = first * stride + shift
    return slice(start, start + (end - first) * stride, stride) if end > first else slice(0), slice(first, end)
