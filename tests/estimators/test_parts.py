"""A training that takes over what another one left: partial_fit and warm_start."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

import crmsprop
from crmsprop import MLPClassifier, NetworkClassifier
from crmsprop.callbacks import Callback, Checkpoint, EarlyStopping
from crmsprop.nn import BatchNorm, Dense, ReLU
from crmsprop.schedules import CosineAnnealing


def bits(model):
    return model.network_.arena.flat.tobytes()


def columns(model, without=("seconds",)):
    return {name: values for name, values in model.history_.items() if name not in without}


# partial_fit


def parted(model, X, y, epochs, **named):
    for _ in range(epochs):
        model.partial_fit(X, y, **named)
    return model


@pytest.mark.parametrize("options", [{}, {"dropout": 0.5, "schedule": CosineAnnealing(), "momentum": 0.5}])
def test_as_many_calls_as_epochs_are_a_fit_to_the_bit(cases, options):
    X, y = cases.rows()
    whole = cases.mlp(**options, validation_fraction=0.2).fit(X, y)
    parts = parted(cases.mlp(**options, validation_fraction=0.2), X, y, 3, classes=[0, 1, 2])
    assert bits(parts) == bits(whole)
    assert columns(parts) == columns(whole)
    assert parts.n_epochs_ == 3


@pytest.mark.parametrize("kind", ["numbers", "counts", "labels"])
def test_so_do_regressors_and_several_labels(cases, kind):
    X, y = cases.labels() if kind == "labels" else cases.numbers(columns=2)
    options = {"loss": "poisson"} if kind == "counts" else {}
    make = cases.mlp if kind == "labels" else cases.regressor
    y = np.abs(y)
    assert bits(parted(make(**options), X, y, 3)) == bits(make(**options).fit(X, y))


def test_parts_with_other_samples_and_some_classes_only(cases):
    X, y = cases.rows(n=300)
    names = np.array(["a", "b", "c"])[y]
    model = cases.mlp(learning_rate=0.01)
    for i in range(60):
        part = slice(60 * (i % 5), 60 * (i % 5) + 60)
        one = names[part] != "c" if i % 2 else names[part] != "a"
        model.partial_fit(X[part][one], names[part][one], classes=["c", "a", "b"])
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.score(X, names) > 0.7


def test_weights_of_a_part(cases):
    X, y = cases.rows()
    weights = np.where(y == 1, 0.0, 2.0)
    weighed = cases.mlp().partial_fit(X, y, [0, 1, 2], weights).partial_fit(X, y, sample_weight=weights)
    left_out = parted(cases.mlp(), X[y != 1], y[y != 1], 2, classes=[0, 1, 2], sample_weight=np.ones((y != 1).sum()))
    assert bits(weighed) == bits(left_out)


def test_a_pickle_goes_on_with_the_optimizers_state(cases):
    X, y = cases.rows()
    model = parted(cases.mlp(dropout=0.3), X, y, 2, classes=[0, 1, 2])
    copy = pickle.loads(pickle.dumps(model))
    assert bits(copy.partial_fit(X, y)) == bits(model.partial_fit(X, y))
    assert columns(copy) == columns(model)


def test_after_a_fit_the_weights_go_on_and_the_schedule_begins_afresh(cases, tmp_path):
    X, y = cases.rows()
    model = cases.mlp(schedule=CosineAnnealing(), learning_rate=0.01).fit(X, y)
    loss = model.evaluate(X, y)["loss"]
    model.save(tmp_path / "model")
    again = crmsprop.load(tmp_path / "model")
    assert bits(again.partial_fit(X, y)) == bits(model.partial_fit(X, y))
    assert model.evaluate(X, y)["loss"] < loss
    assert model.history_["epoch"] == [1, 2, 3, 4]
    assert model.history_["learning_rate"][3] > model.history_["learning_rate"][2]


def test_a_fit_after_parts_begins_afresh(cases):
    X, y = cases.rows()
    model = parted(cases.mlp(), X, y, 2, classes=[0, 1, 2])
    assert bits(model.fit(X, y)) == bits(cases.mlp().fit(X, y))
    assert model.n_epochs_ == 3


def test_a_clone_forgets_the_parts(cases):
    X, y = cases.rows()
    model = parted(cases.mlp(), X, y, 2, classes=[0, 1, 2])
    assert [name for name in vars(clone(model)) if name.startswith("_")] == []


def test_scores_of_a_part(cases):
    X, y = cases.rows()
    model = cases.mlp(validation_fraction=0.3, scoring="f1_macro")
    parted(model, X, y, 2, classes=[0, 1, 2])
    parted(model.set_params(scoring=None, validation_fraction=None), X, y, 1)
    assert model.history_["val_score"][2] is None
    assert all(score is not None for score in model.history_["val_score"][:2])


@pytest.mark.parametrize("kinds", [(np.float64, np.float32), (np.float32, np.float64)])
def test_a_part_of_another_precision_is_computed_as_the_first(cases, kinds):
    X, y = cases.rows()
    X = X.astype(np.float32)  # the same numbers in both
    options = {"class_weight": {0: 2.0}, "validation_fraction": 0.2, "scoring": "accuracy"}
    model = cases.mlp(**options).partial_fit(X.astype(kinds[0]), y, [0, 1, 2], np.ones(61))
    same = cases.mlp(**options).partial_fit(X.astype(kinds[0]), y, [0, 1, 2], np.ones(61))
    model.partial_fit(X.astype(kinds[1]), y, sample_weight=np.ones(61))
    same.partial_fit(X.astype(kinds[0]), y, sample_weight=np.ones(61))
    assert model.network_.dtype == kinds[0]
    assert bits(model) == bits(same)


def test_parts_that_are_refused_leave_the_model(cases):
    X, y = cases.rows()
    with pytest.raises(ValueError, match="classes must be given in the first call of partial_fit, got None"):
        cases.mlp().partial_fit(X, y)
    with pytest.raises(ValueError, match="early_stopping must be False in partial_fit, got True"):
        cases.mlp(early_stopping=True).partial_fit(X, y, [0, 1, 2])
    with pytest.raises(ValueError, match="callbacks must hold no Checkpoint for partial_fit"):
        cases.mlp(callbacks=[Checkpoint("never.crms")]).partial_fit(X, y, [0, 1, 2])
    with pytest.raises(ValueError, match="class_weight must be None or a dict in partial_fit, got 'balanced'"):
        cases.mlp(class_weight="balanced").partial_fit(X, y, [0, 1, 2])
    with pytest.raises(ValueError, match=r"y must hold only labels that fit has seen \(0, 1\), got 2;"):
        cases.mlp().partial_fit(X, y, [0, 1])
    model = cases.mlp().partial_fit(X, y, [0, 1, 2])
    before = bits(model), model.history_
    for arguments, message in [
        ((X, y, [0, 1]), r"classes must be array\(\[0, 1, 2\]\), as y or the first call say, got \[0, 1\]"),
        ((X[:, :4], y), "features"),
        ((X, y + 1), "labels that fit has seen"),
        ((X, y, None, -np.ones(61)), "sample_weight must be at least 0"),
        ((X, np.column_stack([y, y])), "1d array"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.partial_fit(*arguments)
        assert (bits(model), model.history_) == before


@pytest.mark.parametrize(
    ("options", "changed", "message"),
    [
        ({}, {"momentum": 0.9}, "momentum must stay off from one partial_fit to the next, .* got 0.9"),
        ({"momentum": 0.9}, {"momentum": 0.0}, "momentum must stay on from one partial_fit to the next, .* got 0.0"),
        ({}, {"centered": True}, "centered must stay off from one partial_fit to the next, .* got True"),
        ({"ema": 0.9}, {"ema": None}, "ema must stay on from one partial_fit to the next, .* got None"),
    ],
)
def test_options_that_the_optimizers_state_depends_on_stay(cases, options, changed, message):
    X, y = cases.rows()
    model = cases.mlp(**options).partial_fit(X, y, [0, 1, 2])
    before, twin = bits(model), clone(model).partial_fit(X, y, [0, 1, 2]).partial_fit(X, y)
    with pytest.raises(ValueError, match=f"^{message}"):
        model.set_params(**changed).partial_fit(X, y)
    assert bits(model) == before
    given_back = {"momentum": 0.0, "centered": False, "ema": None} | options
    assert bits(model.set_params(**given_back).partial_fit(X, y)) == bits(twin)


NO_CLASSES = {
    "a number": (3, "classes must be a sequence of labels, got 3"),
    "a set": ({0, 1, 2}, "classes must be a sequence of labels, got {0, 1, 2}"),
    "none": ([], r"classes must be a sequence of labels, got \[\]"),
    "a matrix": ([[0, 1, 2]], r"classes must be a sequence of labels, got \[\[0, 1, 2\]\]"),
    "NaN": ([0, 1, 2, np.nan], r"classes must be labels, got \[0, 1, 2, nan\]: .*NaN"),
    "halves": ([0, 1, 2, 2.5], r"classes must be labels, got \[0, 1, 2, 2.5\]: Unknown label type"),
    "None": ([0, 1, None], "classes must hold strings where it holds objects, .* got 0 for label 0"),
    "a string and numbers": (["0", 1, 2], "classes must hold strings where it holds objects, .* got 1 for label 1"),
}


@pytest.mark.parametrize("name", NO_CLASSES)
def test_what_are_no_classes(cases, name):
    X, y = cases.rows()
    classes, message = NO_CLASSES[name]
    with pytest.raises(ValueError, match=f"^{message}"):
        cases.mlp().partial_fit(X, y, classes)
    with pytest.raises(ValueError, match=f"^{message}"):
        cases.mlp().partial_fit(X, y, [0, 1, 2]).partial_fit(X, y, classes)


def test_classes_that_end_in_nothing(cases):
    """As in fit, where objects stay what they are; an array of strings has no room for the end."""
    X, y = cases.rows()
    labels = np.array(["a", "a\0", "b"], object)
    model = cases.mlp().partial_fit(X, labels[y], labels)
    assert model.classes_.tolist() == ["a", "a\0", "b"]
    assert bits(model) == bits(cases.mlp().partial_fit(X, y, [0, 1, 2]))


class Broken(Callback):
    """Fails in the middle of an epoch."""

    def on_batch_end(self, context):
        raise OSError("the disk is full")


def test_a_part_that_fails_in_the_middle_leaves_the_model(cases):
    X, y = cases.rows()
    model = cases.mlp().partial_fit(X, y, [0, 1, 2])
    before, twin = bits(model), clone(model).partial_fit(X, y, [0, 1, 2]).partial_fit(X, y)
    with pytest.raises(OSError, match="the disk is full"):
        model.set_params(callbacks=[Broken()]).partial_fit(X, y)
    assert bits(model) == before
    assert model.n_epochs_ == 1
    assert bits(model.set_params(callbacks=None).partial_fit(X, y)) == bits(twin)


def test_classes_of_several_labels(cases):
    X, y = cases.labels()
    assert cases.mlp().partial_fit(X, y, classes=[0, 1, 2, 3]).predict(X).shape == y.shape
    with pytest.raises(ValueError, match="classes must be"):
        cases.mlp().partial_fit(X, y, classes=[0, 1])


# warm_start


def test_a_warm_fit_begins_with_the_weights_of_the_one_before(cases):
    X, y = cases.rows()
    model = cases.mlp(warm_start=True).fit(X, y)
    first = model.evaluate(X, y)["loss"]
    model.set_params(learning_rate=0.0, batch_size=61).fit(X, y)
    assert model.history_["loss"] == pytest.approx([first] * 3, rel=1e-9)
    assert model.n_epochs_ == 3


def test_a_warm_fit_moves_statistics_along(cases):
    X, y = cases.rows()
    model = NetworkClassifier([Dense(5), BatchNorm(), ReLU()], max_epochs=2, warm_start=True, random_state=0).fit(X, y)
    means = model.network_.arena.views["1.running_mean"].copy()
    model.set_params(learning_rate=0.0, max_epochs=1).fit(X, y)
    assert means.any()
    assert not np.array_equal(model.network_.arena.views["1.running_mean"], means)


def test_the_first_warm_fit_is_any_fit(cases):
    X, y = cases.rows()
    assert bits(cases.mlp(warm_start=True).fit(X, y)) == bits(cases.mlp().fit(X, y))


def test_warm_regressors_and_early_stopping(cases):
    X, y = cases.numbers(n=200)
    model = cases.regressor(warm_start=True, early_stopping=True, learning_rate=0.01, max_epochs=20)
    losses = [model.fit(X, y).history_["val_loss"][-1] for _ in range(4)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("parameters", "change", "message"),
    [
        ({"hidden_layer_sizes": (5,)}, lambda X, y: (X, y), "layers was"),
        ({}, lambda X, y: (X[:, :4], y), "input_shape was"),
        ({}, lambda X, y: (X.astype(np.float32), y), "dtype was"),
        ({}, lambda X, y: (X, y + 1), "classes_ was"),
        ({}, lambda X, y: (X, np.tri(3, dtype=int)[y]), "kind of y was 'classes', got 'labels'"),
        ({"dtype": "float64"}, lambda X, y: (X.astype(np.uint8), y), "use of uint8 in X was"),
    ],
)
def test_a_warm_fit_of_another_kind_is_refused(cases, parameters, change, message):
    X, y = cases.rows()
    model = cases.mlp(warm_start=True).fit(X, y)
    before = bits(model), model.predict(X).tolist()
    with pytest.raises(ValueError, match=f"warm_start must be False where .* {message}"):
        model.set_params(**parameters).fit(*change(np.abs(X), y))
    assert (bits(model), model.predict(X).tolist()) == before


def test_own_early_stopping_begins_afresh(cases):
    X, y = cases.rows()
    stopping = EarlyStopping("loss", patience=1, min_delta=10.0)
    model = MLPClassifier((4,), max_epochs=9, warm_start=True, callbacks=[stopping]).fit(X, y)
    assert model.n_epochs_ == model.fit(X, y).n_epochs_ == 2
