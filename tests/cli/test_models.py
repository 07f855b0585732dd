"""What --model names: each recipe builds, fits images, and trains."""

import numpy as np
import pytest
from PIL import Image

from crmsprop import CNNClassifier, NetworkClassifier, load
from crmsprop.cli.data import Data
from crmsprop.cli.models import Job, watched
from crmsprop.cli.recipes import RECIPES


def test_tuned_trains_on_the_digits(run, folder):
    assert run("train", "--model", "tuned", "--epochs", 2, "--threads", 1, "--quiet").code == 0
    model = load(folder / "crmsprop-run" / "model.crms")
    assert type(model) is NetworkClassifier
    assert model.get_params()["momentum"] == RECIPES["tuned"].parameters["momentum"]


def test_fast_trains_on_images_of_25_pixels(run, folder):
    rng = np.random.default_rng(0)
    np.savez(folder / "d.npz", X=rng.integers(0, 256, (40, 25, 25, 3)).astype(np.uint8), y=np.arange(40) % 2)
    arguments = ("--epochs", 1, "--batch-size", 20, "--threads", 1, "--quiet")
    assert run("train", "--model", "fast", "--data", "d.npz", *arguments).code == 0
    assert load(folder / "crmsprop-run" / "model.crms").flip_predictions is True


@pytest.mark.parametrize("name", ["fast", "vgg16"])
def test_images_that_are_too_small(run, folder, name):
    smallest = RECIPES[name].smallest
    rule = f"--model {name} needs images of at least {smallest} x {smallest} pixels"
    error = run("train", "--model", name, "--epochs", 1, "--quiet").error()
    assert error == f"{rule}, got 8 x 8: give larger images or another --model"
    for label in ("dark", "light"):
        (folder / "photos" / label).mkdir(parents=True)
        for i in range(12):
            Image.new("RGB", (40, 40)).save(folder / "photos" / label / f"{i}.png")
    error = run("find-lr", "--model", name, "--data", "photos", "--image-shape", smallest, smallest - 1).error()
    assert error == f"{rule}, got {smallest} x {smallest - 1}: give a larger --image-shape or another --model"


@pytest.mark.parametrize("name", sorted(name for name, recipe in RECIPES.items() if recipe.smallest > 1))
def test_the_smallest_images_are_those_that_the_layers_take(run, name):
    smallest = RECIPES[name].smallest
    assert run("summary", "--model", name, "--input-shape", smallest, smallest, 3).code == 0
    error = run("summary", "--model", name, "--input-shape", smallest, smallest - 1, 3).error()
    assert "does not fit the shape" in error


@pytest.mark.parametrize("name", ["tuned", "fast", "vgg16"])
def test_what_does_not_apply(run, name):
    assert run("train", "--model", name, "--filters", 4).error() == f"--filters does not apply to --model {name}"


@pytest.mark.parametrize(
    ("name", "count"),
    # convolutions without bias, two numbers a channel for each normalization, and the dense layers
    [
        ("tuned", 9 * 3 * 32 + 9 * 32 * 64 + 64 * 64 * 128 + 2 * (32 + 64 + 128) + 1290),
        ("vgg16", 14_714_688 + 2 * 4224 + 512 * 512 + 512 + 5130),  # torchvision's features, and ours behind them
    ],
)
def test_summaries(run, name, count):
    ended = run("summary", "--model", name)
    assert ended.code == 0
    assert f"{count:,}" in ended.out


@pytest.mark.parametrize("n", [50, 55, 59])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"validation_fraction": 0.25},
        {"early_stopping": True},
        {"early_stopping": True, "monitor": "loss"},
        {"early_stopping": True, "validation_fraction": 0.3},
    ],
)
def test_the_samples_that_watch_are_those_that_fit_holds_out(n, parameters):
    X, y = np.zeros((n, 4, 4, 1), np.uint8), np.arange(n) % 2
    held_out = []

    class Noting(CNNClassifier):
        def _split(self, *given, **more):
            split = super()._split(*given, **more)
            held_out.append(0 if split.validation is None else split.validation.n_samples)
            return split

    model = Noting((1,), dense_units=(), max_epochs=1, **parameters).fit(X, y)
    data = watched(Data("mine", X, y, X, y), Job(model, {"X": X, "y": y}))
    assert data.watching == held_out[0]
    assert f", 2 classes: {n - data.watching} to train on" in data.describe()


@pytest.mark.parametrize("fraction", [np.nan, 0.0, 1.5])
def test_a_share_that_fit_refuses_is_no_error_yet(fraction):
    X = np.zeros((9, 2))
    assert watched(Data("mine", X, X, X, X), Job(CNNClassifier(validation_fraction=fraction), {"X": X})).watching == 0


def test_the_samples_that_watch_where_they_are_given():
    X = np.zeros((9, 2))
    assert watched(Data("mine", X, X, X, X), Job(CNNClassifier(), {"X": X[:6], "X_val": X[:3]})).watching == 3
