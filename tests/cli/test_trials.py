"""Scores of candidates, their order, and successive halving as scikit-learn has it."""

import math

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingGridSearchCV

from crmsprop.cli.grid import Value
from crmsprop.cli.trials import Outcome, Trial, halving_epochs, ranked, survivors


def trial(name, *scores, rung=0, n_splits=2, epochs=9):
    outcomes = {i: Outcome(score, 0.5 + i) for i, score in enumerate(scores)}
    return Trial({"rho": Value(name, name)}, n_splits, epochs, rung, outcomes)


def test_means():
    one = trial("a", 0.5, 0.8)
    assert (one.is_complete, one.scores, one.seconds, one.problem) == (True, [0.5, 0.8], 1.0, "")
    assert (one.mean, one.std) == (np.mean([0.5, 0.8]), np.std([0.5, 0.8]))
    assert str(one) == "rho=a"
    assert one.values() == {"rho": "a", "max_epochs": 9}


def test_what_is_not_there_yet():
    for one in (trial("a", 0.5), trial("a")):
        assert not one.is_complete
        assert math.isnan(one.mean)
        assert math.isnan(one.std)
    assert trial("a", 0.5).seconds == 0.5
    assert math.isnan(trial("a").seconds)


def test_a_fit_without_a_score():
    one = trial("a", 0.5)
    one.outcomes[1] = Outcome(math.nan, 1.0, "it diverged")
    assert one.is_complete
    assert math.isnan(one.mean)
    assert one.problem == "it diverged"


def test_epochs_that_are_searched():
    one = Trial({"max_epochs": Value("5", 5)}, 2, 60)
    assert (one.epochs, one.values()) == (5, {"max_epochs": 5})


def test_order():
    trials = [
        trial("a", 0.5),
        trial("b", 0.1, 0.3),
        trial("c", 0.1, 0.1, rung=1),
        trial("d", 0.3, 0.1),
        trial("e", 1, 1),
    ]
    assert [str(one)[-1] for one in ranked(trials)] == ["c", "e", "b", "d", "a"]


class Scored(ClassifierMixin, BaseEstimator):
    """Scores what its parameters say."""

    def __init__(self, place=0, max_epochs=1):
        self.place = place
        self.max_epochs = max_epochs

    def fit(self, X, y):
        self.classes_ = [0, 1]
        return self

    def predict(self, X):
        return np.zeros(len(X), int)

    def score(self, X, y):
        return score_of(self.place, self.max_epochs)


def score_of(place, epochs):
    return math.sin(7.0 * place + epochs)  # another order in each rung, and no two alike


@pytest.mark.parametrize("max_epochs", [1, 2, 9, 10, 27, 60])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 9, 10, 28])
def test_halving_is_scikit_learns(n, max_epochs):
    search = HalvingGridSearchCV(
        Scored(), {"place": list(range(n))}, resource="max_epochs", max_resources=max_epochs, cv=2, refit=False
    ).fit(np.zeros((4, 1)), [0, 1, 0, 1])
    asked = list(zip(search.cv_results_["iter"], search.cv_results_["params"], strict=True))
    epochs = halving_epochs(n, max_epochs)
    assert epochs == search.n_resources_
    rung = [Trial({"place": Value(str(i), i)}, 1, epochs[0]) for i in range(n)]
    for i, some in enumerate(epochs):
        rung = rung if i == 0 else survivors(rung, some)
        for one in rung:
            one.outcomes[0] = Outcome(score_of(one.candidate["place"].value, some), 0.0)
        wanted = sorted((params["place"], params["max_epochs"]) for rung_of, params in asked if rung_of == i)
        assert [(one.candidate["place"].value, one.epochs) for one in rung] == wanted
    assert ranked(rung)[0].candidate["place"].value == search.best_params_["place"]


def test_how_long_the_fits_are_where_they_stop_early():
    one = trial("a", 0.5)
    assert one.length == "9 epochs"
    one.outcomes[0] = Outcome(0.5, 1.0, best_epoch=3)
    assert one.length == "best epoch 3 of at most 9"
    one.outcomes[1] = Outcome(0.5, 1.0, best_epoch=2)
    assert one.length == "best epoch 2 to 3 of at most 9"
    assert Trial({}, 2, 1).length == "1 epoch"
