"""The picture of a schedule. matplotlib is imported where it is drawn with, and never configured."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import numpy as np

from crmsprop.errors import MissingExtraError, check_integer, check_real

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from crmsprop.schedules.base import Schedule

#: A picture has some hundred pixels across: more points than that many cost time and show nothing.
POINTS = 5000


def draw(schedule: Schedule, ax: Axes | None, epochs: int, steps_per_epoch: int, learning_rate: float) -> Axes:
    """Draw what `schedule` makes of a learning rate; see Schedule.plot."""
    per_epoch = check_integer("steps_per_epoch", steps_per_epoch, 1)
    total = check_integer("epochs", epochs, 1) * per_epoch
    base = check_real("learning_rate", learning_rate, "[0, inf)")
    _require_matplotlib()
    bound = schedule.bind(base)
    steps = np.unique(np.linspace(0, total - 1, min(total, POINTS)).astype(int)).tolist()
    rates = [base * bound(step, per_epoch, total) for step in steps]
    ax = _new_axes() if ax is None else ax
    # A rate holds until the next step, the last one until the end.
    ax.plot(np.array([*steps, total]) / per_epoch, [*rates, rates[-1]], drawstyle="steps-post")
    ax.set(xlabel="epoch", ylabel="learning rate")
    ax.grid(alpha=0.3)
    return ax


def _require_matplotlib() -> None:
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        raise MissingExtraError('a plot needs matplotlib: pip install "crmsprop[cli]"') from error


def _new_axes() -> Axes:
    from matplotlib import pyplot

    return pyplot.figure(layout="constrained").subplots()
