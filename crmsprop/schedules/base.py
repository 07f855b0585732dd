"""What all schedules share, and those that it is made with: a product, two in a row, and a user's function."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crmsprop.errors import check_real, shown
from crmsprop.schedules.drawing import draw
from crmsprop.schedules.epochs import nearest_step
from crmsprop.schedules.rates import check_rate, check_takes_two

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: What an error calls a user's function, which reaches a `FunctionSchedule` as the `schedule` of something else.
_NAME = "a function as schedule"


@dataclass(frozen=True)
class Schedule(ABC):
    """What all schedules share: the call, the product, one after the other, and a picture.

    A schedule of one's own is a frozen dataclass that derives from this class and defines ``__call__``.

    Examples
    --------
    >>> from crmsprop.schedules import CosineAnnealing, InverseTimeDecay, StepDecay, Warmup
    >>> schedule = StepDecay(factor=0.1, every=10) * InverseTimeDecay(decay=0.01)
    >>> schedule(step=100, steps_per_epoch=10, total_steps=1000)
    0.05
    >>> Warmup(epochs=5).then(CosineAnnealing(), after=5)(step=525, steps_per_epoch=10, total_steps=1000)
    0.5
    """

    @abstractmethod
    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return the factor on the learning rate at one step.

        Parameters
        ----------
        step : int
            The step, counted from 0 over the whole training.
        steps_per_epoch : int
            Steps in one epoch, at least 1.
        total_steps : int
            Steps of the whole training.

        Returns
        -------
        float
            The factor that multiplies ``learning_rate``.
        """

    def __mul__(self, other: ScheduleLike) -> Product:
        """Return the product with another schedule, or with a function ``(epoch, learning_rate) -> learning_rate``."""
        return Product((self, as_term(other))) if _is_schedule_like(other) else NotImplemented

    def __rmul__(self, other: ScheduleLike) -> Product:
        """Return the product with a function that stands on the left."""
        return Product((as_term(other), self)) if _is_schedule_like(other) else NotImplemented

    def then(self, second: ScheduleLike, *, after: float) -> Joined:
        """Return the schedule that is this one at first, and another from some epoch on.

        Parameters
        ----------
        second : Schedule or callable
            What follows; it counts its steps and epochs from 0.
        after : float
            Epochs of this schedule, in [0, inf), to the nearest step.

        Returns
        -------
        Joined
        """
        return Joined(self, as_term(second), after)

    def plot(
        self, ax: Axes | None = None, *, epochs: int = 30, steps_per_epoch: int = 100, learning_rate: float = 1e-3
    ) -> Axes:
        """Draw the learning rate against the epoch, without a training.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            What to draw on; None makes a figure with pyplot.
        epochs : int, default=30
            Epochs of the training, at least 1.
        steps_per_epoch : int, default=100
            Steps in one epoch, at least 1.
        learning_rate : float, default=1e-3
            The base learning rate, in [0, inf).

        Returns
        -------
        matplotlib Axes
            What was drawn on.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        return draw(self, ax, epochs, steps_per_epoch, learning_rate)

    def bind(self, learning_rate: float) -> Schedule:
        """Return this schedule for one base learning rate.

        Only a user's function depends on it: there, the schedule that is returned has not called the function yet.

        Parameters
        ----------
        learning_rate : float
            The base learning rate, in [0, inf).

        Returns
        -------
        Schedule
            A schedule that can be called.
        """
        return self


ScheduleLike = Schedule | Callable[[int, float], float]


@dataclass(frozen=True)
class FunctionSchedule(Schedule):
    """Follow a user's function ``(epoch, learning_rate) -> learning_rate``, as Keras's LearningRateScheduler does.

    The function is iterated from epoch 0: each call is given the rate of the epoch before, the first one the base
    learning rate. The factor is the rate of the epoch divided by the base. One object calls the function once an epoch.

    Parameters
    ----------
    function : callable
        Takes the epoch, counted from 0, and the rate of the epoch before; returns the rate of the epoch, in [0, inf).
    learning_rate : float or None, default=None
        The base learning rate, in [0, inf). Training sets it to its own (`bind`); None cannot be called.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of its range, or the function does not take an epoch and a rate. A
        call raises ValueError if the function returns anything but a finite number of at least 0.

    Examples
    --------
    >>> from crmsprop.schedules import FunctionSchedule
    >>> def halve_from_second_epoch(epoch, learning_rate):
    ...     return learning_rate / 2 if epoch > 0 else learning_rate
    >>> schedule = FunctionSchedule(halve_from_second_epoch, learning_rate=0.01)
    >>> [schedule(100 * epoch, 100, 3000) for epoch in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    function: Callable[[int, float], float]
    learning_rate: float | None = None
    # The rates so far, by epoch. Keyed, not appended to, so that threads that share the object cannot shift it.
    _rates: dict[int, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.function, Schedule) or not _is_schedule_like(self.function):
            raise TypeError(f"function must be callable as function(epoch, learning_rate), got {shown(self.function)}")
        check_takes_two(_NAME, self.function)
        if self.learning_rate is not None:
            object.__setattr__(self, "learning_rate", check_real("learning_rate", self.learning_rate, "[0, inf)"))

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return the rate of the epoch divided by the base learning rate."""
        if self.learning_rate is None:
            raise ValueError(f"{self!r} needs a learning rate: call as_schedule(schedule, learning_rate) first")
        epoch = int(step // steps_per_epoch)
        rate = self._rate_of(epoch, self.learning_rate)
        if rate == self.learning_rate:  # also 0 / 0: a rate that stays at 0
            return 1.0
        factor = rate / self.learning_rate if self.learning_rate else math.inf
        if math.isinf(factor):
            raise ValueError(f"no factor on a learning_rate of {self.learning_rate!r} gives {rate!r} (epoch {epoch})")
        return factor

    def __reduce__(self) -> tuple[type[FunctionSchedule], tuple[Any, ...]]:
        # Without the rates so far: equal schedules make equal pickles, and a copy starts afresh.
        return FunctionSchedule, (self.function, self.learning_rate)

    def __repr__(self) -> str:
        # The name, where a function's own repr has its address, which differs from run to run.
        name = getattr(self.function, "__qualname__", None) or repr(self.function)
        return f"FunctionSchedule({name}, learning_rate={self.learning_rate!r})"

    def bind(self, learning_rate: float) -> FunctionSchedule:
        """Return a schedule of the same function that starts afresh from this base learning rate."""
        return FunctionSchedule(self.function, learning_rate)

    def _rate_of(self, epoch: int, base: float) -> float:
        for now in range(len(self._rates), epoch + 1):
            rate = self.function(now, self._rates[now - 1] if now else base)
            self._rates.setdefault(now, check_rate(_NAME, rate, now))
        return self._rates[epoch]


@dataclass(frozen=True)
class Product(Schedule):
    """Multiply the factors of several schedules: what ``*`` makes.

    Parameters
    ----------
    terms : sequence of Schedule or callable
        The schedules; none make the constant 1. Products within are flattened. A function ``(epoch, learning_rate) ->
        learning_rate`` becomes a `FunctionSchedule`: it sees its own rates and not the factors of the other terms.

    Raises
    ------
    TypeError
        If a term is neither a schedule nor a function.

    Examples
    --------
    >>> from crmsprop.schedules import CosineAnnealing, InverseTimeDecay, Product
    >>> InverseTimeDecay(1e-6) * CosineAnnealing() == Product((InverseTimeDecay(1e-6), CosineAnnealing()))
    True
    """

    terms: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        terms = [as_term(term) for term in self.terms]
        flat = [part for term in terms for part in (term.terms if isinstance(term, Product) else (term,))]
        object.__setattr__(self, "terms", tuple(flat))

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return the product of the factors, multiplied from left to right."""
        factor = 1.0
        for term in self.terms:  # math.prod over a generator takes five times as long, at every step of a training
            factor *= term(step, steps_per_epoch, total_steps)
        return factor

    def __repr__(self) -> str:
        return " * ".join(map(repr, self.terms)) if len(self.terms) > 1 else f"Product({self.terms!r})"

    def bind(self, learning_rate: float) -> Product:
        """Return the product of the terms, each bound to this base learning rate."""
        return Product(tuple(term.bind(learning_rate) for term in self.terms))


@dataclass(frozen=True)
class Joined(Schedule):
    """Follow one schedule for some epochs and then another: what ``first.then(second, after=...)`` makes.

    Each has its share of the training as its ``total_steps``, and counts its steps and epochs from 0.

    Parameters
    ----------
    first, second : Schedule or callable
        The schedules. A function ``(epoch, learning_rate) -> learning_rate`` becomes a `FunctionSchedule`, which begins
        with the base learning rate wherever it stands.
    after : float
        Epochs of the first, in [0, inf), to the nearest step. A training that ends before is all the first's.

    Raises
    ------
    TypeError, ValueError
        If a schedule is none, or `after` is not a number in its range.

    Examples
    --------
    >>> from crmsprop.schedules import CosineAnnealing, Joined, Warmup
    >>> schedule = Warmup(epochs=5).then(CosineAnnealing(), after=5)
    >>> schedule == Joined(Warmup(epochs=5), CosineAnnealing(), after=5)
    True
    >>> [round(schedule(100 * epoch, 100, 3000), 3) for epoch in (0, 4, 5, 10, 29)]
    [0.01, 0.802, 1.0, 0.905, 0.004]
    """

    first: Schedule
    second: Schedule
    after: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", as_term(self.first))
        object.__setattr__(self, "second", as_term(self.second))
        object.__setattr__(self, "after", check_real("after", self.after, "[0, inf)"))

    def __call__(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """Return the factor of the schedule whose turn it is."""
        start = nearest_step(self.after, steps_per_epoch)
        if step < start:
            return self.first(step, steps_per_epoch, min(start, total_steps))
        return self.second(step - start, steps_per_epoch, max(total_steps - start, 0))

    def __repr__(self) -> str:
        first = f"({self.first!r})" if isinstance(self.first, Product) else repr(self.first)
        return f"{first}.then({self.second!r}, after={self.after!r})"

    def bind(self, learning_rate: float) -> Joined:
        """Return the same two, each bound to this base learning rate."""
        return Joined(self.first.bind(learning_rate), self.second.bind(learning_rate), self.after)


def _is_schedule_like(value: Any) -> bool:
    # A class is callable too, but StepDecay without its parameters is a slip.
    return callable(value) and not isinstance(value, type)


def as_term(value: ScheduleLike) -> Schedule:
    """Return a schedule as it is, and a function as a `FunctionSchedule` that is not bound yet."""
    if isinstance(value, Schedule):
        return value
    if not _is_schedule_like(value):
        wanted = "a Schedule, a function (epoch, learning_rate) -> learning_rate, or None"
        remedy = f": give {value.__name__}(...)" if isinstance(value, type) and issubclass(value, Schedule) else ""
        if isinstance(value, str):
            remedy = ": give an object of crmsprop.schedules, such as CosineAnnealing()"
        raise TypeError(f"schedule must be {wanted}, got {shown(value)}{remedy}")
    return FunctionSchedule(value)
