"""Parameters: checked by fit and not before, each error with name, rule and value; and what the defaults mean."""

import inspect
import re

import numpy as np
import pytest

import crmsprop.estimators.base
from crmsprop import CNNClassifier, MLPClassifier, kernels
from crmsprop.augment import Flip
from crmsprop.callbacks import Callback, EarlyStopping
from crmsprop.estimators import MLPClassifier as Same
from crmsprop.nn import Conv2D, Dense, Dropout, Flatten, ReLU, Sigmoid, Tanh
from crmsprop.schedules import StepDecay

MONITORS = "monitor must be one of 'loss', 'val_loss', 'accuracy', 'val_accuracy', 'val_score'"
BOTH = [
    ("activation", "gelu", "activation must be one of 'relu', 'identity', 'tanh', 'logistic', got 'gelu'"),
    ("activation", "sigmoid", "activation must be 'logistic' for the sigmoid, as in scikit-learn, got 'sigmoid'"),
    ("activation", None, "activation must be one of 'relu', 'identity', 'tanh', 'logistic', got None"),
    ("dropout", 1.0, r"dropout must be in \[0, 1\), got 1.0"),
    ("dropout", -0.5, r"dropout must be in \[0, 1\), got -0.5"),
    ("dropout", None, r"dropout must be a number in \[0, 1\), got None"),
    ("learning_rate", -1e-3, r"learning_rate must be in \[0, inf\), got -0.001"),
    ("learning_rate", float("nan"), r"learning_rate must be in \[0, inf\), got nan"),
    ("learning_rate", float("inf"), r"learning_rate must be in \[0, inf\), got inf"),
    ("learning_rate", "adaptive", r"learning_rate must be a number in \[0, inf\), got 'adaptive'"),
    ("learning_rate", True, r"learning_rate must be a number in \[0, inf\), got True"),
    ("schedule", "cosine", "schedule must be a Schedule, a function .* or None, got 'cosine'"),
    ("schedule", StepDecay, "schedule must be a Schedule, a function .* or None, got <class"),
    ("rho", 1.2, r"rho must be in \[0, 1\), got 1.2"),
    ("rho", 1, r"rho must be in \[0, 1\), got 1"),
    ("rho", -0.1, r"rho must be in \[0, 1\), got -0.1"),
    ("epsilon", -1e-8, r"epsilon must be in \[0, inf\), got -1e-08"),
    ("epsilon", None, r"epsilon must be a number in \[0, inf\), got None"),
    ("momentum", 1.0, r"momentum must be in \[0, 1\), got 1.0"),
    ("centered", 1, "centered must be True or False, got 1"),
    ("eps_in_sqrt", 1, "eps_in_sqrt must be True or False, got 1"),
    ("ema", 1.0, r"ema must be in \[0, 1\), got 1.0"),
    ("ema", -0.1, r"ema must be in \[0, 1\), got -0.1"),
    ("ema", True, r"ema must be a number in \[0, 1\), got True"),
    ("l2", -0.1, r"l2 must be in \[0, inf\), got -0.1"),
    ("l2", None, r"l2 must be a number in \[0, inf\), got None"),
    ("max_epochs", 0, "max_epochs must be at least 1, got 0"),
    ("max_epochs", 2.0, "max_epochs must be an integer of at least 1, got 2.0"),
    ("batch_size", 0, "batch_size must be at least 1, got 0"),
    ("batch_size", "auto", "batch_size must be an integer of at least 1, got 'auto'"),
    ("augmentation", "flip", r"augmentation must be None or one of crmsprop.augment, such as .*, got 'flip'"),
    ("augmentation", Flip, "augmentation must be None or one of .*, got <class"),
    ("augmentation", [Flip()], r"augmentation must be None or one of .*, got \[Flip"),
    ("label_smoothing", 1.0, r"label_smoothing must be in \[0, 1\), got 1.0"),
    ("label_smoothing", -0.1, r"label_smoothing must be in \[0, 1\), got -0.1"),
    ("label_smoothing", None, r"label_smoothing must be a number in \[0, 1\), got None"),
    ("validation_fraction", 0.0, r"validation_fraction must be in \(0, 1\), got 0.0"),
    ("validation_fraction", 1.0, r"validation_fraction must be in \(0, 1\), got 1.0"),
    ("validation_fraction", True, r"validation_fraction must be a number in \(0, 1\), got True"),
    ("early_stopping", "yes", "early_stopping must be True or False, got 'yes'"),
    ("early_stopping", None, "early_stopping must be True or False, got None"),
    ("monitor", "val_los", f"{MONITORS}, got 'val_los'"),
    ("monitor", "seconds", f"{MONITORS}, got 'seconds'"),
    ("monitor", None, f"{MONITORS}, got None"),
    ("min_delta", -0.1, r"min_delta must be in \[0, inf\), got -0.1"),
    ("min_delta", None, r"min_delta must be a number in \[0, inf\), got None"),
    ("patience", 0, "patience must be at least 1, got 0"),
    ("patience", 1.5, "patience must be an integer of at least 1, got 1.5"),
    ("restore_best", None, "restore_best must be True or False, got None"),
    ("dtype", "float16", "dtype must be one of 'float32', 'float64', got 'float16'"),
    ("dtype", "abc", "dtype must be one of 'float32', 'float64', got .*abc"),
    ("dtype", int, "dtype must be one of 'float32', 'float64', got "),
    ("random_state", -1, "random_state must be None, an integer in .*, got -1"),
    ("random_state", "seed", "random_state must be None, an integer in .*, got 'seed'"),
    ("n_threads", 0, "n_threads must be None or an integer of at least 1, got 0"),
    ("n_threads", -1, "n_threads must be None or an integer of at least 1, got -1"),
    ("n_threads", 2.0, "n_threads must be None or an integer of at least 1, got 2.0"),
    ("n_threads", True, "n_threads must be None or an integer of at least 1, got True"),
    ("callbacks", [print], r"callbacks\[0\] must be a Callback, got <built-in function print>"),
    ("callbacks", [EarlyStopping(), EarlyStopping], r"callbacks\[1\] must be a Callback, got <class"),
    ("callbacks", EarlyStopping(), "callbacks must be .*, got EarlyStopping"),
    ("callbacks", 5, "callbacks must be .*, got 5"),
    ("verbose", -1, "verbose must be at least 0, got -1"),
    ("verbose", None, "verbose must be an integer of at least 0, got None"),
]
OWN = [
    ("mlp", "hidden_layer_sizes", (5, 0), r"hidden_layer_sizes\[1\] must be at least 1, got 0"),
    ("mlp", "hidden_layer_sizes", (5.0,), r"hidden_layer_sizes\[0\] must be an integer of at least 1, got 5.0"),
    ("mlp", "hidden_layer_sizes", 0, "hidden_layer_sizes must be at least 1, got 0"),
    ("mlp", "hidden_layer_sizes", True, "hidden_layer_sizes must be an integer of at least 1, got True"),
    ("mlp", "hidden_layer_sizes", 4.0, "hidden_layer_sizes must be an integer or a sequence of integers .*, got 4.0"),
    (
        "mlp",
        "hidden_layer_sizes",
        "100",
        "hidden_layer_sizes must be an integer or a sequence .*, got '100'",
    ),
    ("mlp", "hidden_layer_sizes", None, "hidden_layer_sizes must be an integer or a sequence of integers .*, got None"),
    ("cnn", "filters", (0,), r"filters\[0\] must be at least 1, got 0"),
    ("cnn", "filters", -3, "filters must be at least 1, got -3"),
    ("mlp", "hidden_layer_sizes", (3, 2**31), r"hidden_layer_sizes\[1\] must be at most 2147483647, got 2147483648"),
    ("mlp", "max_epochs", 10**400, "max_epochs must be at most 9007199254740992, got 1000"),
    ("cnn", "dense_units", 2**70, "dense_units must be at most 2147483647, got 1180591620717411303424"),
    ("cnn", "filters", None, "filters must be an integer or a sequence of integers of at least 1, got None"),
    ("cnn", "dense_units", (None,), r"dense_units\[0\] must be an integer of at least 1, got None"),
    ("cnn", "dense_units", "128", "dense_units must be an integer or a sequence of integers of .*, got '128'"),
    ("cnn", "kernel_size", 0, "kernel_size must be at least 1, got 0"),
    ("cnn", "kernel_size", (3, 3, 3), r"kernel_size must be an integer or a pair of them, got \(3, 3, 3\)"),
    ("cnn", "kernel_size", 3.0, "kernel_size must be an integer of at least 1, got 3.0"),
    ("cnn", "pool_size", 0, "pool_size must be at least 1, got 0"),
    ("cnn", "pool_size", 16, "pool_size must cover at most 255 pixels, got 16"),
    ("cnn", "padding", "full", "padding must be 'valid', 'same' or an integer of at least 0, got 'full'"),
    ("cnn", "padding", -1, "padding must be at least 0, got -1"),
]
CASES = [(kind, *case) for kind in ("mlp", "cnn") for case in BOTH] + OWN


@pytest.mark.parametrize(("kind", "name", "value", "message"), CASES)
def test_a_bad_parameter_is_refused_by_fit_alone(cases, kind, name, value, message):
    X, y = cases.images(channels=1) if kind == "cnn" else cases.rows()
    model = getattr(cases, kind)(**{name: value})
    assert getattr(model, name) is value
    with pytest.raises((ValueError, TypeError), match=f"^{message}"):
        model.fit(X, y)
    assert not hasattr(model, "network_")


def test_the_signature_is_the_one_that_was_promised():
    shared = {
        "activation": "relu", "image_shape": None, "learning_rate": 1e-3, "schedule": None, "rho": 0.9,
        "epsilon": 1e-8, "momentum": 0.0, "centered": False, "l2": 0.0, "max_epochs": 30, "batch_size": 32,
        "validation_fraction": None, "early_stopping": False, "patience": 5, "restore_best": True, "dtype": None,
        "random_state": None, "n_threads": None, "verbose": 0, "eps_in_sqrt": False, "monitor": "val_loss",
        "min_delta": 0.0,
    }  # fmt: skip
    own = {
        CNNClassifier: {
            "filters": (32, 64), "kernel_size": 3, "pool_size": 2, "padding": "same", "dense_units": (128,),
            "dropout": 0.5,
        },
        MLPClassifier: {"hidden_layer_sizes": (100,)},
    }  # fmt: skip
    for kind, values in own.items():
        defaults = {name: p.default for name, p in inspect.signature(kind).parameters.items()}
        assert defaults.items() >= (shared | values).items()
        assert kind().get_params() == defaults
    assert Same is MLPClassifier


@pytest.mark.parametrize(
    ("kind", "single", "several"),
    [
        ("mlp", {"hidden_layer_sizes": 9}, {"hidden_layer_sizes": (9,)}),
        ("cnn", {"filters": 3, "dense_units": np.int64(5)}, {"filters": (3,), "dense_units": [5]}),
    ],
)
def test_a_single_size_is_that_of_one_layer(cases, kind, single, several):
    X, y = cases.images(channels=1) if kind == "cnn" else cases.rows()
    make = getattr(cases, kind)
    assert make(**single).fit(X, y).predict_proba(X).tobytes() == make(**several).fit(X, y).predict_proba(X).tobytes()


@pytest.mark.parametrize(
    ("activation", "layers"), [("relu", [ReLU()]), ("identity", []), ("tanh", [Tanh()]), ("logistic", [Sigmoid()])]
)
def test_activations_by_the_names_of_scikit_learn(cases, activation, layers):
    X, y = cases.rows()
    assert cases.mlp(activation=activation).fit(X, y).network_.layers == (Dense(9), *layers, Dense(3))
    found = cases.cnn(activation=activation).fit(X, y).network_.layers
    assert found == (Conv2D(4, 3, padding="same"), *layers, Flatten(), Dense(8), *layers, Dropout(0.5), Dense(3))


def test_numbers_of_numpy_are_numbers(cases):
    X, y = cases.rows()
    plain = cases.mlp(hidden_layer_sizes=(4,), rho=0.5, l2=0.25, batch_size=8, dropout=0.5, centered=True).fit(X, y)
    numpy = cases.mlp(
        hidden_layer_sizes=np.array([4]), rho=np.float32(0.5), l2=np.float64(0.25), batch_size=np.int32(8),
        dropout=np.float32(0.5), centered=np.bool_(True), max_epochs=np.int64(3), random_state=np.int64(0),
    ).fit(X, y)  # fmt: skip
    assert numpy.predict_proba(X).tobytes() == plain.predict_proba(X).tobytes()


def test_fit_changes_no_parameter(cases):
    X, y = cases.images()
    model = cases.cnn(filters=[3], dense_units=[4], early_stopping=True, schedule=lambda epoch, rate: rate)
    before = model.get_params()
    model.fit(X, y)
    assert all(model.get_params()[name] is value for name, value in before.items())


@pytest.fixture
def trained_on(monkeypatch):
    """The data sets that each training got: a list of (training data, validation data)."""
    seen, train = [], crmsprop.estimators.base.train

    def spy(training, loss, data, validation, callbacks, saved):
        seen.append((data, validation))
        train(training, loss, data, validation, callbacks, saved)

    monkeypatch.setattr(crmsprop.estimators.base, "train", spy)
    return seen


@pytest.mark.parametrize(
    ("parameters", "held_out"),
    [
        ({}, 0),
        ({"early_stopping": True}, 10),
        ({"validation_fraction": 0.25}, 25),
        ({"validation_fraction": 0.25, "early_stopping": True}, 25),
        ({"early_stopping": True, "monitor": "val_accuracy"}, 10),
        ({"early_stopping": True, "monitor": "loss"}, 0),
        ({"early_stopping": True, "monitor": "accuracy", "validation_fraction": 0.25}, 25),
    ],
)
def test_what_is_held_out(cases, trained_on, parameters, held_out):
    X, _ = cases.rows(n=100)
    y = np.repeat([0, 1], [80, 20])
    model = cases.mlp(**parameters).fit(X, y)
    ((data, validation),) = trained_on
    assert (validation is None) == (held_out == 0) == (model.history_["val_loss"][0] is None)
    assert data.n_samples == 100 - held_out
    if validation is None:
        return
    assert validation.n_samples == held_out
    assert sorted([*data.rows, *validation.rows]) == list(range(100))
    assert np.shares_memory(data.x, validation.x)  # a part, no copy
    assert np.bincount(y[validation.rows]).tolist() == [held_out * 8 // 10, held_out * 2 // 10]


def test_random_state_decides_what_is_held_out(cases, trained_on):
    X, y = cases.rows(n=100)
    for seed in (1, 1, 2):
        cases.mlp(random_state=seed, validation_fraction=0.2).fit(X, y)
    first, again, other = (sorted(validation.rows) for _, validation in trained_on)
    assert first == again != other


def test_random_state_decides_the_order_of_the_samples(cases):
    X, y = cases.rows()
    plans = []

    class Watcher(Callback):
        def on_train_begin(self, context):
            plans.append(context.plan)

    for seed in (1, 1, 2):
        cases.mlp(random_state=seed, callbacks=[Watcher()], batch_size=7, max_epochs=4, n_threads=2).fit(X, y)
    assert plans[0].seed == plans[1].seed != plans[2].seed
    n_threads = 2 if kernels.openmp_version() else 1
    assert (plans[0].batch_size, plans[0].max_epochs, plans[0].n_threads) == (7, 4, n_threads)


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True}, {"validation_fraction": 0.5}], ids=repr)
def test_a_validation_set_of_ones_own_wins(cases, trained_on, parameters):
    X, y = cases.rows(n=100)
    X_val, y_val = cases.rows(n=30, seed=5)
    model = cases.mlp(**parameters).fit(X, np.array(list("abc"))[y], X_val=X_val, y_val=np.array(list("abc"))[y_val])
    ((data, validation),) = trained_on
    assert (data.n_samples, data.rows) == (100, None)
    assert (validation.n_samples, validation.rows) == (30, None)
    np.testing.assert_array_equal(validation.x, X_val)
    np.testing.assert_array_equal(validation.target, y_val)
    assert all(value > 0 for value in model.history_["val_loss"])


def test_a_validation_set_of_images_is_scaled(cases, trained_on):
    X, y = cases.images()
    cases.cnn().fit(X, y, X_val=X[:9].reshape(9, -1), y_val=y[:9])
    ((data, validation),) = trained_on
    assert data.scale == validation.scale == 1 / 255
    assert validation.x.shape == (9, 7, 6, 2)


@pytest.mark.parametrize("y", [np.repeat([0, 1], [60, 1]), np.arange(61) % 30])
def test_too_few_samples_for_a_share_of_each_class(cases, y):
    X, _ = cases.rows()
    with pytest.raises(ValueError, match="validation_fraction"):
        cases.mlp(early_stopping=True).fit(X, y)


class Stop(Callback):
    """Stops after some epochs."""

    def __init__(self, epochs):
        self.epochs = epochs

    def on_epoch_end(self, context):
        return context.epoch + 1 >= self.epochs


def test_callbacks_of_ones_own(cases):
    X, y = cases.rows()
    model = cases.mlp(callbacks=[Stop(2)], max_epochs=50).fit(X, y)
    assert model.n_epochs_ == 2
    watched = cases.mlp(callbacks=(EarlyStopping("loss", patience=50),), max_epochs=5).fit(X, y)
    assert watched.callbacks[0].best_epoch_ == int(np.argmin(watched.history_["loss"])) + 1


@pytest.mark.parametrize("monitor", ["loss", "val_loss", "accuracy", "val_accuracy"])
@pytest.mark.parametrize("min_delta", [0.0, 0.02])
def test_early_stopping_watches_the_monitor(cases, monitor, min_delta):
    """What stopped the training, worked out again from its history."""
    X, y = cases.rows(n=60)
    model = cases.mlp(
        learning_rate=0.02, max_epochs=60, patience=3, early_stopping=True, monitor=monitor, min_delta=min_delta,
        validation_fraction=0.3,
    ).fit(X, y)  # fmt: skip
    sign = -1 if monitor.endswith("loss") else 1
    best, best_epoch, end = -np.inf, 0, 60
    for epoch, value in enumerate(model.history_[monitor], start=1):
        if sign * value - min_delta > best:
            best, best_epoch = sign * value, epoch
        if epoch - best_epoch == 3:
            end = epoch
    assert (model.best_epoch_, model.n_epochs_) == (best_epoch, end)
    assert end < 60


def test_a_schedule_sets_the_rates_of_the_history(cases):
    X, y = cases.rows()
    model = cases.mlp(learning_rate=0.01, schedule=StepDecay(0.1, 2), max_epochs=5).fit(X, y)
    assert model.history_["learning_rate"] == pytest.approx([0.01, 0.01, 1e-3, 1e-3, 1e-4])
    model.set_params(schedule=lambda epoch, rate: rate * 0.1 if epoch > 3 else rate).fit(X, y)
    assert model.history_["learning_rate"] == pytest.approx([0.01] * 4 + [1e-3])


@pytest.mark.parametrize(("n", "classes", "enough"), [(60, 3, 0.04), (300, 7, 0.03), (20, 5, 0.21)])
def test_too_small_a_part_for_every_class_says_the_smallest_that_works(cases, n, classes, enough):
    X, y = cases.rows(n=n, classes=classes)
    with pytest.raises(ValueError, match=f"; set validation_fraction={enough} or more$"):
        cases.mlp(validation_fraction=0.001).fit(X, y)
    cases.mlp(validation_fraction=enough, max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match=r"greater or equal to the number of classes"):
        cases.mlp(validation_fraction=enough - 0.01).fit(X, y)


def test_too_few_samples_for_two_parts(cases):
    for X, y in (([[1.0], [2.0], [3.0]], [0, 1, 1]), ([[1.0]], [0])):
        with pytest.raises(ValueError, match=r"; give more samples, or X_val and y_val$"):
            cases.mlp(early_stopping=True).fit(X, y)


NAMES_ELSEWHERE = ("max_iter", "epochs", "learning_rate_init", "lr", "alpha", "solver", "eps", "n_iter_no_change")


@pytest.mark.parametrize("name", [name for name in crmsprop.estimators.__all__ if name.endswith(("fier", "ssor"))])
def test_the_docstrings_say_what_other_names_are_here(name):
    estimator = getattr(crmsprop.estimators, name)
    notes = estimator.__doc__.partition("Notes\n-----")[2].partition("Examples\n-----")[0]
    rows = [line for line in notes.splitlines() if line.startswith("``")]
    assert all(any(f"``{elsewhere}``" in row for row in rows) for elsewhere in NAMES_ELSEWHERE)
    here = {word for row in rows for word in re.findall(r"(?<!`)`(\w+)`(?!`)", row)}
    assert here <= set(estimator().get_params())
    assert len(here) > 8
    for elsewhere in {word for row in rows for word in re.findall(r"``(\w+)``", row.split("  ")[0])}:
        if elsewhere not in estimator().get_params():
            with pytest.raises(TypeError, match=f"{name} has no parameter '{elsewhere}': (give|it is) "):
                estimator(**{elsewhere: 1})


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("lr", "give learning_rate"),
        ("alpha", "give l2, as alpha / batch_size, for that of scikit-learn, and rho for that of torch"),
        ("optimizer", "it is always RMSprop"),
        ("droput", "give dropout"),
        ("xyz", "its parameters are hidden_layer_sizes, activation, dropout, image_shape, learning_rate, schedule"),
    ],
)
def test_a_parameter_of_another_name_is_answered(name, advice):
    with pytest.raises(TypeError, match=re.escape(f"MLPClassifier has no parameter {name!r}: {advice}")):
        MLPClassifier(**{name: 1})
