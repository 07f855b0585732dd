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
    Joined,
    OneCycle,
    PiecewiseConstant,
    Product,
    Schedule,
    StepDecay,
    Warmup,
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
    CosineAnnealing(cycle=4),
    CosineAnnealing(0.25, cycle=2, cycle_growth=2),
    OneCycle(),
    OneCycle(0.25, 10, 100),
    Warmup(5),
    Warmup(2.5, 0.0),
    PiecewiseConstant([1, 10.5], [0.5, 1.0, 0.0]),
    Warmup(2.5).then(CosineAnnealing(), after=2.5),
    Joined(CosineAnnealing() * StepDecay(0.5, 3), OneCycle().then(Product(()), after=20), after=4),
    InverseTimeDecay(1e-6),
    StepDecay(0.5, 3) * InverseTimeDecay(0.01),
    Product(()),
]
ALL = [
    *PLAIN,
    FunctionSchedule(article),
    FunctionSchedule(sawtooth, 0.1),
    CosineAnnealing() * article,
    OwnSchedule(),
    Warmup(2).then(article, after=2),
]


def factors(schedule, steps=STEPS, per_epoch=PER_EPOCH, total=TOTAL):
    return [schedule(int(step), per_epoch, total) for step in steps]
