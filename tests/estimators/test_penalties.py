"""What an estimator's parameters make of RMSprop: decay, clips, momentum; and predictions from both ways round."""

from functools import partial

import numpy as np
import pytest

from crmsprop import CNNClassifier, MLPClassifier, NetworkClassifier, load
from crmsprop.nn import BatchNorm, Dense
from crmsprop.optimizer import RMSprop

X = np.random.default_rng(0).normal(size=(40, 6))
Y = np.arange(40) % 2


def one_step(**parameters):
    """A network after one step of all samples, the gradient of that step, and the weights before it."""
    model = NetworkClassifier([Dense(5), BatchNorm()], max_epochs=1, batch_size=40, random_state=0, **parameters)
    still = NetworkClassifier([Dense(5), BatchNorm()], max_epochs=1, batch_size=40, random_state=0, learning_rate=0.0)
    return model.fit(X, Y).network_, still.fit(X, Y).network_


def test_weight_decay_takes_its_share_of_the_weights_alone():
    plain, before = one_step(learning_rate=0.1)
    decayed, _ = one_step(learning_rate=0.1, weight_decay=0.5)
    for name, view in decayed.arena.views.items():
        kept = 0.1 * 0.5 * before.arena.views[name] if name.endswith("weight") else 0.0
        np.testing.assert_allclose(view, plain.arena.views[name] - kept, rtol=1e-12, atol=1e-12)
    assert not np.array_equal(decayed.arena.views["0.weight"], plain.arena.views["0.weight"])


@pytest.mark.parametrize(
    "parameters",
    [
        {"clip_value": 1e-3},
        {"clip_norm": 1e-3},
        {"global_clip_norm": 1e-3},
        {"momentum": 0.9, "nesterov": True},
        {"momentum": 0.9},
        {"weight_decay": 0.1, "l2": 0.1},
    ],
    ids=str,
)
def test_a_training_is_that_of_the_optimizer_with_these_options(parameters, monkeypatch):
    made = []
    original = RMSprop.__init__

    def spy(self, params, *args, **options):
        original(self, params, *args, **options)
        made.append(self)

    monkeypatch.setattr(RMSprop, "__init__", spy)
    MLPClassifier((4,), max_epochs=1, **parameters).fit(X, Y)
    for name, value in parameters.items():
        assert getattr(made[-1].options, name) == value


def test_a_clip_by_value_bounds_the_first_step():
    """With an epsilon far above it, the step is rate * gradient / epsilon: of that of the bound at most."""
    clipped, before = one_step(learning_rate=1.0, epsilon=1e3, clip_value=1e-3)
    moved = max(np.abs(clipped.arena.views[name] - before.arena.views[name]).max() for name in clipped.learned)
    assert moved == pytest.approx(1e-3 / 1e3, rel=1e-5)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"weight_decay": -1.0}, r"weight_decay must be in \[0, inf\), got -1.0"),
        ({"clip_norm": 0.0}, r"clip_norm must be in \(0, inf\), got 0.0"),
        ({"clip_norm": 1.0, "clip_value": 1.0}, "at most one of clip_value, clip_norm, global_clip_norm may be given"),
        ({"nesterov": True}, r"nesterov needs momentum in \(0, 1\), got momentum=0.0"),
    ],
)
def test_what_is_out_of_range(parameters, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier((4,), **parameters).fit(X, Y)


# predictions from an image and from its mirror image


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (30, 5, 6, 2)).astype(np.uint8), np.arange(30) % 3


def logits(model, images):
    return np.log(model.predict_proba(images).astype(np.float64))


def test_flipped_predictions_are_the_mean_of_both(images):
    X, y = images
    model = CNNClassifier((4,), dense_units=(5,), max_epochs=2, random_state=0).fit(X, y)
    both = (logits(model, X) + logits(model, X[:, :, ::-1])) / 2
    expected = np.exp(both) / np.exp(both).sum(axis=1, keepdims=True)
    model.set_params(flip_predictions=True)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-4)
    np.testing.assert_array_equal(model.predict_proba(X[:, :, ::-1]), model.predict_proba(X))
    np.testing.assert_array_equal(model.predict_proba(X[4:5]), model.predict_proba(X)[4:5])
    np.testing.assert_array_equal(model.predict(X), expected.argmax(axis=1))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_flipped_logits_are_those_of_the_flipped_predictions(images, n_classes):
    """Scorers such as roc_auc go by decision_function, where others go by predict_proba."""
    X, y = images[0], images[1] % n_classes
    model = CNNClassifier((4,), dense_units=(5,), max_epochs=2, random_state=0).fit(X, y)
    expected = (model.decision_function(X) + model.decision_function(X[:, :, ::-1])) / 2
    found = model.set_params(flip_predictions=True).decision_function(X)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert model.predict(X).tolist() == (found > 0 if n_classes == 2 else found.argmax(axis=1)).astype(int).tolist()


def test_flipped_predictions_are_what_evaluate_judges(images):
    X, y = images
    model = CNNClassifier((4,), dense_units=(5,), max_epochs=2, random_state=0, flip_predictions=True).fit(X, y)
    probabilities = model.predict_proba(X)
    found = model.evaluate(X, y)
    assert found["accuracy"] == pytest.approx(model.score(X, y))
    assert found["loss"] == pytest.approx(-np.log(probabilities[np.arange(30), y]).mean(), rel=1e-5)


def test_flipped_predictions_survive_a_file(images, tmp_path):
    X, y = images
    model = CNNClassifier((4,), max_epochs=1, random_state=0, flip_predictions=True).fit(X, y)
    model.save(tmp_path / "m.crms")
    again = load(tmp_path / "m.crms")
    assert again.flip_predictions is True
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_flipped_predictions_that_are_asked_for_after_a_fit_on_rows(tmp_path):
    model = MLPClassifier((4,), max_epochs=1).fit(X, Y).set_params(flip_predictions=True)
    rule = "flip_predictions must be False where fit has seen rows and no images, got True"
    evaluated, exported = partial(model.evaluate, X, Y), partial(model.export_onnx, tmp_path / "model.onnx")
    predicted = (partial(ask, X) for ask in (model.predict, model.predict_proba, model.decision_function))
    for call in (*predicted, evaluated, exported):
        with pytest.raises(ValueError, match=rule):
            call()
    with pytest.raises(TypeError, match="flip_predictions must be True or False, got 'no'"):
        model.set_params(flip_predictions="no").predict(X)


def test_flipped_predictions_need_images():
    with pytest.raises(ValueError, match=r"flip_predictions must be False unless X has shape \(n, height, width"):
        MLPClassifier((4,), flip_predictions=True).fit(X, Y)
    MLPClassifier((4,), flip_predictions=True, image_shape=(2, 3), max_epochs=1).fit(X, Y).predict(X)
