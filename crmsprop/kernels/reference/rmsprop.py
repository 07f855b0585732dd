"""RMSprop over a list of arrays."""

import numpy as np

from crmsprop.kernels.reference import checks
from crmsprop.kernels.reference.checks import Array, silent
from crmsprop.kernels.rule import RMSpropRates, RMSpropRule, RMSpropState


def rmsprop_check(params: list[Array]) -> None:
    """TypeError or ValueError unless rmsprop_step can update every one of `params` in place."""
    checks.check_params(params)


@silent
def rmsprop_step(
    params: list[Array],
    grads: list[Array],
    mean_squares: list[Array],
    means: list[Array] | None,
    velocities: list[Array] | None,
    averages: list[Array] | None,
    sums: list[Array] | None,
    rates: list[RMSpropRates],
    scales: list[float] | None,
    rule: RMSpropRule,
    n_threads: int,
) -> None:
    """Update each of `params` and its state in place, from `grads` (and, where they are kept, from the sums of others).

    `scales` are factors on the gradients, one an array: the sign of maximize, the mean over accumulated gradients, norm
    clips; None for 1. In the dtype of the arrays, element by element: ``g = clip(scale * (sum + grad)) + l2 * param``;
    ``v = rho * v + (1 - rho) * g**2``; ``u = inside * g / (sqrt(correction * v + epsilon_inside) + epsilon_outside)``,
    with ``(correction * mean)**2`` taken off under the root, but not below 0, where means are kept; momentum; ``param =
    keep * param - outside * u``; the average; sums become 0.
    """
    state = RMSpropState(mean_squares, means, velocities, averages, sums)
    checks.check_rmsprop(params, grads, state, rates, scales)
    for i, param in enumerate(params):
        real = param.dtype.type
        g = _scaled_gradient(i, param, grads[i], state, scales, rule)
        if rates[i].l2:
            g = g + real(rates[i].l2) * param
        u = real(rates[i].inside) * g / _denominator(i, g, state, rule)
        if state.velocities is not None:
            w = real(rule.momentum) * state.velocities[i] + u
            state.velocities[i][...] = w
            u = u + real(rule.momentum) * w if rule.nesterov else w
        param[...] = real(rates[i].keep) * param - real(rates[i].outside) * u
        if state.averages is not None:
            average = state.averages[i]
            average[...] = real(rule.ema) * average + real(1.0 - rule.ema) * param


def _scaled_gradient(
    i: int, param: Array, grad: Array, state: RMSpropState, scales: list[float] | None, rule: RMSpropRule
) -> Array:
    real = param.dtype.type
    if state.sums is not None:
        grad = state.sums[i] + grad
        state.sums[i][...] = 0
    if scales is not None:
        grad = grad * real(scales[i])
    bound = real(rule.clip_value)
    clipped: Array = np.where(grad < -bound, -bound, np.where(grad > bound, bound, grad))
    return clipped


def _denominator(i: int, g: Array, state: RMSpropState, rule: RMSpropRule) -> Array:
    """Update the moments of array i and return what the gradient is divided by."""
    real = g.dtype.type
    rest, v = real(1.0 - rule.rho), state.mean_squares[i]
    v[...] = real(rule.rho) * v + rest * (g * g)
    v = v * real(rule.correction)
    if state.means is not None:
        state.means[i][...] = real(rule.rho) * state.means[i] + rest * g
        m = state.means[i] * real(rule.correction)
        v = v - m * m
        v = np.where(v < 0, real(0), v)
    denominator: Array = np.sqrt(v + real(rule.epsilon_inside)) + real(rule.epsilon_outside)
    return denominator


@silent
def rmsprop_accumulate(grads: list[Array], sums: list[Array], n_threads: int) -> None:
    """sums += grads, array by array."""
    checks.check_accumulate(grads, sums)
    for total, grad in zip(sums, grads, strict=True):
        total += grad


@silent
def rmsprop_squares(grads: list[Array], sums: list[Array] | None, n_threads: int) -> list[float]:
    """Sum of the squares of each gradient (of ``sum + grad`` where sums are given), in float64."""
    checks.check_squares(grads, sums)
    totals = grads if sums is None else [total + grad for total, grad in zip(sums, grads, strict=True)]
    return [float(np.sum(np.square(total, dtype=np.float64))) for total in totals]
