"""EarlyStopping: when it stops, what it keeps, and what it refuses."""

from types import SimpleNamespace

import numpy as np
import pytest

from crmsprop.callbacks import Callback, EarlyStopping
from crmsprop.nn import Dense, Network, ReLU, SoftmaxCrossEntropy
from crmsprop.optimizer import RMSprop
from crmsprop.schedules import as_schedule
from crmsprop.training import COLUMNS, DataSet, Plan, Training, new_history, train


def play(callback, values):
    """Feed `values` as the monitored column, one an epoch, to a network whose weights are the epoch's number."""
    network = SimpleNamespace(arena=SimpleNamespace(flat=np.zeros(3)))
    context = SimpleNamespace(history=new_history(), network=network, epoch=0)
    callback.on_train_begin(context)
    for epoch, value in enumerate(values):
        context.epoch = epoch
        network.arena.flat[:] = epoch + 1
        context.history[callback.monitor].append(value)
        if callback.on_epoch_end(context) is True:
            break
    callback.on_train_end(context)
    return len(context.history[callback.monitor]), network.arena.flat[0]


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
def test_patience(values, patience, stopped, best):
    callback = EarlyStopping(patience=patience)
    epochs, weight = play(callback, values)
    assert (callback.stopped_epoch_, callback.best_epoch_, callback.best_) == (stopped, best, values[best - 1])
    assert epochs == (stopped or len(values))
    assert weight == best


def test_without_restoring_the_last_weights_stay():
    callback = EarlyStopping(patience=2, restore_best=False)
    assert play(callback, [5, 4, 6, 6, 1]) == (4, 4)
    assert callback.best_epoch_ == 2


@pytest.mark.parametrize("monitor", ["accuracy", "val_accuracy"])
def test_an_accuracy_is_better_higher(monitor):
    callback = EarlyStopping(monitor, patience=2)
    assert play(callback, [0.1, 0.5, 0.4, 0.5, 0.9]) == (4, 2)
    assert (callback.best_, callback.best_epoch_) == (0.5, 2)


@pytest.mark.parametrize("monitor", ["loss", "val_loss"])
def test_a_loss_is_better_lower(monitor):
    callback = EarlyStopping(monitor, patience=2)
    assert play(callback, [0.5, 0.1, 0.4, 0.5, 0.0]) == (4, 2)


def test_a_second_training_starts_afresh():
    callback = EarlyStopping(patience=1)
    play(callback, [1, 2])
    assert play(callback, [5, 4, 6]) == (3, 2)
    assert (callback.best_, callback.best_epoch_, callback.stopped_epoch_) == (4, 2, 3)


def test_no_weights_are_held_after_a_training():
    callback = EarlyStopping()
    play(callback, [3, 2, 1])
    assert not any(isinstance(value, np.ndarray) for value in vars(callback).values())


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (
            {"monitor": "val_los"},
            ValueError,
            "monitor must be one of 'loss', 'val_loss', 'accuracy', .*, got 'val_los'",
        ),
        ({"monitor": "epoch"}, ValueError, "monitor must be one of .*, got 'epoch'"),
        ({"monitor": "seconds"}, ValueError, "monitor must be one of .*, got 'seconds'"),
        ({"monitor": None}, ValueError, "monitor must be one of .*, got None"),
        ({"patience": 0}, ValueError, "patience must be at least 1, got 0"),
        ({"patience": -1}, ValueError, "patience must be at least 1, got -1"),
        ({"patience": 2.5}, TypeError, "patience must be an integer of at least 1, got 2.5"),
        ({"patience": True}, TypeError, "patience must be an integer of at least 1, got True"),
        ({"restore_best": 1}, TypeError, "restore_best must be True or False, got 1"),
        ({"restore_best": None}, TypeError, "restore_best must be True or False, got None"),
    ],
)
def test_parameters_out_of_range(parameters, error, message):
    with pytest.raises(error, match=message):
        EarlyStopping(**parameters)


def test_repr_and_parameters():
    assert repr(EarlyStopping("loss", 3, False)) == "EarlyStopping(monitor='loss', patience=3, restore_best=False)"
    assert vars(EarlyStopping()) == {"monitor": "val_loss", "patience": 5, "restore_best": True}


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
