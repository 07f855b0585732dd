"""What y may hold for classes, for several labels at once and for numbers; and that it reaches the commands."""

import numpy as np
import pytest

import crmsprop
from crmsprop import MLPClassifier, MLPRegressor
from crmsprop.cli.npz import read_npz, read_whole_npz
from crmsprop.cli.targets import CLASSES, LABELS, NUMBERS, targets_of
from crmsprop.errors import FileFormatError

X = np.random.default_rng(0).normal(size=(30, 3))
TWO = np.column_stack([X[:, 0] > 0, X[:, 1] > 0]).astype(int)


@pytest.fixture
def save(folder):
    """Return a function that writes mine.npz and returns its path."""

    def call(**arrays):
        np.savez(folder / "mine.npz", **arrays)
        return folder / "mine.npz"

    return call


@pytest.mark.parametrize("y", [X[:, 0], X[:, :2], np.arange(30), np.float32(X[:, :1]), X[:, 0] > 0])
def test_numbers_are_held_out_by_chance_alone(save, y):
    (X_train, y_train), (X_test, y_test) = read_npz(save(X=X, y=y), NUMBERS)
    assert (len(X_train), len(X_test)) == (24, 6)
    assert y_train.shape[1:] == y_test.shape[1:] == y.shape[1:]
    for part, numbers in ((X_train, y_train), (X_test, y_test)):
        rows = [np.flatnonzero((row == X).all(axis=1))[0] for row in part]
        np.testing.assert_array_equal(numbers, y[rows])


def test_whole_files(save):
    path = save(X=X, y=TWO, X_test=X[:4], y_test=TWO[:4])
    np.testing.assert_array_equal(read_whole_npz(path, LABELS)[1], np.concatenate([TWO, TWO[:4]]))


@pytest.mark.parametrize(
    ("targets", "y", "message"),
    [
        (NUMBERS, np.zeros(29), "y must have shape (30,) or (30, n_outputs), as X, got (29,)"),
        (NUMBERS, np.zeros((30, 2, 2)), "y must have shape (30,) or (30, n_outputs), as X, got (30, 2, 2)"),
        (NUMBERS, np.full(30, np.nan), "y must hold finite numbers, got float64 values array([nan"),
        (NUMBERS, np.array(["a"] * 30), "y must hold finite numbers, got <U1 values"),
        (NUMBERS, np.zeros(30, complex), "y must hold finite numbers, got complex128 values"),
        (LABELS, TWO[:, 0], "y must have shape (30, n_labels), a row a sample of X, got (30,)"),
        (LABELS, TWO[1:], "y must have shape (30, n_labels), a row a sample of X, got (29, 2)"),
        (LABELS, TWO + 1, "y must hold only 0 and 1, got int64 values array([1, 2])"),
        (LABELS, np.full((30, 2), np.nan), "y must hold only 0 and 1, got float64 values array([nan"),
        (LABELS, np.array([["a", "b"]] * 30), "y must hold only 0 and 1, got <U1 values"),
        (CLASSES, TWO, "y must have shape (30,), a label a sample of X, got (30, 2)"),
    ],
)
def test_what_y_cannot_be(save, targets, y, message):
    with pytest.raises(FileFormatError) as caught:
        read_npz(save(X=X, y=y), targets)
    assert str(caught.value).partition(": ")[2].startswith(message)


@pytest.mark.parametrize("targets", [LABELS, NUMBERS])
def test_what_y_test_cannot_be(save, targets):
    message = r"mine.npz: y_test must have the shape \(n, ...\) of y, \(30, 2\), got \(4, 1\)"
    with pytest.raises(FileFormatError, match=message):
        read_npz(save(X=X, y=TWO, X_test=X[:4], y_test=TWO[:4, :1]), targets)


def test_too_few_numbers(save):
    with pytest.raises(FileFormatError, match="too few samples to hold out a fifth as the test set "):
        read_npz(save(X=X[:1], y=X[:1, 0]), NUMBERS)


@pytest.mark.parametrize(
    ("model", "y", "targets", "count"),
    [
        (MLPClassifier(), TWO[:, 0], CLASSES, "2 classes"),
        (MLPClassifier(), TWO, LABELS, "2 labels at once"),
        (MLPRegressor(), TWO, NUMBERS, "2 numbers each"),
        (MLPRegressor(), X[:, 0], NUMBERS, "1 number each"),
    ],
)
def test_each_model_has_its_own(model, y, targets, count):
    assert targets_of(model.set_params(max_epochs=1).fit(X, y)) is targets
    assert targets.count(y) == count


@pytest.mark.parametrize(("model", "y"), [(MLPRegressor(), X @ np.ones(3)), (MLPClassifier(), TWO)])
def test_fine_tune_takes_what_the_model_takes(run, save, folder, model, y):
    path = save(X=X, y=y)
    model.set_params(max_epochs=2, random_state=0).fit(X, y).save(folder / "m.crms")
    ended = run("fine-tune", "--data", path, "--freeze", "none", "--keep-head", "m.crms")
    assert ended.code == 0
    tuned = crmsprop.load(folder / "crmsprop-fine-tuned" / "model.crms")
    score = tuned.evaluate(*read_npz(path, targets_of(model))[1])
    words = ", ".join(f"test {name} {value:.4f}" for name, value in score.items())
    assert f"{words} on 6 samples" in ended.out.splitlines()
