"""crmsprop tune, from the command line to the files."""

import csv
import os
import signal
import time

import numpy as np
import pytest
from cifar_files import PY, make_images, write_py
from cli_processes import start
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold

import crmsprop
from crmsprop import CNNClassifier, kernels
from crmsprop.callbacks import Callback
from crmsprop.cli import fitting, tune
from crmsprop.cli.npz import read_npz
from crmsprop.cli.output import FILES
from crmsprop.cli.standings import PICTURE, TABLE
from crmsprop.schedules import CosineAnnealing

ALL = sorted([*FILES, TABLE, PICTURE])
SMALL = ("--data", "d.npz", "--filters", "4", "--dense-units", "8", "--epochs", "3", "--threads", "1", "--cv", "2")
GRID = ("--param", "learning_rate=1e-3,1e-1", "--param", "rho=0.5,0.9")


@pytest.fixture
def search(run, folder, images):
    """Return a function that runs ``crmsprop tune`` on a small network and small images."""
    rng = np.random.default_rng(0)
    X = np.clip(images[0] + rng.normal(0, 90, images[0].shape), 0, 255).astype(np.uint8)
    np.savez(folder / "d.npz", X=X, y=images[1])
    return lambda *arguments: run("tune", *SMALL, *arguments)


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def names(path):
    return sorted(item.name for item in path.iterdir())


def data():
    return read_npz(fitting.Path("d.npz"))


def base(**parameters):
    """What the command line makes of SMALL."""
    known = {"max_epochs": 3, "schedule": CosineAnnealing(), "random_state": 0, "n_threads": 1}
    return CNNClassifier((4,), dense_units=(8,), **{**known, **parameters})


def test_it_finds_what_python_finds(search, folder):
    ended = search(*GRID)
    assert ended.code == 0
    (X, y), _ = data()
    splits = StratifiedKFold(2, shuffle=True, random_state=0)
    expected = GridSearchCV(base(), {"learning_rate": [1e-3, 1e-1], "rho": [0.5, 0.9]}, cv=splits).fit(X, y)
    found = {(row["param_learning_rate"], row["param_rho"]): row for row in read(folder / "crmsprop-tune" / TABLE)}
    for i, (rate, rho) in enumerate([("1e-3", "0.5"), ("1e-3", "0.9"), ("1e-1", "0.5"), ("1e-1", "0.9")]):
        for k in range(2):
            assert float(found[rate, rho][f"split{k}_test_score"]) == expected.cv_results_[f"split{k}_test_score"][i]
    best = read(folder / "crmsprop-tune" / TABLE)[0]
    mean, std = float(best["mean_test_score"]), float(best["std_test_score"])
    assert mean == pytest.approx(expected.best_score_, rel=1e-14)
    words = f"learning_rate={best['param_learning_rate']} rho={best['param_rho']}"
    assert f"best: {words}, accuracy {mean:.4f} +- {std:.4f}" in ended.out.splitlines()
    assert_best_is_trained(ended, folder, best)
    assert_shown(ended)


def assert_best_is_trained(ended, folder, best):
    """On all the training data, and tested on the others."""
    assert names(folder / "crmsprop-tune") == ALL
    (X, y), test = data()
    model = base(learning_rate=float(best["param_learning_rate"]), rho=float(best["param_rho"])).fit(X, y)
    saved = crmsprop.load(folder / "crmsprop-tune" / "model.crms")
    np.testing.assert_array_equal(saved.network_.arena.flat, model.network_.arena.flat)
    score = model.evaluate(*test)
    line = f"test loss {score['loss']:.4f}, test accuracy {score['accuracy']:.4f} on 12 samples"
    assert line in ended.out.splitlines()


def assert_shown(ended):
    """Progress on standard error, the table and the files on standard output."""
    assert ended.err.splitlines()[:2] == [
        "d.npz: images of 6 x 5 x 1 uint8, 2 classes: 48 to train on, 12 to test",
        "4 candidates, 2 fits each, threads of a fit: 1",
    ]
    assert [line.split()[0] for line in ended.err.splitlines()[2:6]] == ["1/4", "2/4", "3/4", "4/4"]
    assert [line.split()[1] for line in ended.err.splitlines()[8:11]] == ["1/3", "2/3", "3/3"]
    head, *rows = [line.split() for line in ended.out.splitlines()[:5]]
    assert head == ["rank", "learning_rate", "rho", "mean", "std", "seconds"]
    means = [float(row[3]) for row in rows]
    assert means == sorted(means, reverse=True)
    for name in ALL:
        assert f"crmsprop-tune/{name}  " in ended.out


def test_halving_and_random(search, folder):
    ended = search("--halving", "--epochs", 9, "--random", 4, "--param", "l2=1e-4..1e-1:log", "--param", "rho=0.5,0.9")
    assert ended.code == 0
    rows = read(folder / "crmsprop-tune" / TABLE)
    assert [(row["iter"], row["n_resources"]) for row in rows] == [("1", "9")] * 2 + [("0", "3")] * 4
    model = crmsprop.load(folder / "crmsprop-tune" / "model.crms")
    assert (model.l2, model.rho) == (float(rows[0]["param_l2"]), float(rows[0]["param_rho"]))
    assert model.n_epochs_ == 9


def test_another_scorer_is_told_of_the_test_data_too(search, folder):
    """And where it is to be quiet, that is all, but for what three epochs are too few for."""
    ended = search("--scoring", "f1_macro", "--quiet", "--param", "rho=0.5,0.9")
    assert ended.code == 0
    assert all(line.startswith("crmsprop: warning: a test accuracy of ") for line in ended.err.splitlines())
    _, (X_test, y_test) = data()
    model = crmsprop.load(folder / "crmsprop-tune" / "model.crms")
    f1 = f1_score(y_test, model.predict(X_test), average="macro")
    best, result, *files = ended.out.splitlines()
    assert best.startswith(f"best: rho={model.rho}, f1_macro 0.")
    assert result.endswith(f", test f1_macro {f1:.4f} on 12 samples")
    assert sorted(line.split()[0] for line in files) == [f"crmsprop-tune/{name}" for name in ALL]


def test_parameters_of_every_kind(run, search, folder):
    grid = [
        "filters=3,2 4",
        "schedule=constant,step:factor=0.5,every=1",
        "augmentation=none,flip + crop:1,fill_mode=constant",
        "centered=yes",
        "clip_norm=none",
    ]
    params = [word for param in grid for word in ("--param", param)]
    ended = run("tune", "--data", "d.npz", "--epochs", 1, "--cv", 2, "--quiet", *params)
    assert ended.code == 0
    best = read(folder / "crmsprop-tune" / TABLE)[0]
    model = crmsprop.load(folder / "crmsprop-tune" / "model.crms")
    assert " ".join(map(str, model.filters)) == best["param_filters"]
    assert (type(model.schedule).__name__ == "StepDecay") == (best["param_schedule"] != "constant")
    assert (model.augmentation is None) == (best["param_augmentation"] == "none")
    assert (model.centered, model.clip_norm) == (True, None)
    assert len(read(folder / "crmsprop-tune" / TABLE)) == 8


def test_the_architecture(run, search, folder):
    params = ["kernel_size=1,3", "pool_size=1,2", "activation=relu,tanh", "padding=same,valid", "dense_units=4,8 6"]
    words = [word for param in params for word in ("--param", param)]
    assert run("tune", "--data", "d.npz", "--filters", 3, "--epochs", 1, "--cv", 2, "--quiet", *words).code == 0
    rows = read(folder / "crmsprop-tune" / TABLE)
    assert len(rows) == 32
    assert len({row["split0_test_score"] for row in rows}) > 1
    model = crmsprop.load(folder / "crmsprop-tune" / "model.crms")
    sizes = [str(model.kernel_size), str(model.pool_size)]
    assert sizes == [rows[0]["param_kernel_size"], rows[0]["param_pool_size"]]
    assert (model.activation, model.padding) == (rows[0]["param_activation"], rows[0]["param_padding"])
    assert " ".join(map(str, model.dense_units)) == rows[0]["param_dense_units"]


@pytest.mark.parametrize(
    ("param", "message"),
    [
        (
            "activation=relu,cubic",
            "--param activation must be one of 'relu', 'identity', 'tanh', 'logistic', got 'cubic'",
        ),
        ("kernel_size=3,0", "--param kernel_size must be at least 1, got 0"),
        ("padding=same,some", "--param padding must be "),
    ],
)
def test_an_architecture_that_is_none(search, folder, param, message):
    assert search("--param", param).error().startswith(message)
    assert names(folder) == ["d.npz"]


def test_cifar10_with_two_processes(run, folder, tmp_path):
    """The search that the help shows, on files of the official format, and the same without processes."""
    write_py(tmp_path / "data" / PY, make_images(40))
    grid = ("--param", "rho=0.8,0.9,0.95,0.99", "--param", "learning_rate=1e-4,1e-2", "--cv", 3)
    small = ("--filters", 2, "--kernel-size", 1, "--pool-size", 4, "--dense-units", 4, "--epochs", 1)
    found = []
    for jobs in (1, 2):
        home = ("--data-home", tmp_path / "data", "--no-download", "--output", f"with-{jobs}", "--jobs", jobs)
        ended = run("tune", "--data", "cifar10", *home, *grid, *small, "--scoring", "neg_log_loss")
        assert ended.code == 0
        assert "8 candidates, 3 fits each" in ended.err
        assert names(folder / f"with-{jobs}") == ALL
        found.append([{**row, "mean_fit_time": None} for row in read(folder / f"with-{jobs}" / TABLE)])
    assert found[0] == found[1]
    means = [float(row["mean_test_score"]) for row in found[0]]
    assert means == sorted(means, reverse=True)
    assert len(set(means)) == 8


def test_the_reference_program_on_the_digits(run, folder):
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (40, 12, 12)).astype(np.uint8), np.arange(40) % 2
    np.savez(folder / "d.npz", X=X, y=y, X_test=X[:4], y_test=y[:4])
    arguments = ("--data", "d.npz", "--epochs", 1, "--cv", 2, "--quiet", "--param", "dropout=0,0.5")
    assert run("tune", "--model", "reference", *arguments).code == 0
    with pytest.warns(UserWarning, match="tenth_from_twelfth_epoch"):
        model = crmsprop.load(folder / "crmsprop-tune" / "model.crms")
    assert model.history_["val_loss"] != [None]


def test_where_nothing_has_a_score_the_table_says_why(search, folder):
    ended = search("--param", "learning_rate=1e30,1e31", "--quiet")
    assert ended.code == 1
    assert ended.error().startswith("no candidate has a score, such as learning_rate=1e30: the loss became ")
    assert ended.error().endswith(f"; the scores that it has are in crmsprop-tune/{TABLE}")
    assert names(folder / "crmsprop-tune") == [TABLE]
    assert all(row["problem"].startswith("the loss became") for row in read(folder / "crmsprop-tune" / TABLE))


# the cores


@pytest.fixture
def threads(monkeypatch):
    """The threads that each fit of the search would have, of eight."""
    seen = []
    monkeypatch.setattr(kernels, "effective_n_threads", lambda n_threads=None: 8 if n_threads is None else n_threads)

    def note(study, n_jobs, quiet):
        seen.append((n_jobs, study.estimator.n_threads))
        raise MemoryError("that is all")

    monkeypatch.setattr(tune, "search", note)
    return seen


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], (1, 8)),
        (["--jobs", 2], (2, 4)),
        (["--jobs", 3], (3, 2)),
        (["--jobs", 20], (20, 1)),
        (["--jobs", 2, "--threads", 3], (2, 3)),
    ],
)
def test_each_fit_has_its_share_of_the_cores(run, folder, images, threads, arguments, expected):
    np.savez(folder / "d.npz", X=images[0], y=images[1])
    ended = run("tune", "--data", "d.npz", "--param", "rho=0.9", *arguments)
    assert ended.code == 1
    assert threads == [expected]
    assert f"threads of a fit: {expected[1]}" in ended.err


# what ends it early


class Press(Callback):
    """Presses Ctrl-C in an epoch, counted from 0."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, context):
        if context.epoch == self.epoch:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("epoch", [0, 1])
def test_ctrl_c_in_the_last_training(search, folder, monkeypatch, epoch):
    monkeypatch.setattr(fitting, "Announcement", lambda data: Press(epoch))
    ended = search(*GRID)
    assert ended.code == 130
    if epoch:
        line = "crmsprop: interrupted after 1 of 3 epochs, whose results are in crmsprop-tune"
    else:
        line = f"crmsprop: error: interrupted; the scores that it has are in crmsprop-tune/{TABLE}"
    assert ended.err.splitlines()[-1] == line
    assert names(folder / "crmsprop-tune") == (ALL if epoch else sorted([TABLE, PICTURE]))


@pytest.mark.parametrize("wanted", [None, "a/out"])
def test_without_a_single_fit_nothing_is_kept(search, folder, monkeypatch, wanted):
    def interrupt(study, n_jobs, quiet):
        raise KeyboardInterrupt

    monkeypatch.setattr(tune, "search", interrupt)
    ended = search(*GRID, *([] if wanted is None else ["--output", wanted]))
    assert ended.code == 130
    assert ended.err.splitlines()[-1] == "crmsprop: error: interrupted, nothing was kept"
    assert names(folder) == ["d.npz"]


def test_an_error_in_a_fit_keeps_what_was_done(search, folder, monkeypatch):
    fit, calls = CNNClassifier.fit, []

    def fail(self, *arguments, **keywords):
        calls.append(1)
        if len(calls) == 4:
            raise OSError(28, "No space left on device", "x")
        return fit(self, *arguments, **keywords)

    monkeypatch.setattr(CNNClassifier, "fit", fail)
    ended = search(*GRID)
    assert ended.code == 2
    note = f"in the fit of learning_rate=1e-3 rho=0.9; the scores that it has are in crmsprop-tune/{TABLE}"
    assert ended.err.splitlines()[-1] == f"crmsprop: error: x: No space left on device; {note}"
    assert [row["rank"] for row in read(folder / "crmsprop-tune" / TABLE)] == ["1", ""]


def test_ctrl_c_in_the_terminal(folder):
    """The signal of the terminal goes to every process of the group."""
    arguments = [
        *SMALL[2:6],
        "--epochs",
        "60",
        "--cv",
        "2",
        "--param",
        "rho=0.7,0.8,0.9,0.95,0.98,0.99",
        "--output",
        "out",
    ]
    with start("-m", "crmsprop", "tune", *arguments, "--jobs", "2", group=True) as process:
        while not (line := process.stderr.readline()).startswith("1/6"):
            assert line
        time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == f"crmsprop: error: interrupted; the scores that it has are in out/{TABLE}"
    assert "Traceback" not in err
    assert out.splitlines()[0].split()[:2] == ["rank", "rho"]
    assert names(folder / "out") == sorted([TABLE, PICTURE])
    assert read(folder / "out" / TABLE)[0]["rank"] == "1"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("--rho", "0.8,0.9"), ": to search, give --param rho=0.8,0.9"),
        (("--epochs", "5,10"), ": to search, give --param max_epochs=5,10"),
        (("--filters", "16 32,32 64"), ": to search, give --param 'filters=16 32,32 64'"),
        (("--schedule", "constant,cosine"), ": to search, give --param schedule=constant,cosine"),
        (("--rho", "0.8..0.9"), ": to search, give --param rho=0.8..0.9 and --random N"),
        (("--rho", "high"), "invalid float value: 'high'"),
        (("--cv", "2,3"), "invalid int value: '2,3'"),
    ],
)
def test_values_for_an_option_itself(run, arguments, hint):
    assert run("tune", *arguments).error().endswith(f'{hint} (see "crmsprop tune --help")')
    assert "--param" not in run("train", *arguments).error()
