"""The fits of a search: the scores that scikit-learn's own searches find, and what is left where one ends early."""

import math
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, StratifiedKFold

from crmsprop import MLPClassifier
from crmsprop.cli import search as module
from crmsprop.cli.grid import all_candidates, make_grid, parse_param
from crmsprop.cli.search import search
from crmsprop.cli.study import Study
from crmsprop.cli.trials import Trial, ranked

RNG = np.random.default_rng(0)
Y = np.arange(90) % 3
X = RNG.normal(size=(90, 5)) + Y[:, None]
SPLITS = StratifiedKFold(3, shuffle=True, random_state=7)


def study_of(*params, epochs=(3,), scoring="neg_log_loss", **parameters):
    model = MLPClassifier((6,), **{"random_state": 0, "max_epochs": epochs[-1], "n_threads": 1, **parameters})
    candidates = all_candidates(make_grid([parse_param(param) for param in params]))
    trials = [Trial(candidate, 3, epochs[0]) for candidate in candidates]
    return Study(model, {"X": X, "y": Y}, SPLITS, get_scorer(scoring), trials, epochs)


def scores(study):
    return [trial.scores for trial in study.trials]


def scores_of(results):
    return np.transpose([results[f"split{i}_test_score"] for i in range(3)]).tolist()


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss"])
def test_scores_are_grid_search_cvs(scoring):
    study = study_of("learning_rate=1e-3,1e-1", "rho=0.5,0.9", scoring=scoring)
    search(study, 1, quiet=True)
    grid = {"learning_rate": [1e-3, 1e-1], "rho": [0.5, 0.9]}
    expected = GridSearchCV(study.estimator, grid, cv=SPLITS, scoring=scoring).fit(X, Y)
    assert scores(study) == scores_of(expected.cv_results_)
    assert ranked(study.trials)[0].values() == {**expected.best_params_, "max_epochs": 3}
    np.testing.assert_allclose(
        [trial.mean for trial in study.trials], expected.cv_results_["mean_test_score"], rtol=1e-14
    )
    np.testing.assert_allclose(
        [trial.std for trial in study.trials], expected.cv_results_["std_test_score"], rtol=1e-14
    )


def test_scores_are_halving_grid_search_cvs():
    study = study_of("learning_rate=1e-3,1e-1", "rho=0.5,0.9", epochs=(2, 6))
    search(study, 1, quiet=True)
    grid = {"learning_rate": [1e-3, 1e-1], "rho": [0.5, 0.9]}
    expected = HalvingGridSearchCV(
        study.estimator, grid, resource="max_epochs", max_resources=6, cv=SPLITS, scoring="neg_log_loss"
    ).fit(X, Y)
    results = expected.cv_results_
    wanted = zip(map(int, results["iter"]), results["params"], scores_of(results), strict=True)
    found = ((trial.rung, trial.values(), trial.scores) for trial in study.trials)
    in_order = [sorted(all_of, key=lambda one: (one[0], sorted(one[1].items()))) for all_of in (found, wanted)]
    assert in_order[0] == in_order[1]
    assert [trial.rung for trial in study.trials] == [0] * 4 + [1] * 2
    assert ranked(study.trials)[0].values() == expected.best_params_


def test_fits_at_a_time_find_the_same():
    """In threads, which end in any order; test_tune.py has processes."""
    one, two = (study_of("rho=0.5,0.9", "l2=0,0.1", "max_epochs=1,20") for _ in range(2))
    search(one, 1, quiet=True)
    with parallel_config(backend="threading"):
        search(two, 3, quiet=True)
    assert scores(two) == scores(one)


def test_what_is_shown(capsys):
    study = study_of("learning_rate=1e-3,1e300", "max_epochs=1,2")
    search(study, 1, quiet=False)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "1/4  learning_rate=1e-3 max_epochs=1, 1 epoch",
        "2/4  learning_rate=1e-3 max_epochs=2, 2 epochs",
        "3/4  learning_rate=1e300 max_epochs=1, 1 epoch",
        "4/4  learning_rate=1e300 max_epochs=2, 2 epochs",
    ]
    first = study.trials[0]
    assert f": {first.mean:.4f} +- {first.std:.4f}, about 0:0" in lines[0]
    assert "no score: the loss became" in lines[2]
    assert all(line.endswith(" left") for line in lines)


def test_the_time_left_goes_by_epochs(monkeypatch, capsys):
    """Two fits of 9 epochs each are done, after 18 seconds of a clock of our own: 6 epochs and 6 seconds are left."""
    study = study_of("max_epochs=9,3")
    study = Study(study.estimator, study.fit, StratifiedKFold(2), study.scorer, study.trials, study.epochs)
    for trial in study.trials:
        trial.n_splits = 2
    seconds = iter([0.0, 18.0, 24.0])

    def fits(study, n_jobs):
        for trial in study.trials:
            for i in range(2):
                trial.outcomes[i] = module.Outcome(0.5, 1.0)
                yield trial

    monkeypatch.setattr(module, "_finished_fits", fits)
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(seconds))
    search(study, 1, quiet=False)
    assert [line.rpartition(", ")[2] for line in capsys.readouterr().err.splitlines()] == [
        "about 0:06 left",
        "about 0:00 left",
    ]


def test_a_fit_that_diverges_has_no_score():
    study = study_of("learning_rate=1e300,1e-2")
    search(study, 1, quiet=True)
    bad, good = study.trials
    assert all(map(math.isnan, bad.scores))
    assert bad.is_complete
    assert bad.problem.startswith("the loss became")
    assert ";" not in bad.problem
    assert ranked(study.trials) == [good, bad]


def test_a_score_that_is_none():
    study = study_of("rho=0.9")
    study = Study(study.estimator, study.fit, SPLITS, lambda *_: math.inf, study.trials, study.epochs)
    search(study, 1, quiet=True)
    assert study.trials[0].problem == "it is inf"
    assert math.isnan(study.trials[0].mean)


class Fails:
    """A scorer that raises at its n-th call."""

    def __init__(self, error, call):
        self.error, self.left = error, call

    def __call__(self, estimator, X, y):
        self.left -= 1
        if self.left == 0:
            raise self.error
        return 0.5


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError("no room"), ValueError("no"), BrokenProcessPool()])
def test_what_is_done_stays_whatever_ends_the_search(error):
    study = study_of("rho=0.5,0.9", "l2=0,1")
    study = Study(study.estimator, study.fit, SPLITS, Fails(error, 6), study.trials, study.epochs)
    expected = MemoryError if isinstance(error, BrokenProcessPool) else type(error)
    with pytest.raises(expected) as caught:
        search(study, 1, quiet=True)
    assert [len(trial.outcomes) for trial in study.trials] == [3, 2, 0, 0]
    assert [trial.is_complete for trial in study.trials] == [True, False, False, False]
    if isinstance(error, MemoryError | ValueError):
        assert caught.value.__notes__ == ["in the fit of rho=0.5 l2=1"]


def test_a_killed_process_is_called_by_its_name():
    study = study_of("rho=0.5")
    study = Study(study.estimator, study.fit, SPLITS, Fails(BrokenProcessPool("x"), 1), study.trials, study.epochs)
    with pytest.raises(MemoryError, match="a process of the search was killed: if memory was short, give fewer --jobs"):
        search(study, 1, quiet=True)


def test_a_validation_set_goes_to_every_fit():
    study = study_of("rho=0.5,0.9", early_stopping=True, patience=1)
    fit = {**study.fit, "X_val": X[:30], "y_val": Y[:30]}
    study = Study(study.estimator, fit, SPLITS, study.scorer, study.trials, study.epochs)
    search(study, 1, quiet=True)
    grid = GridSearchCV(study.estimator, {"rho": [0.5, 0.9]}, cv=SPLITS, scoring="neg_log_loss")
    assert scores(study) == scores_of(grid.fit(X, Y, X_val=X[:30], y_val=Y[:30]).cv_results_)
