"""What a search is made of, and what is found to be wrong with it before the first fit."""

import numpy as np
import pytest

from crmsprop import CNNClassifier, MLPClassifier
from crmsprop.cli.data import load_data
from crmsprop.cli.program import make_parser
from crmsprop.cli.study import make_study


@pytest.fixture
def study_of(folder, images):
    """Return a function that makes the study of a command line, on images of two classes or on their rows."""
    X, y = images
    np.savez(folder / "images.npz", X=X, y=y)
    np.savez(folder / "rows.npz", X=X.reshape(60, -1) / 255, y=y)

    def call(*arguments, data="images.npz"):
        options = make_parser().parse_args(["tune", "--data", data, *map(str, arguments)])
        return make_study(options, load_data(options))

    return call


def test_what_is_searched(study_of):
    study = study_of("--param", "rho=0.8,0.9", "--param", "batch_size=8,16", "--epochs", 7, "--cv", 3)
    assert [str(trial) for trial in study.trials] == [
        "rho=0.8 batch_size=8",
        "rho=0.8 batch_size=16",
        "rho=0.9 batch_size=8",
        "rho=0.9 batch_size=16",
    ]
    assert {(trial.n_splits, trial.epochs) for trial in study.trials} == {(3, 7)}
    assert type(study.estimator) is CNNClassifier
    assert (study.estimator.max_epochs, study.estimator.random_state) == (7, 0)
    assert study.plan() == (4, 4 * 3 * 7)
    assert set(study.fit) == {"X", "y"}


def test_epochs_that_are_searched_count(study_of):
    study = study_of("--param", "max_epochs=2,5", "--cv", 2)
    assert study.plan() == (2, 2 * (2 + 5))


def test_halving(study_of):
    study = study_of("--param", "rho=0.1,0.2,0.3,0.4,0.5", "--halving", "--epochs", 10, "--cv", 2)
    assert list(study.epochs) == [3, 9]
    assert study.plan() == (5 + 2, 2 * (5 * 3 + 2 * 9))


def test_random(study_of):
    names = [str(trial) for trial in study_of("--param", "l2=1e-5..1e-2:log", "--random", 3, "--seed", 5).trials]
    assert len(set(names)) == 3
    assert names == [
        str(trial) for trial in study_of("--param", "l2=1e-5..1e-2:log", "--random", 3, "--seed", 5).trials
    ]
    assert names != [str(trial) for trial in study_of("--param", "l2=1e-5..1e-2:log", "--random", 3).trials]


def test_splits_have_the_same_shares_and_the_seed(study_of):
    study, other = (study_of("--param", "rho=0.9", "--cv", 4, "--seed", seed) for seed in (1, 2))
    X, y = study.fit["X"], study.fit["y"]
    first = list(study.splits.split(X, y))
    assert [np.bincount(y[test]).tolist() for _, test in first] == [[6, 6]] * 4
    assert sorted(np.concatenate([test for _, test in first])) == list(range(48))
    for (_, test), (_, again) in zip(first, study.splits.split(X, y), strict=True):
        np.testing.assert_array_equal(test, again)
    assert any(not np.array_equal(a[1], b[1]) for a, b in zip(first, other.splits.split(X, y), strict=True))


@pytest.mark.parametrize(
    ("arguments", "fraction"),
    [
        ([], None),
        (["--early-stopping"], None),
        (["--validation-fraction", "0.2"], 0.2),
        (["--model", "tuned"], None),
    ],
)
def test_the_splits_are_the_validation(study_of, arguments, fraction):
    assert study_of("--param", "rho=0.9", *arguments).estimator.validation_fraction == fraction


def test_the_reference_validates_on_its_last_samples(study_of, images):
    X = np.repeat(np.repeat(images[0], 3, axis=1), 3, axis=2)
    np.savez("large.npz", X=X, y=images[1], X_test=X[:4], y_test=images[1][:4])
    study = study_of("--model", "reference", "--param", "rho=0.9", data="large.npz")
    assert (len(study.fit["X"]), len(study.fit["X_val"])) == (48, 12)
    np.testing.assert_array_equal(study.fit["X_val"], X[48:])
    assert study.estimator.early_stopping


def test_parameters_may_depend_on_each_other(study_of):
    study = study_of("--param", "early_stopping=yes,no", "--param", "patience=1,2")
    assert len(study.trials) == 4
    study = study_of("--nesterov", "--param", "momentum=0.5,0.9")
    assert len(study.trials) == 2


def test_rows(study_of):
    study = study_of("--param", "hidden_layer_sizes=4,8 4", data="rows.npz")
    assert type(study.estimator) is MLPClassifier
    assert [trial.values()["hidden_layer_sizes"] for trial in study.trials] == [(4,), (8, 4)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: --param"),
        (["--param", "rho"], "argument --param: must be NAME=VALUE,..., such as rho=0.8,0.9, got 'rho'"),
        (["--param", "rho=x"], "argument --param: rho must be a number: decay of RMSprop's mean square, in [0, 1); "),
        (["--param", "rho=0.9,1.2"], "--param rho must be in [0, 1), got 1.2"),
        (["--param", "filters=4,0"], "--param filters[0] must be at least 1, got 0"),
        (["--param", "dtype=float16"], "--param dtype must be one of 'float32', 'float64', got 'float16'"),
        (["--param", "max_epochs=0"], "--param max_epochs must be at least 1, got 0"),
        (["--param", "rho=0.9", "--epochs", 0], "--epochs must be at least 1, got 0"),
        (["--param", "rho=0.9", "--l2", -1], "--l2 must be in [0, inf), got -1"),
        (["--param", "l2=0,-1", "--param", "rho=0.9"], "--param l2 must be in [0, inf), got -1"),
        (["--param", "rho=0.9,3.0"], "--param rho must be in [0, 1), got 3.0"),
        (["--param", "rho=0.9,1e5"], "--param rho must be in [0, 1), got 1e5"),
        (["--param", "rho=0.9", "--seed", -1], "--seed must be an integer in [0, 2**32), got -1"),
        (["--param", "rho=0.9", "--rho", 0.8], "--rho does nothing with --param rho"),
        (["--param", "rho=0.9", "--param", "rho=0.8"], "--param must give the values of rho at once, got it 2 times"),
        (["--param", "hidden_layer_sizes=4"], "--param hidden_layer_sizes does not apply to --model cnn"),
        (["--param", "filters=4", "--model", "tuned"], "--param filters does not apply to --model tuned"),
        (["--param", "patience=3"], "--param patience does nothing without --early-stopping"),
        (["--param", "max_epochs=3", "--halving"], "--param max_epochs does nothing with --halving, which chooses "),
        (
            ["--param", "validation_fraction=0.1", "--model", "reference"],
            "--param validation_fraction does not apply to --model reference",
        ),
        (["--param", "rho=0.8..0.9"], "--param rho is a range, from which --random N draws"),
        (["--param", "rho=0.8,0.9", "--random", 3], "--random must be at most 2, got 3"),
        (["--param", "rho=0.9", "--cv", 1], "--cv must be at least 2, got 1"),
        (["--param", "rho=0.9", "--cv", 25], "--cv must be at most the 24 samples of the rarest class, 0, got 25"),
        (["--param", "rho=0.9", "--scoring", "acc"], "--scoring must name a scorer of scikit-learn, such as "),
        (["--param", "rho=0.9", "--jobs", 0], "--jobs must be at least 1, got 0"),
        (["--param", "rho=0.9", "--jobs", 2, "--scheduler", "x"], "--jobs does nothing with --scheduler"),
        (["--param", "rho=0.9", "--model", "fast"], "--model fast needs images of at least 25 x 25 pixels, got 6 x 5"),
        (
            ["--param", "rho=0.9", "--data", "rows.npz", "--param", "augmentation=flip"],
            "--param augmentation must not be ",
        ),
    ],
)
def test_errors_come_before_the_first_fit(run, study_of, folder, arguments, message):
    ended = run("tune", *(["--data", "images.npz"] if "rows.npz" not in arguments else []), *arguments)
    assert ended.code == 2
    assert ended.error().startswith(message)
    assert sorted(path.name for path in folder.iterdir()) == ["images.npz", "rows.npz"]
