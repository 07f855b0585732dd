"""Training against its peers, in turn in one process: the reference CNN on CIFAR-10, and three multi-layer perceptrons.

    CRMSPROP_TEST_CIFAR10=DATA_HOME python -m pytest -c benches/pytest.ini benches/bench_training.py

An epoch of a contender is one turn: gathering and scaling of batches, both passes and RMSprop included; of crmsprop a
whole `fit` of five epochs, of which a fifth counts. Before it is timed its loss must have fallen below that of a guess.
Writes results/training.json; ``python -m benches.report`` makes RESULTS.md of it.
"""

import math
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import pytest

from benches.harness import interleave, save
from benches.network_contenders import CONTENDERS, PACKAGES, REFERENCE, WIDE, mlp
from crmsprop import CNNClassifier
from crmsprop.augment import Brightness, Contrast, Crop, Cutout, Flip, Mixup, Rotation, Translation, Zoom
from crmsprop.datasets import load_cifar10

ROWS, ALONG, THREADS, AUGMENTED = [], [], [], []


def images(n):
    """Real images: how many gradients are 0 depends on the data."""
    (X, y), _ = load_cifar10(os.environ["CRMSPROP_TEST_CIFAR10"], download=False)
    return X[:n], y[:n]


def rows(n, features):
    """Ten clouds that overlap."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, n)
    return (rng.standard_normal((n, features)) + rng.standard_normal((10, features))[y]).astype(np.float32), y


CASES = {
    "reference CNN, batch 32": (REFERENCE, lambda: images(3840), 32),
    "reference CNN, batch 128": (REFERENCE, lambda: images(3840), 128),
    "wide CNN, batch 256": (WIDE, lambda: images(3840), 256),
    "MLP 64-64-10, batch 32": (mlp(64, 10), lambda: rows(32_000, 64), 32),
    "MLP 100-256-128-10, batch 200": (mlp(256, 128, 10), lambda: rows(40_000, 100), 200),
    "MLP 3072-512-256-10, batch 128": (mlp(512, 256, 10), lambda: rows(10_240, 3072), 128),
}


@pytest.fixture(scope="module", autouse=True)
def results():
    yield
    save("training", ROWS, PACKAGES, along=ALONG, threads=THREADS, augmented=AUGMENTED)


def checked(name, layers, X, y, batch):
    """A contender that has learned something; None where its library is missing or it has no such layers."""
    try:
        contender = CONTENDERS[name](layers, X, y, batch)
    except ImportError:
        assert name != "crmsprop"
        return None
    loss = contender.loss_after(3)
    assert loss < math.log(10) - 0.05, f"{name}: {loss}"
    assert contender.predict(X[:7]).shape == (7, 10)
    return contender


@pytest.mark.parametrize("case", CASES)
def test_training(benchmark, case):
    layers, data, batch = CASES[case]
    X, y = data()
    made = {name: checked(name, layers, X, y, batch) for name in CONTENDERS}
    present = {name: contender for name, contender in made.items() if contender is not None}
    seconds = interleave({name: contender.train for name, contender in present.items()}, rounds=7, turn=0.2)
    seconds = {name: taken / present[name].epochs for name, taken in seconds.items()}
    row = {"case": case, "images": len(X), "seconds": seconds}
    row["absent"] = [name for name, contender in made.items() if contender is None]
    ROWS.append(row)
    benchmark.extra_info.update(row)
    benchmark.pedantic(present["crmsprop"].train, rounds=5, warmup_rounds=1)


def test_through_a_training(benchmark):
    """Density falls as the network learns: what an image costs at the beginning, in the middle and at the end."""
    X, y = images(10_000)
    model = CNNClassifier(padding="valid", max_epochs=15, batch_size=32, random_state=0).fit(X, y)
    history, epochs = model.history_, [0, 7, 14]
    row = {
        "case": "reference CNN, batch 32",
        "epochs": [epoch + 1 for epoch in epochs],
        "images_per_second": [len(X) / history["seconds"][epoch] for epoch in epochs],
        "accuracy": [history["accuracy"][epoch] for epoch in epochs],
    }
    assert row["accuracy"] == sorted(row["accuracy"])
    ALONG.append(row)
    benchmark.extra_info.update(row)
    benchmark.pedantic(model.predict, (X[:256],), rounds=3)


def test_two_threads_over_one(benchmark):
    """What the second core adds to a training of the reference CNN."""
    X, y = images(3840)
    fits = {
        f"{n_threads}": lambda n_threads=n_threads: CNNClassifier(
            padding="valid", max_epochs=1, n_threads=n_threads, random_state=0
        ).fit(X, y)
        for n_threads in (1, 2)
    }
    seconds = interleave(fits, rounds=11, turn=0.1)
    THREADS.append({"case": "reference CNN, batch 32", "ratio": seconds["1"] / seconds["2"]})
    benchmark.extra_info.update(THREADS[-1])
    benchmark.pedantic(fits["2"], rounds=3)


MOVES = Flip() + Rotation(15) + Translation(0.1) + Zoom(0.1)
AUGMENTATIONS = {
    "none": None,
    "flip and crop": Flip() + Crop(4, fill_mode="constant"),
    "flip, rotation, translation and zoom": MOVES,
    "these, brightness, contrast and cutout": MOVES + Brightness(0.2) + Contrast(0.2) + Cutout(8),
    "mixup": Mixup(),
}


def test_augmentation(benchmark):
    """How much longer an epoch of the reference CNN takes; which gradients are 0 depends on the images, too."""
    X, y = images(3840)
    fits = {
        name: lambda augmentation=augmentation: CNNClassifier(
            padding="valid", max_epochs=1, random_state=0, augmentation=augmentation
        ).fit(X, y)
        for name, augmentation in AUGMENTATIONS.items()
    }
    assert fits["none"]().network_.arena.flat.tobytes() != fits["mixup"]().network_.arena.flat.tobytes()
    seconds = interleave(fits, rounds=11, turn=0.1)
    ratios = {name: seconds[name] / seconds["none"] for name in seconds if name != "none"}
    AUGMENTED.append({"case": "reference CNN, batch 32", "ratios": ratios})
    benchmark.extra_info.update(AUGMENTED[-1])
    benchmark.pedantic(fits["flip, rotation, translation and zoom"], rounds=3)
