"""Schedules of every kind, and the factors of one over a training of 30 epochs with 7 steps each.

At the root of tests/ and not in tests/schedules/, for the reason that `cifar_files` gives.
"""

from dataclasses import dataclass

import numpy as np

from crmsprop.schedules import (
    CosineAnnealing,
    ExponentialDecay,
    FunctionSchedule,
    InverseTimeDecay,
    Product,
    Schedule,
    StepDecay,
)

PER_EPOCH, TOTAL = 7, 210
STEPS = np.arange(TOTAL)
EPOCHS = STEPS // PER_EPOCH


def article(epoch, learning_rate):
    return learning_rate * 0.1 if epoch > 10 else learning_rate


def sawtooth(epoch, learning_rate):
    return learning_rate * 3 if epoch % 4 == 0 else learning_rate / 2


def absolute(epoch, learning_rate):
    return 0.5 / (epoch + 1)


@dataclass(frozen=True)
class OwnSchedule(Schedule):
    power: float = 2.0

    def __call__(self, step, steps_per_epoch, total_steps):
        return (1 - step / total_steps) ** self.power


PLAIN = [
    StepDecay(0.5, 10),
    ExponentialDecay(0.1),
    CosineAnnealing(),
    CosineAnnealing(0.25),
    InverseTimeDecay(1e-6),
    StepDecay(0.5, 3) * InverseTimeDecay(0.01),
    Product(()),
]
ALL = [*PLAIN, FunctionSchedule(article), FunctionSchedule(sawtooth, 0.1), CosineAnnealing() * article, OwnSchedule()]


def factors(schedule, steps=STEPS):
    return [schedule(int(step), PER_EPOCH, TOTAL) for step in steps]
