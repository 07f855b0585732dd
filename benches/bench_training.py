"""Training against its peers, in turn in one process: the reference CNN on CIFAR-10, and three multi-layer perceptrons.

    CRMSPROP_TEST_CIFAR10=DATA_HOME python -m pytest -c benches/pytest.ini benches/bench_training.py

An epoch of a contender is one turn: gathering and scaling of batches, both passes and RMSprop included. Before it is
timed its loss must have fallen below that of a guess. Writes results/training.json; ``python -m benches.report`` makes
RESULTS.md of it.
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
from crmsprop.datasets import load_cifar10

ROWS = []


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
    "reference CNN, batch 32": (REFERENCE, lambda: images(5120), 32),
    "reference CNN, batch 128": (REFERENCE, lambda: images(5120), 128),
    "wide CNN, batch 256": (WIDE, lambda: images(2560), 256),
    "MLP 64-64-10, batch 32": (mlp(64, 10), lambda: rows(16000, 64), 32),
    "MLP 100-256-128-10, batch 200": (mlp(256, 128, 10), lambda: rows(20000, 100), 200),
    "MLP 3072-512-256-10, batch 128": (mlp(512, 256, 10), lambda: rows(5120, 3072), 128),
}


@pytest.fixture(scope="module", autouse=True)
def results():
    yield
    save("training", ROWS, PACKAGES)


def checked(name, layers, X, y, batch):
    """A contender that has learned something; None where its library is missing or it has no such layers."""
    try:
        contender = CONTENDERS[name](layers, X, y, batch)
    except ImportError:
        assert name != "crmsprop"
        return None
    for _ in range(3):
        loss = contender.train()
    assert loss < math.log(10) - 0.05, f"{name}: {loss}"
    assert contender.predict(X[:7]).shape == (7, 10)
    return contender


@pytest.mark.parametrize("case", CASES)
def test_training(benchmark, case):
    layers, data, batch = CASES[case]
    X, y = data()
    made = {name: checked(name, layers, X, y, batch) for name in CONTENDERS}
    present = {name: contender for name, contender in made.items() if contender is not None}
    seconds = interleave({name: contender.train for name, contender in present.items()}, rounds=9, turn=0.2)
    row = {"case": case, "images": len(X), "seconds": seconds}
    row["absent"] = [name for name, contender in made.items() if contender is None]
    ROWS.append(row)
    benchmark.extra_info.update(row)
    benchmark.pedantic(present["crmsprop"].train, rounds=5, warmup_rounds=1)
