"""From what a user gives as `schedule` to what a training calls."""

from crmsprop.errors import check_real
from crmsprop.schedules.base import Product, Schedule, ScheduleLike, as_term


def as_schedule(schedule: ScheduleLike | None, learning_rate: float) -> Schedule:
    """Return what a user gave as `schedule`, ready to be called in a training with this base learning rate.

    Parameters
    ----------
    schedule : Schedule or callable or None
        A schedule; or a function ``(epoch, learning_rate) -> learning_rate``; None is the constant factor 1.
    learning_rate : float
        The base learning rate, in [0, inf).

    Returns
    -------
    Schedule
        The schedule, its functions bound to `learning_rate` and not yet called.

    Raises
    ------
    TypeError, ValueError
        If `schedule` is none of these, or `learning_rate` is out of its range.

    Examples
    --------
    >>> from crmsprop.schedules import InverseTimeDecay, as_schedule
    >>> def tenth_after_ten(epoch, learning_rate):
    ...     return learning_rate * 0.1 if epoch > 10 else learning_rate
    >>> schedule = as_schedule(InverseTimeDecay(1e-6) * tenth_after_ten, learning_rate=1e-3)
    >>> [round(schedule(100 * epoch, 100, 3000), 6) for epoch in (0, 10, 11, 12)]
    [1.0, 0.999001, 0.09989, 0.009988]
    """
    base = check_real("learning_rate", learning_rate, "[0, inf)")
    return Product(()) if schedule is None else as_term(schedule).bind(base)
