"""One schedule after another: whose turn it is, what each is told, nesting, and fractions of epochs."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from schedule_cases import PER_EPOCH, STEPS, TOTAL, article, factors, sawtooth

from crmsprop.schedules import (
    CosineAnnealing,
    FunctionSchedule,
    Joined,
    OneCycle,
    Product,
    Schedule,
    StepDecay,
    Warmup,
    as_schedule,
)


@dataclass(frozen=True)
class Told(Schedule):
    """Says what it was asked."""

    name: str

    def __call__(self, step, steps_per_epoch, total_steps):
        return self.name, step, steps_per_epoch, total_steps


A, B, C = Told("a"), Told("b"), Told("c")


@pytest.mark.parametrize(
    ("schedule", "total", "expected"),
    [
        (A.then(B, after=1), 6, [("a", 0, 3), ("a", 1, 3), ("a", 2, 3), ("b", 0, 3), ("b", 1, 3), ("b", 2, 3)]),
        (A.then(B, after=0), 2, [("b", 0, 2), ("b", 1, 2)]),
        (A.then(B, after=5), 2, [("a", 0, 2), ("a", 1, 2)]),
        (A.then(B, after=1e308), 2, [("a", 0, 2), ("a", 1, 2)]),
        (A.then(B, after=0.3), 3, [("a", 0, 1), ("b", 0, 2), ("b", 1, 2)]),
        (A.then(B, after=0.5), 3, [("a", 0, 2), ("a", 1, 2), ("b", 0, 1)]),  # 1.5 steps: the later one
        (A.then(B, after=1), 0, [("a", 0, 0), ("a", 1, 0), ("a", 2, 0), ("b", 0, 0), ("b", 1, 0)]),
        (
            A.then(B, after=1).then(C, after=2),
            9,
            [(name, step, 3) for name in "abc" for step in range(3)],
        ),
        (
            A.then(B.then(C, after=1), after=1),
            9,
            [(name, step, 3) for name in "abc" for step in range(3)],
        ),
        (A.then(B, after=2).then(C, after=1), 6, [("a", 0, 3), ("a", 1, 3), ("a", 2, 3), ("c", 0, 3), ("c", 1, 3)]),
    ],
)
def test_each_is_told_its_own_steps(schedule, total, expected):
    """At 3 steps an epoch; each is given its own share of the training."""
    got = [schedule(step, 3, total) for step in range(len(expected))]
    assert got == [(name, step, 3, share) for name, step, share in expected]


def test_a_run_that_resumes_may_ask_in_any_order():
    schedule = Warmup(2.5).then(CosineAnnealing(cycle=3), after=2.5).then(OneCycle(), after=17)
    expected = factors(schedule)
    steps = np.random.default_rng(0).permutation(STEPS)
    assert factors(schedule, steps) == [expected[step] for step in steps]


def test_warmup_then_cosine_step_by_step():
    n, expected = 5 * PER_EPOCH, []
    for step in range(TOTAL):
        if step < n:
            expected.append(0.01 + 0.99 * step / n)
        else:
            expected.append(math.cos(math.pi / 2 * (step - n) / (TOTAL - n)) ** 2)
    got = factors(Warmup(5).then(CosineAnnealing(), after=5))
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-15)


def test_what_it_is_made_of():
    a, b = StepDecay(0.5, 3), Warmup(2)
    joined = a.then(b, after=np.int64(4))
    assert joined == Joined(first=a, second=b, after=4.0)
    assert type(joined.after) is float
    assert joined != a.then(b, after=5) != b.then(a, after=5)
    assert len({joined, a.then(b, after=4), b.then(a, after=4)}) == 2


def test_functions_start_from_the_base_rate_at_their_own_epoch_0():
    calls = []

    def halve(epoch, learning_rate):
        calls.append((epoch, learning_rate))
        return learning_rate / 2

    schedule = as_schedule(Warmup(0).then(halve, after=2), 0.5)
    assert factors(schedule, range(5), 1, 5) == [1.0, 1.0, 0.5, 0.25, 0.125]
    assert calls == [(0, 0.5), (1, 0.25), (2, 0.125)]
    both = Joined(sawtooth, article, after=4)
    assert (both.first, both.second) == (FunctionSchedule(sawtooth), FunctionSchedule(article))
    alone = [factors(as_schedule(one, 0.1)) for one in (sawtooth, article)]
    n = 4 * PER_EPOCH
    assert factors(as_schedule(both, 0.1)) == alone[0][:n] + alone[1][: TOTAL - n]
    with pytest.raises(ValueError, match="call as_schedule"):
        both(0, 1, 1)


def test_joined_schedules_multiply():
    joined = Warmup(5).then(CosineAnnealing(), after=5)
    product = joined * StepDecay(0.5, 10)
    expected = np.multiply(factors(joined), factors(StepDecay(0.5, 10)))
    np.testing.assert_allclose(factors(product), expected, rtol=1e-14)
    assert product.terms == (joined, StepDecay(0.5, 10))


@pytest.mark.parametrize(
    "schedule",
    [
        Warmup(1).then(StepDecay(1, 2), after=1),
        (Warmup(1) * StepDecay(1, 2)).then(StepDecay(1, 2) * Warmup(3), after=1).then(Warmup(0), after=2),
        Warmup(1).then(StepDecay(1, 2), after=1) * Warmup(2),
        Product(()).then(Warmup(2), after=0.5),
    ],
)
def test_repr_reads_like_the_code(schedule):
    assert eval(repr(schedule)) == schedule


@pytest.mark.parametrize(
    ("second", "after", "error", "message"),
    [
        (CosineAnnealing(), -1, ValueError, r"after must be in \[0, inf\), got -1"),
        (CosineAnnealing(), math.nan, ValueError, r"after must be in \[0, inf\), got nan"),
        (CosineAnnealing(), None, TypeError, r"after must be a number in \[0, inf\), got None"),
        (None, 1, TypeError, "schedule must be a Schedule, a function"),
        (CosineAnnealing, 1, TypeError, "schedule must be a Schedule, a function"),
        (0.5, 1, TypeError, "schedule must be a Schedule, a function"),
    ],
)
def test_what_cannot_follow(second, after, error, message):
    with pytest.raises(error, match=message):
        Warmup(1).then(second, after=after)
