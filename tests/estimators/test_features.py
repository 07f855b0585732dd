"""transform and features: the activations on the way."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from crmsprop import CNNClassifier, NetworkClassifier
from crmsprop.nn import BatchNorm, Conv2D, Dropout, ReLU


def test_each_layer_of_an_mlp_against_the_formulas(cases):
    X, y = cases.rows()
    model = cases.mlp(hidden_layer_sizes=(5, 4), dropout=0.5).fit(X, y)
    views = model.network_.arena.views
    first = X @ views["0.weight"] + views["0.bias"]
    second = np.maximum(first, 0) @ views["3.weight"] + views["3.bias"]
    np.testing.assert_allclose(model.features(X, 0), first, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.features(X, 2), np.maximum(first, 0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.transform(X), np.maximum(second, 0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.features(X, -1), model.decision_function(X), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(model.features(X, -7), model.features(X, 0))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images(cases, dtype):
    X, y = cases.images(dtype=dtype)
    layers = [Conv2D(3, 3), BatchNorm(), ReLU(), Dropout(0.5)]
    model = NetworkClassifier(layers, max_epochs=2, random_state=0).fit(X, y)
    shapes = [model.features(X, i).shape for i in range(6)]
    assert shapes == [(61, *shape) for shape in model.network_.shapes]
    assert model.transform(X).shape == (61, 60)
    np.testing.assert_array_equal(model.transform(X), model.features(X, 2).reshape(61, 60))
    logits = model.transform(X) @ model.network_.arena.views["5.weight"] + model.network_.arena.views["5.bias"]
    np.testing.assert_array_equal(logits.argmax(axis=1), model.predict(X))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_nothing_hidden_is_the_sample_as_the_network_sees_it(cases, dtype):
    X, y = cases.rows()
    X = np.abs(10 * X).astype(dtype)
    model = cases.mlp(hidden_layer_sizes=()).fit(X, y)
    assert model.transform(X).dtype == (np.float64 if dtype == np.float64 else np.float32)
    np.testing.assert_array_equal(model.transform(X), X)
    images, labels = cases.images()
    model = NetworkClassifier(max_epochs=1).fit(images, labels)
    np.testing.assert_allclose(model.transform(images), images.reshape(61, -1) / 255, rtol=1e-6)


def test_a_row_does_not_depend_on_the_others_nor_on_threads(cases):
    X, y = cases.images(n=300)
    model = cases.cnn().fit(X, y)
    whole = model.transform(X)
    assert model.set_params(n_threads=3).transform(X).tobytes() == whole.tobytes()
    assert all(model.transform(X[i : i + 1]).tobytes() == whole[i].tobytes() for i in range(0, 300, 37))


def test_a_network_feeds_another_estimator(digits):
    (X, y), (X_test, y_test) = digits
    network = CNNClassifier((8,), dense_units=(32,), max_epochs=4, learning_rate=3e-3, random_state=0)
    pipe = make_pipeline(network, LogisticRegression(max_iter=2000)).fit(X, y)
    assert pipe.score(X_test, y_test) > 0.9


def test_names_and_frames(cases):
    X, y = cases.numbers()
    model = cases.regressor(hidden_layer_sizes=(3,)).fit(X, y)
    assert model.get_feature_names_out().tolist() == ["mlpregressor0", "mlpregressor1", "mlpregressor2"]
    frame = model.set_output(transform="pandas").transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert frame.shape == (61, 3)


@pytest.mark.parametrize(("layer", "message"), [
    (3, "layer must be at most 2, got 3"),
    (-4, "layer must be at least -3, got -4"),
    (0.5, "layer must be an integer"),
])  # fmt: skip
def test_a_layer_that_is_none(cases, layer, message):
    model = cases.mlp().fit(*cases.rows())
    with pytest.raises((TypeError, ValueError), match=message):
        model.features(cases.rows()[0], layer)


def test_before_a_fit(cases):
    for ask in ("transform", "predict", "decision_function"):
        with pytest.raises(NotFittedError):
            getattr(cases.mlp(), ask)(cases.rows()[0])
    for name in ("loss_curve_", "validation_scores_", "multilabel_"):
        assert not hasattr(cases.mlp(), name)
