"""Learning rates and penalties: what a step goes by, of the optimizer or of a group."""

from typing import Any

import numpy as np

from crmsprop.errors import check_fits, check_real, shown
from crmsprop.kernels.rule import RMSpropRates
from crmsprop.optimizer.groups import Group
from crmsprop.optimizer.options import RMSpropOptions


def rates_of(group: Group, options: RMSpropOptions) -> RMSpropRates:
    """Return what the kernel needs of a group; its learning rate is None for that of the step."""
    return RMSpropRates(
        group.learning_rate,
        options.l2 if group.l2 is None else group.l2,
        options.weight_decay if group.weight_decay is None else group.weight_decay,
    )


def checked_rate(value: Any, dtype: np.dtype[Any]) -> float:
    """Return a learning rate that parameters of this dtype can move by; TypeError or ValueError otherwise."""
    if type(value) is float and 1e-30 < value < 1e30:  # nearly all pass at a glance
        return value
    if callable(value):
        way = "optimizer.learning_rate = rate * schedule(step, steps_per_epoch, total_steps) before each step"
        rule = f"learning_rate must be a number in [0, inf), got {shown(value)}"
        raise TypeError(f"{rule}: schedules are for an estimator's schedule=; with RMSprop itself set {way}")
    return check_fits("learning_rate", check_real("learning_rate", value, "[0, inf)"), dtype)
