"""Convolution with bias, ReLU and max-pool."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from crmsprop.kernels.geometry import ConvGeometry
from crmsprop.kernels.reference import checks
from crmsprop.kernels.reference.checks import Array, Pair, silent
from crmsprop.kernels.reference.elementwise import cut_off
from crmsprop.kernels.reference.pool import at_place, first_largest

CUT_OFF = 255


def conv2d_scratch(
    x_shape: Sequence[int],
    weight_shape: Sequence[int],
    geometry: ConvGeometry,
    dtype: Any,
    training: bool,
    n_threads: int,
) -> int:
    """Elements of scratch that the convolution kernels need for up to ``x_shape[0]`` images."""
    checks.check_conv_sizes(x_shape, weight_shape, geometry)
    return 0


@silent
def conv2d_forward(
    x: Array,
    weight: Array,
    bias: Array | None,
    out: Array,
    argmax: Array | None,
    geometry: ConvGeometry,
    scratch: Array,
    n_threads: int,
    scale: Array | None = None,
) -> None:
    """Cross-correlate images with filters, add the bias, cut off at 0, take the largest of each pool window.

    Shapes: x (n, height, width, channels), weight (kh, kw, channels, filters), bias (filters,) or None, out as
    `geometry.pooled` says. `argmax`, uint8 and of out's shape, or None where it is not wanted, gets the place of the
    largest value in its window, row by row (the first of equal ones; a NaN is largest), or 255 where the ReLU cut it
    off. Each filter is multiplied by its number in `scale` (filters,) first, unless that is None.
    """
    checks.check_conv(x, weight, bias, out, argmax, geometry, scale)
    if scale is not None:
        weight = weight * scale
    convolved = np.tensordot(_windows(x, weight, geometry), weight, axes=([3, 4, 5], [2, 0, 1]))
    if bias is not None:
        convolved += bias
    if geometry.pool == (1, 1):
        out[...] = convolved
    else:
        places = _pool_places(convolved, geometry.pool)
        largest = first_largest(places)
        out[...] = np.take_along_axis(places, largest[None], axis=0)[0]
        if argmax is not None:
            argmax[...] = np.where(geometry.relu & ~(out > 0), CUT_OFF, largest)
    if geometry.relu:
        cut_off(out)


@silent
def conv2d_backward(
    x: Array,
    weight: Array,
    out: Array,
    dy: Array,
    argmax: Array | None,
    dx: Array | None,
    dweight: Array | None,
    dbias: Array | None,
    geometry: ConvGeometry,
    scratch: Array,
    n_threads: int,
) -> None:
    """Gradients of conv2d_forward, from `out`, `argmax` and `dy`, the gradient to out; those not wanted are None."""
    checks.check_conv_backward(x, weight, out, dy, argmax, dx, dweight, dbias, geometry)
    spread = _spread(out, dy, argmax, geometry, _windows(x, weight, geometry).shape[1:3])
    if dweight is not None:
        products = np.tensordot(_windows(x, weight, geometry), spread, axes=([0, 1, 2], [0, 1, 2]))
        dweight[...] = products.transpose(1, 2, 0, 3)
    if dbias is not None:
        np.sum(spread, axis=(0, 1, 2), out=dbias)
    if dx is None:
        return
    (sh, sw), (top, bottom, left, right) = geometry.stride, geometry.padding
    _, height, width, _ = x.shape
    framed = np.zeros_like(x, shape=(len(x), height + top + bottom, width + left + right, x.shape[3]))
    for i in range(weight.shape[0]):
        for j in range(weight.shape[1]):
            rows, columns = spread.shape[1], spread.shape[2]
            framed[:, i : i + sh * rows : sh, j : j + sw * columns : sw] += spread @ weight[i, j].T
    dx[...] = framed[:, top : top + height, left : left + width]


def _windows(x: Array, weight: Array, geometry: ConvGeometry) -> Array:
    """The patch of the padded image under each output: (n, rows, columns, channels, kh, kw)."""
    (sh, sw), (top, bottom, left, right) = geometry.stride, geometry.padding
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    return np.lib.stride_tricks.sliding_window_view(padded, weight.shape[:2], axis=(1, 2))[:, ::sh, ::sw]


def _pool_places(convolved: Array, pool: Pair) -> Array:
    """One array of the pooled shape for each place in a window, stacked."""
    (n, height, width, filters), (ph, pw) = convolved.shape, pool
    shape = (n, height // ph, width // pw, filters)
    return np.stack([at_place(convolved, place, pool, pool, shape) for place in range(ph * pw)])


def _spread(out: Array, dy: Array, argmax: Array | None, geometry: ConvGeometry, convolved_size: Pair) -> Array:
    """The gradient to the convolution's output, before ReLU and pool."""
    if geometry.pool == (1, 1):
        passes: Array = np.where(out > 0, dy, dy.dtype.type(0)) if geometry.relu else dy
        return passes
    spread: Array = np.zeros_like(dy, shape=(len(dy), *convolved_size, dy.shape[3]))
    for place in range(geometry.pool[0] * geometry.pool[1]):
        part = at_place(spread, place, geometry.pool, geometry.pool, dy.shape)
        part[...] = np.where(argmax == place, dy, dy.dtype.type(0))
    return spread
