"""RMSprop over a list of arrays."""

import numpy as np

from crmsprop.kernels.reference import rmsprop_checks as checks
from crmsprop.kernels.reference.checks import Array, silent
from crmsprop.kernels.rule import RMSpropRates, RMSpropRule, RMSpropState


def rmsprop_check(params: list[Array]) -> None:
    """TypeError or ValueError unless RMSpropArrays can update every one of `params` in place."""
    checks.check_params(params)


class RMSpropArrays:
    """Parameters and their state, checked once and updated by every step.

    The lists hold one array a parameter, of its shape and dtype, none of which overlap; None where the option is off.
    """

    def __init__(self, params: list[Array], state: RMSpropState, rates: list[RMSpropRates]) -> None:
        self._params, self._rates = list(params), list(rates)
        checks.check_rmsprop(params, state, rates)
        self._state = state.only(range(len(params)))
        self._sizes = [param.size for param in params]

    def check(self, grads: list[Array]) -> None:
        """TypeError or ValueError unless `step` would take `grads`."""
        checks.check_gradients(self._params, self._sizes, self._state, grads, None)

    def step(
        self,
        grads: list[Array],
        learning_rate: float,
        rule: RMSpropRule,
        scales: list[float] | None,
        n_threads: int | None,
    ) -> None:
        """Update each parameter and its state in place, from `grads` (and, where they are kept, the sums of others).

        `scales` are further factors on the gradients, one an array: those of a norm clip; None for 1. In the dtype of
        the arrays, element by element: ``g = clip(scale * (sum + grad)) + l2 * param``; ``v = rho * v + (1 - rho) *
        g**2``; ``u = inside * g / (sqrt(correction * v + epsilon_inside) + epsilon_outside)``, with ``(correction *
        mean)**2`` taken off under the root, but not below 0, where means are kept; momentum; ``param = keep * param -
        outside * u``; the average; sums become 0. The learning rate is `inside` or `outside` and the other is 1;
        ``keep = 1 - learning_rate * weight_decay``.
        """
        checks.check_n_threads(n_threads)
        checks.check_gradients(self._params, self._sizes, self._state, grads, scales)
        state = self._state._asdict()
        for i, param in enumerate(self._params):
            own = {name: None if arrays is None else arrays[i] for name, arrays in state.items()}
            scale = rule.scale * (1.0 if scales is None else scales[i])
            _update(param, grads[i], own, learning_rate, self._rates[i], scale, rule)


def rmsprop_update(
    param: Array,
    grad: Array,
    mean_square: Array,
    mean: Array | None,
    velocity: Array | None,
    average: Array | None,
    learning_rate: float,
    l2: float,
    weight_decay: float,
    grad_scale: float,
    rule: RMSpropRule,
    n_threads: int | None,
) -> None:
    """Update one array and its state in place, as RMSpropArrays.step does."""
    state = {"mean_squares": mean_square, "means": mean, "velocities": velocity, "averages": average, "sums": None}
    checks.check_update(param, grad, mean_square, mean, velocity, average)
    checks.check_n_threads(n_threads)
    _update(param, grad, state, learning_rate, RMSpropRates(None, l2, weight_decay), rule.scale * grad_scale, rule)


@silent
def _update(
    param: Array,
    grad: Array,
    state: dict[str, Array | None],
    learning_rate: float,
    rates: RMSpropRates,
    scale: float,
    rule: RMSpropRule,
) -> None:
    real, velocity, average = param.dtype.type, state["velocities"], state["averages"]
    rate = learning_rate if rates.learning_rate is None else rates.learning_rate
    inside, outside = (rate, 1.0) if velocity is None or rule.lr_in_momentum else (1.0, rate)
    g = _scaled_gradient(grad, state["sums"], scale, rule)
    if real(rates.l2):
        g = g + real(rates.l2) * param
    u = real(inside) * g / _denominator(g, state, rule)
    if velocity is not None:
        w = real(rule.momentum) * velocity + u
        velocity[...] = w
        u = u + real(rule.momentum) * w if rule.nesterov else w
    param[...] = real(1.0 - rate * rates.weight_decay) * param - real(outside) * u
    if average is not None:
        _average(param, average, rule.ema)


def _average(param: Array, average: Array, ema: float) -> None:
    real = param.dtype.type
    average[...] = param if ema == 0 else average + real(1.0 - ema) * (param - average)


def _scaled_gradient(grad: Array, total: Array | None, scale: float, rule: RMSpropRule) -> Array:
    real = grad.dtype.type
    if total is not None:
        grad = total + grad
        total[...] = 0
    grad = grad * real(scale)
    bound = real(rule.clip_value)
    clipped: Array = np.where(grad < -bound, -bound, np.where(grad > bound, bound, grad))
    return clipped


def _denominator(g: Array, state: dict[str, Array | None], rule: RMSpropRule) -> Array:
    """Update the moments and return what the gradient is divided by."""
    real = g.dtype.type
    rest, mean_square, mean = real(1.0 - rule.rho), state["mean_squares"], state["means"]
    assert mean_square is not None
    mean_square[...] = real(rule.rho) * mean_square + rest * (g * g)
    v = mean_square * real(rule.correction)
    if mean is not None:
        mean[...] = real(rule.rho) * mean + rest * g
        m = mean * real(rule.correction)
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
def rmsprop_average(params: list[Array], averages: list[Array], ema: float, n_threads: int) -> None:
    """averages += (1 - ema) * (params - averages), array by array; an `ema` of 0 forgets what they held."""
    checks.check_average(params, averages)
    for param, average in zip(params, averages, strict=True):
        _average(param, average, ema)


@silent
def rmsprop_squares(grads: list[Array], sums: list[Array] | None, n_threads: int) -> list[float]:
    """Sum of the squares of each gradient (of ``sum + grad`` where sums are given), in float64."""
    checks.check_squares(grads, sums)
    totals = grads if sums is None else [total + grad for total, grad in zip(sums, grads, strict=True)]
    return [float(np.sum(np.square(total, dtype=np.float64))) for total in totals]
