"""ReLU, sum, dropout, gather and a look for NaN."""

import numpy as np

from crmsprop.kernels.counters import bits_of
from crmsprop.kernels.reference import checks
from crmsprop.kernels.reference.checks import Array, silent


def relu_forward(x: Array, out: Array, n_threads: int) -> None:
    """out = max(x, 0); a NaN stays a NaN."""
    checks.check_map(x, "x", out)
    out[...] = x
    cut_off(out)


def relu_backward(out: Array, dy: Array, dx: Array, n_threads: int) -> None:
    """dx = dy where out > 0, else 0; dx may be dy."""
    checks.check_relu_backward(out, dy, dx)
    dx[...] = np.where(out > 0, dy, dy.dtype.type(0))


@silent
def add(x: Array, y: Array, out: Array, n_threads: int) -> None:
    """out = x + y; out may be either."""
    checks.check_sum(x, y, out)
    np.add(x, y, out=out)


@silent
def dropout(x: Array, out: Array, rate: float, key: int, n_threads: int) -> None:
    """out = x / (1 - rate) where the element's random number is at least `rate`, else 0.

    Element i of x, in C order, draws 32 bits of SplitMix64(key, i // 2): nothing but `key` and i decides.
    """
    checks.check_rate(rate)
    checks.check_map(x, "x", out)
    out[...] = _dropped(x, _kept(x.size, rate, key).reshape(x.shape), rate)


@silent
def dropout_channels(x: Array, out: Array, rate: float, key: int, n_threads: int) -> None:
    """As `dropout`, a whole channel of an image at a time: x and out are (n, height, width, channels).

    Channel c of image i draws what `dropout` draws for element (i, c) of an array of shape (n, channels).
    """
    checks.check_rate(rate)
    checks.check_map(x, "x", out, 4)
    n, _, _, channels = x.shape
    out[...] = _dropped(x, _kept(n * channels, rate, key).reshape(n, 1, 1, channels), rate)


@silent
def gather(source: Array, indices: Array, out: Array, scale: float, n_threads: int) -> None:
    """out[i] = source[indices[i]] * scale; source is uint8, float32 or float64 with contiguous rows."""
    checks.check_gather(source, indices, out)
    np.multiply(source[indices], out.dtype.type(scale), out=out, dtype=out.dtype, casting="unsafe")


def all_finite(x: Array) -> bool:
    """Whether no element is a NaN or infinite."""
    checks.check_real(x, "x")
    return bool(np.isfinite(x).all())


def cut_off(values: Array) -> None:
    """values = max(values, 0), in place; a NaN stays a NaN."""
    values[values < 0] = 0


def _kept(size: int, rate: float, key: int) -> Array:
    """Whether each of `size` random numbers is at least `rate`."""
    bits = bits_of(key, np.arange((size + 1) // 2, dtype=np.uint64))
    halves = np.stack([bits & np.uint64(0xFFFFFFFF), bits >> np.uint64(32)], axis=1).ravel()[:size]
    kept: Array = halves >= np.uint64(rate * 2.0**32)
    return kept


def _dropped(x: Array, kept: Array, rate: float) -> Array:
    scaled: Array = np.where(kept, x * x.dtype.type(1 / (1 - rate)), x.dtype.type(0))
    return scaled
