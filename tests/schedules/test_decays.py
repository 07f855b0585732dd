"""The decays: closed formulas, plain numbers, and what is out of range."""

import numpy as np
import pytest
from schedule_cases import EPOCHS, PER_EPOCH, PLAIN, STEPS, TOTAL, factors

from crmsprop.schedules import ExponentialDecay, InverseTimeDecay, Product, StepDecay


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (StepDecay(0.1, 1), 0.1 ** EPOCHS.astype(float)),
        (StepDecay(0.5, 10), np.repeat([1.0, 0.5, 0.25], 70)),
        (StepDecay(factor=1.5, every=4), 1.5 ** np.floor(EPOCHS / 4)),
        (StepDecay(0.5, 10**9), np.ones(TOTAL)),
        (ExponentialDecay(0.0), np.ones(TOTAL)),
        (ExponentialDecay(rate=0.1), np.exp(-0.1) ** EPOCHS),
        (InverseTimeDecay(0.0), np.ones(TOTAL)),
        (InverseTimeDecay(decay=1e-6), 1e6 / (1e6 + STEPS)),
        (InverseTimeDecay(0.5), 2 / (2 + STEPS)),
        (Product(()), np.ones(TOTAL)),
    ],
)
def test_values_are_those_of_the_closed_formula(schedule, expected):
    np.testing.assert_allclose(factors(schedule), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("schedule", PLAIN, ids=repr)
def test_a_factor_is_a_finite_python_float(schedule):
    for step in (0, 1, np.int64(5), 10**7):
        factor = schedule(step, 3, 10**7)
        assert type(factor) is float
        assert 0 <= factor <= 1


def test_numbers_become_plain():
    schedule = StepDecay(np.float32(0.5), np.int64(3))
    assert schedule == StepDecay(0.5, 3)
    assert [type(value) for value in vars(schedule).values()] == [float, int]


def test_a_rate_that_rises_too_far_names_the_epoch():
    schedule = StepDecay(factor=2.0, every=2)
    assert schedule(2047 * PER_EPOCH, PER_EPOCH, TOTAL) == 2.0**1023
    with pytest.raises(ValueError, match=r"StepDecay\(factor=2.0, every=2\) has no finite factor in epoch 2048"):
        schedule(np.int64(2048 * PER_EPOCH), PER_EPOCH, TOTAL)
    assert StepDecay(0.5, 1)(10**6, 1, 10**6) == 0.0
