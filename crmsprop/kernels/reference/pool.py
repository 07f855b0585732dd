"""Max-pooling on its own, and average-pooling."""

import numpy as np

from crmsprop.kernels.reference import checks
from crmsprop.kernels.reference.checks import Array, Pair, silent


def max_pool2d_forward(x: Array, out: Array, argmax: Array, pool: Pair, stride: Pair, n_threads: int) -> None:
    """Largest value of each `pool` window, windows `stride` apart, and its place in the window, row by row (uint8)."""
    checks.check_max_pool(x, "x", out, "out", argmax, pool, stride)
    places = np.stack([at_place(x, place, pool, stride, out.shape) for place in range(pool[0] * pool[1])])
    argmax[...] = first_largest(places)
    out[...] = np.take_along_axis(places, argmax[None].astype(np.intp), axis=0)[0]


def max_pool2d_backward(dy: Array, argmax: Array, dx: Array, pool: Pair, stride: Pair, n_threads: int) -> None:
    """Add each element of dy to the place in dx that its window's largest value came from; the rest of dx is 0."""
    checks.check_max_pool(dx, "dx", dy, "dy", argmax, pool, stride)
    dx[...] = 0
    for place in range(pool[0] * pool[1]):
        part = at_place(dx, place, pool, stride, dy.shape)
        part += np.where(argmax == place, dy, dy.dtype.type(0))


@silent
def average_pool2d_forward(x: Array, out: Array, pool: Pair, stride: Pair, n_threads: int) -> None:
    """Mean of each `pool` window, windows `stride` apart: their sum, divided by their number of pixels."""
    checks.check_average_pool(x, "x", out, "out", pool, stride)
    out[...] = 0
    for place in range(pool[0] * pool[1]):
        out += at_place(x, place, pool, stride, out.shape)
    out /= pool[0] * pool[1]


@silent
def average_pool2d_backward(dy: Array, dx: Array, pool: Pair, stride: Pair, n_threads: int) -> None:
    """Add the share of a pixel in each element of dy to every place in dx of its window; the rest of dx is 0."""
    checks.check_average_pool(dx, "dx", dy, "dy", pool, stride)
    dx[...] = 0
    for place in range(pool[0] * pool[1]):
        part = at_place(dx, place, pool, stride, dy.shape)
        part += dy / dy.dtype.type(pool[0] * pool[1])


def at_place(x: Array, place: int, pool: Pair, stride: Pair, shape: tuple[int, ...]) -> Array:
    """View of the element at `place` in each window."""
    i, j = divmod(place, pool[1])
    view: Array = x[:, i :: stride[0], j :: stride[1]][:, : shape[1], : shape[2]]
    return view


def first_largest(places: Array) -> Array:
    """Index of the largest along axis 0: the first of equal ones, the last NaN before everything."""
    nan = np.isnan(places)
    last_nan = len(places) - 1 - nan[::-1].argmax(axis=0)
    largest: Array = np.where(nan.any(axis=0), last_nan, places.argmax(axis=0))
    return largest
