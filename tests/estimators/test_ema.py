"""ema: averages predict, validate and are saved, the weights themselves train; alone and with all else that trains."""

import copy
import os
import pickle

import numpy as np
import pytest
from model_files import with_config
from sklearn.base import clone

import crmsprop
from crmsprop import NetworkClassifier, NetworkRegressor, find_learning_rate
from crmsprop.callbacks import Callback, EarlyStopping, ModelCheckpoint
from crmsprop.nn import BatchNorm, Conv2D, Dense, Dropout, Flatten, ReLU
from crmsprop.persistence import load_network

EMA = 0.85
STACK = (Dense(9), BatchNorm(), ReLU(), Dropout(0.2))


class Trained(Callback):
    """Notes the weights that train after each step, and what the network holds at the end of each epoch."""

    def on_train_begin(self, context):
        self.steps_, self.shown_ = [], []

    def on_batch_end(self, context):
        self.steps_.append(context.network.arena.flat.copy())

    def on_epoch_end(self, context):
        self.shown_.append(context.network.arena.flat.copy())


def bits(model):
    return model.network_.arena.flat.tobytes()


def average(steps, ema=EMA):
    """The formula of the docstring, in float64."""
    found = np.zeros(len(steps[0]))
    for t, weights in enumerate(steps, 1):
        decay = min(ema, (1 + t) / (10 + t)) if t > 1 else 0.0
        found = decay * found + (1 - decay) * weights.astype(np.float64)
    return found


def stack(layers=STACK, kind=NetworkClassifier, **parameters):
    """A small network with statistics of its own."""
    defaults = {"max_epochs": 4, "batch_size": 16, "learning_rate": 0.01, "random_state": 0, "ema": EMA}
    return kind(layers, **defaults | parameters)


def assert_averaged(model, trained, X, tolerance):
    expected = average(trained.steps_)
    np.testing.assert_allclose(model.network_.arena.flat, expected, rtol=0, atol=tolerance)
    assert np.abs(trained.steps_[-1] - expected).max() > 100 * tolerance
    other = copy.deepcopy(model)
    other.network_.arena.flat[:] = expected
    np.testing.assert_allclose(model.predict(X), other.predict(X), rtol=0, atol=100 * tolerance)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "NetworkClassifier", "labels", "regressor", "NetworkRegressor"])
def test_averages_predict(cases, kind):
    X, y = {"cnn": cases.images, "labels": cases.labels}.get(kind, cases.rows)()
    trained = Trained()
    options = {"ema": EMA, "callbacks": [trained], "learning_rate": 0.01}
    if kind in ("NetworkClassifier", "NetworkRegressor"):
        model = stack(kind=getattr(crmsprop, kind), **options)
    else:
        model = getattr(cases, "mlp" if kind == "labels" else kind)(**options)
    model.fit(X, y)
    assert_averaged(model, trained, X, 1e-6 if kind == "cnn" else 1e-12)


def test_averages_are_what_is_measured(cases):
    X, y = cases.rows()
    X_val, y_val = cases.rows(seed=1)
    trained = Trained()
    model = stack(callbacks=[trained], scoring="accuracy").fit(X, y, X_val=X_val, y_val=y_val)
    history = model.history_
    for epoch, shown in enumerate(trained.shown_):
        other = copy.deepcopy(model)
        other.network_.arena.flat[:] = shown
        np.testing.assert_allclose(shown, average(trained.steps_[: 4 * epoch + 4]), rtol=0, atol=1e-12)
        found = other.evaluate(X_val, y_val)
        assert found["loss"] == pytest.approx(history["val_loss"][epoch], rel=1e-12)
        assert found["accuracy"] == history["val_accuracy"][epoch] == history["val_score"][epoch]
    plain = stack(ema=None).fit(X, y, X_val=X_val, y_val=y_val).history_
    assert [history[name] for name in ("loss", "accuracy")] == [plain[name] for name in ("loss", "accuracy")]
    assert history["val_loss"] != plain["val_loss"]


def test_the_best_epoch_is_that_of_the_averages(cases, tmp_path):
    X, y = cases.rows(n=80)
    best, trained = ModelCheckpoint(tmp_path / "best.crms"), Trained()
    model = stack(max_epochs=60, learning_rate=0.05, early_stopping=True, patience=4, callbacks=[best, trained])
    model.fit(X, y)
    assert model.best_epoch_ == best.epoch_ < model.n_epochs_ < 60
    assert bits(model) == trained.shown_[model.best_epoch_ - 1].tobytes()
    assert load_network(best.path_).arena.flat.tobytes() == bits(model)
    losses = model.history_["val_loss"]
    assert losses[model.best_epoch_ - 1] == min(losses)


def test_no_number_of_threads_changes_a_bit(cases):
    X, y = cases.images(n=120, height=12, width=12)
    layers = (Conv2D(8, 3), BatchNorm(), ReLU(), Flatten(), Dense(300), ReLU())
    found = {bits(stack(layers, max_epochs=2, n_threads=n, validation_fraction=0.2).fit(X, y)) for n in (1, 2, 3)}
    assert len(found) == 1


def test_none_and_0_are_the_weights_themselves(cases):
    X, y = cases.rows()
    models = [stack(ema=ema, early_stopping=True).fit(X, y) for ema in (None, 0, 0.0)]
    assert len({bits(model) for model in models}) == 1
    assert bits(stack().fit(X, y)) != bits(models[0])


# partial_fit


def parted(model, X, y, epochs, between=lambda model: model):
    for _ in range(epochs):
        model = between(model).partial_fit(
            X, y, **({} if isinstance(model, NetworkRegressor) else {"classes": [0, 1, 2]})
        )
    return model


BETWEEN = {
    "nothing": lambda model: model,
    "a pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "a copy": copy.deepcopy,
    "a prediction": lambda model: (
        (model.predict(np.zeros((2, 6))), model)[1] if model.__dict__.get("network_") else model
    ),
}


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
@pytest.mark.parametrize("kind", [NetworkClassifier, NetworkRegressor])
def test_as_many_parts_as_epochs_are_a_fit(cases, kind, between):
    X, y = cases.rows()
    whole = stack(kind=kind, momentum=0.5, validation_fraction=0.2).fit(X, y)
    parts = parted(stack(kind=kind, momentum=0.5, validation_fraction=0.2), X, y, 4, between)
    assert bits(parts) == bits(whole)
    assert parts.history_["val_loss"] == whole.history_["val_loss"]


class Start(Callback):
    """Notes the weights that a training begins with."""

    def on_train_begin(self, context):
        self.start_ = context.network.arena.flat.copy()


def test_other_weights_between_two_parts_are_gone_on_from(cases, tmp_path):
    X, y = cases.rows()
    other = stack(random_state=1).fit(X, y)
    other.export_safetensors(tmp_path / "other")
    layers = (Dense(9), BatchNorm(), ReLU())
    for change in (
        lambda model: model.load_weights(tmp_path / "other"),
        lambda model: setattr(model, "network_", copy.deepcopy(other.network_)),
    ):
        model, start = parted(stack(layers), X, y, 2), Start()
        change(model)
        before = bits(model)
        model.set_params(learning_rate=0.0, batch_size=61, callbacks=[start]).partial_fit(X, y)
        assert start.start_.tobytes() == before
        learned = [name for name in model.network_.learned if not name.startswith("3")]
        assert all(np.array_equal(model.network_.learned[name], other.network_.learned[name]) for name in learned)


def test_a_part_that_fails_leaves_what_goes_on(cases):
    class Broken(Callback):
        def on_batch_end(self, context):
            raise OSError("the disk is full")

    X, y = cases.rows()
    model, twin = parted(stack(), X, y, 2), parted(stack(), X, y, 3)
    before = bits(model)
    with pytest.raises(OSError, match="the disk is full"):
        model.set_params(callbacks=[Broken()]).partial_fit(X, y)
    assert bits(model) == before
    assert bits(model.set_params(callbacks=None).partial_fit(X, y)) == bits(twin)


# what begins with a fitted network begins with the averages


def test_a_part_after_a_fit_begins_with_the_averages(cases, tmp_path):
    X, y = cases.rows()
    model, start = stack().fit(X, y), Start()
    model.save(tmp_path / "model")
    again, before = crmsprop.load(tmp_path / "model"), bits(model)
    assert bits(model.set_params(callbacks=[start]).partial_fit(X, y)) == bits(again.partial_fit(X, y))
    assert start.start_.tobytes() == before


def test_a_warm_fit_begins_with_the_averages(cases):
    X, y = cases.rows()
    start = Start()
    model = stack(warm_start=True).fit(X, y)
    before = bits(model)
    model.set_params(callbacks=[start]).fit(X, y)
    assert start.start_.tobytes() == before
    assert bits(model) != before


@pytest.mark.parametrize("unfreeze_after", [None, 1])
def test_fine_tuning_begins_with_the_averages_and_keeps_what_is_frozen(cases, unfreeze_after):
    X, y = cases.rows(dtype=np.float32)
    trained = Trained()
    model = stack((Dense(9), BatchNorm(), ReLU(), Dense(8), BatchNorm(), ReLU())).fit(X, y)
    before = copy.deepcopy(model.network_.arena.views)
    model.set_params(callbacks=[trained])
    model.fine_tune(X, y, freeze=2, unfreeze_after=unfreeze_after, reset_head=False, max_epochs=3)
    same = {int(name[0]) for name, view in model.network_.arena.views.items() if np.array_equal(view, before[name])}
    assert same == ({0, 1} if unfreeze_after is None else set())
    np.testing.assert_allclose(model.network_.arena.flat, average(trained.steps_), rtol=0, atol=1e-6)


# copies and files


def test_clones_copies_and_files(cases, tmp_path):
    X, y = cases.rows()
    model = stack(ema=np.float32(0.75)).fit(X, y)
    model.save(tmp_path / "model")
    again = crmsprop.load(tmp_path / "model")
    assert (clone(model).ema, again.ema) == (0.75, 0.75)
    assert bits(again) == bits(model) == bits(pickle.loads(pickle.dumps(model)))
    assert bits(clone(again).fit(X, y)) == bits(model)
    assert (tmp_path / "model").stat().st_size < 8 * model.network_.arena.flat.size + 20_000


def test_a_file_from_before_there_were_averages(cases, tmp_path):
    X, y = cases.rows()
    model = stack(ema=None).fit(X, y)
    model.save(tmp_path / "model")
    older = with_config((tmp_path / "model").read_bytes(), lambda config: config["parameters"].pop("ema"))
    (tmp_path / "model").write_bytes(older)
    again = crmsprop.load(tmp_path / "model")
    assert again.ema is None
    assert again.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


# what is left alone


def test_the_finder_sees_no_averages(cases):
    X, y = cases.rows()
    seen = []

    class Watch(Callback):
        def on_train_begin(self, context):
            seen.append(context.averages)

    results = [find_learning_rate(stack(ema=ema), X, y, steps=20, callbacks=[Watch()]) for ema in (EMA, None)]
    np.testing.assert_array_equal(results[0].losses, results[1].losses)
    assert seen == [None, None]


def test_early_stopping_of_ones_own_in_a_part(cases):
    X, y = cases.rows()
    parts = parted(stack(callbacks=[EarlyStopping("loss", 1)]), X, y, 3)
    assert bits(parts) == bits(parted(stack(), X, y, 3))


def test_files_of_a_training_that_averages_are_no_larger_than_they_must_be(cases, tmp_path):
    X, y = cases.rows(features=400)
    sizes = []
    for ema in (None, EMA):
        checkpoint = crmsprop.callbacks.Checkpoint(tmp_path / str(ema))
        stack((Dense(100),), ema=ema, callbacks=[checkpoint], max_epochs=1).fit(X, y)
        sizes.append(os.path.getsize(checkpoint.path_))
    assert sizes[0] * 1.4 < sizes[1] < sizes[0] * 1.6  # weights, mean squares; and averages
