"""crmsprop fine-tune."""

import copy

import numpy as np
import pytest

from crmsprop import load


@pytest.fixture
def pets(folder):
    """Images of two new classes of the digits' shape, in a file."""
    rng = np.random.default_rng(0)
    y = np.array(["cat", "dog"])[np.arange(80) % 2]
    X = rng.integers(0, 9, (80, 8, 8)).astype(np.uint8)
    X[y == "dog", 2:6, 2:6] += 8
    np.savez(folder / "pets.npz", X=X, y=y)
    return "pets.npz"


def test_new_classes_on_old_features(run, model_file, trained, pets, folder):
    ended = run("fine-tune", "--data", pets, "--epochs", 3, "--threads", 1, model_file)
    assert ended.code == 0
    assert "epoch" in ended.out
    assert sorted(path.name for path in (folder / "crmsprop-fine-tuned").iterdir()) == [
        "history.csv",
        "learning_curves.png",
        "model.crms",
    ]
    tuned = load(folder / "crmsprop-fine-tuned" / "model.crms")
    assert tuned.classes_.tolist() == ["cat", "dog"]
    assert (tuned.n_epochs_, tuned.learning_rate) == (3, trained.learning_rate)
    np.testing.assert_array_equal(tuned.network_.arena.views["0.weight"], trained.network_.arena.views["0.weight"])


@pytest.mark.parametrize(("freeze", "moves"), [("none", True), ("0", True), ("3", False), ("features", False)])
def test_freeze(run, model_file, trained, pets, folder, freeze, moves):
    ended = run(
        "fine-tune", "--data", pets, "--epochs", 1, "--freeze", freeze, "--output", "new", "--quiet", model_file
    )
    assert ended.code == 0
    before, after = (m.network_.arena.views["0.weight"] for m in (trained, load(folder / "new" / "model.crms")))
    assert np.array_equal(before, after) != moves


def test_unfreeze_after(run, model_file, trained, pets, folder):
    assert run("fine-tune", "--data", pets, "--epochs", 2, "--unfreeze-after", 1, "--quiet", model_file).code == 0
    after = load(folder / "crmsprop-fine-tuned" / "model.crms").network_.arena.views["0.weight"]
    assert not np.array_equal(after, trained.network_.arena.views["0.weight"])


@pytest.mark.parametrize(("option", "ema"), [("none", None), ("0.5", 0.5)])
def test_averages(run, trained, pets, folder, option, ema):
    model = copy.copy(trained).set_params(ema=0.9)
    model.save(folder / "averaged.crms")
    assert run("fine-tune", "--data", pets, "--epochs", 1, "--ema", option, "--quiet", "averaged.crms").code == 0
    assert load(folder / "crmsprop-fine-tuned" / "model.crms").ema == ema


def test_keep_head(run, model_file, folder):
    ended = run("fine-tune", "--keep-head", "--epochs", 1, "--learning-rate", 0, "--output", "new", model_file)
    assert ended.code == 0
    assert load(folder / "new" / "model.crms").classes_.tolist() == list(range(10))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--freeze", "all"], "--freeze must be features, a number of layers or none, got 'all'"),
        (["--freeze", "-1"], "--freeze must be at least 0, got -1"),
        (["--unfreeze-after", "-2"], "--unfreeze-after must be at least 0, got -2"),
        (["--learning-rate", "-1"], "--learning-rate must be in [0, inf), got -1"),
        (["--keep-head"], "pets.npz has the classes cat, dog and the model knows"),
    ],
    ids=str,
)
def test_errors_leave_no_folder(run, model_file, pets, folder, arguments, message):
    ended = run("fine-tune", "--data", pets, "--quiet", *arguments, model_file)
    assert ended.code == 2
    assert ended.error().startswith(message)
    assert not (folder / "crmsprop-fine-tuned").exists()
    assert not list(folder.glob("crmsprop-*"))


def test_a_missing_model(run, folder):
    ended = run("fine-tune", "nowhere.crms")
    assert ended.code == 2
    assert "nowhere.crms" in ended.error()


def test_samples_that_the_model_does_not_take(run, model_file, pets):
    with np.load(pets) as arrays:
        np.savez("floats.npz", X=arrays["X"] / 255, y=arrays["y"])
        np.savez("small.npz", X=arrays["X"][:, 1:], y=arrays["y"])
    more = ("--epochs", 1, "--quiet", model_file)
    line = "floats.npz has samples of float64, and the model was trained on uint8: give --data with samples such as it "
    assert run("fine-tune", "--data", "floats.npz", *more).error().startswith(line)
    line = "small.npz has images of 7 x 8 x 1, and the model takes images of 8 x 8 x 1: give --data with samples such"
    assert run("fine-tune", "--data", "small.npz", *more).error().startswith(line)
