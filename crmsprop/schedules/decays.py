"""The decays by a formula of the epoch or of the step."""

import math
from dataclasses import dataclass

from crmsprop.errors import check_integer, check_real
from crmsprop.schedules.base import Schedule


@dataclass(frozen=True)
class StepDecay(Schedule):
    """Multiply the learning rate by a factor every few epochs.

    The factor in epoch ``epoch`` is ``factor ** (epoch // every)``.

    Parameters
    ----------
    factor : float
        The factor of one drop, in (0, inf); above 1 the rate rises.
    every : int
        Epochs from one drop to the next, at least 1.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of its range. A call raises ValueError if the factor in its epoch is
        too large for a float.

    Examples
    --------
    >>> from crmsprop.schedules import StepDecay
    >>> schedule = StepDecay(factor=0.5, every=10)
    >>> [schedule(100 * epoch, 100, 3000) for epoch in (0, 9, 10, 20)]
    [1.0, 1.0, 0.5, 0.25]
    """

    factor: float
    every: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", check_real("factor", self.factor, "(0, inf)"))
        object.__setattr__(self, "every", check_integer("every", self.every, 1))

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return ``factor ** (epoch // every)``."""
        epoch = step // steps_per_epoch
        try:
            return math.pow(self.factor, epoch // self.every)
        except OverflowError:
            raise ValueError(f"{self!r} has no finite factor in epoch {epoch}") from None


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """Let the learning rate fall exponentially, once an epoch.

    The factor in epoch ``epoch`` is ``exp(-rate * epoch)``. Epochs are whole: the rate is constant within one.

    Parameters
    ----------
    rate : float
        The decay of one epoch, in [0, inf); 0 is a constant rate.

    Raises
    ------
    TypeError, ValueError
        If `rate` is not a number in its range.

    Examples
    --------
    >>> from crmsprop.schedules import ExponentialDecay
    >>> schedule = ExponentialDecay(rate=0.1)
    >>> [round(schedule(100 * epoch, 100, 3000), 4) for epoch in (0, 1, 10)]
    [1.0, 0.9048, 0.3679]
    """

    rate: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", check_real("rate", self.rate, "[0, inf)"))

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return ``exp(-rate * epoch)``."""
        return math.exp(-self.rate * (step // steps_per_epoch))


@dataclass(frozen=True)
class InverseTimeDecay(Schedule):
    """Divide the learning rate by a number that grows with every step.

    The factor is ``1 / (1 + decay * step)``, which is the `decay` argument of the first Keras optimizers.

    Parameters
    ----------
    decay : float
        The growth of the divisor in one step, in [0, inf); 0 is a constant rate.

    Raises
    ------
    TypeError, ValueError
        If `decay` is not a number in its range.

    Examples
    --------
    >>> from crmsprop.schedules import InverseTimeDecay
    >>> schedule = InverseTimeDecay(decay=1e-6)
    >>> [schedule(step, 100, 3000) for step in (0, 1_000_000)]
    [1.0, 0.5]
    """

    decay: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "decay", check_real("decay", self.decay, "[0, inf)"))

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return ``1 / (1 + decay * step)``."""
        return 1.0 / (1.0 + self.decay * float(step))
