"""What fit and predict take and refuse, the dtype they compute in, and that a refused fit changes nothing."""

import re

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from crmsprop.callbacks import CSVLogger, EarlyStopping
from crmsprop.estimators.inputs import rows_of_images

DTYPES = {
    np.uint8: np.float32,
    np.float32: np.float32,
    np.float64: np.float64,
    np.float16: np.float64,
    np.int8: np.float64,
    np.int64: np.float64,
    np.uint16: np.float64,
    np.bool_: np.float64,
    object: np.float64,
}


@pytest.mark.parametrize(("given", "computed"), DTYPES.items())
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_what_a_network_computes_in(cases, kind, given, computed):
    X, y = cases.rows()
    X = np.abs(X).astype(given)
    model = getattr(cases, kind)(max_epochs=1).fit(X, y)
    assert model.network_.dtype == computed
    assert model.predict_proba(X).dtype == computed
    for dtype in (np.float32, "float64", np.dtype("float32")):
        assert getattr(cases, kind)(max_epochs=1, dtype=dtype).fit(X, y).predict_proba(X).dtype == dtype


def test_a_float_model_predicts_other_floats_in_its_own_dtype(cases):
    X, y = cases.rows(dtype=np.float32)
    model = cases.mlp().fit(X, y)
    assert model.predict_proba(X.astype(np.float64)).tobytes() == model.predict_proba(X).tobytes()


FORMS = {
    "read-only": lambda X: _read_only(X),
    "Fortran order": np.asfortranarray,
    "every second row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "columns of a wider array": lambda X: np.hstack([X, X])[:, : X.shape[1]],
    "backwards twice": lambda X: X[::-1].copy()[::-1],
    "big-endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
    "list": lambda X: X.tolist(),
    "data frame": pd.DataFrame,
    "not aligned": lambda X: _unaligned(X),
    "subclass": lambda X: X.view(type("Sub", (np.ndarray,), {})),
}


def _read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def _unaligned(X):
    moved = np.empty(X.nbytes + 1, np.uint8)[1:].view(X.dtype).reshape(X.shape)
    moved[...] = X
    return moved


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_every_form_of_the_same_numbers_gives_the_same_bits(cases, kind, form):
    X, y = cases.rows()
    before = X.copy()
    expected = getattr(cases, kind)().fit(X, y).predict_proba(X).tobytes()
    model = getattr(cases, kind)().fit(form(X), y)
    assert model.predict_proba(form(X)).tobytes() == expected
    np.testing.assert_array_equal(X, before)


class AsArray:
    """What NumPy can read, and nothing else."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype)


def test_only_what_has_no_shape_is_read_to_know_whether_it_is_images():
    """Frames that are not those of pandas have a shape, and names of columns that an array would lose."""
    images = np.arange(24.0).reshape(2, 4, 3, 1)
    rows, shape = rows_of_images(AsArray(images), None)
    np.testing.assert_array_equal(rows, images.reshape(2, 12))
    assert shape == (4, 3, 1)
    frame = AsArray(images.reshape(2, 12))
    frame.shape = (2, 12)
    assert rows_of_images(frame, None) == (frame, None)


@pytest.mark.parametrize("offset", [0, 128, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_file_on_disk(cases, tmp_path, dtype, offset):
    X, y = cases.images(dtype=dtype)
    (tmp_path / "images").write_bytes(bytes(offset) + X.tobytes())
    mapped = np.memmap(tmp_path / "images", dtype, "r", offset, X.shape)
    expected = cases.cnn().fit(X, y).predict_proba(X).tobytes()
    model = cases.cnn(early_stopping=True).fit(mapped, y)
    assert model.predict_proba(mapped).shape == (len(X), 3)
    assert cases.cnn().fit(mapped, y).predict_proba(mapped).tobytes() == expected


def test_labels_in_any_form(cases):
    X, y = cases.rows()
    expected = cases.mlp().fit(X, y).predict_proba(X).tobytes()
    for form in (y.tolist(), pd.Series(y), y.astype(np.int8), y.astype(np.float64), y.astype(str), pd.Categorical(y)):
        assert cases.mlp().fit(X, form).predict_proba(X).tobytes() == expected
    with pytest.warns(match="A column-vector y was passed"):
        cases.mlp().fit(X, y[:, None])


def bad_data(X, y):
    """Arguments of fit that are refused, and what the refusal says."""
    hole, infinite = X.copy(), X.copy()
    hole[3, 2], infinite[3, 2] = np.nan, np.inf
    return {
        "NaN in X": ((hole, y), "NaN"),
        "infinity in X": ((infinite, y), "infinity"),
        "NaN in y": ((X, np.where(y == 1, np.nan, y)), "NaN"),
        "labels less": ((X, y[:-1]), "inconsistent numbers of samples"),
        "no samples": ((X[:0], y[:0]), "0 sample"),
        "no features": ((X[:, :0], y), "0 feature"),
        "one dimension": ((X[:, 0], y), "2D array"),
        "text": ((X.astype(str).tolist()[:1] + [["a"] * X.shape[1]] * (len(X) - 1), y), "could not convert|dtype"),
        "no y": ((X, None), "y"),
        "real numbers as labels": ((X, y + 0.5), "Unknown label type"),
        "labels in two columns": ((X, np.column_stack([y, y])), "label type|y should be a 1d array"),
        "weights less": (
            (X, y, np.ones(len(y) - 1)),
            r"sample_weight must have shape \(61,\), one number a sample, got",
        ),
        "a matrix of weights": ((X, y, np.ones((61, 1))), r"sample_weight must have shape \(61,\), .* got \(61, 1\)"),
        "a negative weight": ((X, y, y - 1.0), "sample_weight must be at least 0, got -1.0"),
        "NaN in the weights": ((X, y, np.full(61, np.nan)), "Input sample_weight contains NaN"),
        "no weight": ((X, y, 0 * y), "sample_weight must not be zero for every sample"),
        "a negative weight in X_val": ((X, y, None, X, y, -y), "^sample_weight_val must be at least 0, got -2"),
        "weights of no validation": ((X, y, None, None, None, y), "sample_weight_val must be None without X_val"),
        "X_val alone": ((X, y, None, X), "X_val and y_val must be given together"),
        "y_val alone": ((X, y, None, None, y), "X_val and y_val must be given together"),
        "other features in X_val": ((X, y, None, X[:, :-1], y), "features"),
        "NaN in X_val": ((X, y, None, hole, y), "NaN"),
        "labels less in y_val": ((X, y, None, X, y[:-1]), "inconsistent numbers of samples"),
        "labels in y_val that y lacks": (
            (X, y, None, X, y + 1),
            r"must hold only labels that fit has seen \(0, 1, 2\), got 3;",
        ),
    }


NAMES = list(bad_data(np.ones((4, 4)), np.zeros(4)))


def arguments_of(given):
    """Positional arguments of fit, the last three of which it takes by name."""
    return given[:3], dict(zip(("X_val", "y_val", "sample_weight_val"), given[3:], strict=False))


def fitted(cases, kind):
    """A fitted model, its data, and everything that a refused fit must leave."""
    X, y = cases.rows()
    model = getattr(cases, kind)(early_stopping=True).fit(X, np.array(["a", "b", "c"])[y])
    return model, X, y, (model.predict_proba(X).tobytes(), dict(vars(model)), model.network_.arena.flat.tobytes())


def assert_unchanged(model, X, before):
    assert vars(model).keys() == before[1].keys()
    assert all(vars(model)[name] is value for name, value in before[1].items())
    assert model.network_.arena.flat.tobytes() == before[2]
    assert model.predict_proba(X).tobytes() == before[0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_bad_data_is_refused_and_the_model_is_as_it_was(cases, kind, name):
    model, X, y, before = fitted(cases, kind)
    given, message = bad_data(X, y)[name]
    arguments, named = arguments_of(given)
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(*arguments, **named)
    assert_unchanged(model, X, before)
    with pytest.raises((ValueError, TypeError), match=message):
        getattr(cases, kind)().fit(*arguments, **named)


def test_a_bad_parameter_is_refused_and_the_model_is_as_it_was(cases):
    bad = {"rho": 1.2, "dtype": "float16", "activation": "swish", "dropout": 1.0, "hidden_layer_sizes": (0,)}
    bad |= {"image_shape": (5, 5), "validation_fraction": 0.999, "schedule": 5, "n_threads": 0, "random_state": "x"}
    for name, value in bad.items():
        model, X, y, _ = fitted(cases, "mlp")
        model.set_params(**{name: value})
        before = vars(model).copy()
        with pytest.raises((ValueError, TypeError)):
            model.fit(X, y)
        assert vars(model) == before


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_an_epsilon_that_vanishes_in_float32_is_refused_and_the_model_is_as_it_was(cases, dtype):
    X, y = cases.rows()
    X = np.abs(X).astype(dtype)
    model = cases.mlp().fit(X, y)
    expected, network = model.predict_proba(X).tobytes(), model.network_
    with pytest.raises(ValueError, match="epsilon must not round to 0 in float32, got 1e-50"):
        model.set_params(epsilon=1e-50).fit(X, y)
    assert model.network_ is network
    assert model.predict_proba(X).tobytes() == expected


def test_a_monitor_without_a_validation_set_is_refused_and_the_model_is_as_it_was(cases):
    X, y = cases.rows()
    model = cases.mlp().fit(X, y)
    expected, network = model.predict_proba(X).tobytes(), model.network_
    with pytest.raises(ValueError, match="without a validation set"):
        model.set_params(callbacks=[EarlyStopping()]).fit(X, y)
    assert model.network_ is network
    assert model.predict_proba(X).tobytes() == expected


@pytest.mark.parametrize("rate", [float("nan"), -1.0, None, "0.1"])
def test_a_schedule_that_gives_no_rate_is_refused_and_the_model_is_as_it_was(cases, rate):
    X, y = cases.rows()
    model = cases.mlp().fit(X, y)
    expected, network = model.predict_proba(X).tobytes(), model.network_
    with pytest.raises(ValueError, match="as schedule must return the learning rate, a finite number of at least 0"):
        model.set_params(schedule=lambda epoch, learning_rate: rate).fit(X, y)
    assert model.network_ is network
    assert model.predict_proba(X).tobytes() == expected


def test_a_schedule_that_gives_no_rate_is_refused_before_a_callback_replaces_a_file(cases, tmp_path):
    X, y = cases.rows()
    model = cases.mlp(callbacks=[CSVLogger(tmp_path / "log.csv")]).fit(X, y)
    written = (tmp_path / "log.csv").read_bytes()
    with pytest.raises(ValueError, match="got None for epoch 0: is there a return for every epoch"):
        model.set_params(schedule=lambda epoch, learning_rate: None).fit(X, y)
    assert (tmp_path / "log.csv").read_bytes() == written


def test_an_error_in_a_first_fit_leaves_it_unfitted(cases):
    X, y = cases.rows()
    model = cases.mlp(rho=1.2)
    with pytest.raises(ValueError, match="rho"):
        model.fit(X, y)
    assert vars(model) == vars(cases.mlp(rho=1.2))


def test_bad_data_in_predictions(cases):
    X, y = cases.rows()
    model = cases.mlp().fit(X, y)
    for call in (model.predict, model.predict_proba, lambda data: model.evaluate(data, y)):
        for data, message in [(np.where(X > 0, X, np.nan), "NaN"), (X[:, :5], "5 features"), (X[:0], "0 sample")]:
            with pytest.raises(ValueError, match=message):
                call(data)
    with pytest.raises(ValueError, match=r"only labels that fit has seen \(0, 1, 2\), got 5;"):
        model.evaluate(X, np.where(y == 2, 5, y))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.evaluate(X, y[:-1])


def test_labels_of_another_type_are_other_labels(cases):
    X, y = cases.rows()
    for labels, other in [(y, y.astype(str)), (y.astype(str), y), (y.astype(str).astype(object), y)]:
        model = cases.mlp().fit(X, labels)
        for n in (len(X), 1):
            with pytest.raises(ValueError, match="must hold only labels that fit has seen"):
                model.evaluate(X[:n], other[:n])


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_sparse_data_is_refused_in_words(cases, kind):
    X, y = cases.rows()
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        getattr(cases, kind)().fit(scipy.sparse.csr_array(X), y)


def test_an_error_about_validation_data_names_it(cases):
    X, y = cases.rows()
    with pytest.raises(ValueError, match=r"^y_val must hold only labels"):
        cases.mlp().fit(X, y, X_val=X, y_val=y + 1)
    images, labels = cases.images()
    with pytest.raises(ValueError, match=r"^X_val must hold images of shape \(7, 6, 2\), got \(7, 6, 1\)"):
        cases.cnn().fit(images, labels, X_val=images[..., :1], y_val=labels)
    with pytest.raises(ValueError, match=r"^X_val must be uint8, as it was in fit, got float64"):
        cases.cnn().fit(images, labels, X_val=images / 255, y_val=labels)


def test_an_error_about_validation_data_that_names_neither(cases):
    """Most messages are scikit-learn's, which knows of one X and one y."""
    X, y = cases.rows()
    frame = pd.DataFrame(X, columns=list("abcdef"))
    for X_val, y_val, message in [
        (X, y[:-1], r"^X_val, y_val: Found input variables with inconsistent numbers of samples: \[61, 60\]"),
        (X[:0], y[:0], r"^X_val, y_val: Found array with 0 sample"),
        (X[:, 0], y, r"^X_val, y_val: Expected 2D array"),
        (X, np.eye(3)[y], "^y_val should be a 1d array"),
        (frame[list("fedcba")], y, "^X_val, y_val: The feature names should match"),
    ]:
        with pytest.raises(ValueError, match=message):
            cases.mlp().fit(frame if isinstance(X_val, pd.DataFrame) else X, y, X_val=X_val, y_val=y_val)
    with pytest.raises(ValueError, match=r"^X_val and y_val must hold numbers that float64 can hold"):
        cases.mlp().fit(X, y, X_val=[[10**400] * 6] * 61, y_val=y)


def test_numbers_that_the_network_cannot_hold(cases):
    X, y = cases.rows()
    model = cases.mlp(dtype="float32").fit(X, y)
    for call in (model.predict, model.predict_proba, lambda data: model.evaluate(data, y[:1])):
        with pytest.raises(ValueError, match=r"X must be finite in float32, .* got 1e\+39"):
            call(np.full((1, X.shape[1]), 1e39))
    with pytest.raises(ValueError, match=r"X must be finite in float32, .* got 1e\+39"):
        cases.mlp(dtype="float32").fit(np.full_like(X, 1e39), y)
    with pytest.raises(ValueError, match=r"X_val must be finite in float32, .* got 1e\+39"):
        cases.mlp(dtype="float32").fit(X, y, X_val=np.full_like(X, 1e39), y_val=y)
    model.set_params(dtype="float64").fit(
        X, y, X_val=np.full_like(X, 1e39), y_val=y
    )  # the earlier fit's dtype no longer counts
    assert model.network_.dtype == np.float64


def test_outputs_that_overflow_are_an_error(cases):
    X, y = cases.rows()
    model = cases.mlp(dtype="float32").fit(X, y)
    far = np.full((2, X.shape[1]), 3e38)
    far[0] = 0
    for call in (model.predict, model.predict_proba):
        with pytest.raises(ValueError, match=r"X must be of the scale .* outputs for sample 1 are not finite"):
            call(far)
    with pytest.raises(ValueError, match=r"X must be of the scale .* the loss is"):
        model.evaluate(far, y[:2])


def test_float32_of_the_other_byte_order_computes_in_float32(cases):
    X, y = cases.rows()
    native, swapped = (cases.mlp().fit(X.astype(kind), y) for kind in ("=f4", ">f4"))
    assert swapped.network_.dtype == np.float32
    assert swapped.predict_proba(X.astype(">f4")).tobytes() == native.predict_proba(X.astype("=f4")).tobytes()


@pytest.mark.parametrize("sizes", [b"ab", {3, 4}, {3: 1}, iter([3]), np.array(3), np.ones((2, 2), int)])
def test_sizes_that_are_no_sequence(cases, sizes):
    X, y = cases.rows()
    with pytest.raises(TypeError, match="hidden_layer_sizes must be an integer or a sequence of integers of at"):
        cases.mlp(hidden_layer_sizes=sizes).fit(X, y)


def test_of_many_labels_that_are_new_the_first_are_named(cases):
    """With the way on, and never as an array."""
    X, y = cases.rows()
    model = cases.mlp().fit(X, np.array(["a", "b", "c"])[y])
    other = np.array([f"n{i:02}" for i in range(len(y))])
    message = (
        "y must hold only labels that fit has seen ('a', 'b', 'c'), got 'n00', 'n01', 'n02', 'n03', 'n04' and "
        f"{len(y) - 5} more; fine_tune with a new head learns others"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        model.evaluate(X, other)


def test_a_label_that_is_called_as_a_parameter_is_in_the_message(cases):
    X, y = cases.rows()
    names = np.where(y == y[0], "X", "y")
    with pytest.raises(ValueError, match=r"^y_val must hold only labels that fit has seen \('X', 'y'\), got 'z';"):
        cases.mlp().fit(X, names, X_val=X, y_val=np.full(len(y), "z"))
