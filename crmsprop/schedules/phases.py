"""Schedules of a part of the training: a rise at its beginning, and constant factors between given epochs."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from crmsprop.errors import check_real, shown
from crmsprop.schedules.base import Schedule
from crmsprop.schedules.epochs import nearest_step


@dataclass(frozen=True)
class Warmup(Schedule):
    """Let the learning rate rise linearly at the beginning, and leave it alone from then on.

    The factor is ``start + (1 - start) * step / (epochs * steps_per_epoch)``, at most 1. RMSprop's first steps are its
    longest, since its mean square begins at 0: ``1 / sqrt(1 - rho)`` times the learning rate, whatever the gradient.

    Parameters
    ----------
    epochs : float
        Epochs until the factor is 1, in [0, inf); 0 is a constant rate.
    start : float, default=0.01
        The factor at step 0, in [0, 1]. With 0 the first step moves nothing.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a number in its range.

    References
    ----------
    Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, section 2.2.

    Examples
    --------
    >>> from crmsprop.schedules import CosineAnnealing, Warmup
    >>> schedule = Warmup(epochs=2.5, start=0.2)
    >>> [round(schedule(100 * epoch, 100, 3000), 3) for epoch in (0, 1, 2, 3, 4)]
    [0.2, 0.52, 0.84, 1.0, 1.0]
    >>> Warmup(5) * CosineAnnealing()  # the cosine spans the training
    Warmup(epochs=5.0, start=0.01) * CosineAnnealing(final=0.0, cycle=None, cycle_growth=1)
    >>> schedule = Warmup(5).then(CosineAnnealing(), after=5)  # the cosine begins at its top
    """

    epochs: float
    start: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "epochs", check_real("epochs", self.epochs, "[0, inf)"))
        object.__setattr__(self, "start", check_real("start", self.start, "[0, 1]"))

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return the factor on the line, or 1 behind it."""
        n_steps = self.epochs * float(steps_per_epoch)
        return self.start + (1.0 - self.start) * float(step) / n_steps if step < n_steps else 1.0


@dataclass(frozen=True)
class PiecewiseConstant(Schedule):
    """Give each part of the training a factor of its own.

    The factor is ``values[0]`` before epoch ``boundaries[0]``, ``values[i]`` from epoch ``boundaries[i - 1]`` on, and
    the last value from the last boundary on.

    Parameters
    ----------
    boundaries : sequence of float
        Epochs at which the factor changes, each in (0, inf) and larger than the one before, to the nearest step.
    values : sequence of float
        The factors, each in [0, inf): one more than boundaries.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a sequence of such numbers.

    Examples
    --------
    >>> from crmsprop.schedules import PiecewiseConstant
    >>> schedule = PiecewiseConstant(boundaries=[10, 25], values=[1, 0.1, 0.01])
    >>> [schedule(100 * epoch, 100, 3000) for epoch in (0, 9, 10, 24, 25, 29)]
    [1.0, 1.0, 0.1, 0.1, 0.01, 0.01]
    """

    boundaries: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "boundaries", _checked_numbers("boundaries", self.boundaries, "(0, inf)"))
        object.__setattr__(self, "values", _checked_numbers("values", self.values, "[0, inf)"))
        for before, after in pairwise(self.boundaries):
            if after <= before:
                raise ValueError(f"boundaries must increase, got {after!r} behind {before!r}")
        if len(self.values) != len(self.boundaries) + 1:
            wanted = f"values must be one more than the {len(self.boundaries)} boundaries"
            raise ValueError(f"{wanted}, got {len(self.values)}")

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return the value between the boundaries that `step` is between."""
        return self.values[
            bisect_right(self.boundaries, step, key=lambda epochs: nearest_step(epochs, steps_per_epoch))
        ]


def _checked_numbers(name: str, numbers: Any, interval: str) -> tuple[float, ...]:
    is_row = np.ndim(numbers) == 1 if isinstance(numbers, np.ndarray) else isinstance(numbers, Sequence)
    if not is_row or isinstance(numbers, str | bytes):
        raise TypeError(f"{name} must be a sequence of numbers in {interval}, got {shown(numbers)}")
    return tuple(check_real(f"{name}[{index}]", number, interval) for index, number in enumerate(numbers))
