"""The smooth activations and their slopes."""

from collections.abc import Callable

import numpy as np
from scipy.special import erf, expit

from crmsprop.kernels.reference import checks, layer_checks
from crmsprop.kernels.reference.checks import Array, silent


@silent
def activation_forward(x: Array, out: Array, kind: str, slope: float, n_threads: int) -> None:
    """out = f(x), where f is of `crmsprop.kernels.activations.KINDS`.

    `slope` is what multiplies ``exp(x) - 1`` in ELU and x in leaky ReLU where x <= 0; the others have no use for it.
    """
    layer_checks.check_kind(kind)
    checks.check_map(x, "x", out)
    out[...] = _VALUES[kind](x, x.dtype.type(slope))


@silent
def activation_backward(x: Array, out: Array, dy: Array, dx: Array, kind: str, slope: float, n_threads: int) -> None:
    """dx = dy * f'(x), from x and out, which activation_forward made of it; dx may be dy."""
    layer_checks.check_kind(kind)
    layer_checks.check_activation_backward(x, out, dy, dx)
    dx[...] = dy * _SLOPES[kind](x, out, x.dtype.type(slope))


def _below(x: Array) -> Array:
    """The share of the normal distribution below x."""
    share: Array = (1 + erf(x / np.sqrt(x.dtype.type(2)))) / 2
    return share


def _density(x: Array) -> Array:
    bell: Array = np.exp(-x * x / 2) / np.sqrt(x.dtype.type(2 * np.pi))
    return bell


_VALUES: dict[str, Callable[[Array, float], Array]] = {
    "gelu": lambda x, slope: x * _below(x),
    "elu": lambda x, slope: np.where(x > 0, x, slope * np.expm1(np.minimum(x, 0))),
    "leaky_relu": lambda x, slope: np.where(x > 0, x, slope * x),
    "silu": lambda x, slope: x * expit(x),
    "tanh": lambda x, slope: np.tanh(x),
    "sigmoid": lambda x, slope: expit(x),
}

_SLOPES: dict[str, Callable[[Array, Array, float], Array]] = {
    "gelu": lambda x, y, slope: _below(x) + x * _density(x),
    "elu": lambda x, y, slope: np.where(x > 0, x.dtype.type(1), y + slope),
    "leaky_relu": lambda x, y, slope: np.where(x > 0, x.dtype.type(1), slope),
    "silu": lambda x, y, slope: expit(x) * (1 + x * (1 - expit(x))),
    "tanh": lambda x, y, slope: 1 - y * y,
    "sigmoid": lambda x, y, slope: y * (1 - y),
}
