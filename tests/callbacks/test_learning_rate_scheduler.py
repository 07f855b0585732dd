"""LearningRateScheduler: what the function is given, what it may return, and beside other callbacks and a schedule."""

import math

import numpy as np
import pytest

from crmsprop.callbacks import LearningRateScheduler, ReduceOnPlateau
from crmsprop.estimators import MLPClassifier
from crmsprop.schedules import CosineAnnealing, StepDecay

X, Y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]


def halve(epoch, learning_rate):
    return learning_rate / 2 if epoch else learning_rate


def fit(*callbacks, **parameters):
    parameters = {"max_epochs": 4, "learning_rate": 0.5, "random_state": 0} | parameters
    return MLPClassifier((3,), callbacks=list(callbacks), **parameters).fit(X, Y)


def test_the_function_sees_the_epoch_and_the_rate_of_the_optimizer():
    calls = []

    def note(epoch, learning_rate):
        calls.append((epoch, learning_rate))
        return halve(epoch, learning_rate)

    assert fit(LearningRateScheduler(note)).history_["learning_rate"] == [0.5, 0.25, 0.125, 0.0625]
    assert calls == [(0, 0.5), (1, 0.5), (2, 0.25), (3, 0.125)]
    assert {type(epoch) for epoch, _ in calls} == {int}


def test_it_trains_as_the_same_function_as_a_schedule():
    by_callback, by_schedule = fit(LearningRateScheduler(halve)), fit(schedule=halve)
    assert by_callback.network_.arena.flat.tobytes() == by_schedule.network_.arena.flat.tobytes()


def test_a_schedule_multiplies_it():
    model = fit(LearningRateScheduler(halve), schedule=StepDecay(0.5, 2))
    assert model.history_["learning_rate"] == [0.5, 0.25, 0.0625, 0.03125]


def test_it_sees_what_other_callbacks_set():
    """A schedule would not: it goes on from the rate of its own."""
    plateau = ReduceOnPlateau("loss", factor=0.5, patience=1, min_delta=100)

    def keep(epoch, learning_rate):
        return learning_rate

    assert fit(plateau, LearningRateScheduler(keep)).history_["learning_rate"] == [0.5, 0.5, 0.25, 0.125]


def test_a_second_fit_starts_afresh():
    model = fit(LearningRateScheduler(halve))
    assert model.fit(X, Y).history_["learning_rate"] == [0.5, 0.25, 0.125, 0.0625]


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, None, "0.1", True, np.array(0.1)])
def test_a_function_must_return_a_rate(value):
    def function(epoch, learning_rate):
        return value if epoch == 2 else learning_rate

    rule = "function must return the learning rate, a finite number of at least 0"
    with pytest.raises(ValueError, match=f"^{rule}, got .* for epoch 2") as caught:
        fit(LearningRateScheduler(function))
    assert str(caught.value).endswith("epoch 2: is there a return for every epoch?") == (value is None)


@pytest.mark.parametrize("value", [0, 1, np.float32(0.5)])
def test_numbers_of_every_kind_are_rates(value):
    rates = fit(LearningRateScheduler(lambda epoch, learning_rate: value)).history_["learning_rate"]
    assert rates == [float(value)] * 4
    assert {type(rate) for rate in rates} == {float}


@pytest.mark.parametrize("function", [lambda epoch: 0.1, lambda: 0.1, lambda epoch, rate, more: rate, math.sqrt])
def test_a_function_of_other_arguments(function):
    message = r"^function must take \(epoch, learning_rate\), got .*, which takes \("
    with pytest.raises(TypeError, match=message):
        LearningRateScheduler(function)


@pytest.mark.parametrize("function", [lambda *both: both[1], lambda epoch, rate, more=1: rate, max])
def test_a_function_that_can_take_the_two(function):
    assert fit(LearningRateScheduler(function), max_epochs=1).history_["learning_rate"] == [0.5]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (0.5, r"function must be callable as function\(epoch, learning_rate\), got 0.5"),
        (None, "function must be callable"),
        (ReduceOnPlateau, "function must be callable"),
        (
            CosineAnnealing(),
            "function must be none of our schedules, which an estimator takes as `schedule`, got CosineAnnealing",
        ),
    ],
)
def test_what_is_no_function(function, message):
    with pytest.raises(TypeError, match=message):
        LearningRateScheduler(function)
