"""ModelCheckpoint: when it writes, what, where, and what it refuses before an epoch is lost."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import crmsprop
from crmsprop.callbacks import Callback, ModelCheckpoint
from crmsprop.errors import FileFormatError
from crmsprop.estimators import MLPClassifier, NetworkClassifier
from crmsprop.nn import Dense, ReLU
from crmsprop.persistence import load_network

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)), RNG.integers(0, 3, 40)


@pytest.fixture
def written(monkeypatch):
    """The calls that would write a file: a list of (path, epoch that the weights are from)."""
    calls = []
    monkeypatch.setattr("crmsprop.callbacks.model_checkpoint.network_to_parts", lambda network: None)
    monkeypatch.setattr(
        "crmsprop.callbacks.model_checkpoint.save_network",
        lambda path, network: calls.append((path, int(network.arena.flat[0]))),
    )
    return calls


@pytest.mark.parametrize(
    ("parameters", "values", "epochs"),
    [
        ({}, [5, 4, 4, 3, 6], [1, 2, 4]),
        ({"monitor": "loss"}, [5, 6, 7], [1]),
        ({"monitor": "accuracy"}, [0.1, 0.3, 0.2, 0.3, 0.4], [1, 2, 5]),
        ({"mode": "max"}, [5, 4, 6], [1, 3]),
        ({"monitor": "seconds", "mode": "min"}, [3, 2, 4, 1], [1, 2, 4]),
        ({"every": 2}, [1, 5, 2, 6, 3, 4], [2, 6]),  # epochs 1, 3 and 5 are not looked at
        ({"every": 10}, [5, 4, 3], []),
    ],
)
def test_when_it_writes(play, written, parameters, values, epochs):
    callback = ModelCheckpoint("best.crms", **parameters)
    play(callback, values)
    assert written == [("best.crms", epoch) for epoch in epochs]
    assert (callback.path_, callback.epoch_) == (("best.crms", epochs[-1]) if epochs else (None, 0))
    assert callback.best_ == (values[epochs[-1] - 1] if epochs else np.inf)


def fit(callback, max_epochs=5, **parameters):
    parameters = {"learning_rate": 0.05, "validation_fraction": 0.25, "random_state": 0} | parameters
    return MLPClassifier((8,), max_epochs=max_epochs, callbacks=[callback], **parameters).fit(X, Y)


class Snapshots(Callback):
    """The weights at the end of each epoch."""

    def on_train_begin(self, context):
        self.weights_ = []

    def on_epoch_end(self, context):
        self.weights_.append(context.network.arena.flat.copy())


@pytest.mark.parametrize("every", [1, 2, 3])
def test_without_a_monitor_it_writes_every_few_epochs(tmp_path, every):
    callback = ModelCheckpoint(tmp_path / "{epoch}", None, every=every)
    fit(callback)
    assert sorted(path.name for path in tmp_path.iterdir()) == [str(epoch) for epoch in range(every, 6, every)]
    assert (callback.epoch_, callback.best_) == (5 // every * every, None)


def test_the_file_holds_the_weights_of_the_best_epoch(tmp_path):
    checkpoint, snapshots = ModelCheckpoint(tmp_path / "best.crms"), Snapshots()
    model = MLPClassifier(
        (16,), max_epochs=30, learning_rate=0.05, validation_fraction=0.3, random_state=0,
        callbacks=[checkpoint, snapshots],
    ).fit(X, Y)  # fmt: skip
    best = int(np.argmin(model.history_["val_loss"]))
    assert 0 < best < 29
    assert (checkpoint.epoch_, checkpoint.best_) == (best + 1, model.history_["val_loss"][best])
    network = load_network(checkpoint.path_)
    assert network.arena.flat.tobytes() == snapshots.weights_[best].tobytes()
    assert network.layers == model.network_.layers


def test_an_estimator_takes_the_network(tmp_path):
    """As early stopping would have restored it: and it predicts, evaluates and is saved as such."""
    checkpoint = ModelCheckpoint(tmp_path / "best.crms")
    model = fit(checkpoint, 40)
    restored = fit(ModelCheckpoint(tmp_path / "other.crms"), 40, early_stopping=True, patience=40)
    assert restored.predict_proba(X).tobytes() != model.predict_proba(X).tobytes()
    model.network_ = load_network(checkpoint.path_)
    assert restored.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert restored.evaluate(X, Y) == model.evaluate(X, Y)
    model.save(tmp_path / "model.crms")
    assert crmsprop.load(tmp_path / "model.crms").predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def test_placeholders(tmp_path):
    path = tmp_path / "{{a}}" / "{epoch:03d}-{val_loss:.4f}-{accuracy}-{learning_rate:g}.crms"
    model = fit(ModelCheckpoint(path, None), 3)
    history = model.history_
    expected = [
        f"{epoch:03d}-{loss:.4f}-{accuracy}-0.05.crms"
        for epoch, loss, accuracy in zip((1, 2, 3), history["val_loss"], history["accuracy"], strict=True)
    ]
    assert sorted(os.listdir(tmp_path / "{a}")) == sorted(expected)


def test_a_second_fit_starts_afresh(tmp_path):
    callback = ModelCheckpoint(tmp_path / "{epoch}", "loss")
    fit(callback)
    first = (callback.path_, callback.epoch_, callback.best_)
    fit(callback, 1, random_state=1, learning_rate=0.0)
    assert (callback.path_, callback.epoch_) == (str(tmp_path / "1"), 1)
    fit(callback)
    assert (callback.path_, callback.epoch_, callback.best_) == first


def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    fit(ModelCheckpoint(tmp_path / "best.crms", "loss"), 1)
    before = (tmp_path / "best.crms").read_bytes()

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="No space left"):
        fit(ModelCheckpoint(tmp_path / "best.crms", "loss"), 1, random_state=1)
    assert (tmp_path / "best.crms").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["best.crms"]


@dataclass(frozen=True)
class Own(ReLU):
    """A ReLU by another name, and with whatever for a parameter."""

    what: Any = None


def test_a_layer_of_ones_own(tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "a", "loss")
    model = NetworkClassifier([Dense(4), Own(3)], callbacks=[checkpoint], max_epochs=1).fit(X, Y)
    again = load_network(checkpoint.path_, custom_classes=[Own])
    assert again.layers == model.network_.layers
    assert again.arena.flat.tobytes() == model.network_.arena.flat.tobytes()


def test_a_layer_that_no_file_can_hold_is_refused_before_the_first_epoch(tmp_path):
    snapshots = Snapshots()
    model = NetworkClassifier([Dense(4), Own(print)], callbacks=[snapshots, ModelCheckpoint(tmp_path / "a", "loss")])
    with pytest.raises(TypeError, match=r"^what of Own must be a number, .* to be saved, got <built-in function p"):
        model.fit(X, Y)
    assert snapshots.weights_ == []


def test_columns_without_a_value():
    with pytest.raises(ValueError, match=r"monitor must be a column .*, got 'val_loss' without a validation set"):
        fit(ModelCheckpoint("a"), validation_fraction=None)
    with pytest.raises(ValueError, match="path must name columns that the training fills, got 'val_accuracy' without"):
        fit(ModelCheckpoint("{val_accuracy}", "loss"), validation_fraction=None)


def test_a_model_file_is_no_network_file(tmp_path):
    callback = ModelCheckpoint(tmp_path / "network.crms", "loss")
    fit(callback).save(tmp_path / "model.crms")
    with pytest.raises(FileFormatError, match="it holds a 'model', not a 'network'"):
        load_network(tmp_path / "model.crms")
    with pytest.raises(FileFormatError, match="it holds a 'network', not a 'model'"):
        crmsprop.load(callback.path_)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"path": None}, TypeError, "path must be that of a file, got None"),
        ({"path": "folder/"}, TypeError, "path must be that of a file, got 'folder/'"),
        ({"path": "{step}"}, ValueError, "path must have placeholders of epoch, loss, .*, got 'step'"),
        ({"path": "{}"}, ValueError, "path must have placeholders of epoch, loss, .*, got ''"),
        ({"path": "{0}"}, ValueError, "path must have placeholders of .*, got '0'"),
        ({"path": "{epoch.real}"}, ValueError, "path must have placeholders of .*, got 'epoch.real'"),
        ({"path": "{epoch[0]}"}, ValueError, "path must have placeholders of .*"),
        ({"path": "{epoch"}, ValueError, "path must be a format string, got '{epoch': "),
        ({"path": "epoch}"}, ValueError, "path must be a format string, got 'epoch}': "),
        ({"path": "{loss:d}"}, ValueError, "path must be a format string, got '{loss:d}': "),
        ({"path": "{loss:{width}}"}, ValueError, "path must be a format string, got "),
        ({"monitor": "val_los"}, ValueError, "monitor must be one of .*, got 'val_los'"),
        ({"monitor": "seconds"}, ValueError, "monitor must be one of .* where mode is 'auto', got 'seconds'"),
        ({"mode": "up"}, ValueError, "mode must be one of 'auto', 'min', 'max', got 'up'"),
        ({"every": 0}, ValueError, "every must be at least 1, got 0"),
        ({"every": 1.0}, TypeError, "every must be an integer of at least 1, got 1.0"),
    ],
)
def test_parameters_out_of_range(parameters, error, message):
    with pytest.raises(error, match=message):
        ModelCheckpoint(**{"path": "a", **parameters})
