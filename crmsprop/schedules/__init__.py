"""How the learning rate moves during training.

A schedule is called as ``schedule(step, steps_per_epoch, total_steps)`` and returns the factor on ``learning_rate`` at
that step. Steps and epochs count from 0. Schedules are frozen, comparable, hashable and picklable, and multiply with
``*``. Their values depend on the arguments alone, so that a run that resumes asks for the same rates.
"""

from crmsprop.schedules.base import FunctionSchedule, Product, Schedule, as_schedule
from crmsprop.schedules.config import schedule_from_config, schedule_to_config
from crmsprop.schedules.decays import CosineAnnealing, ExponentialDecay, InverseTimeDecay, StepDecay

__all__ = [
    "CosineAnnealing",
    "ExponentialDecay",
    "FunctionSchedule",
    "InverseTimeDecay",
    "Product",
    "Schedule",
    "StepDecay",
    "as_schedule",
    "schedule_from_config",
    "schedule_to_config",
]
