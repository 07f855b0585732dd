"""The classifiers: they learn, they count right, and what they report is what the formulas say."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score

from crmsprop import CNNClassifier, MLPClassifier
from crmsprop.errors import DivergenceError
from crmsprop.nn import Dense
from crmsprop.training import COLUMNS


def test_an_mlp_reads_the_digits(digits):
    (X_train, y_train), (X_test, y_test) = digits
    model = MLPClassifier((100,), image_shape=(8, 8, 1), max_epochs=15, learning_rate=3e-3, random_state=0)
    assert model.fit(X_train, y_train).score(X_test, y_test) > 0.95


def test_a_cnn_reads_the_digits(digits):
    (X_train, y_train), (X_test, y_test) = digits
    model = CNNClassifier((8, 16), dense_units=(32,), dropout=0.2, max_epochs=12, learning_rate=3e-3, random_state=0)
    assert model.fit(X_train, y_train) is model
    assert model.score(X_test, y_test) > 0.95
    assert model.history_["loss"][-1] < 0.3 * model.history_["loss"][0]


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_predictions_agree_with_each_other(cases, kind):
    X, y = cases.images() if kind == "cnn" else cases.rows()
    labels = np.array(["b", "a", "c"])[y]
    model = getattr(cases, kind)().fit(X, labels)
    proba = model.predict_proba(X)
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert proba.shape == (len(X), 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)
    assert proba.min() >= 0
    assert model.predict(X).tolist() == model.classes_[proba.argmax(axis=1)].tolist()
    assert model.predict(X).dtype == labels.dtype
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(proba))
    assert model.score(X, labels) == accuracy_score(labels, model.predict(X))
    evaluated = model.evaluate(X, labels)
    of_label = proba[np.arange(len(X)), np.searchsorted(model.classes_, labels)]
    assert list(evaluated) == ["loss", "accuracy"]
    assert evaluated["accuracy"] == pytest.approx(model.score(X, labels))
    assert evaluated["loss"] == pytest.approx(-np.log(of_label).mean(), rel=1e-5)


def test_log_probabilities_of_the_impossible_are_minus_infinity(cases):
    X, y = cases.rows()
    model = cases.mlp().fit(X, y)
    model.network_.arena.views["2.bias"][0] = -1e6
    assert (model.predict_log_proba(X)[:, 0] == -np.inf).all()


@pytest.mark.parametrize(
    "labels", [np.array([7]), np.array([False, True]), np.array([2.0, 1.0]), np.arange(20), np.array(["x"], object)]
)
def test_one_class_two_and_many(cases, labels):
    X, _ = cases.rows()
    y = labels[np.arange(61) % len(labels)]
    model = cases.mlp(max_epochs=1).fit(X, y)
    assert model.classes_.tolist() == sorted(set(y.tolist()))
    assert model.predict_proba(X).shape == (61, len(labels))
    assert set(model.predict(X)) <= set(y)
    assert model.evaluate(X, y)["loss"] >= 0


@pytest.mark.parametrize("n", [1, 2])
def test_very_few_samples(cases, n):
    model = cases.mlp().fit(np.ones((n, 1)), np.arange(n))
    assert model.predict_proba(np.ones((3, 1))).shape == (3, n)


def test_history_and_what_fit_leaves(cases):
    X, y = cases.rows()
    model = cases.mlp(max_epochs=4).fit(X, y)
    assert tuple(model.history_) == COLUMNS
    assert {len(column) for column in model.history_.values()} == {model.n_epochs_} == {4}
    assert model.n_features_in_ == 6
    assert model.image_shape_ is None
    assert not hasattr(model, "best_epoch_")
    with pytest.raises(NotFittedError):
        clone(model).predict(X)
    for ask in (lambda m: m.summary(), lambda m: m.evaluate(X, y), lambda m: m.image_shape_, lambda m: m.score(X, y)):
        with pytest.raises(NotFittedError):
            ask(cases.mlp())


def test_random_state_decides(cases):
    X, y = cases.rows()
    first, again, other = (cases.mlp(random_state=seed, dropout=0.5).fit(X, y) for seed in (3, 3, 4))
    assert first.predict_proba(X).tobytes() == again.predict_proba(X).tobytes()
    assert first.predict_proba(X).tobytes() != other.predict_proba(X).tobytes()
    refitted = first.predict_proba(X).tobytes()
    assert first.fit(X, y).predict_proba(X).tobytes() == refitted
    drawn = cases.mlp(random_state=np.random.RandomState(3), dropout=0.5)
    assert drawn.fit(X, y).predict_proba(X).tobytes() == refitted
    assert drawn.fit(X, y).predict_proba(X).tobytes() != refitted  # the generator goes on
    starts = [cases.mlp(random_state=seed, learning_rate=0.0).fit(X, y).network_.arena.flat for seed in (3, 4)]
    assert not np.array_equal(*starts)
    free = cases.mlp(random_state=None)
    assert free.fit(X, y).predict_proba(X).tobytes() != free.fit(X, y).predict_proba(X).tobytes()


def test_summary_of_the_reference_network():
    X = np.zeros((10, 32, 32, 3), np.uint8)
    model = CNNClassifier((32, 64), padding="valid", dense_units=(128,), max_epochs=1, random_state=0)
    text = model.fit(X, np.arange(10)).summary()
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["layer", "output", "shape", "parameters", "MFLOP"]
    by_hand = [
        ("Conv2D", "(30, 30, 32)", 3 * 3 * 3 * 32 + 32, 2 * 30 * 30 * 32 * 27),
        ("ReLU", "(30, 30, 32)", 0, 0),
        ("MaxPool2D", "(15, 15, 32)", 0, 0),
        ("Conv2D", "(13, 13, 64)", 3 * 3 * 32 * 64 + 64, 2 * 13 * 13 * 64 * 288),
        ("ReLU", "(13, 13, 64)", 0, 0),
        ("MaxPool2D", "(6, 6, 64)", 0, 0),
        ("Flatten", "(2304)", 0, 0),
        ("Dense", "(128)", 2304 * 128 + 128, 2 * 2304 * 128),
        ("ReLU", "(128)", 0, 0),
        ("Dropout", "(128)", 0, 0),
        ("Dense", "(10)", 128 * 10 + 10, 2 * 128 * 10),
    ]
    for i, (name, shape, parameters, flop) in enumerate(by_hand):
        assert " ".join(lines[2 + i]) == f"{i} {name} {shape} {parameters:,} {flop / 1e6:.3f}"
    assert lines[-2] == ["total", "315,722", "8.378"]
    sizes = [3072, 28800, 28800, 7200, 10816, 10816, 2304, 2304, 128, 128, 128, 10]
    activations = 4 * 32 * sum(sizes) / 1e6
    assert text.splitlines()[-1] == (
        f"float32: 1.26 MB of parameters, {activations:.2f} MB of activations for a batch of 32"
    )
    assert model.network_.n_parameters == 315_722


def test_summary_of_an_mlp(cases):
    X, y = cases.rows()
    text = cases.mlp(hidden_layer_sizes=(100, 50), batch_size=8).fit(X, y).summary()
    assert f"{6 * 100 + 100 + 100 * 50 + 50 + 50 * 3 + 3:,}" in text.splitlines()[-2]
    assert text.splitlines()[-1].startswith("float64: ")
    assert text.endswith("for a batch of 8")


def test_early_stopping_keeps_the_best_epoch(cases):
    X, y = cases.rows(n=200, seed=3)
    X_val, y_val = cases.rows(n=100, seed=4)
    model = cases.mlp(learning_rate=0.05, early_stopping=True, patience=3, max_epochs=100).fit(
        X, y, X_val=X_val, y_val=y_val
    )
    losses = model.history_["val_loss"]
    assert model.n_epochs_ == len(losses) == model.best_epoch_ + 3 < 100
    assert model.best_epoch_ == int(np.argmin(losses)) + 1
    assert model.evaluate(X_val, y_val)["loss"] == pytest.approx(min(losses), rel=1e-12)
    last = clone(model).set_params(restore_best=False).fit(X, y, X_val=X_val, y_val=y_val)
    assert last.history_["val_loss"] == losses
    assert last.evaluate(X_val, y_val)["loss"] == pytest.approx(losses[-1], rel=1e-12)


def test_a_second_fit_forgets_the_first(cases):
    X, y = cases.rows()
    model = cases.mlp(early_stopping=True).fit(X, y)
    network = model.network_
    before = network.arena.flat.copy()
    model.set_params(early_stopping=False).fit(X[:, :4], y > 0)
    assert model.network_ is not network
    np.testing.assert_array_equal(network.arena.flat, before)
    assert (model.n_features_in_, len(model.classes_)) == (4, 2)
    assert not hasattr(model, "best_epoch_")


class OwnPenalty(MLPClassifier):
    """An MLP whose first layer has a penalty of its own."""

    def _layers(self, input_shape, n_outputs):
        first, *rest = super()._layers(input_shape, n_outputs)
        return [Dense(first.units, l2=0.5), *rest]


def one_step(kind, X, y, **parameters):
    """The arrays after one step on the whole set, from the same weights."""
    model = kind((4,), max_epochs=1, batch_size=1000, random_state=0, epsilon=1.0, rho=0.0, **parameters).fit(X, y)
    return {name: view.copy() for name, view in model.network_.arena.views.items()}


def test_l2_is_for_weights_and_a_layer_s_own_wins(cases):
    X, y = cases.rows()
    plain, penalized = (one_step(MLPClassifier, X, y, l2=l2) for l2 in (0.0, 0.1))
    own, own_alone, strong = (one_step(OwnPenalty, X, y, l2=l2) for l2 in (0.1, 0.0, 0.5))
    for name in ("0.bias", "2.bias"):
        assert plain[name].tobytes() == penalized[name].tobytes() == own[name].tobytes()
    assert not np.array_equal(plain["0.weight"], penalized["0.weight"])
    assert not np.array_equal(plain["2.weight"], penalized["2.weight"])
    assert own["0.weight"].tobytes() == own_alone["0.weight"].tobytes() == strong["0.weight"].tobytes()
    assert not np.array_equal(own["0.weight"], penalized["0.weight"])
    assert own["2.weight"].tobytes() == penalized["2.weight"].tobytes()
    assert own_alone["2.weight"].tobytes() == plain["2.weight"].tobytes()


def test_an_own_l2_of_zero_is_no_penalty(cases):
    X, y = cases.rows()

    class Free(MLPClassifier):
        def _layers(self, input_shape, n_outputs):
            return [replace(layer, l2=0.0) if isinstance(layer, Dense) else layer for layer in self._stack(input_shape)]

        def _stack(self, input_shape):
            return super()._layers(input_shape, 3)

    for name, array in one_step(Free, X, y, l2=0.5).items():
        assert array.tobytes() == one_step(MLPClassifier, X, y)[name].tobytes()


def test_biases_have_no_penalty_after_many_steps(cases):
    """Of zeros nothing can be learned but the biases of the output."""
    y = np.array([0, 0, 0, 1, 1, 2])
    free, bound = (cases.mlp(l2=l2, max_epochs=20, learning_rate=0.01).fit(np.zeros((6, 4)), y) for l2 in (0.0, 0.5))
    assert free.network_.arena.views["2.bias"].any()
    assert free.network_.arena.views["2.bias"].tobytes() == bound.network_.arena.views["2.bias"].tobytes()
    assert not np.array_equal(free.network_.arena.views["2.weight"], bound.network_.arena.views["2.weight"])


def test_l2_shrinks_the_weights_and_stays_out_of_the_loss(cases):
    X, y = cases.rows(n=200)
    free, bound = (cases.mlp(l2=l2, max_epochs=20, learning_rate=0.01).fit(X, y) for l2 in (0.0, 0.05))
    assert np.abs(bound.network_.arena.flat).sum() < 0.8 * np.abs(free.network_.arena.flat).sum()
    evaluated = bound.evaluate(X, y)["loss"]
    assert evaluated == pytest.approx(-np.log(bound.predict_proba(X)[np.arange(200), y]).mean(), rel=1e-9)


def test_after_a_divergence_the_last_good_weights_predict(cases):
    X, y = cases.rows(dtype=np.float32)
    X = X * np.float32(1e18)
    model = cases.mlp(learning_rate=1e30, max_epochs=9)
    with pytest.raises(DivergenceError, match=r"in epoch \d+, batch \d+ of 4, at learning rate 1e\+30"):
        model.fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()
    assert len(model.history_["loss"]) == model.n_epochs_ < 9


def test_dropout_is_off_in_predictions(cases):
    X, y = cases.rows()
    model = cases.mlp(dropout=0.9).fit(X, y)
    assert model.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    views = model.network_.arena.views
    logits = np.maximum(X @ views["0.weight"] + views["0.bias"], 0) @ views["3.weight"] + views["3.bias"]
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(model.predict_proba(X), p / p.sum(axis=1, keepdims=True), rtol=1e-10)


def test_a_linear_model_and_a_model_without_activation(cases):
    X, y = cases.rows()
    assert [type(layer).__name__ for layer in cases.mlp(hidden_layer_sizes=()).fit(X, y).network_.layers] == ["Dense"]
    identity = cases.mlp(hidden_layer_sizes=(4, 5), activation="identity").fit(X, y)
    assert [layer.units for layer in identity.network_.layers] == [4, 5, 3]
