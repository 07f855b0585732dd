"""ReduceOnPlateau: when it lowers the rate, how far, and beside a schedule. Keras's is in test_peers.py."""

import numpy as np
import pytest

from crmsprop.callbacks import ReduceOnPlateau
from crmsprop.estimators import MLPClassifier
from crmsprop.schedules import StepDecay

X, Y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("parameters", "values", "rates"),
    [
        ({}, [3, 2, 1], [1, 1, 1, 1]),
        ({"patience": 1}, [3, 3, 3, 3], [1, 1, 0.5, 0.25, 0.125]),
        ({"patience": 2}, [3, 3, 3, 3, 3], [1, 1, 1, 0.5, 0.5, 0.25]),
        ({"patience": 2}, [3, 3, 2, 2, 2], [1, 1, 1, 1, 1, 0.5]),
        ({"patience": 1, "factor": 0.1}, [3, 3], [1, 1, 0.1]),
        ({"patience": 1, "min_delta": 0.5}, [3, 2.5, 2.25], [1, 1, 0.5, 0.5]),
        ({"patience": 1, "cooldown": 2}, [3, 3, 3, 3, 3, 3], [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]),
        ({"patience": 1, "min_learning_rate": 0.3}, [3, 3, 3, 3], [1, 1, 0.5, 0.3, 0.3]),
        ({"patience": 1, "min_learning_rate": 2}, [3, 3, 3], [1, 1, 1, 1]),
        ({"patience": 1, "mode": "max"}, [3, 4, 4, 5], [1, 1, 1, 0.5, 0.5]),
        ({"patience": 1, "monitor": "accuracy"}, [0.5, 0.6, 0.6], [1, 1, 1, 0.5]),
        ({"patience": 1, "monitor": "seconds", "mode": "min"}, [0.5, 0.6, 0.4], [1, 1, 0.5, 0.5]),
    ],
)
def test_rates_by_hand(play, parameters, values, rates):
    """The rate of each epoch, and the one that would come next."""
    callback = ReduceOnPlateau(**{"factor": 0.5, **parameters})
    assert play(callback, values).rates == pytest.approx(rates, rel=1e-15)
    assert callback.reduced_epochs_ == [i for i in range(1, len(rates)) if rates[i] < rates[i - 1]]


@pytest.mark.parametrize("seed", range(20))
def test_every_parameter_against_a_plain_loop(play, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 20, 40).tolist()
    patience, cooldown, delta = (int(rng.integers(low, high)) for low, high in ((1, 5), (0, 4), (0, 3)))
    rate, best, waited, cooling, expected = 1.0, 10**9, 0, 0, [1.0]
    for value in values:
        cooled_down = cooling <= 1
        cooling = max(cooling - 1, 0)
        if best - value > delta:
            best, waited = value, 0
        elif cooled_down:
            waited += 1
            if waited == patience:
                rate, waited, cooling = rate / 2, 0, cooldown
        expected.append(rate)
    callback = ReduceOnPlateau(factor=0.5, patience=patience, min_delta=delta, cooldown=cooldown)
    assert play(callback, values).rates == expected


def test_a_second_training_starts_afresh(play):
    callback = ReduceOnPlateau(factor=0.5, patience=2, cooldown=3)
    play(callback, [1, 1, 1, 1])
    assert play(callback, [5, 5, 5]).rates == [1, 1, 1, 0.5]
    assert (callback.best_, callback.reduced_epochs_, callback.wait_, callback.cooldown_) == (5, [3], 0, 3)


def test_in_a_fit_and_beside_a_schedule():
    """An improvement by 100 never comes: the rate is halved after each second epoch, and by the schedule each third."""
    plateau = ReduceOnPlateau("loss", factor=0.5, patience=1, min_delta=100)
    model = MLPClassifier((3,), max_epochs=6, learning_rate=0.5, callbacks=[plateau], random_state=0)
    halved = [0.5, 0.5, 0.25, 0.125, 0.0625, 0.03125]
    assert model.fit(X, Y).history_["learning_rate"] == halved
    assert plateau.reduced_epochs_ == [2, 3, 4, 5, 6]
    model.set_params(schedule=StepDecay(0.5, 3)).fit(X, Y)
    assert model.history_["learning_rate"] == [*halved[:3], *(rate / 2 for rate in halved[3:])]
    assert model.fit(X, Y).history_["learning_rate"][0] == 0.5  # a fit does not inherit the rate of the one before


def test_a_monitor_without_a_validation_set():
    model = MLPClassifier((3,), max_epochs=2, callbacks=[ReduceOnPlateau()])
    with pytest.raises(ValueError, match=r"monitor must be a column .*, got 'val_loss' without a validation set: set"):
        model.fit(X, Y)
    assert not hasattr(model, "network_")


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"monitor": "lr"}, ValueError, "monitor must be one of .*, got 'lr'"),
        ({"monitor": "learning_rate"}, ValueError, "monitor must be one of .* where mode is 'auto', got 'learning_r"),
        ({"mode": "up"}, ValueError, "mode must be one of 'auto', 'min', 'max', got 'up'"),
        ({"factor": 1.0}, ValueError, r"factor must be in \(0, 1\), got 1.0"),
        ({"factor": 0}, ValueError, r"factor must be in \(0, 1\), got 0"),
        ({"patience": 0}, ValueError, "patience must be at least 1, got 0"),
        ({"min_delta": -1}, ValueError, r"min_delta must be in \[0, inf\), got -1"),
        ({"cooldown": -1}, ValueError, "cooldown must be at least 0, got -1"),
        ({"cooldown": 0.5}, TypeError, "cooldown must be an integer of at least 0, got 0.5"),
        ({"min_learning_rate": -1e-5}, ValueError, r"min_learning_rate must be in \[0, inf\), got -1e-05"),
    ],
)
def test_parameters_out_of_range(parameters, error, message):
    with pytest.raises(error, match=message):
        ReduceOnPlateau(**parameters)


def test_the_defaults_are_those_of_keras():
    assert repr(ReduceOnPlateau()) == (
        "ReduceOnPlateau(monitor='val_loss', factor=0.1, patience=10, mode='auto', min_delta=0.0001, cooldown=0, "
        "min_learning_rate=0.0)"
    )
