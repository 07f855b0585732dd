"""Every callback is a parameter of an estimator: cloned, copied, pickled, and used for one fit after another."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from crmsprop import callbacks
from crmsprop.callbacks import (
    Callback,
    Checkpoint,
    CSVLogger,
    EarlyStopping,
    EpochPrinter,
    LearningRateScheduler,
    ModelCheckpoint,
    ProgressBar,
    ReduceOnPlateau,
    TimeLimit,
)
from crmsprop.estimators import MLPClassifier
from crmsprop.persistence import load_network

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 3)), np.arange(24) % 2


def halve(epoch, learning_rate):
    return learning_rate / 2


def all_of(folder):
    """One callback of every kind, with parameters that are not the defaults."""
    return [
        CSVLogger(folder / "log.csv", append=True),
        Checkpoint(folder / "training.crms", 2, 3),
        EarlyStopping("loss", 3, False, mode="max", min_delta=0.5, baseline=1.0, start_from_epoch=2),
        EpochPrinter(),
        LearningRateScheduler(halve),
        ModelCheckpoint(folder / "{epoch}.crms", "accuracy", every=2),
        ProgressBar(),
        ReduceOnPlateau("loss", 0.25, 1, mode="max", min_delta=0.0, cooldown=1, min_learning_rate=1e-6),
        TimeLimit(1e6),
    ]


def state_of(callback):
    """What a callback has learnt; files of a copy have other names."""
    return {name: value for name, value in vars(callback).items() if name.endswith("_") and name != "path_"}


def model_with(given, **parameters):
    return MLPClassifier((4,), max_epochs=6, callbacks=given, random_state=0, **parameters)


def test_every_callback_is_here(tmp_path):
    public = {getattr(callbacks, name) for name in callbacks.__all__} - {Callback}
    assert {type(callback) for callback in all_of(tmp_path)} == public


@pytest.mark.parametrize("index", range(8))
@pytest.mark.parametrize("fitted", [False, True])
def test_a_copy_is_as_good_as_the_original(tmp_path, index, fitted):
    original = all_of(tmp_path)[index]
    model = model_with([original])
    if fitted:
        model.fit(X, Y)
    copies = [copy.deepcopy(original), pickle.loads(pickle.dumps(original)), clone(model).callbacks[0]]
    model.fit(X, Y)
    for one in copies:
        assert one is not original
        assert repr(one) == repr(original)
        again = model_with([one]).fit(X, Y)
        assert state_of(one) == state_of(original)
        assert again.network_.arena.flat.tobytes() == model.network_.arena.flat.tobytes()


def test_one_instance_serves_many_fits(tmp_path):
    given = all_of(tmp_path)
    model = model_with(given).fit(X, Y)
    before, weights = [state_of(callback) for callback in given], model.network_.arena.flat.tobytes()
    parameters = [repr(callback) for callback in given]
    model.set_params(max_epochs=9, learning_rate=0.1).fit(X, 1 - Y)
    model.set_params(max_epochs=6, learning_rate=1e-3).fit(X, Y)
    assert [state_of(callback) for callback in given] == before
    assert [repr(callback) for callback in given] == parameters
    assert model.network_.arena.flat.tobytes() == weights


@pytest.mark.parametrize("backend", ["sequential", "loky", "threading", "multiprocessing"])
def test_the_files_of_a_search_do_not_collide(tmp_path, backend):
    """4 candidates in 3 folds, and the best once more: 13 trainings, and 13 files of each kind."""
    given = [ModelCheckpoint(tmp_path / "best.crms", "loss"), CSVLogger(tmp_path / "log.csv")]
    given.append(Checkpoint(tmp_path / "training.saved", resume=True))
    grid = {"learning_rate": [1e-3, 1e-2], "hidden_layer_sizes": [(3,), (4,)]}
    with parallel_config(backend=backend, n_jobs=2), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: multiprocessing forks threads
        search = GridSearchCV(model_with(given, n_threads=1), grid, cv=3).fit(X, Y)
    files = {suffix: sorted(tmp_path.glob(f"*{suffix}")) for suffix in (".crms", ".csv", ".saved")}
    assert {suffix: len(found) for suffix, found in files.items()} == {".crms": 13, ".csv": 13, ".saved": 13}
    assert {path.suffix for path in tmp_path.iterdir()} == set(files)
    widths = [load_network(path).layers[0].units for path in files[".crms"]]
    assert {widths.count(3), widths.count(4)} == {6, 7}
    assert {len(path.read_text().splitlines()) for path in files[".csv"]} == {7}
    best, log, _ = search.best_estimator_.callbacks
    model = search.best_estimator_
    assert load_network(best.path_).layers == model.network_.layers
    assert log.path_ in map(str, files[".csv"])
    assert min(model.history_["loss"]) == best.best_
    assert not hasattr(given[0], "path_")  # the search trains clones alone


@pytest.mark.parametrize("index", [0, 1, 5])  # those that write files
def test_two_that_write_one_file_at_a_time_are_refused(tmp_path, index):
    model = model_with([all_of(tmp_path)[index], all_of(tmp_path)[index]])
    with pytest.raises(ValueError, match="path must not be one that another callback is writing to in this moment"):
        model.fit(X, Y)
    assert not hasattr(model, "network_")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    model.set_params(callbacks=model.callbacks[1:]).fit(X, Y)


def test_two_trainings_at_once_do_not_write_one_file(tmp_path):
    """A second training with a logger of its own for the same file, begun in the middle of the first one."""

    class Meanwhile(Callback):
        def on_epoch_end(self, context):
            with pytest.raises(ValueError, match="path must not be one that another callback is writing to"):
                model_with([CSVLogger(tmp_path / "log.csv")]).fit(X, Y)

    model = model_with([CSVLogger(tmp_path / "log.csv"), Meanwhile()]).fit(X, Y)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 1 + model.n_epochs_
    model_with([CSVLogger(tmp_path / "log.csv")]).fit(X, Y)
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


@pytest.mark.parametrize("hook", ["on_train_begin", "on_batch_end", "on_epoch_end", "on_train_end"])
def test_a_training_that_fails_lets_go_of_its_files(tmp_path, hook):
    def fail(self, context):
        raise OSError("no power")

    failing = type("Failing", (Callback,), {hook: fail})()
    with pytest.raises(OSError, match="no power"):
        model_with([*all_of(tmp_path), failing]).fit(X, Y)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    model_with(all_of(tmp_path)).fit(X, Y)


def test_the_original_writes_where_it_was_told_to(tmp_path):
    given = [ModelCheckpoint(tmp_path / "best.crms", "loss"), CSVLogger(tmp_path / "log.csv")]
    for _ in range(2):
        model_with(given).fit(X, Y)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.crms", "log.csv"]
    assert [callback.path_ for callback in given] == [str(tmp_path / "best.crms"), str(tmp_path / "log.csv")]


@pytest.mark.parametrize(
    ("callback", "text"),
    [
        (CSVLogger("log.csv"), "CSVLogger(path='log.csv', append=False)"),
        (ModelCheckpoint("a"), "ModelCheckpoint(path='a', monitor='val_loss', mode='auto', every=1)"),
        (Checkpoint("a", None, 5), "Checkpoint(path='a', every=None, every_steps=5, resume=False)"),
        (EpochPrinter(print), "EpochPrinter(write=<built-in function print>)"),
        (ProgressBar(), "ProgressBar()"),
    ],
)
def test_repr(callback, text):
    assert repr(callback) == text


def test_the_repr_of_ones_own_shows_what_is_there():
    class Own(Callback):
        def __init__(self, first, second=2, *rest):
            self.first = first
            self.third = 3

    class Plain(Callback):
        pass

    assert repr(Own("a")) == "Own(first='a')"
    assert repr(Plain()) == "Plain()"
