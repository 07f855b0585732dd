"""At home in scikit-learn: its own checks, its searches, its pipelines, its copies."""

import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GridSearchCV, cross_val_score, learning_curve
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from crmsprop import MLPClassifier
from crmsprop.schedules import StepDecay


def test_a_search_over_architecture_and_training(cases):
    X, y = cases.rows(n=90)
    grid = {"hidden_layer_sizes": [(4,), (9, 5)], "learning_rate": [1e-3, 0.05], "schedule": [None, StepDecay(0.5, 2)]}
    search = GridSearchCV(cases.mlp(), grid, cv=3).fit(X, y)
    assert len(search.cv_results_["params"]) == 8
    assert search.best_params_["learning_rate"] == 0.05
    assert search.score(X, y) > 0.8
    again = GridSearchCV(cases.mlp(), grid, cv=3).fit(X, y)
    np.testing.assert_array_equal(again.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"])


def test_two_processes_find_the_same_scores(cases):
    X, y = cases.rows(n=60)
    grid = {"rho": [0.5, 0.9], "dropout": [0.0, 0.5]}
    serial, parallel = (GridSearchCV(cases.mlp(), grid, cv=2, n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 2))
    for name in ("mean_test_score", "std_test_score", "rank_test_score"):
        np.testing.assert_array_equal(serial.cv_results_[name], parallel.cv_results_[name])
    expected = serial.best_estimator_.network_.arena.flat
    np.testing.assert_array_equal(parallel.best_estimator_.network_.arena.flat, expected)


def test_images_go_through_a_search(cases):
    X, y = cases.images()
    search = GridSearchCV(
        cases.cnn(kernel_size=2), {"filters": [(2,), (3, 4)], "padding": ["same", "valid"]}, cv=2
    ).fit(X, y)
    assert search.predict(X).shape == y.shape
    assert cross_val_score(cases.cnn(max_epochs=15, learning_rate=0.01), X, y, cv=3).mean() > 0.6


def test_a_pipeline(cases):
    X, y = cases.rows(n=90)
    pipe = Pipeline([("scale", StandardScaler()), ("net", cases.mlp(max_epochs=10, learning_rate=0.02))])
    assert pipe.fit(100 * X, y).score(100 * X, y) > 0.9
    search = GridSearchCV(pipe, {"net__batch_size": [8, 32], "net__centered": [True, False]}, cv=2).fit(X, y)
    assert search.predict_proba(X).shape == (90, 3)
    assert (
        cross_val_score(make_pipeline(MinMaxScaler(), cases.mlp(max_epochs=20, learning_rate=0.02)), X, y).mean() > 0.8
    )


def test_a_learning_curve(cases):
    X, y = cases.rows(n=60)
    sizes, train_scores, test_scores = learning_curve(cases.mlp(), X, y, cv=2, train_sizes=[0.5, 1.0], shuffle=True)
    assert sizes.tolist() == [15, 30]
    assert train_scores.shape == test_scores.shape == (2, 2)


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_a_clone_has_the_parameters_and_nothing_else(cases, kind):
    X, y = cases.images() if kind == "cnn" else cases.rows()
    model = getattr(cases, kind)(learning_rate=0.5, schedule=StepDecay(0.5, 2), early_stopping=True).fit(X, y)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert [name for name in vars(copy) if name.endswith("_") or name.startswith("_")] == []
    assert copy.fit(X, y).predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_a_pickle_predicts_the_same_bits(cases, kind, tmp_path):
    X, y = cases.images() if kind == "cnn" else cases.rows()
    model = getattr(cases, kind)(early_stopping=True).fit(X, y)
    expected = model.predict_proba(X).tobytes()
    again = pickle.loads(pickle.dumps(model))
    assert again.predict_proba(X).tobytes() == expected
    assert (again.history_, again.best_epoch_) == (model.history_, model.best_epoch_)
    joblib.dump(model, tmp_path / "model.joblib")
    assert joblib.load(tmp_path / "model.joblib").predict_proba(X).tobytes() == expected
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert mapped.predict_proba(X).tobytes() == expected
    assert again.fit(X, y).predict_proba(X).tobytes() == expected


def test_a_pickle_of_an_estimator_that_is_not_fitted(cases):
    again = pickle.loads(pickle.dumps(cases.mlp(rho=0.5)))
    assert again.get_params() == cases.mlp(rho=0.5).get_params()


def test_what_scikit_learn_takes_them_for(cases):
    for model in (cases.mlp(), cases.cnn()):
        assert is_classifier(model)
        tags = model.__sklearn_tags__()
        assert tags.input_tags.two_d_array
        assert tags.target_tags.required
    assert "MLPClassifier" in cases.mlp()._repr_html_()
    assert repr(MLPClassifier(rho=0.5)) == "MLPClassifier(rho=0.5)"
