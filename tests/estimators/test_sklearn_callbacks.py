"""scikit-learn's own callbacks, since 1.9: the tasks that they hear of, the estimators that they see, their searches.

Collected for those versions alone; for older ones there is test_sklearn_before_callbacks.py.
"""

import pickle
import signal

import numpy as np
import pandas
import pytest
from sklearn.base import clone
from sklearn.callback import CallbackSupportMixin, ProgressBar, ScoringMonitor
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn_versions import HAS_CALLBACKS

from crmsprop import NetworkClassifier, find_learning_rate, nn
from crmsprop.callbacks import Callback, Checkpoint
from crmsprop.errors import DivergenceError, TrainingInterruptedWarning


class Recorder:
    """Notes what it hears; a callback by its methods alone. Stops, raises or interrupts where it is told to."""

    def __init__(self, at=None, act=lambda: None):
        self.at, self.act = at, act
        self.events, self.seen = [], []

    def setup(self, estimator, context):
        self.hear("setup", context)

    def teardown(self, estimator, context):
        self.hear("teardown", context)

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.seen.append((X, y, metadata, fitted_estimator))
        return self.hear("begin", context)

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.seen.append((X, y, metadata, fitted_estimator))
        return self.hear("end", context)

    def hear(self, hook, context):
        self.events.append((hook, context.task_name, context.task_id, context.max_subtasks))
        return self.act() if (hook, context.task_name, context.task_id) == self.at else None

    def estimators(self, hook, name):
        """What it was given as fitted in these hooks."""
        hooks = [event[:2] for event in self.events if event[0] not in ("setup", "teardown")]
        return [seen[3] for heard, seen in zip(hooks, self.seen, strict=True) if heard == (hook, name)]


class Propagated(Recorder):
    """Handed on by a search or a pipeline."""

    max_propagation_depth = None


def raising(error):
    def act():
        raise error

    return act


def tasks(n_epochs, planned, name="fit"):
    """What is heard of a training that ends well."""
    whole = (name, 0, planned)
    epochs = [(hook, "epoch", i, 0) for i in range(n_epochs) for hook in ("begin", "end")]
    return [("setup", *whole), ("begin", *whole), *epochs, ("end", *whole), ("teardown", *whole)]


def bits(model):
    return model.network_.arena.flat.tobytes()


def without_times(history):
    return {**history, "seconds": None}


def assert_as_new(model):
    """No trace of a fit, and none of its callbacks but that they are there."""
    assert [name for name in vars(model) if name.endswith("_") or name.startswith("_")] == ["_skl_callbacks"]


def test_these_tests_are_for_this_version(cases):
    assert HAS_CALLBACKS
    assert isinstance(cases.mlp(), CallbackSupportMixin)


# tasks


def test_a_fit_is_a_task_and_its_epochs_are_its_subtasks(cases):
    X, y = cases.rows()
    recorder = Recorder()
    model = cases.mlp().set_callbacks(recorder).fit(X, y)
    assert recorder.events == tasks(3, planned=3)
    assert bits(model) == bits(cases.mlp().fit(X, y))
    assert not [name for name in vars(model) if "callback" in name and name not in ("callbacks", "_skl_callbacks")]


def test_fine_tuning_is_one_too(cases):
    X, y = cases.rows()
    recorder = Recorder()
    cases.mlp().fit(X, y).set_callbacks(recorder).fine_tune(X, y, max_epochs=2)
    assert recorder.events == tasks(2, planned=2, name="fine_tune")


def test_partial_fit_and_a_fit_without_callbacks_tell_nobody(cases, monkeypatch):
    X, y = cases.rows()
    monkeypatch.setattr(CallbackSupportMixin, "_init_callback_context", raising(AssertionError("called")))
    cases.mlp().fit(X, y)
    cases.mlp().set_callbacks(Recorder()).partial_fit(X, y, classes=[0, 1, 2])


def test_the_ramp_of_the_finder_is_no_fit_of_the_users(cases):
    recorder = Recorder()
    find_learning_rate(cases.mlp().set_callbacks(recorder), *cases.rows(), steps=5)
    assert recorder.events == []


def test_a_training_that_goes_on_has_fewer_epochs(cases, tmp_path):
    X, y = cases.rows()
    model = cases.mlp(callbacks=[Checkpoint(tmp_path / "training.crms", resume=True)], max_epochs=5)
    with pytest.raises(OSError, match="no power"):
        model.set_callbacks(Recorder(("end", "epoch", 2), raising(OSError("no power")))).fit(X, y)
    recorder = Recorder()
    model.set_callbacks(recorder).fit(X, y)
    assert recorder.events == tasks(3, planned=3)  # the third epoch has ended, and was not stored


# what they see


def batch_norm(max_epochs):
    layers = [nn.Dense(7), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.2)]
    return NetworkClassifier(layers, max_epochs=max_epochs, batch_size=16, random_state=0)


ESTIMATORS = {
    "mlp": lambda cases, n: cases.mlp(max_epochs=n),
    "cnn": lambda cases, n: cases.cnn(max_epochs=n),
    "regressor": lambda cases, n: cases.regressor(max_epochs=n),
    "batch norm": lambda cases, n: batch_norm(n),
    "validated": lambda cases, n: cases.mlp(max_epochs=n, validation_fraction=0.3, scoring="accuracy"),
}


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_the_estimator_of_an_epoch_is_that_of_a_fit_which_ends_there(cases, kind):
    X, y = {"cnn": cases.images, "regressor": cases.numbers}.get(kind, cases.rows)()
    recorder = Recorder()
    model = ESTIMATORS[kind](cases, 3).set_callbacks(recorder).fit(X, y)
    shorter = [ESTIMATORS[kind](cases, n).fit(X, y) for n in (1, 2, 3)]
    for hook, n_epochs in (("end", (1, 2, 3)), ("begin", (0, 1, 2))):
        seen = recorder.estimators(hook, "epoch")
        assert [one.n_epochs_ for one in seen] == list(n_epochs)
        for one in seen[-n_epochs[-1] :]:
            expected = shorter[one.n_epochs_ - 1]
            assert one is not model
            assert one.predict(X).tobytes() == expected.predict(X).tobytes()
            assert bits(one) == bits(expected)
            assert without_times(one.history_) == without_times(expected.history_)
    (last,) = recorder.estimators("end", "fit")
    assert bits(last) == bits(model)
    assert recorder.estimators("begin", "fit") == [None]


def test_the_end_of_a_fit_has_the_best_weights_and_its_epochs_those_of_the_moment(cases):
    X, y = cases.rows()
    recorder = Recorder()
    options = {"monitor": "loss", "patience": 2, "max_epochs": 30, "learning_rate": 0.3}
    model = cases.mlp(early_stopping=True, **options).set_callbacks(recorder).fit(X, y)
    assert model.best_epoch_ == model.n_epochs_ - 2
    assert recorder.events == tasks(model.n_epochs_, planned=30)
    (last,) = recorder.estimators("end", "fit")
    epochs = recorder.estimators("end", "epoch")
    assert bits(last) == bits(model) == bits(epochs[model.best_epoch_ - 1]) != bits(epochs[-1])
    assert [one.best_epoch_ for one in epochs[-3:]] == [model.best_epoch_] * 3


def test_the_data_are_those_that_the_user_gave(cases):
    X, y = cases.rows()
    frame, labels = pandas.DataFrame(X, columns=list("abcdef")), np.array(["no", "yes", "?"])[y]
    recorder = Recorder()
    cases.mlp().set_callbacks(recorder).fit(frame, labels)
    assert len(recorder.seen) == 8
    assert all(X is frame and y is labels and metadata is None for X, y, metadata, _ in recorder.seen)


@pytest.mark.parametrize("container", [np.asarray, list, pandas.DataFrame])
def test_of_them_those_that_train(cases, container):
    """Neither what validates nor what weighs nothing; the trained rows are told apart by the network's own batches."""
    X, y = cases.rows(n=40)
    weights = np.where(np.arange(40) < 10, 0.0, np.arange(40))
    recorder = Recorder()
    model = cases.mlp(validation_fraction=0.4, max_epochs=1, batch_size=64).set_callbacks(recorder)
    model.fit(container(X), y, sample_weight=weights)
    for seen, labels, metadata, _ in recorder.seen:
        assert type(seen) is type(container(X))
        rows = [int(np.flatnonzero((row == X).all(axis=1))[0]) for row in np.asarray(seen)]
        assert len(rows) == len(set(rows)) == 18
        assert min(rows) >= 10
        np.testing.assert_array_equal(labels, y[rows])
        np.testing.assert_array_equal(metadata["sample_weight"], weights[rows])
    (one,) = recorder.estimators("begin", "epoch")
    loss = one.evaluate(np.asarray(seen), labels, metadata["sample_weight"])["loss"]
    np.testing.assert_allclose(model.history_["loss"], loss, rtol=1e-12)  # of one full batch, before its step


def test_of_images_too(cases):
    X, y = cases.images(n=40)
    recorder = Recorder()
    cases.cnn(validation_fraction=0.25).set_callbacks(recorder).fit(X, y)
    assert {(X.shape, X.dtype) for X, *_ in recorder.seen} == {((30, *X.shape[1:]), X.dtype)}


# what they do


def test_true_stops_after_the_epoch(cases):
    X, y = cases.rows()
    recorder = Recorder(("end", "epoch", 1), lambda: True)
    model = cases.mlp(max_epochs=9).set_callbacks(recorder).fit(X, y)
    assert recorder.events == tasks(2, planned=9)
    assert bits(model) == bits(cases.mlp(max_epochs=2).fit(X, y))


@pytest.mark.parametrize("at", [("setup", "fit", 0), ("begin", "fit", 0), ("begin", "epoch", 1), ("end", "epoch", 2)])
def test_their_error_leaves_the_estimator_as_it_was_and_tears_all_down(cases, at):
    X, y = cases.rows()
    recorder, other = Recorder(at, raising(KeyError("own"))), Recorder()
    model = cases.mlp().set_callbacks(other, recorder)
    with pytest.raises(KeyError, match="own"):
        model.fit(X, y)
    assert recorder.events[-1][0] == other.events[-1][0] == "teardown"
    assert_as_new(model)
    assert model.set_callbacks().fit(X, y).n_epochs_ == 3


def test_the_error_of_the_last_end_is_no_error_of_the_data(cases):
    X, y = cases.rows()
    model = cases.mlp().set_callbacks(Recorder(("end", "fit", 0), raising(KeyError("own"))))
    with pytest.raises(KeyError, match="own"):
        model.fit(X, y)
    assert_as_new(model)


def test_a_training_that_diverges_is_torn_down(cases):
    X, y = cases.rows()
    recorder = Recorder()
    with pytest.raises(DivergenceError):
        cases.mlp(learning_rate=1e300).set_callbacks(recorder).fit(X, y)
    assert [event[:2] for event in recorder.events][-2:] == [("begin", "epoch"), ("teardown", "fit")]


@pytest.mark.parametrize("parameters", [{"max_epochs": 0}, {"rho": 2}, {"callbacks": 3}])
def test_nobody_hears_of_a_fit_that_is_refused(cases, parameters):
    recorder = Recorder()
    with pytest.raises((TypeError, ValueError)):
        cases.mlp(**parameters).set_callbacks(recorder).fit(*cases.rows())
    assert recorder.events == []


def test_an_epoch_that_is_interrupted_ends(cases):
    class Interrupt(Callback):
        def on_batch_end(self, context):
            if context.epoch == 1:
                signal.raise_signal(signal.SIGINT)

    X, y = cases.rows()
    recorder = Recorder()
    with pytest.warns(TrainingInterruptedWarning):
        cases.mlp(callbacks=[Interrupt()]).set_callbacks(recorder).fit(X, y)
    assert recorder.events == tasks(2, planned=3)
    assert recorder.seen[-2] == (None, None, None, None)  # it has nothing to show


# clones, pipelines, searches


def test_clones_and_pickles_keep_them(cases):
    X, y = cases.rows()
    monitor = ScoringMonitor(scoring="accuracy")
    model = cases.mlp().set_callbacks(monitor)
    assert clone(model)._skl_callbacks == [monitor]
    again = pickle.loads(pickle.dumps(model.fit(X, y)))
    assert again.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert len(again.fit(X, y)._skl_callbacks[0].get_logs(select="all")) == 2


def test_a_pipeline_hands_them_on(cases):
    X, y = cases.rows()
    recorder = Propagated()
    pipeline = make_pipeline(StandardScaler(), cases.mlp()).set_callbacks(recorder).fit(X, y)
    ours = [event[:3] for event in recorder.events if event[1] == "epoch"]
    assert ours == [event[:3] for event in tasks(3, 3) if event[1] == "epoch"]
    assert "_skl_callbacks" not in vars(pipeline[-1])
    np.testing.assert_allclose(recorder.seen[-2][0].mean(axis=0), 0, atol=1e-12)  # what the scaler makes of X


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_bars_of_a_search_reach_down_to_our_epochs(cases, capsys, monkeypatch, n_jobs):
    monkeypatch.setenv("COLUMNS", "200")
    X, y = cases.rows()
    search = GridSearchCV(cases.mlp(), {"rho": [0.8, 0.9]}, cv=2, n_jobs=n_jobs).set_callbacks(ProgressBar())
    search.fit(X, y)
    lines = [line.split("━")[0].strip() for line in capsys.readouterr().out.splitlines() if "100%" in line]
    fits = [f"GridSearchCV - candidate-split-evaluation | MLPClassifier - fit #{i}" for i in range(4)]
    refit = "GridSearchCV - refit-with-best-params | MLPClassifier - fit #1"
    assert sorted(lines) == sorted(["GridSearchCV - fit", "GridSearchCV - search #0", *fits, refit])
    assert "_skl_callbacks" not in vars(search.best_estimator_)


def test_a_search_hears_of_every_epoch_of_every_fit(cases):
    recorder = Propagated()
    GridSearchCV(cases.mlp(), {"rho": [0.8, 0.9]}, cv=2).set_callbacks(recorder).fit(*cases.rows())
    names = [event[:2] for event in recorder.events]
    assert names.count(("begin", "epoch")) == names.count(("end", "epoch")) == 5 * 3
    assert names.count(("setup", "fit")) == names.count(("teardown", "fit")) == 1


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_scoring_monitor_scores_every_epoch_of_every_fit(cases, n_jobs):
    X, y = cases.rows()
    folds = [(np.arange(30), np.arange(30, 61)), (np.arange(30, 61), np.arange(30))]
    monitor = ScoringMonitor(scoring="accuracy")
    search = GridSearchCV(cases.mlp().set_callbacks(monitor), {"rho": [0.5, 0.9]}, cv=folds, n_jobs=n_jobs)
    search.fit(X, y)
    scores = {row["task_id_path"]: row["accuracy"] for row in monitor.get_logs().data}
    trained = [(rho, X[train], y[train]) for rho in (0.5, 0.9) for train, _ in folds]
    trained = {(0, 0, i): fit for i, fit in enumerate(trained)} | {(0, 1): (search.best_params_["rho"], X, y)}
    expected = {}
    for path, (rho, data, labels) in trained.items():
        predicted = [cases.mlp(rho=rho, max_epochs=n).fit(data, labels).predict(data) for n in (1, 2, 3)]
        each = [accuracy_score(labels, one) for one in predicted]
        expected |= {(*path, epoch): score for epoch, score in enumerate(each)} | {path: each[-1]}
    assert scores == expected


def test_the_scoring_monitor_weighs_as_the_fit_does(cases):
    X, y = cases.rows()
    weights = np.random.default_rng(0).uniform(size=len(y))
    monitor = ScoringMonitor(scoring="accuracy")
    model = cases.mlp().set_callbacks(monitor).fit(X, y, sample_weight=weights)
    last = monitor.get_logs().data[0]
    assert (last["task_name"], last["accuracy"]) == ("fit", model.score(X, y, weights))
