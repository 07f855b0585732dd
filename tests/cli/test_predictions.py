"""crmsprop predict of regressors and of several labels at once; test_predict.py has the classes."""

import csv
import io

import numpy as np
import pytest
from PIL import Image

from crmsprop import CNNRegressor, MLPClassifier, MLPRegressor
from crmsprop.datasets import load_digits

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3))
NUMBERS = X @ RNG.normal(size=(3, 2))


@pytest.fixture
def predict(run, folder):
    """Return a function that fits a model and predicts 9 samples on the command line."""
    np.save(folder / "a.npy", X[:9])

    def call(model, y, *options):
        model.set_params(max_epochs=2, random_state=0).fit(X, y).save(folder / "m.crms")
        return model, run("predict", *options, "m.crms", "a.npy")

    return call


@pytest.mark.parametrize(("y", "heads"), [(NUMBERS[:, 0], ["prediction"]), (NUMBERS, ["output 0", "output 1"])])
def test_numbers(predict, y, heads):
    model, ended = predict(MLPRegressor((5,)), y)
    assert (ended.code, ended.err) == (0, "")
    head, *rows = ended.out.splitlines()
    assert head.split() == ["sample", *" ".join(heads).split()]
    predicted = model.predict(X[:9]).reshape(9, -1)
    expected = [[f"a.npy[{i}]", *(f"{value:.6g}" for value in row)] for i, row in enumerate(predicted)]
    assert [row.split() for row in rows] == expected


@pytest.mark.parametrize("y", [NUMBERS[:, 0], NUMBERS])
def test_numbers_as_csv(predict, y):
    model, ended = predict(MLPRegressor((5,)), y, "--csv")
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert list(rows[0]) == ["sample", "output", "prediction"]
    predicted = model.predict(X[:9]).reshape(9, -1)
    assert len(rows) == predicted.size
    for row, ((i, output), value) in zip(rows, np.ndenumerate(predicted), strict=True):
        assert (row["sample"], row["output"], float(row["prediction"])) == (f"a.npy[{i}]", str(output), value)


def test_numbers_have_no_top(predict):
    _, ended = predict(MLPRegressor((5,)), NUMBERS, "--top", 1)
    assert ended.error() == "--top is for classes, got a MLPRegressor for rows of 3, 2 numbers, trained 2 epochs"


def test_numbers_of_pictures(run, folder):
    (digits, y), _ = load_digits()
    model = CNNRegressor((4,), dense_units=(), max_epochs=1, random_state=0).fit(digits, y.astype(float))
    model.save(folder / "m.crms")
    Image.fromarray(digits[0, ..., 0]).save(folder / "0.png")
    ended = run("predict", "m.crms", "0.png")
    assert ended.out.splitlines()[1].split() == ["0.png", f"{model.predict(digits[:1])[0]:.6g}"]


def test_labels_are_ranked_by_their_own_probabilities(predict):
    model, ended = predict(MLPClassifier((5,)), (NUMBERS > 0).astype(int))
    probabilities = model.predict_proba(X[:9])
    rows = [line.split() for line in ended.out.splitlines()[1:]]
    for i, row in enumerate(rows):
        first, second = sorted((0, 1), key=lambda label: -probabilities[i, label])
        expected = [str(first), f"{probabilities[i, first]:.4f}", str(second), f"{probabilities[i, second]:.4f}"]
        assert row == [f"a.npy[{i}]", *expected]
    assert any(not np.isclose(sum(row), 1) for row in probabilities)
