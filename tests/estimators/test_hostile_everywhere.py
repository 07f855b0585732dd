"""Every kind of hostile data and every estimator: a model that works, or one clear error before anything is changed.

What is right about the numbers that come out is asked in test_hostile_numbers.py and test_hostile_labels.py.
"""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import is_classifier

from crmsprop import (
    CNNClassifier,
    CNNRegressor,
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
)
from crmsprop.errors import DivergenceError
from crmsprop.nn import BatchNorm, Dense, ReLU

N = 24
RNG = np.random.default_rng(0)
ROWS, LABELS, NUMBERS = RNG.normal(size=(N, 5)), np.arange(N) % 2, RNG.normal(size=N)
SHARED = {"max_epochs": 2, "batch_size": 8, "random_state": 0}
STACK = (Dense(4), BatchNorm(), ReLU())
ESTIMATORS = {
    "MLPClassifier": MLPClassifier((4,), **SHARED),
    "CNNClassifier": CNNClassifier((2,), dense_units=(3,), **SHARED),
    "NetworkClassifier": NetworkClassifier(STACK, **SHARED),
    "MLPRegressor": MLPRegressor((4,), **SHARED),
    "CNNRegressor": CNNRegressor((2,), dense_units=(3,), **SHARED),
    "NetworkRegressor": NetworkRegressor(STACK, **SHARED),
}
every_estimator = pytest.mark.parametrize("name", ESTIMATORS)


def fresh(name, **parameters):
    return type(ESTIMATORS[name])(**ESTIMATORS[name].get_params() | parameters)


def targets(name, n=N):
    return (LABELS if is_classifier(ESTIMATORS[name]) else NUMBERS)[:n]


def with_some(value, dtype=np.float64):
    X = ROWS.astype(dtype)
    X[::7, 1] = value
    return X


INTEGERS = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64)
FINE = {
    "zeros": np.zeros_like(ROWS),
    "a constant": np.full_like(ROWS, -7e5),
    "subnormal in float64": with_some(5e-324),
    "subnormal in float32": with_some(1e-45, np.float32),
    "all of them subnormal": ROWS * 1e-310,
    "minus zero": with_some(-0.0),
    "tiny": ROWS * 1e-200,
    "tiny in float32": (ROWS * 1e-37).astype(np.float32),
    "large": ROWS * 1e12,
    "both": with_some(1e15) * np.where(np.arange(5) == 2, 1e-300, 1),
    "one sample": ROWS[:1],
    "one feature": ROWS[:, :1],
    "float16": ROWS.astype(np.float16),
    "booleans": ROWS > 0,
    "lists": ROWS.tolist(),
    "objects": ROWS.astype(object),
    "reversed": ROWS[::-1, ::-1],
    "by columns": np.asfortranarray(ROWS),
    "big-endian": ROWS.astype(">f8"),
    "one row over and over": np.broadcast_to(ROWS[:1], ROWS.shape),
    "columns of pandas": pd.DataFrame(
        {"a": pd.Categorical([1, 2] * 12), "b": pd.array([3, 4] * 12, "Int64"), "c": 0.5}
    ),
    **{
        f"limits of {dtype.__name__}": np.where(ROWS > 0, dtype(np.iinfo(dtype).min), dtype(np.iinfo(dtype).max))
        for dtype in INTEGERS[:4]
    },
}


@pytest.mark.parametrize("data", FINE)
@every_estimator
def test_data_that_are_odd_and_fine(name, data):
    X = FINE[data]
    model = fresh(name).fit(X, targets(name, len(X)))
    assert np.isfinite(model.predict_proba(X) if is_classifier(model) else model.predict(X)).all()
    assert np.isfinite(list(model.evaluate(X, targets(name, len(X))).values())).all()
    assert np.isfinite(model.network_.arena.flat).all()


#: They may be learnt, and may end a training, in words: the squares of some are infinite.
EXTREME = {
    "large in float32": (ROWS * 1e12).astype(np.float32),
    "huge in float32": (ROWS * 1e30).astype(np.float32),
    "at the end of float32": np.where(ROWS > 0, np.finfo(np.float32).max, -1).astype(np.float32),
    "huge": ROWS * 1e200,
    "at the end": np.where(ROWS > 0, np.finfo(np.float64).max, -1),
    **{
        f"limits of {dtype.__name__}": np.where(ROWS > 0, dtype(np.iinfo(dtype).min), dtype(np.iinfo(dtype).max))
        for dtype in INTEGERS[4:]
    },
}


@pytest.mark.parametrize("data", EXTREME)
@every_estimator
def test_data_of_a_scale_that_may_be_too_much(name, data):
    X, model = EXTREME[data], fresh(name)
    said = ""
    try:
        model.fit(X, targets(name))
    except DivergenceError as error:
        said = str(error)
    assert not said or "look for NaN and huge values in the data" in said
    assert np.isfinite(model.network_.arena.flat).all()
    assert np.isfinite(model.history_["loss"]).all()


REFUSED = {
    "a mask": (np.ma.masked_array(ROWS, ROWS > 1), r"X must have no masked values, got \d+ of them"),
    "NaN": (with_some(np.nan), "X contains NaN"),
    "infinity": (with_some(np.inf), "X contains infinity"),
    "minus infinity in float32": (with_some(-np.inf, np.float32), "X contains infinity"),
    "None": (np.where(ROWS > 2, None, ROWS), "X contains NaN"),
    "beyond float64": ([[10**400]] * N, "must hold numbers that float64 can hold"),
    "words": (np.where(ROWS > 2, "much", "1"), "could not convert string to float"),
    "complex": (ROWS + 0j, "Complex data not supported"),
    "no features": (ROWS[:, :0], r"0 feature\(s\)"),
    "no samples": (ROWS[:0], r"0 sample\(s\)"),
    "one number": (np.float64(3), "array"),
    "one row": (ROWS[0], "Expected 2D array, got 1D"),
    "rows of several lengths": ([[1.0, 2.0], [3.0]] * 12, "inhomogeneous|sequence"),
    "four dimensions too many": (np.zeros((N, 1, 1, 1, 1, 1)), "dim 6|dimension"),
}


@pytest.mark.parametrize("data", REFUSED)
@every_estimator
def test_data_that_are_none(name, data):
    X, message = REFUSED[data]
    model = fresh(name)
    with pytest.raises(ValueError, match=message):
        model.fit(X, targets(name))
    assert vars(model) == vars(fresh(name))


@pytest.mark.parametrize("data", [data for data in REFUSED if data != "four dimensions too many"])
@every_estimator
def test_a_fitted_model_refuses_them_and_is_as_it_was(name, data):
    X, _ = REFUSED[data]
    model = fresh(name).fit(ROWS, targets(name))
    before, bits = dict(vars(model)), model.network_.arena.flat.tobytes()
    for method in (model.predict, lambda X: model.evaluate(X, targets(name)), lambda X: model.fit(X, targets(name))):
        with pytest.raises(ValueError):
            method(X)
    assert vars(model) == before
    assert model.network_.arena.flat.tobytes() == bits


@every_estimator
def test_masks_of_other_things(name):
    """scikit-learn would take what is beneath them; a mask that hides nothing is none."""
    model, y = fresh(name), targets(name)
    hidden = np.arange(N) == 3
    bits = fresh(name).fit(ROWS, y).network_.arena.flat.tobytes()
    bare = [np.ma.masked_array(array, np.zeros_like(array, bool)) for array in (ROWS, y)]
    assert model.fit(*bare).network_.arena.flat.tobytes() == bits
    with pytest.raises(ValueError, match=r"^y must have no masked values, got 1 of them"):
        model.fit(ROWS, np.ma.masked_array(y, hidden))
    with pytest.raises(ValueError, match=r"^sample_weight must have no masked values, got 1 of them"):
        model.fit(ROWS, y, np.ma.masked_array(np.ones(N), hidden))
    with pytest.raises(ValueError, match=r"^y_val must have no masked values, got 1 of them"):
        model.fit(ROWS, y, X_val=ROWS, y_val=np.ma.masked_array(y, hidden))
    assert model.network_.arena.flat.tobytes() == bits


LABELLED = {
    "strings": np.array(["yes", "no"])[LABELS],
    "objects": np.array(["yes", "no"], object)[LABELS],
    "booleans": LABELS == 1,
    "categories": pd.Series(pd.Categorical(np.array(["yes", "no"])[LABELS], ["no", "maybe", "yes"])),
    "limits of int64": np.where(LABELS == 1, np.iinfo(np.int64).min, np.iinfo(np.int64).max),
    "one class": np.full(N, "only"),
    "two samples a class": np.arange(N) // 2,
}


@pytest.mark.parametrize("labels", LABELLED)
@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name.endswith("Classifier")])
def test_labels_of_every_kind(name, labels):
    y = LABELLED[labels]
    model = fresh(name).fit(ROWS, y)
    assert model.classes_.tolist() == sorted(set(y))
    assert set(model.predict(ROWS)) <= set(y)
    np.testing.assert_allclose(model.predict_proba(ROWS).sum(axis=1), 1)


NUMBERED = {
    "booleans": LABELS == 1,
    "a constant": np.full(N, 3.0),
    "subnormal": np.full(N, 5e-324),
    "categories of numbers": pd.Series(LABELS, dtype="category"),
    "huge": NUMBERS * 1e100,
    "limits of int64": np.where(LABELS == 1, np.iinfo(np.int64).min, np.iinfo(np.int64).max),
}


@pytest.mark.parametrize("numbers", NUMBERED)
@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name.endswith("Regressor")])
def test_numbers_of_every_kind(name, numbers):
    y = NUMBERED[numbers]
    model = fresh(name).fit(ROWS, y)
    assert np.isfinite(model.predict(ROWS)).all()
    assert (
        model.network_.arena.flat.tobytes() == fresh(name).fit(ROWS, np.array(y, float)).network_.arena.flat.tobytes()
    )
