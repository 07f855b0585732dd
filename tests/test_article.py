"""The article's tour of what makes RMSprop train well, line by line, as a user writes it: does each do what it says?

What each part has to do beyond that is in its own tests.
"""

import csv
import doctest
import math

import numpy as np
import pytest
from cifar_files import make_images, write_py
from sklearn.model_selection import GridSearchCV, cross_val_score

import crmsprop
from crmsprop import CNNClassifier, NetworkClassifier, RMSprop, augment, callbacks, find_learning_rate, nn, schedules
from crmsprop.augment import Rotation, Translation, Zoom
from crmsprop.cli import main
from crmsprop.datasets import load_cifar10, load_digits
from crmsprop.nn import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU, Residual, models
from crmsprop.schedules import CosineAnnealing, ExponentialDecay, InverseTimeDecay, StepDecay

STEPS = 7  # in an epoch of 200 images


@pytest.fixture(scope="module")
def digits():
    """Images and labels that train, and that test."""
    return load_digits()


def small(**parameters):
    """A small convolutional network; where nothing is given, everything as it comes."""
    return CNNClassifier((8,), dense_units=(16,), random_state=0, **{"dropout": 0.0, "max_epochs": 5, **parameters})


def rates(schedule, digits, epochs, learning_rate=0.01):
    """The learning rate at the end of each epoch of a training on 200 digits."""
    (X, y), _ = digits
    model = small(learning_rate=learning_rate, schedule=schedule, max_epochs=epochs)
    return model.fit(X[:200], y[:200]).history_["learning_rate"]


# ---- the learning rate


def test_step_decay(digits):
    """Halved every three epochs."""
    expected = [0.01 * 0.5 ** (epoch // 3) for epoch in range(8)]
    assert rates(StepDecay(factor=0.5, every=3), digits, 8) == pytest.approx(expected, rel=1e-12)


def test_exponential_decay(digits):
    expected = [0.01 * math.exp(-0.1 * epoch) for epoch in range(8)]
    assert rates(ExponentialDecay(0.1), digits, 8) == pytest.approx(expected, rel=1e-12)


def test_cosine_annealing(digits):
    """Half a cosine over the steps of the training."""
    last_steps = [STEPS * (epoch + 1) - 1 for epoch in range(8)]
    expected = [0.01 * (1 + math.cos(math.pi * step / (8 * STEPS))) / 2 for step in last_steps]
    assert rates(CosineAnnealing(), digits, 8) == pytest.approx(expected, rel=1e-12)


def scheduler(epoch, learning_rate):
    return learning_rate * 0.1 if epoch > 10 else learning_rate


def test_the_scheduler_function_together_with_the_decay(digits):
    """As in Keras: the function is given its own rate of the epoch before, the decay divides by 1 + decay * steps."""
    expected, rate = [], 1e-3
    for epoch in range(14):
        rate = rate * 0.1 if epoch > 10 else rate
        expected.append(rate / (1 + 1e-6 * (STEPS * (epoch + 1) - 1)))
    got = rates(InverseTimeDecay(1e-6) * scheduler, digits, 14, learning_rate=1e-3)
    assert got == pytest.approx(expected, rel=1e-12)
    assert got[10] / got[11] == pytest.approx(10, rel=1e-4)


def test_the_learning_rate_finder(digits):
    """What it suggests learns faster than a rate a hundred times lower, or higher."""
    (X, y), _ = digits
    suggestion = find_learning_rate(small(), X, y).suggestion
    losses = [
        small(learning_rate=suggestion * factor, max_epochs=3).fit(X, y).history_["loss"][-1]
        for factor in (0.01, 1, 100)
    ]
    assert losses[1] == min(losses)
    assert losses[1] < 0.5 * math.log(10)  # that of a guess is log(10)


# ---- rho and epsilon


def test_rho_from_08_to_099_by_cross_validation(digits):
    (X, y), _ = digits
    X, y, rhos = X[:300], y[:300], [0.8, 0.9, 0.95, 0.99]
    search = GridSearchCV(small(learning_rate=0.01), {"rho": rhos}, cv=3).fit(X, y)
    table = search.cv_results_
    assert table["param_rho"].tolist() == rhos
    for rho, score in zip(rhos, table["mean_test_score"], strict=True):
        assert score == cross_val_score(small(learning_rate=0.01, rho=rho), X, y, cv=3).mean()
    assert search.best_params_ == {"rho": rhos[table["mean_test_score"].argmax()]}
    assert search.best_estimator_.rho == search.best_params_["rho"]
    assert len(set(table["mean_test_score"])) > 1  # it matters


def first_step(X, y, learning_rate, epsilon):
    """How far the first step of all samples moves each weight."""
    still, moved = (
        NetworkClassifier(
            [Dense(8)], learning_rate=rate, epsilon=epsilon, max_epochs=1, batch_size=len(X), random_state=0
        ).fit(X, y)
        for rate in (0.0, learning_rate)
    )
    return moved.network_.arena.flat - still.network_.arena.flat


def test_epsilon(digits):
    """``-learning_rate * g / (sqrt((1 - rho) * g**2) + epsilon)``: as long for every weight where epsilon is small."""
    (X, y), _ = digits
    X, y = X[:100].reshape(100, -1) / 16, y[:100]
    g = -first_step(X, y, learning_rate=1e6, epsilon=1e6)  # what is left is the gradient itself
    for epsilon in (1e-8, 1e-3, 0.1):
        expected = -0.01 * g / (np.sqrt(0.1 * g**2) + epsilon)
        np.testing.assert_allclose(first_step(X, y, 0.01, epsilon), expected, rtol=1e-4, atol=1e-9)
    lengths = np.abs(first_step(X, y, 0.01, epsilon=1e-8)[g != 0])
    np.testing.assert_allclose(lengths, 0.01 / math.sqrt(0.1), rtol=1e-3)


# ---- against over-fitting


def test_l2_on_one_layer(digits):
    """It changes the first step of that layer alone, and in the end its weights are the smaller ones."""
    (X, y), _ = digits

    def weights(l2, epochs, batch_size):
        layers = [Flatten(), Dense(32, l2=l2), ReLU(), Dense(16), ReLU()]
        model = NetworkClassifier(layers, max_epochs=epochs, batch_size=batch_size, random_state=0).fit(X, y)
        return {name: view for name, view in model.network_.arena.views.items() if name.endswith("weight")}

    plain, penalized = weights(None, 1, len(X)), weights(0.1, 1, len(X))
    assert [name for name in plain if not np.array_equal(plain[name], penalized[name])] == ["1.weight"]
    plain, penalized = weights(None, 10, 32), weights(0.1, 10, 32)
    shares = {name: np.linalg.norm(penalized[name]) / np.linalg.norm(plain[name]) for name in plain}
    assert shares["1.weight"] < 0.5
    assert min(shares["3.weight"], shares["5.weight"]) > 0.8


def test_dropout(digits):
    """The network over-fits less, and predicts with all of its units."""
    (X, y), (X_test, y_test) = digits
    gaps = {}
    for rate in (0.0, 0.5):
        layers = [Flatten(), Dense(128), ReLU(), Dropout(rate)]
        model = NetworkClassifier(layers, learning_rate=3e-3, max_epochs=30, random_state=0)
        history = model.fit(X[:100], y[:100], X_val=X_test, y_val=y_test).history_
        gaps[rate] = history["val_loss"][-1] - history["loss"][-1]
        assert np.array_equal(model.predict_proba(X_test), model.predict_proba(X_test))
    assert gaps[0.5] < 0.8 * gaps[0.0]
    assert model.evaluate(X[:100], y[:100])["loss"] < history["loss"][-1]  # the one that trained had half of its units


def test_rotation_translation_and_zoom(digits):
    """A network that saw them knows digits that stand elsewhere."""
    (X, y), (X_test, y_test) = digits
    moved = np.roll(X_test, (1, 1), axis=(1, 2))
    augmentation = Rotation(15) + Translation(0.15) + Zoom(0.1)
    plain, augmented = (
        small(learning_rate=3e-3, max_epochs=20, augmentation=given).fit(X[:300], y[:300])
        for given in (None, augmentation)
    )
    assert augmented.score(moved, y_test) > plain.score(moved, y_test) + 0.05
    first, second = (augmentation(X[:50], seed=0, epoch=epoch) for epoch in (0, 1))
    assert (first.shape, first.dtype) == (X[:50].shape, X.dtype)
    assert not np.array_equal(first, second)  # anew in every epoch


def test_early_stopping(digits):
    """The best epoch is `patience` epochs before the end, and its weights are those that are kept."""
    (X, y), (X_val, y_val) = digits
    model = small(learning_rate=0.01, max_epochs=200, early_stopping=True, patience=3)
    model.fit(X[:300], y[:300], X_val=X_val, y_val=y_val)
    losses = model.history_["val_loss"]
    assert model.n_epochs_ == model.best_epoch_ + 3 < 200
    assert model.best_epoch_ == np.argmin(losses) + 1
    assert model.evaluate(X_val, y_val)["loss"] == pytest.approx(min(losses), rel=1e-6)


# ---- for faster convergence


def test_batch_normalization(digits):
    """The same network gets further in as many epochs; gamma, beta and the running statistics say what comes out."""
    (X, y), _ = digits
    plain, normalized = (
        NetworkClassifier(models.reference_cnn(batch_norm=flag), max_epochs=3, random_state=0).fit(X[:400], y[:400])
        for flag in (False, True)
    )
    assert normalized.history_["loss"][-1] < 0.5 * plain.history_["loss"][-1]
    gamma, beta, mean, variance = (
        normalized.network_.arena.views[f"1.{name}"] for name in ("gamma", "beta", "running_mean", "running_variance")
    )
    before, after = (normalized.features(X[:100], layer) for layer in (0, 1))
    np.testing.assert_allclose(after, gamma * (before - mean) / np.sqrt(variance + 1e-5) + beta, rtol=0, atol=1e-5)


def without_blocks(layers):
    """The same convolutions one after another: nothing goes around them, nothing is normalized."""
    flat = [part for layer in layers for part in (layer.layers if isinstance(layer, Residual) else [layer])]
    return [layer for layer in flat if not isinstance(layer, BatchNorm)]


def test_a_deeper_network(digits):
    """Nineteen convolutions that train, where as many in a row hardly do."""
    (X, y), _ = digits
    deep = models.resnet20(width=4)
    row = without_blocks(deep)
    assert sum(isinstance(layer, Conv2D) for layer in row) == 19
    trained, stuck = (
        NetworkClassifier(layers, learning_rate=3e-3, max_epochs=4, random_state=0).fit(X[:300], y[:300])
        for layers in (deep, row)
    )
    assert trained.history_["loss"][-1] < 0.5 * stuck.history_["loss"][-1]


def test_fine_tuning(digits):
    """New classes from a few images, on features that stay as they are."""
    (X, y), (X_test, y_test) = digits
    layers = [Conv2D(16, 3), BatchNorm(), ReLU(), MaxPool2D(2), Flatten(), Dense(32), ReLU()]
    model = NetworkClassifier(layers, max_epochs=5, random_state=0).fit(X[y < 8], y[y < 8])
    before = {name: view.copy() for name, view in model.network_.arena.views.items()}
    model.fine_tune(X[y > 7][:60], y[y > 7][:60], freeze="features", max_epochs=20)
    after = model.network_.arena.views
    assert model.classes_.tolist() == [8, 9]
    # The convolution and its normalization are as they were, running statistics too.
    assert {name[0] for name in after if np.array_equal(after[name], before[name])} == {"0", "1"}
    assert model.score(X_test[y_test > 7], y_test[y_test > 7]) > 0.8


# ---- the example


def test_the_cifar10_program(tmp_path, capsys):
    """``crmsprop train``: data in the official format, the article's network and rates, a model and its history."""
    write_py(tmp_path / "cifar-10-batches-py", make_images(40))
    arguments = ["--data", "cifar10", "--data-home", str(tmp_path), "--model", "reference", "--epochs", "3"]
    assert main(["train", *arguments, "--output", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr().out
    with pytest.warns(UserWarning, match="tenth_from_twelfth_epoch"):  # a function is not loaded from a file
        model = crmsprop.load(tmp_path / "run" / "model.crms")
    kinds = [type(layer) for layer in model.network_.layers if type(layer) is not ReLU]
    assert kinds == [Conv2D, MaxPool2D, Conv2D, MaxPool2D, Flatten, Dense, Dropout, Dense]
    with open(tmp_path / "run" / "history.csv", newline="") as file:
        history = list(csv.DictReader(file))
    steps = [5 * (epoch + 1) - 1 for epoch in range(3)]  # 160 of 200 images train, 32 a step
    assert [float(row["learning_rate"]) for row in history] == pytest.approx([1e-3 / (1 + 1e-6 * s) for s in steps])
    _, (X_test, y_test) = load_cifar10(tmp_path, download=False)
    assert f"test accuracy {np.mean(model.predict(X_test) == y_test):.4f} on 40 samples" in printed


# ---- and where a user looks it up

#: Each line, the object that has it, and what one writes.
EXAMPLES = {
    "step decay": (schedules.StepDecay, "StepDecay(factor=0.5, every=10)"),
    "exponential decay": (schedules.ExponentialDecay, "ExponentialDecay(rate=0.1)"),
    "cosine decay": (schedules.CosineAnnealing, "CosineAnnealing(final=0.1)"),
    "the scheduler function together with the decay": (schedules, "schedule=InverseTimeDecay(1e-6) * scheduler"),
    "the finder": (crmsprop.find_learning_rate, "find_learning_rate(model, X, y)"),
    "rho by cross-validation": (CNNClassifier, '{"rho": [0.8, 0.9, 0.95, 0.99]}'),
    "epsilon": (RMSprop, "epsilon=1e-3"),
    "L2 on one layer": (nn.Dense, "Dense(64, l2=0.01)"),
    "dropout": (nn.Dropout, "Dropout(0.5)"),
    "rotation, translation, zoom": (augment, "Rotation(15) + Translation(0.1) + Zoom(0.1"),
    "early stopping": (CNNClassifier, "early_stopping=True, patience=5"),
    "early stopping by a callback": (callbacks.EarlyStopping, "EarlyStopping("),
    "batch normalization": (nn.BatchNorm, "BatchNorm()"),
    "a deeper network": (models, "models.resnet20()"),
    "fine-tuning": (CNNClassifier.fine_tune, ".fine_tune("),
    "the CIFAR-10 program": (main, '"--model", "reference"'),
}


@pytest.mark.parametrize(("thing", "written"), EXAMPLES.values(), ids=EXAMPLES)
def test_every_line_is_an_example_in_a_docstring(thing, written):
    """tests/test_doctests.py runs them."""
    examples = doctest.DocTestParser().get_examples(thing.__doc__)
    assert written in "".join(example.source for example in examples)
