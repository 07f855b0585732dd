"""Labels and numbers to learn at the edges: each gives a right result, or one clear error and no warning."""

import decimal
import fractions

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_poisson_deviance

import crmsprop
from crmsprop.errors import DivergenceError

N = 61
Y = np.arange(N) % 3
LIMITS = np.iinfo(np.int64)


def weights(model):
    return model.network_.arena.flat.tobytes()


# labels

GOOD_LABELS = {
    "strings": np.array(["a", "b", "c"]),
    "objects": np.array(["a", "b", "c"], object),
    "an empty string": np.array(["", "b", "c"]),
    "letters of all kinds": np.array(["é", "e\u0301", "\U0001f600"]),
    "strings that end in nothing": np.array(["a", "a\0", "b"], object),
    "limits of int64": np.array([LIMITS.min, 0, LIMITS.max]),
    "neighbours at the limit": np.array([LIMITS.max - 2, LIMITS.max - 1, LIMITS.max]),
    "neighbours at the limit of uint64": np.array([2**64 - 3, 2**64 - 2, 2**64 - 1], np.uint64),
    "limits of int8": np.array([-128, 0, 127], np.int8),
    "neighbours in float64": np.array([2.0**53, 2.0**53 + 2, 2.0**53 + 4]),
}


@pytest.mark.parametrize("labels", GOOD_LABELS.values(), ids=GOOD_LABELS)
def test_labels_come_back_as_they_are(cases, tmp_path, labels):
    X, y = cases.rows()
    model = cases.mlp().fit(X, labels[y])
    assert model.classes_.tolist() == sorted(labels.tolist())
    assert weights(model) == weights(cases.mlp().fit(X, np.argsort(np.argsort(labels))[y]))
    model.save(tmp_path / "model.crms")
    assert crmsprop.load(tmp_path / "model.crms").predict(X).tolist() == model.predict(X).tolist()


PANDAS = {
    "category": (pd.Series(np.array(["z", "b"])[Y % 2], dtype="category"), ["b", "z"]),
    "ordered category with one that is not used": (
        pd.Categorical(np.array(["z", "b"])[Y % 2], categories=["z", "x", "b"], ordered=True),
        ["b", "z"],
    ),
    "category of integers": (pd.Series(Y % 2, dtype="category"), [0, 1]),
    "Int64": (pd.Series(LIMITS.max - Y % 2, dtype="Int64"), [LIMITS.max - 1, LIMITS.max]),
    "UInt8": (pd.Series(Y % 2, dtype="UInt8"), [0, 1]),
    "boolean": (pd.Series(Y % 2 == 1, dtype="boolean"), [False, True]),
    "string": (pd.Series(np.array(["a", "b"])[Y % 2], dtype="string"), ["a", "b"]),
    "another index": (pd.Series(Y % 2, index=np.arange(N)[::-1]), [0, 1]),
}


@pytest.mark.parametrize("name", PANDAS)
def test_labels_of_pandas(cases, name):
    """A nullable dtype is not float64, and an order of categories is not the order of the classes."""
    X, _ = cases.rows()
    y, classes = PANDAS[name]
    model = cases.mlp().fit(X, y)
    assert model.classes_.tolist() == classes
    assert {type(label) for label in model.classes_.tolist()} == {type(label) for label in classes}
    assert weights(model) == weights(cases.mlp().fit(X, np.searchsorted(classes, list(y))))


def test_booleans(cases):
    X, y = cases.rows()
    for truth in ((y == 1).tolist(), y == 1, (y == 1)[:, None].ravel()):
        model = cases.mlp().fit(X, truth)
        assert model.classes_.tolist() == [False, True]
        assert model.predict(X).dtype == bool


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy 1")
def test_strings_of_variable_length(cases):
    X, y = cases.rows()
    names = np.array(["a", "b", "c" * 1000])
    model = cases.mlp().fit(X, names.astype(np.dtypes.StringDType())[y])
    assert model.classes_.tolist() == names.tolist()


OBJECTS = {
    "None": ["a", None, "b"],
    "NaN": ["a", np.nan, "b"],
    "integers": [0, 1, 2],
    "booleans": [True, False, True],
    "numbers and strings": ["a", 1, "b"],
    "bytes": [b"a", b"b", b"c"],
    "integers beyond int64": [10**30, 1, 2],
}


@pytest.mark.parametrize("labels", OBJECTS.values(), ids=OBJECTS)
def test_objects_that_are_no_strings_are_refused_by_name(cases, labels):
    X, y = cases.rows()
    first = next(label for label in np.array(labels, object)[y] if not isinstance(label, str))
    rule = "y must hold strings where it holds objects, or be of a dtype of numbers or booleans, got "
    with pytest.raises(ValueError) as caught:
        cases.mlp().fit(X, np.array(labels, object)[y])
    assert str(caught.value).startswith(f"{rule}{first!r} for sample ")
    model = cases.mlp().fit(X, np.array(["a", "b", "c"])[y])
    with pytest.raises(ValueError, match=r"^y_val must hold strings where it holds objects"):
        model.fit(X, np.array(["a", "b", "c"])[y], X_val=X, y_val=np.array(labels, object)[y])


LISTS = {"a number": ["a", 1], "NaN": ["a", np.nan], "None": ["a", None], "a truth": ["a", True]}


@pytest.mark.parametrize("labels", LISTS.values(), ids=LISTS)
def test_lists_of_strings_and_others_are_refused(cases, labels):
    """NumPy would make strings of all: '1' and 'nan'."""
    X, _ = cases.rows()
    y = [labels[i % 2] for i in range(N)]
    with pytest.raises(
        ValueError, match=rf"^y must hold strings where it holds objects, .* got {labels[1]} for sample 1"
    ):
        cases.mlp().fit(X, y)
    with pytest.raises(
        ValueError, match=rf"^y must hold strings where it holds objects, .* got {labels[1]} for sample 1"
    ):
        cases.mlp().fit(X, Y.astype(str)).evaluate(X, y)


def test_lists_of_several_lengths_are_refused(cases):
    X, _ = cases.rows()
    for kind in ("mlp", "regressor"):
        with pytest.raises(ValueError, match=r"^y must hold equally many values in each row: setting an array element"):
            getattr(cases, kind)().fit(X, [[1], [1, 2]] * 30 + [[1]])


REFUSED_LABELS = {
    "missing dates": (
        np.where(Y == 1, np.datetime64("NaT", "D"), np.datetime64("2020", "D")),
        "no missing values, got NaT for sample 1",
    ),
    "NA of a string": (pd.Series([None, "a", "b"] * 20 + ["a"], dtype="string"), "y must hold strings"),
    "NA of a category": (pd.Series(pd.Categorical([None, "a", "b"] * 20 + ["a"])), "y must hold strings"),
    "NA of an integer": (pd.Series([None, 1, 2] * 20 + [1], dtype="Int64"), "y contains NaN"),
    "NaN": (np.where(Y == 0, np.nan, Y), "y contains NaN"),
    "infinity": (np.where(Y == 0, np.inf, Y), "y contains infinity"),
    "halves": (Y + 0.5, "Unknown label type"),
    "subnormal": (Y * 5e-324, "Unknown label type"),
    "huge floats": (Y * 1e300, "Unknown label type"),
    "integers of both signs beyond int64": ([[-1, 2**63, 2**63 + 1][label] for label in Y], "Unknown label type"),
    "complex": (Y + 1j, "Complex data not supported"),
    "records": (np.array(Y, [("a", int)]), "y must hold a label a sample and no records, got dtype"),
}


@pytest.mark.parametrize("name", REFUSED_LABELS)
def test_what_is_no_label(cases, name):
    X, _ = cases.rows()
    y, message = REFUSED_LABELS[name]
    with pytest.raises(ValueError, match=message):
        cases.mlp().fit(X, y)


# numbers to learn

NUMBERS = {
    "int64": np.where(Y == 1, LIMITS.min, LIMITS.max),
    "uint64": np.full(N, 2**64 - 1, np.uint64),
    "booleans": Y == 1,
    "float16": (Y / 3).astype(np.float16),
    "objects": Y.astype(object),
    "fractions": [fractions.Fraction(int(label), 3) for label in Y],
    "decimals": [decimal.Decimal(int(label)) for label in Y],
    "Int64": pd.Series(Y, dtype="Int64"),
    "boolean": pd.Series(Y == 1, dtype="boolean"),
    "category": pd.Series(Y, dtype="category"),
    "subnormal": np.full(N, 5e-324),
    "constant": np.zeros(N),
    "roots of the largest float": np.where(Y == 1, -1e150, 1e150),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_learnt_as_float64(cases, name):
    X, _ = cases.rows()
    y = NUMBERS[name]
    model = cases.regressor().fit(X, y)
    twin = cases.regressor().fit(X, np.array(list(y), np.float64))
    assert weights(model) == weights(twin)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_numbers_whose_errors_have_no_finite_mean(cases, loss):
    """Each batch of absolute errors has one; their sum has none, and would be the loss of the epoch."""
    X, _ = cases.rows()
    with pytest.raises(DivergenceError, match=r"loss became inf in epoch 1"):
        cases.regressor(loss=loss).fit(X, np.full(N, np.finfo(np.float64).max))


@pytest.mark.parametrize(("dtype", "least"), [(np.float64, 5e-324), (np.float64, 1e-310), (np.float32, 1e-45)])
def test_counts_that_are_next_to_nothing(cases, dtype, least):
    """The deviance from them is finite, and scikit-learn's."""
    X, _ = cases.rows(dtype=dtype)
    y = np.where(Y == 0, least, Y).astype(dtype)
    model = cases.regressor(loss="poisson").fit(X, y)
    expected = mean_poisson_deviance(np.where(Y == 0, 0.0, Y), model.predict(X))
    assert model.evaluate(X, y)["loss"] == pytest.approx(expected, rel=1e-5)


REFUSED_NUMBERS = {
    "strings": (np.array(["0", "1", "2"])[Y], TypeError, "y must be an array of numbers, got"),
    "strings of objects": (
        np.array(["0", "1", "2"], object)[Y],
        TypeError,
        "y must be an array of numbers, got '0', str",
    ),
    "None": (np.array([0, None, 2], object)[Y], TypeError, "y must be an array of numbers, got None"),
    "category": (
        pd.Categorical(np.array(["a", "b", "c"])[Y]),
        TypeError,
        "y must be an array of numbers, got 'a', str",
    ),
    "dates": (np.array(["2020", "2021", "2022"], "M8[D]")[Y], TypeError, "y must be an array of numbers, got"),
    "NaN": (np.where(Y == 0, np.nan, Y), ValueError, "y contains NaN"),
    "infinity": (np.where(Y == 0, -np.inf, Y), ValueError, "y contains infinity"),
    "beyond float64": (Y.astype(np.longdouble) * np.longdouble("1e4000"), ValueError, "y must be finite in float64"),
    "integers beyond float64": ([10**400] * N, ValueError, "X and y must hold numbers that float64 can hold"),
    "no columns": (np.zeros((N, 0)), ValueError, "0 feature"),
    "three dimensions": (np.zeros((N, 2, 2)), ValueError, "dim 3"),
}


@pytest.mark.parametrize("name", REFUSED_NUMBERS)
def test_what_is_no_number(cases, name):
    X, _ = cases.rows()
    y, error, message = REFUSED_NUMBERS[name]
    with pytest.raises(error, match=message):
        cases.regressor().fit(X, y)
