"""The numbers of an RMSprop step, resolved from its options outside of the loop; shared by the kernel and its twin."""

import math
from typing import Any, NamedTuple

import numpy as np

Arrays = list[np.ndarray[Any, np.dtype[Any]]]


class RMSpropState(NamedTuple):
    """State of each parameter, lists as long as that of the parameters; None where the option that needs it is off.

    `averages` belong to ``ema``, `sums` to ``accumulate_steps``: gradients added up since the last step.
    """

    mean_squares: Arrays
    means: Arrays | None = None
    velocities: Arrays | None = None
    averages: Arrays | None = None
    sums: Arrays | None = None


class RMSpropRates(NamedTuple):
    """What may differ from one array to the next.

    `inside` and `outside` are the learning rate before and after the momentum, one of them 1; ``keep = 1 -
    learning_rate * weight_decay``.
    """

    inside: float = 1e-3
    outside: float = 1.0
    l2: float = 0.0
    keep: float = 1.0


class RMSpropRule(NamedTuple):
    """What all arrays of a step share.

    ``correction = 1 / (1 - rho**t)`` with bias correction, else 1. One of the two epsilons is 0. `clip_value` is
    infinity for none. `ema` is the decay of the average: 0 in the first step, after which the average is the parameter.
    """

    rho: float = 0.9
    correction: float = 1.0
    epsilon_inside: float = 0.0
    epsilon_outside: float = 1e-8
    momentum: float = 0.0
    nesterov: bool = False
    clip_value: float = math.inf
    ema: float = 0.0
