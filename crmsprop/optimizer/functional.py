"""RMSprop for those who keep their own state: one array, one call."""

import functools
import math
from typing import Any

import numpy as np

from crmsprop import kernels
from crmsprop.errors import check_fits, check_integer, check_real
from crmsprop.kernels.rule import RMSpropRule
from crmsprop.optimizer.gradients import explained_by_name
from crmsprop.optimizer.groups import Array
from crmsprop.optimizer.options import RMSpropOptions

#: What the kernel calls the arrays of one update, in its order.
ARRAYS = ("param", "grad", "mean_square", "mean", "velocity", "average")


def rmsprop_update(
    param: Array,
    grad: Array,
    mean_square: Array,
    *,
    learning_rate: float = 1e-3,
    rho: float = 0.9,
    epsilon: float = 1e-8,
    mean: Array | None = None,
    velocity: Array | None = None,
    momentum: float = 0.0,
    nesterov: bool = False,
    eps_in_sqrt: bool = False,
    lr_in_momentum: bool = False,
    step: int | None = None,
    l2: float = 0.0,
    weight_decay: float = 0.0,
    clip_value: float | None = None,
    clip_norm: float | None = None,
    average: Array | None = None,
    ema: float = 0.0,
    maximize: bool = False,
    n_threads: int | None = None,
) -> None:
    """Update one array and its state in place, once, as RMSprop does.

    Parameters
    ----------
    param : ndarray of float32 or float64
        C-contiguous and writable, of any shape.
    grad : ndarray
        Its gradient, of the same shape and dtype. Not changed.
    mean_square : ndarray
        Running mean of the squared gradients, of the same shape and dtype; zeros before the first step.
    learning_rate : float, default=1e-3
        Step size, in [0, inf).
    rho : float, default=0.9
        Decay of the mean square, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root, in [0, inf).
    mean : ndarray or None, default=None
        Running mean of the gradients, zeros before the first step: given, the update is centered.
    velocity : ndarray or None, default=None
        State of the momentum, zeros before the first step; needed with `momentum`.
    momentum : float, default=0.0
        In [0, 1).
    nesterov, eps_in_sqrt, lr_in_momentum : bool, default=False
        As in RMSprop.
    step : int or None, default=None
        Number of this step, counted from 1, for bias correction; None for no correction.
    l2, weight_decay : float, default=0.0
        Coupled penalty, and decoupled decay, in [0, inf).
    clip_value, clip_norm : float or None, default=None
        Largest absolute value of an element of the gradient, or largest Euclidean norm of it, in (0, inf); at most one.
    average : ndarray or None, default=None
        Running average of the parameter, with decay `ema`.
    ema : float, default=0.0
        Decay of `average`, in [0, 1); 0 makes it the new parameter, as it should be after the first step.
    maximize : bool, default=False
        Go up the gradient.
    n_threads : int or None, default=None
        Threads to use; None for every core that the process may use.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range, an array does not fit `param`, or the norm to be clipped is not finite: names
        it. Nothing is changed then.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop import rmsprop_update
    >>> weights, mean_square = np.array([1.0, -2.0]), np.zeros(2)
    >>> rmsprop_update(weights, 2 * weights, mean_square, learning_rate=0.1, rho=0.75)
    >>> weights
    array([ 0.8, -1.8])
    """
    if not isinstance(param, np.ndarray):
        raise TypeError(f"param must be a NumPy array, got {type(param).__name__}")
    options = rho, epsilon, momentum, nesterov, eps_in_sqrt, lr_in_momentum, clip_value, clip_norm, ema, maximize
    try:
        rule = _cached_rule(*options, param.dtype)
    except TypeError:  # perhaps only of what cannot be a key of the cache
        rule = _rule(*options, param.dtype)
    if step is not None:
        rule = rule._replace(correction=1.0 / (1.0 - rule.rho ** check_integer("step", step, 1, 2**53)))
    if type(learning_rate) is not float or not 0.0 <= learning_rate <= 1.0:  # nearly all pass at a glance
        learning_rate = check_fits("learning_rate", check_real("learning_rate", learning_rate, "[0, inf)"), param.dtype)
    if type(l2) is not float or l2 != 0.0:
        l2 = check_fits("l2", check_real("l2", l2, "[0, inf)"), param.dtype)
    if type(weight_decay) is not float or weight_decay != 0.0:
        weight_decay = check_fits("weight_decay", check_real("weight_decay", weight_decay, "[0, inf)"), param.dtype)
    if momentum and velocity is None:
        raise TypeError(f"velocity must be an array where momentum is given, got None with momentum={momentum}")
    if ema and average is None:
        raise TypeError(f"average must be an array where ema is given, got None with ema={ema}")
    arrays = param, grad, mean_square, mean, velocity, average
    try:
        factor = 1.0 if clip_norm is None else _clip_factor(grad, float(clip_norm), n_threads)
        kernels.rmsprop_update(*arrays, learning_rate, l2, weight_decay, factor, rule, n_threads)
    except (TypeError, ValueError) as error:
        raise explained_by_name(error, dict(zip(ARRAYS, arrays, strict=True))) from None


def _rule(
    rho: float,
    epsilon: float,
    momentum: float,
    nesterov: bool,
    eps_in_sqrt: bool,
    lr_in_momentum: bool,
    clip_value: float | None,
    clip_norm: float | None,
    ema: float,
    maximize: bool,
    dtype: np.dtype[Any],
) -> RMSpropRule:
    """Check the options and resolve them; RMSprop's own code does both."""
    options = RMSpropOptions(
        rho=rho,
        epsilon=epsilon,
        momentum=momentum,
        nesterov=nesterov,
        centered=False,
        eps_in_sqrt=eps_in_sqrt,
        lr_in_momentum=lr_in_momentum,
        bias_correction=False,
        initial_mean_square=0.0,
        l2=0.0,
        weight_decay=0.0,
        clip_value=clip_value,
        clip_norm=clip_norm,
        global_clip_norm=None,
        ema=check_real("ema", ema, "[0, 1)"),
        ema_warmup=False,
        ema_every_call=False,
        accumulate_steps=1,
        maximize=maximize,
    )
    if dtype.kind == "f":
        options.check_dtype(dtype)
    return options.rule(0)._replace(ema=options.ema or 0.0)


# A training repeats its options: checked once, they cost one look-up.
_cached_rule = functools.lru_cache(maxsize=128, typed=True)(_rule)


def _clip_factor(grad: Array, clip_norm: float, n_threads: int | None) -> float:
    if not isinstance(grad, np.ndarray):
        raise TypeError(f"grad must be a NumPy array, got {type(grad).__name__}")
    (square,) = kernels.rmsprop_squares([grad], None, kernels.effective_n_threads(n_threads))
    if not math.isfinite(square):
        raise ValueError("grad must have a finite sum of squares for its norm to be clipped")
    norm = math.sqrt(square)
    return clip_norm / norm if norm > clip_norm else 1.0
