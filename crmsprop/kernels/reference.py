"""NumPy twins of the compiled kernels: the same names, arguments, effects and errors, one idea a line.

They say what each kernel means, they stand beside the compiled ones in every kernel test, and
``CRMSPROP_KERNELS=reference`` runs the whole library on them. All arrays of a call are C-contiguous and of one dtype,
float32 or float64, unless said otherwise; arrays to be written are allocated by the caller. `scratch` is working
memory, from the ``*_scratch`` function of the same name; the twins need none.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from crmsprop.kernels import _twin_checks as checks
from crmsprop.kernels.geometry import ConvGeometry

Array = np.ndarray[Any, np.dtype[Any]]
Pair = tuple[int, int]

CUT_OFF = 255


def rmsprop_step(
    params: list[Array],
    grads: list[Array],
    mean_squares: list[Array],
    means: list[Array] | None,
    velocities: list[Array] | None,
    learning_rates: Sequence[float],
    l2s: Sequence[float],
    rho: float,
    epsilon: float,
    momentum: float,
    n_threads: int,
) -> None:
    """Update each of `params` and its state in place, from `grads`.

    `means` is None unless centered, `velocities` None without momentum. ``g = grad + l2 * param``;
    ``v = rho * v + (1 - rho) * g**2``; ``param -= learning_rate * g / (sqrt(v) + epsilon)``.
    """
    checks.check_rmsprop(params, grads, mean_squares, means, velocities)
    for i, param in enumerate(params):
        real = param.dtype.type
        rest, rate = real(1.0 - rho), real(learning_rates[i])
        g = grads[i] + real(l2s[i]) * param if l2s[i] else grads[i]
        v = mean_squares[i]
        v[...] = real(rho) * v + rest * (g * g)
        if means is not None:
            means[i][...] = real(rho) * means[i] + rest * g
            v = v - means[i] * means[i]
            v = np.where(v < 0, real(0), v)
        denominator = np.sqrt(v) + real(epsilon)
        if velocities is not None:
            velocities[i][...] = real(momentum) * velocities[i] + g / denominator
            param[...] = param - rate * velocities[i]
        else:
            param[...] = param - rate * g / denominator


def rmsprop_check(params: list[Array]) -> None:
    """TypeError or ValueError unless rmsprop_step can update every one of `params` in place."""
    checks.check_params(params)


def dense_scratch(samples: int, inputs: int, units: int, dtype: Any, training: bool, n_threads: int) -> int:
    """Elements of scratch that the dense kernels need for up to `samples` rows."""
    return 0


def dense_forward(
    x: Array, weight: Array, bias: Array | None, out: Array, relu: bool, scratch: Array, n_threads: int
) -> None:
    """out = x weight + bias, cut off at 0 if `relu`.

    Shapes: x (n, inputs), weight (inputs, units), bias (units,) or None, out (n, units).
    """
    checks.check_dense(x, weight, bias, out)
    np.matmul(x, weight, out=out)
    if bias is not None:
        out += bias
    if relu:
        _cut(out)


def dense_backward(
    x: Array,
    weight: Array,
    dy: Array,
    dx: Array | None,
    dweight: Array,
    dbias: Array | None,
    scratch: Array,
    n_threads: int,
) -> None:
    """dx = dy weight', dweight = x' dy, dbias = sum of dy over rows; `dx` and `dbias` may be None."""
    checks.check_dense_backward(x, weight, dy, dx, dweight, dbias)
    np.matmul(x.T, dy, out=dweight)
    if dbias is not None:
        np.sum(dy, axis=0, out=dbias)
    if dx is not None:
        np.matmul(dy, weight.T, out=dx)


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


def conv2d_forward(
    x: Array,
    weight: Array,
    bias: Array | None,
    out: Array,
    argmax: Array | None,
    geometry: ConvGeometry,
    scratch: Array,
    n_threads: int,
) -> None:
    """Cross-correlate images with filters, add the bias, cut off at 0, take the largest of each pool window.

    Shapes: x (n, height, width, channels), weight (kh, kw, channels, filters), bias (filters,) or None, out as
    `geometry.pooled` says. `argmax`, uint8 and of out's shape, or None where it is not wanted, gets the place of the
    largest value in its window, row by row (the first of equal ones; a NaN is largest), or 255 where the ReLU cut it
    off.
    """
    checks.check_conv(x, weight, bias, out, argmax, geometry)
    convolved = np.tensordot(_windows(x, weight, geometry), weight, axes=([3, 4, 5], [2, 0, 1]))
    if bias is not None:
        convolved += bias
    if geometry.pool == (1, 1):
        out[...] = convolved
    else:
        places = _pool_places(convolved, geometry.pool)
        largest = _first_largest(places)
        out[...] = np.take_along_axis(places, largest[None], axis=0)[0]
        if argmax is not None:
            argmax[...] = np.where(geometry.relu & ~(out > 0), CUT_OFF, largest)
    if geometry.relu:
        _cut(out)


def conv2d_backward(
    x: Array,
    weight: Array,
    out: Array,
    dy: Array,
    argmax: Array | None,
    dx: Array | None,
    dweight: Array,
    dbias: Array | None,
    geometry: ConvGeometry,
    scratch: Array,
    n_threads: int,
) -> None:
    """Gradients of conv2d_forward, from `out`, `argmax` and `dy`, the gradient to out; `dx`, `dbias` may be None."""
    checks.check_conv_backward(x, weight, out, dy, argmax, dx, dweight, dbias, geometry)
    spread = _spread(out, dy, argmax, geometry, _windows(x, weight, geometry).shape[1:3])
    dweight[...] = np.tensordot(_windows(x, weight, geometry), spread, axes=([0, 1, 2], [0, 1, 2])).transpose(
        1, 2, 0, 3
    )
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


def max_pool2d_forward(x: Array, out: Array, argmax: Array, pool: Pair, stride: Pair, n_threads: int) -> None:
    """Largest value of each `pool` window, windows `stride` apart, and its place in the window, row by row (uint8)."""
    checks.check_pool(x, "x", out, "out", argmax, pool, stride)
    places = np.stack([_place(x, place, pool, stride, out.shape) for place in range(pool[0] * pool[1])])
    argmax[...] = _first_largest(places)
    out[...] = np.take_along_axis(places, argmax[None].astype(np.intp), axis=0)[0]


def max_pool2d_backward(dy: Array, argmax: Array, dx: Array, pool: Pair, stride: Pair, n_threads: int) -> None:
    """Add each element of dy to the place in dx that its window's largest value came from; the rest of dx is 0."""
    checks.check_pool(dx, "dx", dy, "dy", argmax, pool, stride)
    dx[...] = 0
    for place in range(pool[0] * pool[1]):
        part = _place(dx, place, pool, stride, dy.shape)
        part += np.where(argmax == place, dy, dy.dtype.type(0))


def relu_forward(x: Array, out: Array, n_threads: int) -> None:
    """out = max(x, 0); a NaN stays a NaN."""
    checks.check_map(x, "x", out, "out")
    out[...] = x
    _cut(out)


def relu_backward(out: Array, dy: Array, dx: Array, n_threads: int) -> None:
    """dx = dy where out > 0, else 0; dx may be dy."""
    checks.check_relu_backward(out, dy, dx)
    dx[...] = np.where(out > 0, dy, dy.dtype.type(0))


def dropout(x: Array, out: Array, rate: float, key: int, n_threads: int) -> None:
    """out = x / (1 - rate) where the element's random number is at least `rate`, else 0.

    Element i of x, in C order, draws 32 bits of SplitMix64(key, i // 2): nothing but `key` and i decides.
    """
    checks.check_rate(rate)
    checks.check_map(x, "x", out, "out")
    with np.errstate(over="ignore"):
        bits = _hash(np.uint64(key), np.arange((x.size + 1) // 2, dtype=np.uint64))
    halves = np.stack([bits & np.uint64(0xFFFFFFFF), bits >> np.uint64(32)], axis=1).ravel()[: x.size]
    keep = (halves >= np.uint64(rate * 2.0**32)).reshape(x.shape)
    out[...] = np.where(keep, x * x.dtype.type(1 / (1 - rate)), x.dtype.type(0))


def gather(source: Array, indices: Array, out: Array, scale: float, n_threads: int) -> None:
    """out[i] = source[indices[i]] * scale; source is uint8, float32 or float64 with contiguous rows."""
    checks.check_gather(source, indices, out)
    np.multiply(source[indices], out.dtype.type(scale), out=out, dtype=out.dtype, casting="unsafe")


def softmax(logits: Array, out: Array, n_threads: int) -> None:
    """out = exp(logits) / sum of exp(logits), row by row; out may be logits."""
    checks.check_map(logits, "logits", out, "out", may_be_same=True)
    with np.errstate(invalid="ignore"):
        np.exp(logits - logits.max(axis=1, keepdims=True), out=out)
        out /= out.sum(axis=1, keepdims=True)


def cross_entropy(
    logits: Array, labels: Array, weights: Array, losses: Array, hits: Array, dlogits: Array | None, n_threads: int
) -> None:
    """Softmax cross-entropy of each row, whether its largest logit is the label's, and the gradient.

    Shapes: logits and dlogits (n, classes), labels (n,) int64, weights and losses (n,), hits (n,) uint8. `losses` are
    not weighted; ``dlogits = weights * (softmax(logits) - one_hot(labels))``, or None where it is not wanted.
    """
    checks.check_cross_entropy(logits, labels, weights, losses, hits, dlogits)
    rows = np.arange(len(logits))
    with np.errstate(invalid="ignore"):
        shifted = logits - logits.max(axis=1, keepdims=True)
        exponentials = np.exp(shifted)
        sums = exponentials.sum(axis=1)
        losses[...] = np.log(sums) - shifted[rows, labels]
    hits[...] = logits.argmax(axis=1) == labels
    if dlogits is not None:
        dlogits[...] = exponentials * (weights / sums)[:, None]
        dlogits[rows, labels] -= weights


def _cut(values: Array) -> None:
    values[values < 0] = 0


def _hash(key: np.uint64, counters: Array) -> Array:
    z = key + (counters + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _windows(x: Array, weight: Array, geometry: ConvGeometry) -> Array:
    """The patch of the padded image under each output: (n, rows, columns, channels, kh, kw)."""
    (sh, sw), (top, bottom, left, right) = geometry.stride, geometry.padding
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    return np.lib.stride_tricks.sliding_window_view(padded, weight.shape[:2], axis=(1, 2))[:, ::sh, ::sw]


def _pool_places(convolved: Array, pool: Pair) -> Array:
    """One array of the pooled shape for each place in a window, stacked."""
    (n, height, width, filters), (ph, pw) = convolved.shape, pool
    shape = (n, height // ph, width // pw, filters)
    return np.stack([_place(convolved, place, pool, pool, shape) for place in range(ph * pw)])


def _place(x: Array, place: int, pool: Pair, stride: Pair, shape: tuple[int, ...]) -> Array:
    """View of the element at `place` in each window."""
    (i, j), (sh, sw) = divmod(place, pool[1]), stride
    return x[:, i : i + sh * (shape[1] - 1) + 1 : sh, j : j + sw * (shape[2] - 1) + 1 : sw]


def _first_largest(places: Array) -> Array:
    """Index of the largest along axis 0: the first of equal ones, the last NaN before everything."""
    nan = np.isnan(places)
    last_nan = len(places) - 1 - nan[::-1].argmax(axis=0)
    return np.where(nan.any(axis=0), last_nan, places.argmax(axis=0))


def _spread(out: Array, dy: Array, argmax: Array | None, geometry: ConvGeometry, convolved_size: Pair) -> Array:
    """The gradient to the convolution's output, before ReLU and pool."""
    if geometry.pool == (1, 1):
        passes: Array = np.where(out > 0, dy, dy.dtype.type(0)) if geometry.relu else dy
        return passes
    spread: Array = np.zeros_like(dy, shape=(len(dy), *convolved_size, dy.shape[3]))
    for place in range(geometry.pool[0] * geometry.pool[1]):
        part = _place(spread, place, geometry.pool, geometry.pool, dy.shape)
        part[...] = np.where(argmax == place, dy, dy.dtype.type(0))
    return spread
