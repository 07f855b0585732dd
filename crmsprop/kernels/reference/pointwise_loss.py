"""Losses that compare each output with its own target."""

from collections.abc import Callable

import numpy as np
from scipy.special import expit

from crmsprop.kernels.reference.checks import Array, silent
from crmsprop.kernels.reference.layer_checks import check_pointwise_loss

#: Of an output above the logarithm of its target: the exponential of the distance is finite in float32.
_FAR_ABOVE = 80


@silent
def pointwise_loss(
    output: Array,
    target: Array,
    weights: Array,
    losses: Array,
    hits: Array | None,
    gradient: Array | None,
    kind: str,
    parameter: float,
    n_threads: int,
) -> tuple[float, float]:
    """Mean loss of each row's outputs for their targets, of `crmsprop.kernels.pointwise_losses.LOSSES`, and gradient.

    Returns the sums over the rows of weight * loss and of weight * hit, in float64; the latter is 0 without hits.

    Shapes: output, target and gradient (n, width), weights and losses (n,), hits (n,) uint8. `losses` are not weighted;
    gradient is that of their weighted sum. A hit is a row all of whose outputs are above 0 where its target is at least
    a half, and nowhere else. `gradient` and `hits` are None where they are not wanted.

    `parameter` is the delta of Huber's loss; that of the cross-entropy takes so much of each target away and adds a
    half of it. The others have no use for it. The outputs of the cross-entropy are logits, those of the Poisson
    deviance logarithms of means, whose targets are at least 0.
    """
    check_pointwise_loss(output, target, weights, losses, hits, gradient, kind)
    width, wide = output.shape[1], weights.astype(np.float64)
    losses[...] = _VALUES[kind](output, target, output.dtype.type(parameter)).sum(axis=1) / output.dtype.type(width)
    if gradient is not None:
        share = weights[:, None] / output.dtype.type(width)
        gradient[...] = share * _SLOPES[kind](output, target, output.dtype.type(parameter))
    if hits is not None:
        hits[...] = ((output > 0) == (target >= 0.5)).all(axis=1)
    return float((wide * losses).sum()), 0.0 if hits is None else float((wide * hits).sum())


def _huber(output: Array, target: Array, delta: float) -> Array:
    size = np.abs(output - target)
    loss: Array = np.where(size > delta, delta * (size - delta / 2), size * size / 2)
    return loss


def _deviance(output: Array, target: Array, _: float) -> Array:
    distance = output - np.log(np.where(target > 0, target, 1))
    mean = np.exp(output)
    far, near = mean - target * (1 + distance), target * (np.expm1(np.minimum(distance, _FAR_ABOVE)) - distance)
    loss: Array = 2 * np.where(target > 0, np.where(distance > _FAR_ABOVE, far, near), mean)
    return loss


def _cross_entropy(output: Array, target: Array, smoothing: float) -> Array:
    loss: Array = np.logaddexp(0, output) - output * _smoothed(target, smoothing)
    return loss


def _smoothed(target: Array, smoothing: float) -> Array:
    return target * (1 - smoothing) + smoothing / 2


_VALUES: dict[str, Callable[[Array, Array, float], Array]] = {
    "squared_error": lambda output, target, _: (output - target) ** 2,
    "absolute_error": lambda output, target, _: np.abs(output - target),
    "huber": _huber,
    "poisson_deviance": _deviance,
    "binary_cross_entropy": _cross_entropy,
}

_SLOPES: dict[str, Callable[[Array, Array, float], Array]] = {
    "squared_error": lambda output, target, _: 2 * (output - target),
    "absolute_error": lambda output, target, _: np.sign(output - target),
    "huber": lambda output, target, delta: np.clip(output - target, -delta, delta),
    "poisson_deviance": lambda output, target, _: 2 * (np.exp(output) - target),
    "binary_cross_entropy": lambda output, target, smoothing: expit(output) - _smoothed(target, smoothing),
}
