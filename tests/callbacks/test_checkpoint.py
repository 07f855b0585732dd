"""A fit that ends anywhere goes on from its file to the same bytes, and refuses what is not its own."""

import contextlib
import copy
import json
import os
import pathlib
import re
from dataclasses import dataclass

import numpy as np
import pytest
from container_files import join, split
from model_files import put
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crmsprop import NetworkClassifier, NetworkRegressor
from crmsprop.callbacks import (
    Callback,
    Checkpoint,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceOnPlateau,
)
from crmsprop.errors import DivergenceError, FileFormatError
from crmsprop.nn import BatchNorm, Conv2D, Dense, Dropout, ReLU
from crmsprop.schedules import Schedule

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 5)), np.array(["a", "b", "c"])[RNG.integers(0, 3, 60)]
LAYERS = (Dense(8), BatchNorm(), ReLU(), Dropout(0.3))

#: 54 samples train, in 5 batches an epoch; early stopping ends the whole training after 7 epochs.
PARAMETERS = {
    "layers": LAYERS,
    "max_epochs": 9,
    "batch_size": 13,
    "learning_rate": 0.05,
    "momentum": 0.5,
    "early_stopping": True,
    "patience": 3,
    "random_state": 3,
}


class Killed(Exception):
    pass


class Kill(Callback):
    """Ends a fit after a step, as whatever may go wrong there."""

    def __init__(self, step):
        self.step = step

    def on_batch_end(self, context):
        if context.step == self.step:
            raise Killed


def decay(epoch, learning_rate):
    return 0.95 * learning_rate if epoch else learning_rate


def callbacks_of(folder, **checkpoint):
    return [
        ReduceOnPlateau("loss", 0.5, 2, min_delta=0.05, cooldown=1),
        LearningRateScheduler(decay),
        CSVLogger(folder / "log.csv"),
        ModelCheckpoint(folder / "best.crms", "val_accuracy"),
        Checkpoint(folder / "training.crms", **{"resume": True, **checkpoint}),
    ]


def model_of(folder, *more, checkpoint=None, **parameters):
    callbacks = [*callbacks_of(folder, **(checkpoint or {})), *more]
    return NetworkClassifier(**{**PARAMETERS, "callbacks": callbacks, **parameters})


def fit_all(model, data):
    """Fit to X and y, and perhaps X_val and y_val."""
    return model.fit(*data[:2], **dict(zip(("X_val", "y_val"), data[2:], strict=False)))


def killed(model, data=(X, Y)):
    with pytest.raises(Killed):
        fit_all(model, data)
    assert not hasattr(model, "network_")


def lines_of(path):
    """The lines of a log without their times."""
    return [line.rpartition(",")[0] for line in path.read_text().splitlines()]


def outcome(model, folder):
    """All that a fit leaves, in memory and on the disk, but for its times."""
    plateau, _, _, best, _ = model.callbacks[:5]
    return {
        "weights": model.network_.arena.flat.tobytes(),
        "history": {column: values for column, values in model.history_.items() if column != "seconds"},
        "epochs": (model.n_epochs_, model.best_epoch_),
        "plateau": (plateau.best_, plateau.wait_, plateau.cooldown_, plateau.reduced_epochs_),
        "best": (best.best_, best.epoch_),
        "best file": (folder / "best.crms").read_bytes(),
        "log": lines_of(folder / "log.csv"),
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    model = model_of(folder).fit(X, Y)
    assert 5 < model.n_epochs_ < PARAMETERS["max_epochs"]
    assert len(model.callbacks[0].reduced_epochs_) >= 1
    return outcome(model, folder)


@pytest.mark.parametrize(
    "checkpoint", [{}, {"every": 3}, {"every": None, "every_steps": 4}, {"every_steps": 1}], ids=str
)
def test_killed_at_any_step(tmp_path, whole, checkpoint):
    for step in range(1, 35, 4 if checkpoint != {"every_steps": 1} else 7):
        folder = tmp_path / str(step)
        killed(model_of(folder, Kill(step), checkpoint=checkpoint))
        model = model_of(folder, checkpoint=checkpoint, n_threads=2).fit(X, Y)
        assert outcome(model, folder) == whole


class Sources(Callback):
    """Notes the weights that train, and the averages, which the network holds at the end."""

    def on_train_end(self, context):
        state, paused = context.optimizer.state_dict(), context.averages.pause()
        arrays = [*state.values(), paused.trained, *paused.buffers.values()]
        self.left = b"".join(np.asarray(array).tobytes() for array in arrays)


@pytest.mark.parametrize("checkpoint", [{}, {"every_steps": 3}], ids=str)
def test_killed_at_any_step_of_a_training_that_averages(tmp_path, checkpoint):
    sources, model = Sources(), model_of(tmp_path / "whole", ema=0.9)
    whole = outcome(model.set_params(callbacks=[*model.callbacks, sources]).fit(X, Y), tmp_path / "whole"), sources.left
    assert model.n_epochs_ > 4
    for step in (2, 5, 6, 13, 19):
        folder, sources = tmp_path / str(step), Sources()
        killed(model_of(folder, Kill(step), checkpoint=checkpoint, ema=0.9))
        model = model_of(folder, sources, checkpoint=checkpoint, ema=0.9, n_threads=2).fit(X, Y)
        assert (outcome(model, folder), sources.left) == whole


def test_a_training_that_averages_and_is_over_takes_no_step(tmp_path):
    whole = outcome(model_of(tmp_path, ema=0.9).fit(X, Y), tmp_path)
    assert outcome(model_of(tmp_path, Kill(1), ema=0.9).fit(X, Y), tmp_path) == whole


@pytest.mark.parametrize("step", [1, 5, 12])
def test_so_does_a_regression_which_counts_no_hits(tmp_path, step):
    def regressor(*more):
        checkpoint = Checkpoint(tmp_path / "training", every_steps=1, resume=True)
        layers = [Dense(4), ReLU()]
        return NetworkRegressor(layers, max_epochs=3, batch_size=13, random_state=0, callbacks=[checkpoint, *more])

    killed(regressor(Kill(step)), (X, X[:, 0]))
    model, whole = regressor().fit(X, X[:, 0]), clone(regressor()).fit(X, X[:, 0])
    assert model.network_.arena.flat.tobytes() == whole.network_.arena.flat.tobytes()
    assert [model.history_[column] for column in ("loss", "accuracy")] == [whole.history_["loss"], [None] * 3]


def test_killed_over_and_over(tmp_path, whole):
    for step in (2, 6, 9, 10, 17, 28):
        killed(model_of(tmp_path, Kill(step), checkpoint={"every_steps": 2}))
    model = model_of(tmp_path, checkpoint={"every_steps": 2})
    assert outcome(model.fit(X, Y), tmp_path) == whole
    assert sorted(os.listdir(tmp_path)) == ["best.crms", "log.csv", "training.crms"]


def test_a_training_that_is_over_takes_no_step(tmp_path, whole):
    model_of(tmp_path).fit(X, Y)
    before = (tmp_path / "training.crms").read_bytes()
    model = model_of(tmp_path, Kill(1)).fit(X, Y)
    assert outcome(model, tmp_path) == whole
    assert (tmp_path / "training.crms").read_bytes() == before


def test_without_resume_it_begins_afresh(tmp_path, whole):
    killed(model_of(tmp_path, Kill(20)))
    with pytest.raises(Killed):
        model_of(tmp_path, Kill(1), checkpoint={"resume": False}).fit(X, Y)  # step 1 comes again
    assert outcome(model_of(tmp_path, checkpoint={"resume": False}).fit(X, Y), tmp_path) == whole


class Writes(Callback):
    """Notes at which steps the file was written."""

    def __init__(self, checkpoint):
        self.checkpoint = checkpoint

    def on_train_begin(self, context):
        self.steps_ = []

    def on_safe_point(self, context):
        if self.checkpoint.step_ == context.step:
            self.steps_.append(context.step)


@pytest.mark.parametrize(
    ("parameters", "steps"),
    [
        ({}, [5, 10, 15, 20]),
        ({"every": 2}, [10, 20]),
        ({"every": 3}, [15, 20]),
        ({"every": None}, [20]),
        ({"every": None, "every_steps": 7}, [7, 14, 20]),
        ({"every": None, "every_steps": 10}, [10, 20]),
        ({"every": 2, "every_steps": 6}, [6, 10, 12, 18, 20]),
    ],
)
def test_when_it_is_written(tmp_path, parameters, steps):
    checkpoint = Checkpoint(tmp_path / "a", **parameters)
    watcher = Writes(checkpoint)
    NetworkClassifier(
        (), max_epochs=4, batch_size=13, validation_fraction=0.1, callbacks=[checkpoint, watcher], random_state=0
    ).fit(X, Y)
    assert watcher.steps_ == steps
    assert (checkpoint.path_, checkpoint.step_) == (str(tmp_path / "a"), 20)


def test_a_stop_writes_it(tmp_path):
    checkpoint = Checkpoint(tmp_path / "a", every=None)
    stopping = EarlyStopping("loss", 1, min_delta=100.0)
    NetworkClassifier((), max_epochs=9, batch_size=60, callbacks=[stopping, checkpoint]).fit(X, Y)
    assert checkpoint.step_ == 2


def test_the_seeds_are_in_the_file(tmp_path):
    """Without a random_state each fit is another one; the one that goes on is the one that was left."""
    unseeded = {"random_state": None, "patience": 100}  # or chance might end it before it is killed
    killed(model_of(tmp_path, Kill(22), **unseeded))
    copied = tmp_path / "copied"
    copied.mkdir()
    for path in tmp_path.glob("*.c*"):
        (copied / path.name).write_bytes(path.read_bytes())
    models = [model_of(folder, **unseeded).fit(X, Y) for folder in (tmp_path, copied)]
    one, other = (outcome(*pair) for pair in zip(models, (tmp_path, copied), strict=True))
    assert one == other
    fresh = model_of(tmp_path / "fresh", **unseeded).fit(X, Y)
    assert fresh.network_.arena.flat.tobytes() != models[0].network_.arena.flat.tobytes()


def test_a_generator_is_drawn_from_as_before(tmp_path):
    killed(model_of(tmp_path, Kill(12), random_state=np.random.RandomState(5)))
    with pytest.raises(ValueError, match=r"^random_state must be \[.*\], as in the training that .* holds, got \["):
        model_of(tmp_path, random_state=np.random.RandomState(6)).fit(X, Y)
    again = model_of(tmp_path, random_state=np.random.RandomState(5)).fit(X, Y)
    whole = model_of(tmp_path / "whole", random_state=np.random.RandomState(5)).fit(X, Y)
    assert again.network_.arena.flat.tobytes() == whole.network_.arena.flat.tobytes()


def test_images_of_uint8_and_a_validation_set_of_ones_own(tmp_path):
    images = np.random.default_rng(1).integers(0, 256, (40, 4, 4, 1)).astype(np.uint8)
    data = (images, np.arange(40) % 2, images[:9], np.arange(9) % 2)
    layers = (Conv2D(2, 3), *LAYERS[1:])
    killed(model_of(tmp_path, Kill(9), layers=layers), data)
    again, whole = (fit_all(model_of(folder, layers=layers), data) for folder in (tmp_path, tmp_path / "whole"))
    assert outcome(again, tmp_path) == outcome(whole, tmp_path / "whole")
    (tmp_path / "training.crms").unlink()
    killed(model_of(tmp_path, Kill(9), layers=layers), data)
    with pytest.raises(ValueError, match=r"^X_val must be '\w+ \(SHA-256\), "):
        fit_all(model_of(tmp_path, layers=layers), (*data[:2], images[9:18], np.arange(9) % 2))


def test_it_is_a_step_of_a_pipeline(tmp_path, whole):
    def pipeline(*more):
        return make_pipeline(StandardScaler(), model_of(tmp_path, *more))

    with pytest.raises(Killed):
        pipeline(Kill(20)).fit(X, Y)
    expected = make_pipeline(StandardScaler(), model_of(tmp_path / "whole")).fit(X, Y)
    assert pipeline().fit(X, Y).predict_proba(X).tobytes() == expected.predict_proba(X).tobytes()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_has_a_file_for_each_fit_and_begins_each_afresh(tmp_path, n_jobs):
    """2 candidates in 3 folds, and the best once more; a file of the original is nobody's."""
    killed(model_of(tmp_path, Kill(12)))
    before = (tmp_path / "training.crms").read_bytes()
    checkpoint = Checkpoint(tmp_path / "training.crms", resume=True)
    model = NetworkClassifier(max_epochs=2, callbacks=[checkpoint], random_state=0, n_threads=1)
    GridSearchCV(model, {"learning_rate": [1e-3, 1e-2]}, cv=3, n_jobs=n_jobs).fit(X, Y)
    assert len(list(tmp_path.glob("training*.crms"))) == 8
    assert (tmp_path / "training.crms").read_bytes() == before


# What goes wrong


def test_a_full_disk_leaves_the_file_before(tmp_path, monkeypatch, whole):
    replace, calls = os.replace, []

    def full_at_the_third(old, new):
        calls.extend([new] if new.endswith("training.crms") else [])
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        replace(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full_at_the_third)
        with pytest.raises(OSError, match="No space left"):
            model_of(tmp_path).fit(X, Y)
    assert sorted(os.listdir(tmp_path)) == ["best.crms", "log.csv", "training.crms"]
    assert Checkpoint(tmp_path / "training.crms", resume=True).saved().tree["progress"]["epoch"] == 2
    assert outcome(model_of(tmp_path).fit(X, Y), tmp_path) == whole


@dataclass(frozen=True)
class Explosion(Schedule):
    def __call__(self, step, steps_per_epoch, total_steps):
        return 1.7e308 if step == 7 else 1e-3


def test_weights_that_are_not_finite_are_not_written(tmp_path):
    """The eighth step ruins them, and the loss of the ninth says so."""
    checkpoint = Checkpoint(tmp_path / "a", every_steps=1, resume=True)
    parameters = {**PARAMETERS, "layers": (), "learning_rate": 1.0, "schedule": Explosion()}
    model = NetworkClassifier(**parameters, callbacks=[checkpoint])
    with pytest.raises(DivergenceError, match="in epoch 2, batch 4 of 5"):
        model.fit(X, Y)
    assert checkpoint.step_ == 7
    assert checkpoint.saved().tree["progress"]["step"] == 7


def test_a_folder_that_vanishes_is_made_again(tmp_path):
    class Vandal(Callback):
        def on_epoch_begin(self, context):
            for path in (tmp_path / "a").glob("*"):
                path.unlink()
            if context.epoch:
                (tmp_path / "a").rmdir()

    model = NetworkClassifier(max_epochs=3, callbacks=[Checkpoint(tmp_path / "a" / "b"), Vandal()], random_state=0)
    model.fit(X, Y)
    assert os.listdir(tmp_path / "a") == ["b"]


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


CHANGES = {
    "learning_rate": {"learning_rate": 0.03},
    "rho": {"rho": 0.8},
    "l2": {"l2": 0.1},
    "ema": {"ema": 0.9},
    "max_epochs": {"max_epochs": 10},
    "batch_size": {"batch_size": 14},
    "schedule": {"schedule": decay},
    "random_state": {"random_state": 4},
    "validation_fraction": {"validation_fraction": 0.2},
    "patience of EarlyStopping": {"patience": 5},
    "callbacks": {"early_stopping": False},
    "dtype": {"dtype": "float32"},
    "layers": {"layers": (*LAYERS[:3], Dropout(0.4))},
}


@pytest.mark.parametrize(("name", "changes"), CHANGES.items(), ids=CHANGES)
def test_other_parameters_are_refused_and_nothing_is_changed(tmp_path, name, changes):
    killed(model_of(tmp_path, Kill(12)))
    before, model = files_of(tmp_path), model_of(tmp_path, **changes)
    with pytest.raises(ValueError, match=rf"^{name} must be .*, as in the training that .*training\.crms holds, got "):
        model.fit(X, Y)
    assert files_of(tmp_path) == before
    assert not hasattr(model, "network_")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("X", (np.where(X[7, 2] == X, 0.0, X), Y)),
        ("X", (X[:-1], Y[:-1])),
        ("y", (X, np.roll(Y, 1))),
        ("classes_", (X, np.char.upper(Y))),
    ],
)
def test_other_data_are_refused_and_nothing_is_changed(tmp_path, name, data):
    killed(model_without_validation(tmp_path, Kill(12)))
    before = files_of(tmp_path)
    with pytest.raises(ValueError, match=rf"^{name} must be .*, as in the training that .* holds, got "):
        model_without_validation(tmp_path).fit(*data)
    assert files_of(tmp_path) == before


def model_without_validation(folder, *more):
    given = [ReduceOnPlateau("loss", 0.5, 2, min_delta=0.05, cooldown=1), CSVLogger(folder / "log.csv")]
    checkpoint = Checkpoint(folder / "training.crms", resume=True, every_steps=4)
    parameters = {**PARAMETERS, "early_stopping": False, "max_epochs": 4}
    return NetworkClassifier(**parameters, callbacks=[*given, checkpoint, *more])


@pytest.fixture
def damaged(tmp_path):
    """A function that fits a model on the file that it is given, and says how that ended."""
    expected = model_without_validation(tmp_path).fit(X, Y).network_.arena.flat.tobytes()
    (tmp_path / "training.crms").unlink()
    killed(model_without_validation(tmp_path, Kill(14)))
    log = (tmp_path / "log.csv").read_bytes()

    def fit_on(data):
        (tmp_path / "training.crms").write_bytes(data)
        (tmp_path / "log.csv").write_bytes(log)
        model = model_without_validation(tmp_path)
        try:
            model.fit(X, Y)
        except FileFormatError as error:
            refusal = str(error)
        else:
            return model.network_.arena.flat.tobytes() == expected
        assert str(tmp_path / "training.crms") in refusal
        assert len(refusal) < 1000
        assert not hasattr(model, "network_")
        assert (tmp_path / "log.csv").read_bytes() == log
        return refusal

    fit_on.data = (tmp_path / "training.crms").read_bytes()
    return fit_on


def test_damage_is_one_clear_error(damaged):
    data = damaged.data
    assert damaged(data) is True
    assert "SHA-256 does not match" in damaged(data[:-1] + bytes([data[-1] ^ 1]))
    assert "truncated" in damaged(data[: len(data) // 2])
    assert "truncated" in damaged(b"")
    assert "no crmsprop file" in damaged(b"\x80\x04" * 100)


def test_files_of_another_kind(damaged, tmp_path):
    model = NetworkClassifier(max_epochs=1, callbacks=[ModelCheckpoint(tmp_path / "network", "loss")]).fit(X, Y)
    model.save(tmp_path / "model")
    assert "it holds a 'network', not a 'training'" in damaged((tmp_path / "network").read_bytes())
    assert "it holds a 'model', not a 'training'" in damaged((tmp_path / "model").read_bytes())


def places(value, keys=()):
    yield keys
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*keys, key))


#: What only tells a user something, or is as good with another value: patience that is lost, a best value, times.
FREE = {"wait", "cooldown", "best", "reduced_epochs", "history", "loss", "accuracy", "batch_loss", "seconds", "batch"}
FREE |= {"learning_rate", "sums", "begin", "n_steps", "stopped", "groups"}  # callbacks may have changed a group


def test_any_value_in_any_place_is_refused_or_goes_on(damaged):
    document, body = split(damaged.data)
    config = json.loads(document["__metadata__"]["config"])
    wrong = []
    for keys in places(config):
        if not keys or keys[0] == "identity" or any(type(key) is int and key for key in keys):
            continue  # of each list, the first
        for value in (None, -1, 2**70, "x", {}, {"$float": "nan"}):
            changed = copy.deepcopy(config)
            put(*keys, value=value)(changed)
            document["__metadata__"]["config"] = json.dumps(changed)
            allowed = (ValueError,) if keys[-1] == "begin" else (DivergenceError,) if "groups" in keys else ()
            with contextlib.suppress(*allowed):  # a log that has lost its beginning; a penalty of 2**70
                if damaged(join(document, body)) is False and not FREE & set(keys):
                    wrong.append((keys, value))
    assert wrong == []


def test_an_identity_that_lies_is_another_training(damaged):
    document, body = split(damaged.data)
    config = json.loads(document["__metadata__"]["config"])
    for name in config["identity"]:
        for value in (None, [], "x", {"a": 1}):
            if value == config["identity"][name]:
                continue
            changed = copy.deepcopy(config)
            changed["identity"][name] = value
            document["__metadata__"]["config"] = json.dumps(changed)
            refusal = damaged(join(document, body))
            assert re.search(r"must be .*, as in the training that|must be three integers", str(refusal)), (name, value)


@pytest.mark.parametrize("seeds", [None, [1, 2], [1, 2, -3], [1, 2, 2**31], [1, 2, True], "123", [1, 2, "3"]])
def test_seeds_that_lie(damaged, tmp_path, seeds):
    document, body = split(damaged.data)
    config = json.loads(document["__metadata__"]["config"])
    config["identity"]["random_state"] = seeds
    document["__metadata__"]["config"] = json.dumps(config)
    (tmp_path / "training.crms").write_bytes(join(document, body))
    model = model_without_validation(tmp_path).set_params(random_state=None)
    with pytest.raises(FileFormatError, match=r"cannot resume from .*: its random_state must be "):
        model.fit(X, Y)


# The log of a training that goes on


def test_a_log_that_is_appended_to(tmp_path):
    path = tmp_path / "log.csv"

    def model(*more):
        callbacks = [CSVLogger(path, append=True), Checkpoint(tmp_path / "a", every=2, resume=True), *more]
        return NetworkClassifier(max_epochs=5, batch_size=60, callbacks=callbacks, random_state=0)

    NetworkClassifier(max_epochs=3, callbacks=[CSVLogger(path)]).fit(X, Y)
    before = path.read_text()
    killed(model(Kill(4)))
    assert len(path.read_text().splitlines()) == 4 + 3  # the third epoch is behind the checkpoint
    model().fit(X, Y)
    assert path.read_text().startswith(before)
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ["epoch", *"123", *"12345"]
    pathlib.Path(tmp_path / "a").unlink()
    killed(model(Kill(4)))
    path.write_text(before)
    with pytest.raises(ValueError, match="path must be the file that the training has appended to, of "):
        model().fit(X, Y)
    assert path.read_text() == before


def test_a_log_that_is_gone_is_made_of_the_history(tmp_path, whole):
    killed(model_of(tmp_path, Kill(20)))
    (tmp_path / "log.csv").unlink()
    assert outcome(model_of(tmp_path).fit(X, Y), tmp_path) == whole


def test_a_log_that_cannot_begin_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "log.csv"
    NetworkClassifier(max_epochs=2, callbacks=[CSVLogger(path)]).fit(X, Y)
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda descriptor: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        NetworkClassifier(max_epochs=2, callbacks=[CSVLogger(path)]).fit(X, Y)
    assert files_of(tmp_path) == {"log.csv": before}


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"path": None}, TypeError, "path must be that of a file, got None"),
        ({"path": "folder/"}, TypeError, "path must be that of a file, got 'folder/'"),
        ({"every": 0}, ValueError, "every must be at least 1, got 0"),
        ({"every": 1.5}, TypeError, "every must be an integer of at least 1, got 1.5"),
        ({"every_steps": -1}, ValueError, "every_steps must be at least 1, got -1"),
        ({"every_steps": True}, TypeError, "every_steps must be an integer of at least 1, got True"),
        ({"resume": "yes"}, TypeError, "resume must be True or False, got 'yes'"),
    ],
)
def test_parameters_out_of_range(parameters, error, message):
    with pytest.raises(error, match=message):
        Checkpoint(**{"path": "a", **parameters})
