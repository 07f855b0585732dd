"""Cosines: the closed formulas, walked step by step in loops of their own; restarts, ends, and what is out of range."""

import math

import numpy as np
import pytest
from schedule_cases import PER_EPOCH, STEPS, TOTAL, factors

from crmsprop.schedules import CosineAnnealing, OneCycle


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (CosineAnnealing(), np.cos(np.pi / 2 * STEPS / TOTAL) ** 2),
        (CosineAnnealing(final=0.2), 0.2 + 0.8 * np.cos(np.pi / 2 * STEPS / TOTAL) ** 2),
        (CosineAnnealing(1.0), np.ones(TOTAL)),
        (CosineAnnealing(0.2, cycle=30), 0.2 + 0.8 * np.cos(np.pi / 2 * STEPS / TOTAL) ** 2),
        (CosineAnnealing(cycle=60), np.cos(np.pi / 2 * STEPS / (2 * TOTAL)) ** 2),
        (CosineAnnealing(cycle=10), np.cos(np.pi / 2 * (STEPS % 70) / 70) ** 2),
    ],
)
def test_values_are_those_of_the_closed_formula(schedule, expected):
    np.testing.assert_allclose(factors(schedule), expected, rtol=1e-13, atol=1e-15)


def test_cosine_begins_at_one_ends_at_final_and_stays():
    schedule = CosineAnnealing(0.3)
    assert schedule(0, PER_EPOCH, TOTAL) == 1.0
    assert [schedule(step, PER_EPOCH, TOTAL) for step in (TOTAL, TOTAL + 1, 10**12)] == [0.3] * 3
    assert schedule(0, PER_EPOCH, 0) == 0.3
    assert np.all(np.diff(factors(schedule)) < 0)


@pytest.mark.parametrize("per_epoch", [1, 7, 10])
@pytest.mark.parametrize("growth", [1, 2, 3, 10**9])
@pytest.mark.parametrize("cycle", [1, 2, 5, 10**9])
def test_restarts_step_by_step(cycle, growth, per_epoch):
    """A plain walk: count the steps of a cycle, and begin a longer one where it is over."""
    length, done, expected = cycle * per_epoch, 0, []
    for _ in range(500):
        expected.append(0.1 + 0.9 * math.cos(math.pi / 2 * (done / length)) ** 2)
        done += 1
        if done == length:
            length, done = length * growth, 0
    got = factors(CosineAnnealing(0.1, cycle=cycle, cycle_growth=growth), range(500), per_epoch, 500)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_a_restart_begins_at_exactly_one_and_does_not_ask_for_the_end():
    schedule = CosineAnnealing(0.2, cycle=2, cycle_growth=2)
    for epoch in (0, 2, 6, 14, 30, 62, 2 * (2**40 - 1)):
        assert schedule(epoch * 10, 10, 7) == schedule(np.int64(epoch * 10), np.int64(10), 0) == 1.0
        if epoch:
            assert 0.2 <= schedule(epoch * 10 - 1, 10, 7) < 0.25
    assert schedule(10**30, 10, 1) == pytest.approx(schedule(10**30, 10, 10**40))


def test_a_billion_cycles_take_no_time():
    assert CosineAnnealing(cycle=1)(10**18 + 1, 2, 10**19) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("rise", "start_divisor", "final_divisor"),
    [(0.3, 25.0, 1e4), (0.5, 2, 3), (0.0, 25.0, 1e4), (1.0, 25.0, 1e4), (0.123, 1, 1), (0.3, 1e308, 1e308)],
)
@pytest.mark.parametrize("total", [1, 2, 10, 210])
def test_one_cycle_step_by_step(rise, start_divisor, final_divisor, total):
    expected = []
    for step in range(total + 3):
        share = min(step / total, 1.0)
        first, last = 1 / start_divisor, 1 / start_divisor / final_divisor
        if share < rise:
            expected.append(first + (1 - first) * math.sin(math.pi / 2 * share / rise) ** 2)
        elif share < 1:
            expected.append(last + (1 - last) * math.cos(math.pi / 2 * (share - rise) / (1 - rise)) ** 2)
        else:
            expected.append(last)
    got = factors(OneCycle(rise, start_divisor, final_divisor), range(total + 3), PER_EPOCH, total)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-15)


def test_one_cycle_begins_peaks_and_ends_where_it_says():
    schedule = OneCycle(rise=0.25, start_divisor=4, final_divisor=8)
    assert [schedule(step, 5, 100) for step in (0, 25, 100, 101, 10**12)] == [0.25, 1.0, 1 / 32, 1 / 32, 1 / 32]
    values = factors(schedule, range(101), 5, 100)
    assert np.all(np.diff(values[:26]) > 0)
    assert np.all(np.diff(values[25:]) < 0)
    assert schedule(0, 5, 0) == 1 / 32


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: CosineAnnealing(cycle=0), ValueError, "cycle must be at least 1, got 0"),
        (lambda: CosineAnnealing(cycle=10**9 + 1), ValueError, "cycle must be at most 1000000000, got 1000000001"),
        (lambda: CosineAnnealing(cycle=2.0), TypeError, "cycle must be an integer of at least 1, got 2.0"),
        (lambda: CosineAnnealing(cycle=2, cycle_growth=0), ValueError, "cycle_growth must be at least 1, got 0"),
        (lambda: CosineAnnealing(cycle=2, cycle_growth=1.5), TypeError, "cycle_growth must be an integer"),
        (lambda: CosineAnnealing(cycle_growth=2), ValueError, "cycle_growth must be 1 where cycle is None, got 2"),
        (lambda: OneCycle(-0.1), ValueError, r"rise must be in \[0, 1\], got -0.1"),
        (lambda: OneCycle(1.1), ValueError, r"rise must be in \[0, 1\], got 1.1"),
        (lambda: OneCycle(start_divisor=0.5), ValueError, r"start_divisor must be in \[1, inf\), got 0.5"),
        (lambda: OneCycle(final_divisor=math.inf), ValueError, r"final_divisor must be in \[1, inf\), got inf"),
        (lambda: OneCycle(final_divisor=None), TypeError, "final_divisor must be a number"),
    ],
)
def test_parameters_out_of_range(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_numbers_become_plain():
    schedule = CosineAnnealing(1, np.int64(3), np.int8(2))
    assert [type(value) for value in vars(schedule).values()] == [float, int, int]
    assert {type(value) for value in vars(OneCycle(1, 2, np.float32(3))).values()} == {float}
