"""crmsprop evaluate of regressors and of several labels at once; test_evaluate.py has the classes."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from crmsprop import MLPClassifier, MLPRegressor
from crmsprop.cli import assessing

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3))
NUMBERS = X @ RNG.normal(size=(3, 2)) + RNG.normal(size=(50, 2))
LABELS = (NUMBERS > [0.3, -0.5]).astype(int)


@pytest.fixture
def evaluate(run, folder):
    """Return a function that fits a model, evaluates it on the command line, and returns it and what was printed."""

    def call(model, y, *options):
        model.set_params(max_epochs=3, random_state=0).fit(X, y).save(folder / "m.crms")
        np.savez(folder / "d.npz", X=X, y=y)
        return model, run("evaluate", "m.crms", "--data", "d.npz", "--part", "all", *options)

    return call


@pytest.mark.parametrize("columns", [1, 2])
def test_numbers(evaluate, columns):
    y = NUMBERS[:, 0] if columns == 1 else NUMBERS
    model, ended = evaluate(MLPRegressor((5,)), y)
    error = y - model.predict(X)
    assert ended.code == 0
    lines = ended.out.splitlines()
    head = f"MLPRegressor for rows of 3, {columns} number{'s' * (columns > 1)}, trained 3 epochs"
    assert lines[:2] == [head, "d.npz, all"]
    assert lines[3].split("  ")[0].strip() == "output"
    for i, line in enumerate(lines[4 : 4 + columns]):
        column, wrong = (array.reshape(50, -1)[:, i] for array in (y, error))
        r2 = 1 - np.sum(wrong**2) / np.sum((column - column.mean()) ** 2)
        numbers = [column.mean(), (column - wrong).mean(), np.abs(wrong).mean(), np.sqrt(np.mean(wrong**2))]
        assert line.split() == [str(i), *(f"{number:.4g}" for number in numbers), f"{r2:.4f}"]
    assert lines[-1] == f"loss {np.mean(error**2):.4f}, R2 {model.score(X, y):.4f} on 50 samples"
    assert len(lines) == 6 + columns


def test_quiet(evaluate):
    _, ended = evaluate(MLPRegressor((5,)), NUMBERS, "--quiet")
    assert ended.out.splitlines() == [ended.out.strip()]
    assert ended.out.startswith("loss ")


def test_counts_of_which_a_part_is_always_0(evaluate, monkeypatch):
    monkeypatch.setattr(assessing, "PART", 10)
    counts = np.arange(50) // 20
    model, ended = evaluate(MLPRegressor((5,), loss="poisson"), counts)
    expected = model.predict(X)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(counts == 0, 0, counts * np.log(counts / expected))
    deviance = np.mean(2 * (logs - counts + expected))
    assert ended.out.splitlines()[-1].startswith(f"loss {deviance:.4f}, R2 ")


def test_a_single_sample_has_no_r2(evaluate, run, folder):
    evaluate(MLPRegressor((5,)), NUMBERS[:, 0])
    np.savez(folder / "d.npz", X=X[:1], y=NUMBERS[:1, 0])
    ended = run("evaluate", "m.crms", "--data", "d.npz", "--part", "all")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-3].split()[-1] == "-"
    assert "R2" not in ended.out.splitlines()[-1]


@pytest.mark.parametrize("part_size", [4096, 7])
def test_labels(evaluate, monkeypatch, part_size):
    monkeypatch.setattr(assessing, "PART", part_size)
    model, ended = evaluate(MLPClassifier((5,)), LABELS)
    predicted = model.predict(X)
    precision, recall, f1, support = precision_recall_fscore_support(LABELS, predicted)
    head, *rows = [line.split() for line in ended.out.splitlines()[3:6]]
    assert head[0] == "label"
    for label, row in enumerate(rows):
        right = np.count_nonzero(LABELS[:, label] & predicted[:, label])
        numbers = (f"{value:.4f}" for value in (recall[label], precision[label], f1[label]))
        assert row == [str(label), str(support[label]), str(right), *numbers]
    accuracy = np.mean((predicted == LABELS).all(axis=1))
    loss = model.evaluate(X, LABELS)["loss"]
    assert ended.out.splitlines()[-1] == f"loss {loss:.4f}, accuracy {accuracy:.4f} on 50 samples"


@pytest.mark.parametrize(("model", "y"), [(MLPRegressor((5,)), NUMBERS), (MLPClassifier((5,)), LABELS)])
def test_what_has_no_confusions(evaluate, folder, model, y):
    model, ended = evaluate(model, y, "--confusion", "c.png")
    assert ended.code == 2
    message = f"--confusion is for classes that exclude each other, got a {type(model).__name__} for rows of 3, 2 "
    assert ended.error().startswith(message)
    assert not (folder / "c.png").exists()


def test_numbers_that_do_not_fit(evaluate, run, folder):
    evaluate(MLPRegressor((5,)), NUMBERS)
    np.savez(folder / "d.npz", X=X, y=NUMBERS[:, 0])
    error = run("evaluate", "m.crms", "--data", "d.npz").error()
    assert error == "y must have shape (n_samples, 2), as it had in fit, got (10,)"
