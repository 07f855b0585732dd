"""save and load of what is no plain classifier: numbers, several labels, weights of classes."""

import numpy as np
import pytest
from sklearn.base import clone

import crmsprop


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.crms"


def saved_and_loaded(model, path):
    model.save(path)
    return crmsprop.load(path)


def assert_same_classifier(again, model, X, y):
    assert again.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert again.predict(X).tolist() == model.predict(X).tolist()
    assert again.evaluate(X, y) == model.evaluate(X, y)
    assert again.classes_.tolist() == model.classes_.tolist()


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "poisson"])
@pytest.mark.parametrize("columns", [None, 1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_regressors(cases, path, loss, columns, dtype):
    X, y = cases.numbers(columns=columns, dtype=dtype)
    model = cases.regressor(loss=loss, delta=0.25, early_stopping=True).fit(X, np.abs(y))
    again = saved_and_loaded(model, path)
    assert type(again) is type(model)
    assert again.get_params() == model.get_params()
    assert again.predict(X).tobytes() == model.predict(X).tobytes()
    assert again.predict(X).shape == y.shape
    assert again.evaluate(X, np.abs(y)) == model.evaluate(X, np.abs(y))
    assert again.history_ == model.history_
    assert again.best_epoch_ == model.best_epoch_
    assert not hasattr(again, "classes_")
    again.save(path.parent / "second")
    assert (path.parent / "second").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("kind", ["CNNRegressor", "NetworkRegressor", "NetworkClassifier"])
def test_every_estimator(cases, path, kind):
    X, y = cases.images()
    model = getattr(crmsprop, kind)(max_epochs=1, random_state=0).fit(X, y)
    again = saved_and_loaded(model, path)
    assert type(again) is type(model)
    assert again.predict(X).tobytes() == model.predict(X).tobytes()
    assert again.transform(X).tobytes() == model.transform(X).tobytes()


def test_several_labels(cases, path):
    X, y = cases.labels()
    model = cases.mlp().fit(X, y)
    again = saved_and_loaded(model, path)
    assert_same_classifier(again, model, X, y)
    assert again.multilabel_


@pytest.mark.parametrize(
    ("labels", "class_weight"),
    [([0, 1, 2], {0: 2.0, 2: 3}), (["a", "b", "c"], {"b": 0.5}), ([-1.0, 0.0, 2.0], {-1.0: 2.0}), ([0, 1], "balanced")],
)
def test_class_weights(cases, path, labels, class_weight):
    X, y = cases.rows()
    y = np.array(labels)[y % len(labels)]
    model = cases.mlp(class_weight=class_weight).fit(X, y)
    again = saved_and_loaded(model, path)
    assert again.class_weight == class_weight
    assert_same_classifier(again, model, X, y)
    assert clone(again).fit(X, y).predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
