"""EarlyStopping: when it stops, what it keeps, and what it refuses."""

import numpy as np
import pytest

from crmsprop.callbacks import Callback, EarlyStopping
from crmsprop.nn import Dense, Network, ReLU, SoftmaxCrossEntropy
from crmsprop.optimizer import RMSprop
from crmsprop.schedules import as_schedule
from crmsprop.training import COLUMNS, DataSet, Plan, Training, train


@pytest.mark.parametrize(
    ("values", "patience", "stopped", "best"),
    [
        ([5, 4, 3, 2, 1], 1, None, 5),
        ([5, 6, 1], 1, 2, 1),
        ([5, 5, 5], 1, 2, 1),  # as good is not better
        ([5, 6, 6, 4, 6, 6, 6, 1], 3, 7, 4),
        ([5, 4, 6, 6], 3, None, 2),
        ([5, 4, 6, 6, 3.999, 6, 6, 6], 3, 8, 5),
        ([1, 2, 3, 4, 5, 6, 7, 8], 5, 6, 1),
        ([7], 1, None, 1),
    ],
)
def test_patience(play, values, patience, stopped, best):
    callback = EarlyStopping(patience=patience)
    played = play(callback, values)
    assert (callback.stopped_epoch_, callback.best_epoch_, callback.best_) == (stopped, best, values[best - 1])
    assert played.n_epochs == (stopped or len(values))
    assert played.weight == best


def ended(callback, played):
    """Epochs run, the epoch that the weights are from, the best epoch and its value."""
    return played.n_epochs, played.weight, callback.best_epoch_, callback.best_


def test_without_restoring_the_last_weights_stay(play):
    callback = EarlyStopping(patience=2, restore_best=False)
    assert ended(callback, play(callback, [5, 4, 6, 6, 1])) == (4, 4, 2, 4)


@pytest.mark.parametrize(
    ("monitor", "mode"),
    [("accuracy", "auto"), ("val_accuracy", "auto"), ("val_loss", "max"), ("seconds", "max"), ("epoch", "max")],
)
def test_higher_is_better(play, monitor, mode):
    callback = EarlyStopping(monitor, patience=2, mode=mode)
    assert ended(callback, play(callback, [0.1, 0.5, 0.4, 0.5, 0.9])) == (4, 2, 2, 0.5)


@pytest.mark.parametrize(
    ("monitor", "mode"), [("loss", "auto"), ("val_loss", "auto"), ("accuracy", "min"), ("learning_rate", "min")]
)
def test_lower_is_better(play, monitor, mode):
    callback = EarlyStopping(monitor, patience=2, mode=mode)
    assert ended(callback, play(callback, [0.5, 0.1, 0.4, 0.5, 0.0])) == (4, 2, 2, 0.1)


def test_min_delta_has_to_be_exceeded(play):
    callback = EarlyStopping(patience=3, min_delta=0.5)
    assert ended(callback, play(callback, [5, 4.5, 4.25, 4, 0])) == (5, 5, 5, 0)  # 4.25 is better by more than 0.5
    assert ended(callback, play(callback, [5, 4.5, 4.75, 4.5, 0])) == (4, 1, 1, 5)
    callback = EarlyStopping("accuracy", patience=3, min_delta=0.5)
    assert ended(callback, play(callback, [0, 0.5, 0.25, 0.5, 9])) == (4, 1, 1, 0)


def test_baseline_has_to_be_reached_within_patience(play):
    """An epoch that improves is never the one that stops, as in Keras; the weights are the best ones all the same."""
    callback = EarlyStopping(patience=3, baseline=2)
    assert ended(callback, play(callback, [9, 8, 8, 7, 7, 0])) == (3, 2, 2, 8)
    assert ended(callback, play(callback, [9, 8, 7, 6, 6, 0])) == (5, 4, 4, 6)
    assert ended(callback, play(callback, [9, 1, 3, 3, 3, 0])) == (5, 2, 2, 1)
    callback = EarlyStopping("accuracy", patience=2, baseline=0.5)
    assert ended(callback, play(callback, [0.1, 0.6, 0.5, 0.5, 0.9])) == (4, 2, 2, 0.6)


def test_epochs_before_the_start_are_not_looked_at(play):
    callback = EarlyStopping(patience=2, start_from_epoch=3)
    assert ended(callback, play(callback, [0, 1, 2, 9, 8, 8, 8, 0])) == (7, 5, 5, 8)
    assert ended(callback, play(callback, [0, 1])) == (2, 2, 0, np.inf)


@pytest.mark.parametrize("seed", range(20))
def test_every_parameter_against_a_plain_loop(play, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 12, 30).tolist()
    patience, delta, start = (int(rng.integers(low, high)) for low, high in ((1, 8), (0, 3), (0, 5)))
    baseline = None if rng.random() < 0.5 else int(rng.integers(0, 12))
    best, best_epoch, waited, stopped = 10**9, 0, 0, None
    for epoch, value in enumerate(values[start:], start=start + 1):
        waited += 1
        if best - value > delta:
            best, best_epoch = value, epoch
            if baseline is None or baseline - value > delta:
                waited = 0
        elif waited >= patience:
            stopped = epoch
            break
    callback = EarlyStopping(patience=patience, min_delta=delta, baseline=baseline, start_from_epoch=start)
    played = play(callback, values)
    assert ended(callback, played) == (stopped or len(values), best_epoch, best_epoch, best)
    assert (callback.stopped_epoch_, callback.wait_) == (stopped, waited)


def test_a_second_training_starts_afresh(play):
    callback = EarlyStopping(patience=1)
    play(callback, [1, 2])
    assert ended(callback, play(callback, [5, 4, 6])) == (3, 2, 2, 4)
    assert callback.stopped_epoch_ == 3


def test_no_weights_are_held_after_a_training(play):
    callback = EarlyStopping()
    play(callback, [3, 2, 1])
    assert not any(isinstance(value, np.ndarray) for value in vars(callback).values())


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (
            {"monitor": "val_los"},
            ValueError,
            "monitor must be one of 'loss', .*, 'val_accuracy', 'val_score' where mode is 'auto', got 'val_los'",
        ),
        (
            {"monitor": "val_los", "mode": "min"},
            ValueError,
            "monitor must be one of 'epoch', 'loss', 'val_loss', 'accuracy', .*, got 'val_los'",
        ),
        (
            {"monitor": "epoch"},
            ValueError,
            "monitor must be one of 'loss', .*, 'val_accuracy', 'val_score' where mode is 'auto', got 'epoch'",
        ),
        ({"monitor": "seconds"}, ValueError, "monitor must be one of .*, got 'seconds'"),
        ({"monitor": None}, ValueError, "monitor must be one of .*, got None"),
        ({"patience": 0}, ValueError, "patience must be at least 1, got 0"),
        ({"patience": -1}, ValueError, "patience must be at least 1, got -1"),
        ({"patience": 2.5}, TypeError, "patience must be an integer of at least 1, got 2.5"),
        ({"patience": True}, TypeError, "patience must be an integer of at least 1, got True"),
        ({"restore_best": 1}, TypeError, "restore_best must be True or False, got 1"),
        ({"restore_best": None}, TypeError, "restore_best must be True or False, got None"),
        ({"mode": "lower"}, ValueError, "mode must be one of 'auto', 'min', 'max', got 'lower'"),
        ({"mode": None}, ValueError, "mode must be one of 'auto', 'min', 'max', got None"),
        ({"min_delta": -0.1}, ValueError, r"min_delta must be in \[0, inf\), got -0.1"),
        ({"min_delta": None}, TypeError, r"min_delta must be a number in \[0, inf\), got None"),
        ({"baseline": np.nan}, ValueError, r"baseline must be in \(-inf, inf\), got nan"),
        ({"baseline": "0"}, TypeError, "baseline must be a number in"),
        ({"start_from_epoch": -1}, ValueError, "start_from_epoch must be at least 0, got -1"),
        ({"start_from_epoch": 1.0}, TypeError, "start_from_epoch must be an integer of at least 0, got 1.0"),
    ],
)
def test_parameters_out_of_range(parameters, error, message):
    with pytest.raises(error, match=message):
        EarlyStopping(**parameters)


def test_repr_and_parameters():
    text = (
        "EarlyStopping(monitor='loss', patience=3, restore_best=False, mode='max', min_delta=0.5, baseline=2.0, "
        "start_from_epoch=4)"
    )
    made = EarlyStopping("loss", 3, False, mode="max", min_delta=0.5, baseline=2, start_from_epoch=4)
    assert repr(made) == repr(eval(text)) == text
    assert repr(EarlyStopping()) == (
        "EarlyStopping(monitor='val_loss', patience=5, restore_best=True, mode='auto', min_delta=0.0, baseline=None, "
        "start_from_epoch=0)"
    )


class Snapshots(Callback):
    """The weights at the end of each epoch."""

    def on_train_begin(self, context):
        self.weights_ = []

    def on_epoch_end(self, context):
        self.weights_.append(context.network.arena.flat.copy())


def training_with(callbacks, validate=True, max_epochs=40):
    """Train a network that soon learns noise by heart."""
    rng = np.random.default_rng(0)
    data = DataSet(rng.normal(size=(40, 5)), rng.integers(0, 3, 40))
    validation = DataSet(rng.normal(size=(30, 5)), rng.integers(0, 3, 30)) if validate else None
    network = Network([Dense(16), ReLU(), Dense(3)], (5,), np.float64)
    network.initialize(np.random.default_rng(0))
    optimizer = RMSprop(list(network.arena.views.values()), 0.01)
    training = Training(network, optimizer, Plan(max_epochs, 8, as_schedule(None, 0.01), 0, 1))
    train(training, SoftmaxCrossEntropy(), data, validation, callbacks)
    return training


@pytest.mark.parametrize("restore_best", [True, False])
def test_in_a_training(restore_best):
    stopping, snapshots = EarlyStopping(patience=3, restore_best=restore_best), Snapshots()
    training = training_with([stopping, snapshots])
    losses = training.history["val_loss"]
    assert stopping.stopped_epoch_ == len(losses) < 40
    assert stopping.best_epoch_ == int(np.argmin(losses)) + 1 == len(losses) - 3
    assert stopping.best_ == min(losses)
    epoch = stopping.best_epoch_ if restore_best else len(losses)
    np.testing.assert_array_equal(training.network.arena.flat, snapshots.weights_[epoch - 1])
    assert {len(training.history[column]) for column in COLUMNS} == {len(losses)}


def test_the_best_weights_come_back_where_the_plan_ends_first():
    stopping, snapshots = EarlyStopping(patience=1000), Snapshots()
    training = training_with([stopping, snapshots], max_epochs=25)
    assert stopping.stopped_epoch_ is None
    assert stopping.best_epoch_ < 25
    np.testing.assert_array_equal(training.network.arena.flat, snapshots.weights_[stopping.best_epoch_ - 1])


@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy"])
def test_a_monitor_without_a_validation_set(monitor):
    with pytest.raises(
        ValueError, match=f"'{monitor}' without a validation set: set validation_fraction, or give X_val"
    ):
        training_with([EarlyStopping(monitor)], validate=False)


def test_a_training_column_needs_no_validation_set():
    stopping = EarlyStopping("loss", patience=2)
    training_with([stopping], validate=False, max_epochs=5)
    assert stopping.best_epoch_ == 5
