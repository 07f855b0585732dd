"""Features, weights and images at the edges: each gives a right result, or one clear error and no warning."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from crmsprop import CNNClassifier, CNNRegressor, NetworkClassifier
from crmsprop.augment import Brightness, Contrast, Crop, Cutout, Flip, Mixup, Rotation, Translation, Zoom
from crmsprop.errors import DivergenceError
from crmsprop.estimators.inputs import refuse_what_is_no_number
from crmsprop.nn import AveragePool2D, BatchNorm, Conv2D, DepthwiseConv2D, GlobalAveragePool2D, ReLU, Residual

FLOATS = [np.float32, np.float64]
N = 61
Y = np.arange(N) % 3


def judged(model, X, y):
    """Fit, and check what holds for every classifier that works; returns it."""
    model.fit(X, y)
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (len(X), len(model.classes_))
    np.testing.assert_allclose(probabilities.sum(axis=1, dtype=np.float64), 1, rtol=1e-5)
    assert (model.predict(X) == model.classes_[probabilities.argmax(axis=1)]).all()
    assert np.isfinite(list(model.evaluate(X, y).values())).all()
    return model


def weights(model):
    return model.network_.arena.flat.tobytes()


# the scale of X


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_numbers_that_are_nearly_0_are_as_0(cases, kind, dtype):
    """Subnormal ones too: a training on them differs from one on zeros by less than they are."""
    X, y = cases.rows(dtype=dtype)
    zero = getattr(cases, kind)().fit(np.zeros_like(X), y)
    for scale in (np.finfo(dtype).smallest_subnormal, np.finfo(dtype).tiny, dtype(1e-30)):
        model = judged(getattr(cases, kind)(), X * scale, y)
        np.testing.assert_allclose(model.network_.arena.flat, zero.network_.arena.flat, atol=0.1)
        assert np.ptp(model.predict_proba(X * scale), axis=0).max() < 1e-6


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("value", [0.0, 3.0, -1e6])
def test_a_constant_says_nothing(cases, dtype, value):
    model = judged(cases.mlp(max_epochs=1), np.full((N, 6), value, dtype), Y)
    assert len(np.unique(model.predict_proba(np.full((N, 6), value, dtype)), axis=0)) == 1


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("scale", [1e10, 1e18])
def test_huge_numbers_work_while_their_squares_are_finite(cases, dtype, scale):
    X, y = cases.rows(dtype=dtype)
    assert judged(cases.mlp(), X * dtype(scale), y).history_["loss"][0] > 1e3


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", ["mlp", "cnn", "regressor"])
def test_beyond_that_the_training_says_that_it_diverges(cases, kind, dtype):
    X, y = cases.rows(dtype=dtype)
    with pytest.raises(DivergenceError, match=r"became inf in epoch 1, .* look for NaN and huge values in the data"):
        getattr(cases, kind)().fit(X * (np.finfo(dtype).max / 1e3), y)


INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint16, np.uint32, np.uint64]


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("kind", ["mlp", "regressor"])
def test_integers_at_their_limits_are_the_same_numbers_as_floats(cases, kind, dtype):
    limits = np.iinfo(dtype)
    X = np.random.default_rng(0).integers(limits.min, limits.max, (N, 6), dtype, endpoint=True)
    X[0], X[1] = limits.min, limits.max
    model, twin = (getattr(cases, kind)().fit(data, Y) for data in (X, X.astype(np.float64)))
    assert weights(model) == weights(twin)
    assert model.predict(X).tobytes() == twin.predict(X.astype(np.float64)).tobytes()


REFUSED_X = {
    "NaN": (lambda X: np.where(X > 3, np.nan, X), "X contains NaN"),
    "infinity": (lambda X: np.where(X > 3, np.inf, X), "X contains infinity"),
    "minus infinity": (lambda X: np.where(X > 3, -np.inf, X), "X contains infinity"),
    "None": (lambda X: np.where(X > 3, None, X), "X contains NaN"),
    "NA of pandas": (lambda X: pd.DataFrame({"a": pd.Series([None] + [1] * (N - 1), dtype="Int64")}), "X contains NaN"),
    "beyond float64": (lambda X: X.astype(np.longdouble) * np.longdouble("1e4000"), "X contains infinity"),
    "integers beyond float64": (lambda X: [[10**400]] * N, "X and y must hold numbers that float64 can hold"),
    "complex": (lambda X: X + 0j, "Complex data not supported"),
    "no features": (lambda X: X[:, :0], "0 feature"),
    "images of no height": (lambda X: np.zeros((N, 0, 5)), "0 feature|dim 3"),
    "images of no channels": (lambda X: np.zeros((N, 5, 5, 0)), "0 feature|dim 4"),
}


@pytest.mark.parametrize("name", REFUSED_X)
@pytest.mark.parametrize("kind", ["mlp", "cnn", "regressor"])
def test_what_no_network_can_take(cases, kind, name):
    X, y = cases.rows()
    make, message = REFUSED_X[name]
    with pytest.raises(ValueError, match=message):
        getattr(cases, kind)().fit(make(X), y)


NO_NUMBERS = {
    "dates": (lambda X: np.full(X.shape, "2020", "M8[D]"), r"dtype\('<M8\[D\]'\)"),
    "missing dates": (lambda X: np.full(X.shape, "NaT", "M8[s]"), r"dtype\('<M8\[s\]'\)"),
    "spans of time": (lambda X: X.astype("m8[s]"), r"dtype\('<m8\[s\]'\)"),
    "records": (lambda X: np.zeros(X.shape, [("a", float)]), r"dtype\(\[\('a', '<f8'\)\]\)"),
    "bytes without a type": (lambda X: np.zeros(X.shape, "V8"), r"dtype\('V8'\)"),
    "a date of pandas": (lambda X: pd.DataFrame({"a": X[:, 0], "b": pd.date_range("2020", periods=len(X))}), "M8"),
    "a date with its zone": (lambda X: pd.DataFrame({"a": pd.date_range("2020", periods=len(X), tz="UTC")}), "UTC"),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
@pytest.mark.parametrize("kind", ["mlp", "cnn", "regressor"])
def test_dates_and_records_are_no_numbers(cases, kind, name):
    """NumPy would make numbers of them: other ones for another unit, and -9.2e18 of what is missing."""
    X, y = cases.rows()
    make, found = NO_NUMBERS[name]
    model = getattr(cases, kind)()
    with pytest.raises(TypeError, match=f"^X must hold numbers, got .*{found}"):
        model.fit(make(X), y)
    assert "network_" not in vars(model)
    with pytest.raises(TypeError, match=f"^X must hold numbers, got .*{found}"):
        model.fit(X, y).predict(make(X))
    with pytest.raises(TypeError, match=f"^X_val must hold numbers, got .*{found}"):
        model.fit(X, y, X_val=make(X), y_val=y)


def test_a_number_that_numpy_does_not_know_is_one():
    """The bfloat16 of ml_dtypes, which JAX has, is of the kind of records and bytes without a type, and converts."""
    refuse_what_is_no_number("X", SimpleNamespace(dtype=SimpleNamespace(kind="V", type=np.generic)))


NO_CONVERSION = {
    "text": (pd.DataFrame({"a": ["x"] * N}), "could not convert string to float: 'x'"),
    "rows of two lengths": ([[1.0, 2.0], [3.0]] * 30 + [[4.0]], "setting an array element with a sequence"),
    "a generator": ((row for row in range(N)), "argument must be a string or a real number"),
    "arrays as objects": (np.array([np.zeros(3), None] * 30 + [None], object), "setting an array element"),
}


@pytest.mark.parametrize("name", NO_CONVERSION)
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_what_numpy_cannot_convert_is_named(cases, kind, name):
    X, found = NO_CONVERSION[name]
    with pytest.raises((TypeError, ValueError), match=f"^X must hold numbers, equally many for each sample: .*{found}"):
        getattr(cases, kind)().fit(X, Y)


def test_text_among_numbers_to_learn(cases):
    X, y = cases.rows()
    with pytest.raises(ValueError, match=r"^X and y must hold numbers, .*: could not convert string to float: 'x'"):
        cases.regressor().fit(X, pd.DataFrame({"a": y, "b": "x"}))
    with pytest.raises(TypeError, match=r"^y_val must be an array of numbers, got dtype"):
        cases.regressor().fit(X, np.c_[y, y], X_val=X, y_val=pd.DataFrame({"a": y, "b": "x"}))


# few and many


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_samples(cases, kind, n):
    X, y = cases.rows(n)
    judged(getattr(cases, kind)(), X, y)


@pytest.mark.parametrize("parameters", [{}, {"label_smoothing": 0.1}, {"class_weight": "balanced"}])
def test_one_class_is_certain(cases, parameters):
    X, _ = cases.rows()
    model = judged(cases.mlp(**parameters), X, np.full(N, "only"))
    assert (model.predict_proba(X) == 1).all()
    assert model.history_["loss"] == [0.0] * 3
    assert (model.predict(X) == "only").all()


def test_one_sample_for_training_and_validation_is_too_few(cases):
    with pytest.raises(ValueError, match=r"validation_fraction .* must leave samples of every class in both parts"):
        cases.mlp(early_stopping=True).fit([[1.0]], [0])


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_one_feature(cases, kind):
    X, y = cases.rows(features=1)
    judged(getattr(cases, kind)(), X, y)


def test_ten_thousand_classes(cases):
    """Two samples of each, and many of one that is far from the others and is learnt."""
    X, y = np.random.default_rng(0).normal(size=(20_200, 4)), np.arange(20_200) // 2
    X[-200:], y[-200:] = 30, 9_999
    model = cases.mlp(max_epochs=1, batch_size=1000, hidden_layer_sizes=(), dtype="float32", learning_rate=0.01)
    probabilities = model.fit(X, y).predict_proba(X[-1:])
    assert probabilities.shape == (1, 10_000)
    assert model.predict(X[-1:]) == [9_999]
    assert probabilities.sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("make", "rows"), [("mlp", (0, 6)), ("regressor", (0, 6)), ("cnn", (0, 5, 5, 1))])
def test_empty_batches_are_refused_by_every_method(cases, make, rows):
    X = np.random.default_rng(0).normal(size=(N, *rows[1:]))
    model = getattr(cases, make)().fit(X, Y)
    before = weights(model)
    calls = [model.fit, model.partial_fit, model.fine_tune, model.evaluate, model.score]
    for call in [*calls, *(lambda X, y, method=method: method(X) for method in (model.predict, model.transform))]:
        with pytest.raises(ValueError, match=r"0 sample\(s\)"):
            call(np.zeros(rows), Y[:0])
    assert weights(model) == before


# weights

SAME = [1e-300, 1e300, 1, 2**62, 3e-39]


@pytest.mark.parametrize("weight", SAME)
@pytest.mark.parametrize("kind", ["mlp", "regressor"])
def test_only_proportions_matter_however_large(cases, kind, weight):
    """Powers of two change no bit, other factors only the last ones."""
    X, y = cases.rows()
    model, twin = (getattr(cases, kind)().fit(X, y, np.full(N, factor)) for factor in (weight, 1))
    np.testing.assert_allclose(model.network_.arena.flat, twin.network_.arena.flat, rtol=1e-9)
    assert model.evaluate(X, y, np.full(N, weight)) == pytest.approx(twin.evaluate(X, y), rel=1e-9)


REFUSED_WEIGHTS = {
    "a sum beyond float64": ("float64", 1e308, "sample_weight must have a sum that is finite in float64, got inf"),
    "a sum beyond float32": (
        "float32",
        3e38,
        r"sample_weight must have a sum that is finite in float32, got 1\.8.*e\+40",
    ),
    "subnormal in float64": (
        "float64",
        5e-324,
        r"sample_weight must have a weight of at least 2\.2.*e-308, .* got 5e-324",
    ),
    "subnormal in float32": (
        "float32",
        1e-45,
        r"sample_weight must have a weight of at least 1\.17.*e-38, .* got 1e-45",
    ),
    "nothing in float32": ("float32", 1e-50, r"sample_weight must have a weight of at least 1\.17.*e-38, .* got 1e-50"),
    "NaN": ("float64", np.nan, "sample_weight contains NaN"),
    "infinity": ("float64", np.inf, "sample_weight contains infinity"),
}


@pytest.mark.parametrize("name", REFUSED_WEIGHTS)
def test_weights_that_have_no_proportions(cases, name):
    X, y = cases.rows()
    dtype, weight, message = REFUSED_WEIGHTS[name]
    model = cases.mlp(dtype=dtype)
    for call in (model.fit, model.fit(X, y).evaluate):
        with pytest.raises(ValueError, match=message):
            call(X, y, np.full(N, weight))


NO_WEIGHTS = {
    "a number for all": (2.0, ValueError, r"must have shape \(61,\), one number a sample, got 2.0"),
    "a word": ("balanced", ValueError, r"must have shape \(61,\), one number a sample, got 'balanced'"),
    "those of classes": ({0: 1.0}, ValueError, r"must have shape \(61,\), one number a sample, got \{0: 1.0\}"),
    "nothing": ([], ValueError, r"must have shape \(61,\), one number a sample, got \[\]"),
    "complex": (np.ones(N, complex), ValueError, "must hold real numbers, got dtype"),
    "spans of time": (np.ones(N, "m8[s]"), TypeError, "must hold numbers, got dtype"),
    "text": (["a"] * N, ValueError, "must hold numbers, .*: could not convert string to float"),
}


@pytest.mark.parametrize("name", NO_WEIGHTS)
def test_what_is_no_weight_is_named(cases, name):
    X, y = cases.rows()
    weights, error, message = NO_WEIGHTS[name]
    for call in (cases.mlp().fit, cases.mlp().fit(X, y).evaluate):
        with pytest.raises(error, match=f"^sample_weight {message}"):
            call(X, y, weights)
    with pytest.raises(error, match=f"^sample_weight_val {message}"):
        cases.mlp().fit(X, y, X_val=X, y_val=y, sample_weight_val=weights)


def test_classes_whose_weights_have_no_finite_sum(cases):
    X, y = cases.rows()
    with pytest.raises(ValueError, match="class_weight times sample_weight must have a sum that is finite in float64"):
        cases.mlp(class_weight={0: 1e308, 1: 1e308}).fit(X, y)
    with pytest.raises(ValueError, match="class_weight must give weights that are finite and not 0 in float64"):
        cases.mlp(class_weight={0: 1e300}).fit(X, y, np.full(N, 1e300))


# images

LAYERS = [
    *(Conv2D(4, 3, padding="same"), BatchNorm(), ReLU()),
    *(Residual([DepthwiseConv2D(3, padding="same")]), AveragePool2D(1), GlobalAveragePool2D()),
]
EVERYTHING = Flip() + Rotation(180) + Translation(0.5) + Zoom(0.5) + Crop(1) + Brightness(0.2) + Contrast(0.2)


def pictures(n, height, width, dtype, channels=3):
    X = np.random.default_rng(0).integers(0, 256, (n, height, width, channels))
    return X.astype(np.uint8) if dtype == np.uint8 else (X / 255).astype(dtype)


MODELS = {
    "cnn": CNNClassifier((4,), dense_units=(8,), max_epochs=2, random_state=0),
    "layers": NetworkClassifier(LAYERS, max_epochs=2, random_state=0),
    "augmented": CNNClassifier(
        (4,), dense_units=(8,), max_epochs=2, random_state=0, augmentation=EVERYTHING + Cutout(1) + Mixup(0.2)
    ),
    "both ways round": CNNClassifier((4,), dense_units=(8,), max_epochs=2, random_state=0, flip_predictions=True),
}


@pytest.mark.parametrize("dtype", [np.uint8, *FLOATS])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_images_of_one_pixel(model, dtype):
    X = pictures(N, 1, 1, dtype)
    judged(model, X, Y)
    assert model.image_shape_ == (1, 1, 3)


@pytest.mark.parametrize(("height", "width"), [(1, 512), (512, 1), (512, 512)])
def test_large_and_narrow_images(height, width):
    """Dark ones and bright ones, which are told apart."""
    X, y = pictures(4, height, width, np.uint8, channels=1) // 4, np.array([0, 1, 0, 1])
    X[y == 1] += 190
    model = CNNClassifier((2,), dense_units=(), pool_size=8, dropout=0.0, max_epochs=20, random_state=0)
    assert judged(model.set_params(learning_rate=0.01), X, y).score(X, y) == 1


def test_a_number_for_each_of_two_large_images():
    X = pictures(2, 512, 512, np.float32, channels=1)
    model = CNNRegressor((1,), dense_units=(), pool_size=8, max_epochs=1, random_state=0).fit(X, [0.0, 1.0])
    assert model.predict(X).tobytes() == b"".join(model.predict(X[i : i + 1]).tobytes() for i in range(2))


def test_a_filter_that_is_larger_than_the_image_is_refused_in_words():
    with pytest.raises(
        ValueError, match=r"Conv2D needs images of at least 3 x 3 pixels with their padding, got \(1, 1, 3\)"
    ):
        CNNClassifier((4,), padding="valid").fit(pictures(N, 1, 1, np.uint8), Y)
