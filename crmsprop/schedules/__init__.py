"""How the learning rate moves during training.

A schedule is called as ``schedule(step, steps_per_epoch, total_steps)`` and returns the factor on ``learning_rate`` at
that step. Steps and epochs count from 0. Schedules are frozen, comparable, hashable and picklable; they multiply with
``*``, follow each other with ``first.then(second, after=epochs)``, and show themselves with ``plot()``. Their values
depend on the arguments alone, so that a run that resumes asks for the same rates.

A function as Keras's LearningRateScheduler takes it goes wherever a schedule does. Together with the ``decay`` of the
first Keras optimizers:

>>> from crmsprop import CNNClassifier
>>> from crmsprop.schedules import InverseTimeDecay
>>> def scheduler(epoch, learning_rate):
...     return learning_rate * 0.1 if epoch > 10 else learning_rate
>>> model = CNNClassifier(learning_rate=1e-3, schedule=InverseTimeDecay(1e-6) * scheduler)
>>> model.schedule
InverseTimeDecay(decay=1e-06) * FunctionSchedule(scheduler, learning_rate=None)
"""

from crmsprop.schedules.base import FunctionSchedule, Joined, Product, Schedule
from crmsprop.schedules.config import schedule_from_config, schedule_to_config
from crmsprop.schedules.conversion import as_schedule
from crmsprop.schedules.cycles import CosineAnnealing, OneCycle
from crmsprop.schedules.decays import ExponentialDecay, InverseTimeDecay, StepDecay
from crmsprop.schedules.phases import PiecewiseConstant, Warmup

__all__ = [
    "CosineAnnealing",
    "ExponentialDecay",
    "FunctionSchedule",
    "InverseTimeDecay",
    "Joined",
    "OneCycle",
    "PiecewiseConstant",
    "Product",
    "Schedule",
    "StepDecay",
    "Warmup",
    "as_schedule",
    "schedule_from_config",
    "schedule_to_config",
]
