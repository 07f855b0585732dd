"""Prediction through each library's public call, NumPy in and out: throughput, and the time of one image or row.

    CRMSPROP_TEST_CIFAR10=DATA_HOME python -m pytest -c benches/pytest.ini benches/bench_predict.py

Every contender is trained for an epoch on the same data and its probabilities are checked before it is timed.
"""

import numpy as np
import pytest

from benches.contests import images, rows
from benches.harness import interleave, save
from benches.network_contenders import CONTENDERS, NORMALIZED, PACKAGES, REFERENCE, WIDE, mlp

ROWS = []
CASES = {
    "reference CNN, 256 images": (REFERENCE, lambda: images(1024), 256),
    "reference CNN with batch norm, 256 images": (NORMALIZED, lambda: images(1024), 256),
    "wide CNN, 256 images": (WIDE, lambda: images(1024), 256),
    "reference CNN, one image": (REFERENCE, lambda: images(1024), 1),
    "MLP 64-64-10, one row": (mlp(64, 10), lambda: rows(1024, 64), 1),
    "MLP 100-256-128-10, one row": (mlp(256, 128, 10), lambda: rows(1024, 100), 1),
}


@pytest.fixture(scope="module", autouse=True)
def results():
    yield
    save("predict", ROWS, PACKAGES)


def checked(name, layers, X, y, count):
    """A trained contender whose probabilities add up to 1; None where its library or its layers are missing."""
    try:
        contender = CONTENDERS[name](layers, X, y, 64)
    except ImportError:
        assert name != "crmsprop"
        return None
    contender.train()
    probabilities = np.asarray(contender.predict(X[:count]))
    assert probabilities.shape == (count, 10)
    if name != "Keras":  # whose network here ends in logits
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    return contender


@pytest.mark.parametrize("case", CASES)
def test_predict(benchmark, case):
    layers, data, count = CASES[case]
    X, y = data()
    made = {name: checked(name, layers, X, y, count) for name in CONTENDERS}
    present = {name: contender for name, contender in made.items() if contender is not None}
    some = X[:count].copy()
    calls = {name: lambda contender=contender: contender.predict(some) for name, contender in present.items()}
    seconds = interleave(calls, rounds=15, turn=0.05)
    row = {"case": case, "images": count, "seconds": seconds}
    row["absent"] = [name for name, contender in made.items() if contender is None]
    ROWS.append(row)
    benchmark.extra_info.update(row)
    benchmark(calls["crmsprop"])
