"""Schedules along cosines: half of one over the training, one after the other, or up and down again."""

import math
from dataclasses import dataclass

from crmsprop.errors import check_integer, check_real
from crmsprop.schedules.base import Schedule

#: Epochs and growth of a cycle are bounded only so that floats can hold what is computed from them.
MAX_CYCLE = 10**9


@dataclass(frozen=True)
class CosineAnnealing(Schedule):
    """Let the learning rate fall along half a cosine, over the whole training or again and again (SGDR).

    The factor is ``final + (1 - final) * (1 + cos(pi * step / total_steps)) / 2``: 1 at step 0, and `final` from
    ``total_steps`` on. With `cycle`, the steps of the cycle take the place of those of the training: each cycle begins
    at 1 and falls to `final`, where the next one begins.

    Parameters
    ----------
    final : float, default=0.0
        The factor at the end, in [0, 1].
    cycle : int or None, default=None
        Epochs of the first cycle, in [1, 10**9]; None for one that spans the training. Choose it so that the training
        ends with a cycle: the rate is lowest there.
    cycle_growth : int, default=1
        How many times as long as the cycle before each one is, in [1, 10**9]; other than 1 only with `cycle`.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of its range.

    References
    ----------
    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, equation 5; `cycle` and
    `cycle_growth` are its T_0 and T_mult.

    Examples
    --------
    >>> from crmsprop.schedules import CosineAnnealing
    >>> schedule = CosineAnnealing(final=0.1)
    >>> [round(schedule(step, 100, 1000), 3) for step in (0, 500, 1000, 2000)]
    [1.0, 0.55, 0.1, 0.1]
    >>> schedule = CosineAnnealing(cycle=2, cycle_growth=2)  # restarts after 2, 6 and 14 epochs
    >>> [round(schedule(100 * epoch, 100, 1400), 3) for epoch in range(7)]
    [1.0, 0.5, 1.0, 0.854, 0.5, 0.146, 1.0]
    """

    final: float = 0.0
    cycle: int | None = None
    cycle_growth: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "final", check_real("final", self.final, "[0, 1]"))
        if self.cycle is not None:
            object.__setattr__(self, "cycle", check_integer("cycle", self.cycle, 1, MAX_CYCLE))
        growth = check_integer("cycle_growth", self.cycle_growth, 1, MAX_CYCLE)
        if self.cycle is None and growth != 1:
            raise ValueError(f"cycle_growth must be 1 where cycle is None, got {growth}")
        object.__setattr__(self, "cycle_growth", growth)

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return the factor on the half cosine, or `final` beyond the end."""
        if self.cycle is not None:
            step, total_steps = self._in_cycle(int(step), self.cycle * int(steps_per_epoch))
        if step >= total_steps:
            return self.final
        return _half_cosine(1.0, self.final, step, total_steps)

    def _in_cycle(self, step: int, length: int) -> tuple[int, int]:
        """Return the step within its cycle, and the steps of that cycle; `length` is that of the first."""
        if self.cycle_growth == 1:
            return step % length, length
        while step >= length:
            step, length = step - length, length * self.cycle_growth
        return step, length


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Let the learning rate rise to its maximum and fall far below where it began, in one cycle over the training.

    The factor goes along half a cosine from ``1 / start_divisor`` at step 0 to 1 at step ``rise * total_steps``, and
    along another to ``1 / (start_divisor * final_divisor)`` at ``total_steps``, where it stays. ``learning_rate`` is
    the maximum: choose it higher than that of a constant rate.

    Parameters
    ----------
    rise : float, default=0.3
        Share of the training in which the rate rises, in [0, 1].
    start_divisor : float, default=25.0
        What the maximum is divided by for the first rate, in [1, inf).
    final_divisor : float, default=1e4
        What the first rate is divided by for the last, in [1, inf).

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a number in its range.

    References
    ----------
    Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates", 2019. The
    cosines and the defaults are those of torch and optax; torch's curve ends one step earlier, at the last of the
    training.

    Examples
    --------
    >>> from crmsprop.schedules import OneCycle
    >>> schedule = OneCycle(rise=0.25, start_divisor=10, final_divisor=100)
    >>> [round(schedule(100 * epoch, 100, 2000), 4) for epoch in (0, 5, 10, 15, 20)]
    [0.1, 1.0, 0.7502, 0.2508, 0.001]
    """

    rise: float = 0.3
    start_divisor: float = 25.0
    final_divisor: float = 1e4

    def __post_init__(self) -> None:
        object.__setattr__(self, "rise", check_real("rise", self.rise, "[0, 1]"))
        for name in ("start_divisor", "final_divisor"):
            object.__setattr__(self, name, check_real(name, getattr(self, name), "[1, inf)"))

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return the factor on the half cosine that `step` is on, or the last one beyond the end."""
        first = 1.0 / self.start_divisor
        last = first / self.final_divisor
        top = self.rise * float(total_steps)
        if step < top:
            return _half_cosine(first, 1.0, step, top)
        return last if step >= total_steps else _half_cosine(1.0, last, step - top, total_steps - top)


def _half_cosine(start: float, end: float, step: float, n_steps: float) -> float:
    return end + (start - end) * (1.0 + math.cos(math.pi * step / n_steps)) / 2.0
