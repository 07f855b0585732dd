"""A user's function as a schedule: Keras's live callback, called once an epoch, and rates that are none."""

import copy
import math
import sys
import threading

import numpy as np
import pytest
from schedule_cases import EPOCHS, PER_EPOCH, TOTAL, absolute, article, factors, sawtooth

from crmsprop.schedules import CosineAnnealing, FunctionSchedule, InverseTimeDecay, as_schedule


def keras_rates(function, learning_rate, n_epochs):
    """Return what Keras's LearningRateScheduler sets: each epoch it reads the optimizer's rate, and writes it."""
    optimizer = {"learning_rate": learning_rate}
    rates = []
    for epoch in range(n_epochs):
        optimizer["learning_rate"] = function(epoch, optimizer["learning_rate"])
        rates.append(optimizer["learning_rate"])
    return np.array(rates)


@pytest.mark.parametrize("function", [article, sawtooth, absolute, lambda epoch, learning_rate: 0.0])
@pytest.mark.parametrize("base", [1e-3, 0.3, 7, np.float32(0.1)])
def test_a_function_means_what_it_means_to_keras(function, base):
    schedule = as_schedule(function, base)
    rates = float(base) * np.array(factors(schedule))
    np.testing.assert_allclose(rates, keras_rates(function, float(base), 30)[EPOCHS], rtol=1e-15)
    last_alone = as_schedule(function, base)(TOTAL - 1, PER_EPOCH, TOTAL)
    assert last_alone == schedule(TOTAL - 1, PER_EPOCH, TOTAL)


def test_the_article_combines_a_decay_with_a_function():
    """RMSprop(1e-3, decay=1e-6) divides by the steps, the callback sees and sets the rate that is not divided."""
    rate, step, expected = 1e-3, 0, []
    for epoch in range(30):
        rate = rate * 0.1 if epoch > 10 else rate
        for _ in range(PER_EPOCH):
            expected.append(rate / (1 + 1e-6 * step))
            step += 1
    for schedule in (InverseTimeDecay(1e-6) * article, article * InverseTimeDecay(1e-6)):
        got = 1e-3 * np.array(factors(as_schedule(schedule, 1e-3)))
        np.testing.assert_allclose(got, expected, rtol=1e-14)


def test_a_function_is_called_once_an_epoch_with_the_rate_of_the_epoch_before():
    calls = []

    def halve(epoch, learning_rate):
        assert type(epoch) is int
        calls.append((epoch, learning_rate))
        return learning_rate / 2

    schedule = as_schedule(CosineAnnealing() * halve, 1.0)
    assert calls == []
    schedule(np.int64(3 * PER_EPOCH), PER_EPOCH, TOTAL)
    factors(schedule, range(5 * PER_EPOCH))
    assert calls == [(0, 1.0), (1, 0.5), (2, 0.25), (3, 0.125), (4, 0.0625)]


def test_binding_starts_afresh_and_wins_over_the_rate_given_before():
    calls = []

    def count(epoch, learning_rate):
        calls.append(learning_rate)
        return learning_rate

    first = FunctionSchedule(count, learning_rate=5.0)
    first(0, 1, 1)
    as_schedule(first, 3.0)(0, 1, 1)
    copy.deepcopy(first)(0, 1, 1)
    assert calls == [5.0, 3.0, 5.0]


def test_a_function_that_fails_leaves_the_schedule_usable():
    def fail_once(epoch, learning_rate, failures=[]):  # noqa: B006
        if epoch == 2 and not failures:
            failures.append(epoch)
            raise RuntimeError("not now")
        return learning_rate / 2

    schedule = as_schedule(fail_once, 1.0)
    with pytest.raises(RuntimeError, match="not now"):
        schedule(4, 1, 5)
    assert [schedule(step, 1, 5) for step in range(5)] == [0.5, 0.25, 0.125, 0.0625, 0.03125]


def test_threads_may_share_a_schedule():
    n_epochs = 2000
    schedule = as_schedule(lambda epoch, learning_rate: learning_rate + epoch, 1.0)
    expected = [1.0 + epoch * (epoch + 1) / 2 for epoch in range(n_epochs)]
    results = []

    def walk():
        results.append([schedule(epoch, 1, n_epochs) for epoch in range(n_epochs)])

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=walk) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert results == [expected] * 4


@pytest.mark.parametrize(
    "value",
    [
        -1,
        -1e-9,
        math.nan,
        math.inf,
        None,
        "0.1",
        True,
        [0.1],
        1j,
        10**400,
        pytest.param(10**5000, id="huge"),
        np.array(0.1),
    ],
)
def test_a_function_must_return_a_rate(value):
    schedule = as_schedule(lambda epoch, learning_rate: value if epoch == 3 else learning_rate, 0.1)
    assert schedule(2, 1, 10) == 1.0
    rule = "a function as schedule must return the learning rate, a finite number of at least 0"
    with pytest.raises(ValueError, match=rf"^{rule}, got .* for epoch 3") as caught:
        schedule(5, 1, 10)
    assert str(caught.value).endswith("epoch 3: is there a return for every epoch?") == (value is None)


def test_numpy_and_integer_rates_are_fine():
    for one in (1, np.float32(1), np.float64(1), np.int8(1)):
        factor = as_schedule(lambda epoch, learning_rate, one=one: one, 0.5)(0, 1, 1)
        assert factor == 2.0
        assert type(factor) is float


def test_a_base_rate_of_zero_divides_nothing():
    assert factors(as_schedule(article, 0)) == [1.0] * TOTAL
    with pytest.raises(ValueError, match=r"no factor on a learning_rate of 0.0 gives 0.5 \(epoch 0\)"):
        as_schedule(absolute, 0.0)(0, 1, 1)
    with pytest.raises(ValueError, match="no factor on a learning_rate of 5e-324"):
        as_schedule(absolute, 5e-324)(0, 1, 1)


def test_an_unbound_function_says_what_to_do():
    for schedule in (FunctionSchedule(article), CosineAnnealing() * article):
        with pytest.raises(
            ValueError, match=r"FunctionSchedule\(article, .* call as_schedule\(schedule, learning_rate"
        ):
            schedule(0, 1, 1)


@pytest.mark.parametrize("function", [lambda epoch: 0.1, lambda: 0.1, lambda epoch, rate, more: rate, math.sqrt])
def test_a_function_of_other_arguments(function):
    message = r"^a function as schedule must take \(epoch, learning_rate\), got .*, which takes \("
    with pytest.raises(TypeError, match=message):
        as_schedule(function, 0.1)


@pytest.mark.parametrize("function", [lambda *both: both[1], lambda epoch, rate, more=1: rate, max])
def test_a_function_that_can_take_the_two(function):
    assert as_schedule(function, 1.0)(0, PER_EPOCH, TOTAL) == 1.0


def test_a_class_of_schedules_is_none():
    with pytest.raises(TypeError, match=r"^schedule must be .*, got <class .*>: give CosineAnnealing\(\.\.\.\)$"):
        as_schedule(CosineAnnealing, 0.1)
    with pytest.raises(TypeError, match=r"got <class 'float'>$"):
        as_schedule(float, 0.1)
