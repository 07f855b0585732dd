"""Contests of training: the data, contenders that have learned something, and epochs in turn."""

import math
import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np

from benches.harness import interleave
from benches.network_contenders import CONTENDERS
from crmsprop.datasets import load_cifar10


def images(n):
    """Real images: how many gradients are 0 depends on the data."""
    (X, y), _ = load_cifar10(os.environ["CRMSPROP_TEST_CIFAR10"], download=False)
    return X[:n], y[:n]


def rows(n, features):
    """Ten clouds that overlap."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, n)
    return (rng.standard_normal((n, features)) + rng.standard_normal((10, features))[y]).astype(np.float32), y


def compete(case, layers, X, y, batch) -> tuple[dict[str, Any], Any]:
    """Return the seconds of an epoch of every contender, as a row of results, and crmsprop's."""
    made = {name: _checked(name, layers, X, y, batch) for name in CONTENDERS}
    present = {name: contender for name, contender in made.items() if contender is not None}
    seconds = interleave({name: contender.train for name, contender in present.items()}, rounds=7, turn=0.2)
    row = {"case": case, "images": len(X)}
    row["seconds"] = {name: taken / present[name].epochs for name, taken in seconds.items()}
    row["absent"] = [name for name, contender in made.items() if contender is None]
    return row, present["crmsprop"]


def _checked(name, layers, X, y, batch):
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
