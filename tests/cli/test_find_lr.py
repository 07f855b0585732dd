"""crmsprop find-lr, from the command line to the files."""

import csv
import struct
import sys

import numpy as np
import pytest

from crmsprop import CNNClassifier, MLPClassifier, find_learning_rate
from crmsprop.callbacks import Callback
from crmsprop.cli import find_lr
from crmsprop.cli.options import TRAINING
from crmsprop.datasets import load_digits
from crmsprop.estimators import LearningRateFinderResult

SMALL = ("--filters", "4", "--dense-units", "8", "--threads", "1")


@pytest.fixture
def find(run):
    return lambda *arguments: run("find-lr", *SMALL, *arguments)


@pytest.fixture(scope="module")
def digits():
    return load_digits()[0]


def read_csv(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_it_finds_what_python_finds(find, folder, digits):
    ended = find("--seed", 3, "--steps", 60, "--min-learning-rate", 1e-5, "--max-learning-rate", 1)
    assert ended.code == 0
    model = CNNClassifier((4,), dense_units=(8,), random_state=3)
    expected = find_learning_rate(model, *digits, 1e-5, 1.0, 60)
    rows = read_csv(folder / "crmsprop-find-lr" / "learning_rates.csv")
    assert list(rows[0]) == ["learning_rate", "loss", "smoothed_loss"]
    for column, values in (
        ("learning_rate", expected.learning_rates),
        ("loss", expected.losses),
        ("smoothed_loss", expected.smoothed_losses),
    ):
        assert [float(row[column]) for row in rows] == values.tolist()
    found = [line.split()[:2] for line in ended.out.splitlines()[:3]]
    assert found == [[name, f"{rate:.2g}"] for name, rate in expected.suggestions().items()]


def test_defaults_are_those_of_find_learning_rate(find, folder, digits):
    assert find().code == 0
    expected = find_learning_rate(CNNClassifier((4,), dense_units=(8,), random_state=0), *digits)
    rows = read_csv(folder / "crmsprop-find-lr" / "learning_rates.csv")
    assert [float(row["loss"]) for row in rows] == expected.losses.tolist()


def test_files(find, folder):
    ended = find()
    assert sorted(path.name for path in (folder / "crmsprop-find-lr").iterdir()) == sorted(find_lr.FILES)
    for name in find_lr.FILES:
        assert f"crmsprop-find-lr/{name}  " in ended.out
    content = (folder / "crmsprop-find-lr" / "learning_rates.png").read_bytes()
    assert struct.unpack(">II", content[16:24]) == (840, 540)
    assert "crmsprop-find-lr-2/learning_rates.csv  " in find().out


def test_what_is_trained_goes_to_standard_error(find):
    assert find().err.splitlines() == [
        "digits: images of 8 x 8 x 1 uint8, 10 classes: 1,347 to train on, 450 to test",
        "650 parameters, float32, threads: 1",
    ]
    assert find("--quiet").err == ""


def test_it_needs_no_tqdm(find, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert find("--quiet").code == 0
    ended = find()
    assert ended.code == 0
    assert len(ended.err.splitlines()) == 2


def test_missing_matplotlib(find, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert find().error() == f'a plot needs matplotlib: {sys.executable} -m pip install "crmsprop[cli]"'
    assert list(folder.iterdir()) == []


def test_data_and_network_of_ones_own(run, folder, images):
    X, y = images
    rows = X.reshape(60, -1) / 255
    np.savez(folder / "mine.npz", X=rows, y=y, X_test=rows[:5], y_test=y[:5])
    ended = run("find-lr", "--data", "mine.npz", "--hidden-layer-sizes", 5, "--batch-size", 7, "--momentum", 0.5)
    assert ended.code == 0
    expected = find_learning_rate(MLPClassifier((5,), batch_size=7, momentum=0.5, random_state=0), rows, y)
    losses = [float(row["loss"]) for row in read_csv(folder / "crmsprop-find-lr" / "learning_rates.csv")]
    assert losses == expected.losses.tolist()


def test_the_reference_program(run, folder):
    assert run("find-lr", "--model", "reference", "--steps", 12, "--threads", 1, "--max-learning-rate", 0.1).code == 0
    assert len(read_csv(folder / "crmsprop-find-lr" / "learning_rates.csv")) == 12


@pytest.mark.parametrize("option", [option for option in TRAINING if option.parameter in find_lr.NOT_OF_A_RAMP])
def test_options_that_a_ramp_has_no_use_for_are_unknown(find, option):
    flag = option.flag or f"--{option.parameter.replace('_', '-')}"
    having = "it is an option of train, tune, fine-tune"
    assert find(flag).error() == f'unknown {flag}: {having} (see "crmsprop find-lr --help")'


def test_there_are_all_others(run):
    text = run("find-lr", "--help").out
    for option in TRAINING:
        if option.parameter not in find_lr.NOT_OF_A_RAMP:
            assert (option.flag or f"--{option.parameter.replace('_', '-')}") in text
    assert set(find_lr.NOT_OF_A_RAMP) <= {option.parameter for option in TRAINING}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "1"], "--steps must be at least 2, got 1"),
        (["--min-learning-rate", "0"], "--min-learning-rate must be in (0, inf), got 0"),
        (["--max-learning-rate", "1e-8"], "--max-learning-rate must be above --min-learning-rate, got 1e-08 and 1e-07"),
        (["--rho", "2"], "--rho must be in [0, 1), got 2"),
        (["--data", "nothing.npz"], "got 'nothing.npz', which does not exist"),
        (
            ["--min-learning-rate", "9", "--max-learning-rate", "99", "--steps", "9"],
            "losses must fall somewhere to suggest a rate; between ",
        ),
    ],
)
def test_errors_leave_nothing(find, folder, arguments, message):
    ended = find("--quiet", *arguments)
    assert ended.code == 2
    assert message in ended.error()
    assert list(folder.iterdir()) == []


def test_interrupted(find, folder, monkeypatch):
    class Interrupting(Callback):
        def __init__(self, advance):
            pass

        def on_batch_end(self, context):
            raise KeyboardInterrupt

    monkeypatch.setattr(find_lr, "_Steps", Interrupting)
    ended = find()
    assert (ended.code, ended.out) == (130, "")
    assert list(folder.iterdir()) == []


# curves that say little


def ramp(losses, smoothed):
    return LearningRateFinderResult(np.geomspace(1e-7, 10, len(losses)), losses, smoothed)


@pytest.mark.parametrize("exploded", [False, True])
@pytest.mark.parametrize(("fall", "doubtful"), [(0.17, True), (0.18, False), (1.0, False)])
def test_a_fall_within_the_noise_is_doubted(fall, doubtful, exploded):
    """Steps of 0.2 from batch to batch are a deviation of 0.2 / sqrt(2) = 0.1414; the first tenth is not looked at."""
    losses = 2 + 0.1 * (-1.0) ** np.arange(60)
    message = find_lr.doubt(ramp(losses, np.r_[np.full(6, 9.0), np.linspace(2, 2 - fall, 54)]), exploded)
    assert bool(message) is doubtful
    if doubtful:
        assert message.startswith(
            "the rates may be chance: the smoothed loss falls by 0.17, and single batches differ by"
        )
        assert ("--max-learning-rate" in message) is not exploded


def test_losses_without_noise_are_not_doubted():
    falling = np.linspace(2, 1.99, 30)
    assert find_lr.doubt(ramp(np.full(30, 2.0), falling), False) == ""
    assert find_lr.doubt(ramp([2.0, 1.0], [2.0, 1.5]), False) == ""


def test_labels_that_nothing_can_tell(find, run, folder):
    rng = np.random.default_rng(0)
    np.savez(folder / "chance.npz", X=rng.normal(size=(1000, 20)), y=np.arange(1000) % 2)
    ended = run("find-lr", "--data", "chance.npz", "--quiet", "--threads", 1)
    assert ended.code == 0
    (line,) = ended.err.splitlines()
    assert line.startswith("crmsprop: warning: the rates may be chance: the smoothed loss falls by 0.0")
    assert "try a larger --batch-size or more --steps, and look at the data" in line
    assert "falls fastest: no suggestion, see the warning" in ended.out
