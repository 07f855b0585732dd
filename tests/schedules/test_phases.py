"""Warmup and PiecewiseConstant: lines and steps by hand, fractions of epochs, and what is out of range."""

import math
from decimal import Decimal

import numpy as np
import pytest
from schedule_cases import factors

from crmsprop.schedules import PiecewiseConstant, Warmup


@pytest.mark.parametrize("per_epoch", [1, 3, 10])
@pytest.mark.parametrize("epochs", [0, 1, 0.5, 2.5, 7, 1e308])
@pytest.mark.parametrize("start", [0.0, 0.01, 0.5, 1.0])
def test_warmup_step_by_step(epochs, start, per_epoch):
    expected = []
    for step in range(100):
        share = 1.0 if epochs == 0 else min(step / per_epoch / epochs, 1.0)
        expected.append((1 - share) * start + share)
    got = factors(Warmup(epochs, start), range(100), per_epoch, 100)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-300)


def test_warmup_reaches_one_exactly_and_forgets_the_rest():
    schedule = Warmup(2, start=0.25)
    assert [schedule(step, 4, 0) for step in (0, 4, 7, 8, 9, 10**12)] == [0.25, 0.625, 0.90625, 1.0, 1.0, 1.0]
    assert Warmup(3)(0, 10, 30) > 0  # the first step moves something


@pytest.mark.parametrize("per_epoch", [1, 7, 10])
@pytest.mark.parametrize(
    ("boundaries", "values"),
    [
        ([], [0.5]),
        ([1], [1, 0.1]),
        ([1, 2, 30], [0.5, 0.25, 1, 0]),
        ([0.7, 1.4, 2.1], [4, 3, 2, 1]),
        ([2.5, 1e308], [1, 2, 3]),
    ],
)
def test_piecewise_step_by_step(boundaries, values, per_epoch):
    """A boundary is at the step that is nearest to it, in exact decimals; between two steps, at the later one."""
    expected = []
    for step in range(300):
        passed = [boundary for boundary in boundaries if Decimal(str(boundary)) * per_epoch < step + Decimal("0.5")]
        expected.append(values[len(passed)])
    assert factors(PiecewiseConstant(boundaries, values), range(300), per_epoch, 300) == expected


def test_boundaries_that_floats_miss():
    """0.7 * 10 and 2.1 * 10 are not 7 and 21 in floats; the steps are."""
    schedule = PiecewiseConstant([0.7, 2.1], [1, 2, 3])
    assert [schedule(step, 10, 30) for step in (6, 7, 20, 21)] == [1, 2, 2, 3]
    assert [PiecewiseConstant([0.5], [1, 2])(step, 5, 30) for step in (2, 3)] == [1, 2]  # 2.5: the later step


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Warmup(-1), ValueError, r"epochs must be in \[0, inf\), got -1"),
        (lambda: Warmup(math.inf), ValueError, r"epochs must be in \[0, inf\), got inf"),
        (lambda: Warmup("5"), TypeError, "epochs must be a number"),
        (lambda: Warmup(5, 1.5), ValueError, r"start must be in \[0, 1\], got 1.5"),
        (lambda: PiecewiseConstant([0], [1, 2]), ValueError, r"boundaries\[0\] must be in \(0, inf\), got 0"),
        (lambda: PiecewiseConstant([1, "2"], [1, 2, 3]), TypeError, r"boundaries\[1\] must be a number in"),
        (lambda: PiecewiseConstant([2, 2], [1, 2, 3]), ValueError, "boundaries must increase, got 2.0 behind 2.0"),
        (lambda: PiecewiseConstant([2, 1], [1, 2, 3]), ValueError, "boundaries must increase, got 1.0 behind 2.0"),
        (lambda: PiecewiseConstant([1], [1, -2]), ValueError, r"values\[1\] must be in \[0, inf\), got -2"),
        (lambda: PiecewiseConstant([1], [1]), ValueError, "values must be one more than the 1 boundaries, got 1"),
        (lambda: PiecewiseConstant([], []), ValueError, "values must be one more than the 0 boundaries, got 0"),
        (lambda: PiecewiseConstant(1, [1, 2]), TypeError, "boundaries must be a sequence of numbers .*, got 1"),
        (lambda: PiecewiseConstant("1", [1, 2]), TypeError, "boundaries must be a sequence of numbers"),
        (lambda: PiecewiseConstant([1], {1: 2, 3: 4}), TypeError, "values must be a sequence of numbers"),
        (lambda: PiecewiseConstant(np.array(1.0), [1]), TypeError, "boundaries must be a sequence of numbers"),
        (lambda: PiecewiseConstant(np.ones((1, 1)), [1]), TypeError, "boundaries must be a sequence of numbers"),
    ],
)
def test_parameters_out_of_range(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_numbers_become_plain():
    schedule = PiecewiseConstant(np.array([1, 2]), np.array([1, 2, 3], np.float32))
    assert schedule == PiecewiseConstant((1.0, 2.0), (1.0, 2.0, 3.0))
    assert {type(value) for row in vars(schedule).values() for value in row} == {float}
    assert {type(value) for value in vars(Warmup(1, np.float32(0.5))).values()} == {float}
