"""Tables whose columns are of very different size."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.preprocessing import StandardScaler

from crmsprop.cli import scales
from crmsprop.cli.scales import uneven

WINE, IRIS, DIGITS = (load(return_X_y=True)[0] for load in (load_wine, load_iris, load_digits))
RNG = np.random.default_rng(0)


def test_wine():
    found = uneven(WINE)
    assert found.large == [12]
    assert str(found) == (
        "column 12 of X, counted from 0, varies over 100 times as much as half of the others (standard deviations up "
        "to 314 and 0.8095), and such tables train badly: standardise the columns of all X, later ones too, as one "
        "StandardScaler of scikit-learn does"
    )
    X = WINE[:, [0, 12, 1, 4, 2]] * [1, 1, 1, 100, 1]
    assert str(uneven(X)).startswith("columns 3, 1 of X, counted from 0, vary over 100 times as much as half of the ")


def test_integers_and_single_precision_count_too():
    X = np.stack([np.arange(40) % 3, 1000 * np.arange(40)], axis=1)
    for dtype in (np.int64, np.float32, np.float64):
        assert uneven(X.astype(dtype)).large == [1]


def test_many_columns_are_not_all_named():
    X = RNG.normal(size=(50, 12)) * [1, 9e8, 9e7, 9e6, 9e5, 9e4, 9e3, 1, 1, 1, 1, 1]
    assert str(uneven(X)).startswith("columns 1, 2, 3, 4, 5, ... of X,")


BORDER = DIGITS.copy()
BORDER[0, 0] = 0.01  # a pixel that is lit once
WORDS = np.column_stack([RNG.normal(size=1000), np.arange(1000) == 7])


@pytest.mark.parametrize(
    "X",
    [
        IRIS,
        StandardScaler().fit_transform(WINE),
        DIGITS,
        BORDER,
        WORDS * [9, 1],
        WINE.astype(np.uint8),
        WINE > 5,
        np.ones((5, 2)),
        np.column_stack([np.ones(50), 1e6 * RNG.normal(size=50)]),
        StandardScaler().fit_transform(WINE) / np.repeat([200, 1], [3, 10]),  # small ones do no harm
        np.column_stack([np.where(np.arange(50) % 2, 0.1 + 0.2, 0.3), RNG.normal(size=50)]),  # rounding
        np.full((2, 2), 1e308) * [1, -1],
        np.ones((1, 3)),
    ],
)
def test_what_is_no_reason_to_warn(X):
    assert uneven(X) is None


def test_a_column_that_is_large_but_seldom_there_counts():
    X = np.column_stack([RNG.normal(size=1000), 1e5 * (np.arange(1000) == 500)])
    assert uneven(X).large == [1]


def test_some_rows_from_all_over_the_table_are_looked_at(monkeypatch):
    monkeypatch.setattr(scales, "ROWS", 10)
    X = np.repeat(np.linspace(-1, 1, 25), 4)[:, np.newaxis] * [1, 2]
    assert uneven(X) is None
    X[::10, 1] *= 1000
    assert uneven(X).large == [1]
    monkeypatch.setattr(scales, "NUMBERS", 1)
    assert uneven(X) is not None


COMMANDS = {
    "train": ("--epochs", 1),
    "tune": ("--epochs", 1, "--cv", 2, "--param", "rho=0.8,0.9"),
    "find-lr": ("--steps", 40),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_warn(run, folder, command):
    X, y = load_wine(return_X_y=True)
    small = ("--threads", 1, "--hidden-layer-sizes", 4, "--quiet")
    np.savez("wine.npz", X=X, y=y)
    ended = run(command, "--data", "wine.npz", *small, *COMMANDS[command])
    head = "crmsprop: warning: column 12 of X, counted from 0, varies over 100 times as much as half of the others"
    assert (ended.code, ended.err.count(head)) == (0, 1)
    np.savez("even.npz", X=StandardScaler().fit_transform(X), y=y)
    assert "column" not in run(command, "--data", "even.npz", *small, *COMMANDS[command]).err


def test_images_are_not_looked_at(train_small, folder):
    X, y = load_wine(return_X_y=True)
    np.savez("mine.npz", X=X[:, 1:], y=y)
    assert "column" not in train_small("--data", "mine.npz", "--image-shape", 3, 4).err
