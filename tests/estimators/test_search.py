"""Searches over every kind of parameter, successive halving over the epochs, and what early stopping leaves of one."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, StratifiedKFold

from crmsprop import NetworkClassifier
from crmsprop.augment import Crop, Flip
from crmsprop.nn import BatchNorm, Dense, ReLU, Tanh
from crmsprop.schedules import CosineAnnealing, StepDecay

SPLITS = StratifiedKFold(2, shuffle=True, random_state=0)

GRIDS = {
    "cnn": {
        "filters": [(2,), (3, 4)],
        "dense_units": [(), (6,), (5, 4)],
        "dropout": [0.0, 0.5],
        "augmentation": [None, Flip(), Flip() + Crop(1)],
    },
    "mlp": {
        "hidden_layer_sizes": [(), (5,), (9, 4)],
        "learning_rate": [1e-3, 1e-1],
        "rho": [0.5, 0.99],
        "epsilon": [1e-8, 1.0],
        "schedule": [None, StepDecay(0.1, 1), CosineAnnealing()],
        "l2": [0.0, 0.5],
        "batch_size": [5, 32],
        "max_epochs": [1, 4],
    },
    "network": {"layers": [[Dense(4), Tanh()], [Dense(4), BatchNorm(), ReLU()], [Dense(9), ReLU(), Dense(3), ReLU()]]},
}


def network(**parameters):
    return NetworkClassifier(**{"layers": [Dense(5), ReLU()], "max_epochs": 3, "random_state": 0} | parameters)


def log_losses(make, X, y, **parameters):
    """The negative log loss on each split, without a search and without clones."""
    scores = []
    for train, test in SPLITS.split(X, y):
        model = make(**parameters).fit(X[train], y[train])
        scores.append(-log_loss(y[test], model.predict_proba(X[test]), labels=model.classes_))
    return scores


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, grid in GRIDS.items() for name in grid])
def test_every_kind_of_parameter_can_be_searched(cases, kind, name):
    X, y = cases.images() if kind == "cnn" else cases.rows()
    make = network if kind == "network" else getattr(cases, kind)
    values = GRIDS[kind][name]
    search = GridSearchCV(make(), {name: values}, cv=SPLITS, scoring="neg_log_loss").fit(X, y)
    found = np.transpose([search.cv_results_[f"split{i}_test_score"] for i in range(2)])
    expected = [log_losses(make, X, y, **{name: value}) for value in values]
    np.testing.assert_array_equal(found, expected)
    assert len({tuple(scores) for scores in found}) == len(values)  # and each value makes a difference
    assert search.best_params_ == {name: values[int(np.argmax(np.mean(expected, axis=1)))]}
    assert getattr(search.best_estimator_, name) == search.best_params_[name]


def test_architecture_and_training_together(cases):
    X, y = cases.images()
    grid = {"filters": [(2,), (3, 4)], "dense_units": [(), (6,)], "rho": [0.5, 0.9], "max_epochs": [1, 2]}
    search = GridSearchCV(cases.cnn(), grid, cv=SPLITS, scoring="neg_log_loss").fit(X, y)
    assert len(search.cv_results_["params"]) == 16
    assert -search.best_score_ == -np.mean(log_losses(cases.cnn, X, y, **search.best_params_))
    assert search.best_estimator_.n_epochs_ == search.best_params_["max_epochs"]


def test_halving_over_the_epochs(cases):
    """Four candidates with 2 epochs each, two of them with 6, as many as 3 divides of 7."""
    X, y = cases.rows()
    grid = {"learning_rate": [1e-3, 3e-2], "rho": [0.5, 0.9]}
    search = HalvingGridSearchCV(
        cases.mlp(), grid, resource="max_epochs", max_resources=7, cv=SPLITS, scoring="neg_log_loss"
    ).fit(X, y)
    assert (search.n_resources_, search.n_candidates_) == ([2, 6], [4, 2])
    results = search.cv_results_
    for params, iteration, mean in zip(results["params"], results["iter"], results["mean_test_score"], strict=True):
        assert params["max_epochs"] == (2, 6)[iteration]
        assert mean == np.mean(log_losses(cases.mlp, X, y, **params))
    assert search.best_estimator_.n_epochs_ == search.best_params_["max_epochs"] == 6
    assert search.predict(X).shape == y.shape


def test_a_search_that_stops_early_tells_the_best_epoch(cases):
    X, y = cases.rows(n=90)
    model = cases.mlp(early_stopping=True, patience=2, max_epochs=40, learning_rate=0.03)
    search = GridSearchCV(model, {"rho": [0.5, 0.9]}, cv=SPLITS).fit(X, y)
    best = search.best_estimator_
    assert best.best_epoch_ == 1 + int(np.argmin(best.history_["val_loss"]))
    assert best.best_epoch_ <= best.n_epochs_ < 40


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_as_many_epochs_on_all_samples_are_what_early_stopping_chose(cases, kind):
    """Where nothing is held out because X_val is given, the refit has the very weights that were restored."""
    X, y = cases.images(n=90) if kind == "cnn" else cases.rows(n=90)
    model = getattr(cases, kind)(early_stopping=True, patience=2, max_epochs=40, learning_rate=0.03)
    stopped = model.fit(X[30:], y[30:], X_val=X[:30], y_val=y[:30])
    assert stopped.best_epoch_ < stopped.n_epochs_
    refitted = clone(stopped).set_params(early_stopping=False, max_epochs=stopped.best_epoch_).fit(X[30:], y[30:])
    np.testing.assert_array_equal(refitted.network_.arena.flat, stopped.network_.arena.flat)
    assert refitted.set_params(max_epochs=stopped.best_epoch_).fit(X, y).n_epochs_ == stopped.best_epoch_
