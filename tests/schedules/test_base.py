"""What all schedules share: they are values among values, they multiply, and their errors name what is wrong."""

import copy
import math
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from schedule_cases import ALL, PER_EPOCH, STEPS, TOTAL, article, factors, sawtooth
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV, ParameterGrid

from crmsprop.schedules import (
    CosineAnnealing,
    ExponentialDecay,
    FunctionSchedule,
    InverseTimeDecay,
    Product,
    Schedule,
    StepDecay,
    as_schedule,
    schedule_to_config,
)


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_a_call_depends_on_its_arguments_alone(schedule):
    steps = np.random.default_rng(0).permutation(np.repeat(STEPS, 2))
    bound = as_schedule(schedule, 0.1)
    shuffled = dict(zip(steps.tolist(), factors(bound, steps), strict=True))
    assert [shuffled[step] for step in STEPS.tolist()] == factors(as_schedule(schedule, 0.1)) == factors(bound)


# Products


def test_products_multiply_and_flatten():
    a, b, c = StepDecay(0.5, 3), ExponentialDecay(0.1), CosineAnnealing(0.1)
    expected = np.prod([factors(a), factors(b), factors(c)], axis=0)
    for product in (a * b * c, a * (b * c), (a * b) * c, Product([a, Product([b, c])])):
        assert product == Product((a, b, c))
        assert product.terms == (a, b, c)
        np.testing.assert_allclose(factors(product), expected, rtol=1e-14)
    assert a * b != b * a  # what it computes is the same, and so is its order
    assert (article * a * article).terms == (FunctionSchedule(article), a, FunctionSchedule(article))
    assert (a * Product(())).terms == (a,)


@pytest.mark.parametrize("other", [2, 0.5, None, "x", StepDecay, [1], np.float64(2)])
def test_only_schedules_and_functions_multiply(other):
    with pytest.raises(TypeError):
        StepDecay(0.5, 1) * other
    with pytest.raises(TypeError):
        other * StepDecay(0.5, 1)
    with pytest.raises(TypeError, match="schedule must be a Schedule, a function"):
        Product((other,))


# Values among values: equal, hashable, frozen, picklable, readable, usable in a grid


@pytest.mark.parametrize("index", range(len(ALL)))
def test_schedules_are_values(index):
    schedule = ALL[index]
    for twin in (pickle.loads(pickle.dumps(schedule)), copy.deepcopy(schedule), clone(schedule, safe=False)):
        assert twin == schedule
        assert hash(twin) == hash(schedule)
        assert repr(twin) == repr(schedule)
    assert [other == schedule for other in ALL].count(True) == 1
    with pytest.raises(FrozenInstanceError):
        schedule.factor = 1


def test_what_was_computed_is_no_part_of_the_value():
    fresh, used = FunctionSchedule(article, 0.1), FunctionSchedule(article, 0.1)
    factors(used)
    assert used == fresh
    assert hash(used) == hash(fresh)
    assert pickle.dumps(used) == pickle.dumps(fresh)
    assert used != FunctionSchedule(article, 0.2)
    assert used != FunctionSchedule(sawtooth, 0.1)


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (StepDecay(1, 2), "StepDecay(factor=1.0, every=2)"),
        (CosineAnnealing(), "CosineAnnealing(final=0.0, cycle=None, cycle_growth=1)"),
        (InverseTimeDecay(1e-6) * StepDecay(1, 2), "InverseTimeDecay(decay=1e-06) * StepDecay(factor=1.0, every=2)"),
        (
            InverseTimeDecay(1.0) * article,
            "InverseTimeDecay(decay=1.0) * FunctionSchedule(article, learning_rate=None)",
        ),
        (FunctionSchedule(article, 0.1), "FunctionSchedule(article, learning_rate=0.1)"),
        (Product(()), "Product(())"),
        (Product((StepDecay(1, 2),)), "Product((StepDecay(factor=1.0, every=2),))"),
    ],
)
def test_repr_reads_like_the_code(schedule, text):
    assert repr(schedule) == text
    if "Function" not in text:
        assert eval(text) == schedule


class Learner(BaseEstimator):
    """The least estimator that has a schedule: its score is the last rate."""

    def __init__(self, learning_rate=0.1, schedule=None):
        self.learning_rate = learning_rate
        self.schedule = schedule

    def fit(self, X, y=None):
        self.factor_ = as_schedule(self.schedule, self.learning_rate)(TOTAL - 1, PER_EPOCH, TOTAL)
        return self

    def score(self, X, y=None):
        return self.learning_rate * self.factor_


def test_schedules_and_functions_are_parameters_of_a_grid():
    grid = {
        "learning_rate": [0.1, 0.2],
        "schedule": [None, StepDecay(0.5, 10), article, article * CosineAnnealing(0.5)],
    }
    search = GridSearchCV(Learner(), grid, cv=2).fit(np.zeros((4, 1)))
    expected = [Learner(**parameters).fit(None).score(None) for parameters in ParameterGrid(grid)]
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected, rtol=1e-15)
    assert search.best_params_ == {"learning_rate": 0.2, "schedule": None}
    cloned = clone(Learner(schedule=StepDecay(0.5, 10)))
    assert cloned.schedule == StepDecay(0.5, 10)
    assert "StepDecay(factor=0.5, every=10)" in repr(cloned)


# Errors of the constructors


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: StepDecay(-1, 1), ValueError, r"factor must be in \(0, inf\), got -1"),
        (lambda: StepDecay(0.0, 1), ValueError, r"factor must be in \(0, inf\), got 0.0"),
        (lambda: StepDecay(math.inf, 1), ValueError, "factor must be in"),
        (lambda: StepDecay(math.nan, 1), ValueError, "factor must be in"),
        (lambda: StepDecay(10**400, 1), ValueError, r"factor must be in \(0, inf\), got 1000"),
        (lambda: StepDecay("0.5", 1), TypeError, "factor must be a number"),
        (lambda: StepDecay(True, 1), TypeError, "factor must be a number"),
        (lambda: StepDecay(0.5, 0), ValueError, "every must be at least 1, got 0"),
        (lambda: StepDecay(0.5, 1.5), TypeError, "every must be an integer of at least 1, got 1.5"),
        (lambda: ExponentialDecay(-0.1), ValueError, r"rate must be in \[0, inf\), got -0.1"),
        (lambda: ExponentialDecay(None), TypeError, "rate must be a number"),
        (lambda: CosineAnnealing(-0.1), ValueError, r"final must be in \[0, 1\], got -0.1"),
        (lambda: CosineAnnealing(10), ValueError, r"final must be in \[0, 1\], got 10"),
        (lambda: InverseTimeDecay(-1e-6), ValueError, r"decay must be in \[0, inf\), got -1e-06"),
        (lambda: FunctionSchedule(3), TypeError, "function must be callable .* got 3"),
        (lambda: FunctionSchedule(StepDecay), TypeError, "function must be callable"),
        (lambda: FunctionSchedule(CosineAnnealing()), TypeError, "function must be callable"),
        (lambda: FunctionSchedule(article, -1.0), ValueError, r"learning_rate must be in \[0, inf\), got -1.0"),
        (lambda: as_schedule("cosine", 0.1), TypeError, "schedule must be .*, got 'cosine': give .*CosineAnnealing"),
        (lambda: as_schedule(StepDecay, 0.1), TypeError, "schedule must be"),
        (lambda: as_schedule(0.5, 0.1), TypeError, "schedule must be"),
        (lambda: as_schedule(None, -0.1), ValueError, r"learning_rate must be in \[0, inf\), got -0.1"),
        (lambda: as_schedule(None, "0.1"), TypeError, "learning_rate must be a number"),
        (lambda: schedule_to_config(0.5), TypeError, "schedule must be"),
        (lambda: Schedule(), TypeError, "abstract"),
    ],
)
def test_errors_name_parameter_rule_and_value(make, error, message):
    with pytest.raises(error, match=message):
        make()
