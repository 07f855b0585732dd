"""The numbers of an RMSprop step, resolved from its options outside of the loop; shared by the kernel and its twin."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Arrays = Sequence[Array]


class RMSpropState(NamedTuple):
    """State of each parameter, lists as long as that of the parameters; None where the option that needs it is off.

    `averages` belong to ``ema``, `sums` to ``accumulate_steps``: gradients added up since the last step.
    """

    mean_squares: Arrays
    means: Arrays | None = None
    velocities: Arrays | None = None
    averages: Arrays | None = None
    sums: Arrays | None = None

    def lists(self) -> tuple[list[Array] | None, ...]:
        """Return every field as a list of its own."""
        return tuple(None if arrays is None else list(arrays) for arrays in self)

    def only(self, numbers: Iterable[int]) -> "RMSpropState":
        """Return the state of the parameters of these numbers, in lists of its own."""
        chosen = list(numbers)
        others = (None if arrays is None else [arrays[i] for i in chosen] for arrays in self[1:])
        return RMSpropState([self.mean_squares[i] for i in chosen], *others)


class RMSpropRates(NamedTuple):
    """What may differ from one array to the next; a `learning_rate` of None is that of the step."""

    learning_rate: float | None = None
    l2: float = 0.0
    weight_decay: float = 0.0


class RMSpropRule(NamedTuple):
    """What all arrays of a step share.

    ``correction = 1 / (1 - rho**t)`` with bias correction, else 1. One of the two epsilons is 0. `clip_value` is
    infinity for none. `scale` is a factor on every gradient: the sign of maximize, the mean over accumulated gradients.
    `ema` is the decay of the average: 0 in the first step, after which the average is the parameter.
    """

    rho: float = 0.9
    correction: float = 1.0
    epsilon_inside: float = 0.0
    epsilon_outside: float = 1e-8
    momentum: float = 0.0
    nesterov: bool = False
    lr_in_momentum: bool = False
    clip_value: float = math.inf
    scale: float = 1.0
    ema: float = 0.0
