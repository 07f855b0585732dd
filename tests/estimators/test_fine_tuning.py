"""fine_tune: new classes on a fitted network, with the first layers frozen or not."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from crmsprop import CNNClassifier, MLPClassifier, MLPRegressor, NetworkClassifier, load
from crmsprop.augment import Flip
from crmsprop.callbacks import Checkpoint
from crmsprop.nn import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU
from crmsprop.training import Callback

LAYERS = [Conv2D(4, 3), BatchNorm(), ReLU(), MaxPool2D(2), Flatten(), Dense(8), ReLU(), Dropout(0.2)]


def task(classes, seed=0, n=60):
    """Images in which a bright square stands where the class says."""
    rng = np.random.default_rng(seed)
    y = np.asarray(classes)[rng.integers(0, len(classes), n)]
    X = rng.integers(0, 100, (n, 8, 8, 1)).astype(np.uint8)
    for i, label in enumerate(y):
        row, column = divmod(int(label), 3)
        X[i, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3] += 120
    return X, y


@pytest.fixture(scope="module")
def fitted():
    model = NetworkClassifier(LAYERS, image_shape=(8, 8, 1), max_epochs=15, learning_rate=5e-3, random_state=0)
    return model.fit(*task([0, 1, 2, 3, 4]))


def again(fitted, tmp_path):
    """A copy to spoil."""
    fitted.save(tmp_path / "model.crms")
    return load(tmp_path / "model.crms")


def changed(model, before):
    """Numbers of the layers with parameters that are not those of `before`."""
    return {
        int(name.split(".")[0])
        for name, view in model.network_.arena.views.items()
        if not np.array_equal(view, before.network_.arena.views[name])
    }


@pytest.mark.parametrize(
    ("freeze", "moves"),
    [("features", {5, 8}), (2, {5, 8}), (1, {1, 5, 8}), (None, {0, 1, 5, 8}), (lambda i, layer: i == 5, {0, 1, 8})],
    ids=["features", "2", "1", "None", "function"],
)
def test_what_is_frozen_stays_as_it_was(fitted, tmp_path, freeze, moves):
    X, y = task([0, 1, 2, 3, 4], seed=1)
    tuned = again(fitted, tmp_path).fine_tune(X, y, freeze=freeze, max_epochs=1)
    assert changed(tuned, fitted) == moves


def test_new_classes(fitted, tmp_path):
    X, y = task([7, 8], seed=2)
    tuned = again(fitted, tmp_path).fine_tune(X, np.array(["a", "b"])[y - 7], max_epochs=30)
    assert tuned.classes_.tolist() == ["a", "b"]
    X_test, y_test = task([7, 8], seed=3)
    assert tuned.score(X_test, np.array(["a", "b"])[y_test - 7]) > 0.9
    assert tuned.n_epochs_ == len(tuned.history_["loss"]) == 30
    assert tuned.max_epochs == 15


def test_after_unfreeze_after_every_layer_learns(fitted, tmp_path):
    X, y = task([0, 1, 2, 3, 4], seed=1)
    seen = []

    class Watch(Callback):
        def on_epoch_end(self, context):
            seen.append(context.network.arena.views["0.weight"].copy())

    model = again(fitted, tmp_path).set_params(callbacks=[Watch()])
    model.fine_tune(X, y, unfreeze_after=2, max_epochs=4)
    first = fitted.network_.arena.views["0.weight"]
    assert [np.array_equal(weight, first) for weight in seen] == [True, True, False, False]
    assert changed(model, fitted) == {0, 1, 5, 8}


@dataclass(frozen=True)
class Noted(Conv2D):
    """Notes its passes in training, and whether each of them was asked for a gradient to its input."""

    passes: ClassVar[list[str]] = []

    def forward(self, x, out, own, run):
        self.passes.append("forward")
        super().forward(x, out, own, run)

    def backward(self, x, out, dy, dx, own, run):
        self.passes.append("backward" if dx is None else "backward, dx")
        super().backward(x, out, dy, dx, own, run)


ONCE = {"forward": 6}  # three batches, two layers


@pytest.mark.parametrize(
    ("freeze", "augmentation", "expected"),
    [
        ("features", None, [ONCE, {}]),
        ("features", Flip(), [ONCE, ONCE]),
        (2, None, [ONCE | {"backward": 3}, {"forward": 3, "backward": 3}]),
        (None, None, [ONCE | {"backward": 3, "backward, dx": 3}] * 2),
    ],
    ids=["features", "augmented", "only the first", "none"],
)
def test_what_frozen_layers_cost(freeze, augmentation, expected):
    """No backward pass, nor one to them; and but one forward pass for each image, where it comes as it is."""
    stack = [Noted(4, 3), ReLU(), Noted(4, 3), MaxPool2D(2), Flatten(), Dense(8), ReLU()]
    model = NetworkClassifier(stack, image_shape=(8, 8, 1), max_epochs=1, batch_size=20, random_state=0)
    model.fit(*task([0, 1, 2])).set_params(augmentation=augmentation)
    epochs = []

    class Watch(Callback):
        def on_epoch_end(self, context):
            epochs.append(dict(Counter(Noted.passes)))
            Noted.passes.clear()

    Noted.passes.clear()
    model.set_params(callbacks=[Watch()]).fine_tune(*task([5, 6]), freeze=freeze, unfreeze_after=2, max_epochs=3)
    assert epochs == [*expected, ONCE | {"backward": 3, "backward, dx": 3}]


def test_keeping_the_head(fitted, tmp_path):
    X, y = task([1, 3], seed=4)
    tuned = again(fitted, tmp_path).fine_tune(X, y, reset_head=False, max_epochs=1, learning_rate=0.0)
    assert tuned.classes_.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(tuned.predict_proba(X), fitted.predict_proba(X))


def test_its_own_learning_rate(fitted, tmp_path):
    X, y = task([0, 1], seed=1)
    tuned = again(fitted, tmp_path).fine_tune(X, y, learning_rate=2e-4, max_epochs=2)
    assert tuned.history_["learning_rate"] == [2e-4, 2e-4]
    assert tuned.learning_rate == 5e-3


def test_an_mlp_freezes_all_but_its_output():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 6)), np.arange(50) % 3
    model = MLPClassifier((5, 4), max_epochs=1, random_state=0).fit(X, y)
    before = {name: view.copy() for name, view in model.network_.arena.views.items()}
    model.fine_tune(X, y, max_epochs=1)
    same = [name for name, view in model.network_.arena.views.items() if np.array_equal(view, before[name])]
    assert same == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_early_stopping_and_the_users_validation_set(fitted, tmp_path):
    X, y = task([5, 6], seed=1)
    X_val, y_val = task([5, 6], seed=2)
    model = again(fitted, tmp_path).set_params(early_stopping=True, patience=2)
    model.fine_tune(X, y, X_val=X_val, y_val=y_val, max_epochs=40)
    assert 1 <= model.best_epoch_ <= model.n_epochs_
    assert model.history_["val_loss"][model.best_epoch_ - 1] == min(model.history_["val_loss"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"freeze": "all"}, "freeze must be 'features', a number of layers, a function or None, got 'all'"),
        ({"freeze": 9}, "freeze must be at most 8, got 9"),
        ({"freeze": -1}, "freeze must be at least 0, got -1"),
        ({"freeze": lambda i, layer: True}, "freeze must leave the output layer to learn"),
        ({"unfreeze_after": -1}, "unfreeze_after must be at least 0, got -1"),
        ({"learning_rate": -1.0}, r"learning_rate must be in \[0, inf\), got -1.0"),
        ({"max_epochs": 0}, "max_epochs must be at least 1, got 0"),
        ({"y": np.full(60, 9), "reset_head": False}, "y must hold only labels that fit has seen"),
        ({"X": np.zeros((60, 8, 7, 1), np.uint8)}, "X must hold images of shape"),
        ({"X": np.zeros((60, 8, 8, 1))}, "X must be uint8, as it was in fit, got float64"),
    ],
)
def test_what_is_refused_leaves_the_model_as_it_was(fitted, tmp_path, arguments, message):
    X, y = task([0, 1, 2])
    model = again(fitted, tmp_path)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match=message):
        model.fine_tune(**{"X": X, "y": y, **arguments})
    np.testing.assert_array_equal(model.predict_proba(X), before)
    assert model.classes_.tolist() == [0, 1, 2, 3, 4]
    assert model.history_ == fitted.history_


@pytest.mark.parametrize("freeze", [[0, 1], 1.0, True])
def test_what_names_no_layers(fitted, tmp_path, freeze):
    rule = "freeze must be 'features', a number of layers, a function or None"
    with pytest.raises(TypeError, match=re.escape(f"{rule}, got {freeze!r}")):
        again(fitted, tmp_path).fine_tune(*task([0, 1, 2]), freeze=freeze)


def test_classes_become_labels_that_do_not_exclude_each_other(fitted, tmp_path):
    """The new head has a loss of its own: sigmoids, and the mean of their cross-entropies."""
    X, y = task([0, 1, 2])
    several = np.stack([y > 0, y > 1], axis=1).astype(int)
    model = again(fitted, tmp_path).fine_tune(X, several, max_epochs=30, learning_rate=0.01)
    probabilities = model.predict_proba(X)
    logits = model.decision_function(X).astype(np.float64)
    np.testing.assert_allclose(probabilities, 1 / (1 + np.exp(-logits)), atol=1e-6)
    entropy = -np.log(np.where(several == 1, probabilities, 1 - probabilities).astype(np.float64)).mean()
    assert model.evaluate(X, several)["loss"] == pytest.approx(entropy, rel=1e-4)
    assert model.multilabel_
    assert (model.predict(X) == several).mean() > 0.8
    assert again(model, tmp_path).predict_proba(X).tobytes() == probabilities.tobytes()


def test_numbers_become_counts():
    X, y = np.linspace(-1, 1, 60)[:, None], np.arange(60.0)
    model = MLPRegressor((4,), max_epochs=2, random_state=0).fit(X, y / 60)
    model.set_params(loss="poisson").fine_tune(X, y, freeze=None)
    np.testing.assert_allclose(model.predict(X), np.exp(model.features(X, -1)[:, 0]), rtol=1e-12)


def test_other_dropout_than_in_the_fit():
    """It is a layer more, and the parameters behind it have other numbers; they are the same ones."""
    X, y = task([0, 1, 2])
    model = CNNClassifier((4,), dense_units=(8, 6), dropout=0.0, max_epochs=2, random_state=0).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(dropout=0.5).fine_tune(X, y, reset_head=False, learning_rate=0.0, freeze=None)
    assert sum(isinstance(layer, Dropout) for layer in model.network_.layers) == 2
    assert model.predict_proba(X).tobytes() == before.tobytes()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"dense_units": (7,)}, r"'4.weight' of shape \(64, 7\) in place of '4.weight' of shape \(64, 8\)"),
        ({"dense_units": (8, 6)}, r"'7.weight' of shape \(8, 6\) in place of nothing"),
        ({"dense_units": ()}, r"nothing in place of '4.weight' of shape \(64, 8\)"),
    ],
)
def test_layers_that_have_changed_since_the_fit(changed, message):
    X, y = task([0, 1, 2])
    model = CNNClassifier((4,), dense_units=(8,), max_epochs=1, random_state=0).fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match=f"^layers must be those of the fit before, .*, got {message}: call fit"):
        model.set_params(**changed).fine_tune(X, y)
    assert model.predict_proba(X).tobytes() == before.tobytes()


def test_a_checkpoint_is_refused(fitted, tmp_path):
    model = again(fitted, tmp_path).set_params(callbacks=[Checkpoint(tmp_path / "never.crms")])
    with pytest.raises(ValueError, match="callbacks must hold no Checkpoint for fine_tune"):
        model.fine_tune(*task([0, 1, 2]))
    assert not (tmp_path / "never.crms").exists()
    assert model.history_ == fitted.history_


def test_not_fitted():
    with pytest.raises(NotFittedError):
        CNNClassifier().fine_tune(*task([0, 1]))


def test_the_same_bits_for_any_number_of_threads(fitted, tmp_path):
    X, y = task([5, 6])
    found = set()
    for n_threads in (1, 2, 3):
        model = again(fitted, tmp_path).set_params(n_threads=n_threads)
        found.add(model.fine_tune(X, y, unfreeze_after=1, max_epochs=2).network_.arena.flat.tobytes())
    assert len(found) == 1
