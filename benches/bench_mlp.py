"""Training of multi-layer perceptrons against the peers, in turn in one process.

    python -m pytest -c benches/pytest.ini benches/bench_mlp.py

What a turn is stands in bench_training.py. Writes results/mlp.json, of which
``python -m benches.report`` makes RESULTS.md.
"""

import pytest

from benches.contests import compete, rows
from benches.harness import save
from benches.network_contenders import PACKAGES, mlp

ROWS = []

CASES = {
    "MLP 64-64-10, batch 32": (mlp(64, 10), (32_000, 64), 32),
    "MLP 100-256-128-10, batch 200": (mlp(256, 128, 10), (40_000, 100), 200),
    "MLP 3072-512-256-10, batch 128": (mlp(512, 256, 10), (10_240, 3072), 128),
}


@pytest.fixture(scope="module", autouse=True)
def results():
    yield
    save("mlp", ROWS, PACKAGES)


@pytest.mark.parametrize("case", CASES)
def test_training(benchmark, case):
    layers, shape, batch = CASES[case]
    row, ours = compete(case, layers, *rows(*shape), batch)
    ROWS.append(row)
    benchmark.extra_info.update(row)
    benchmark.pedantic(ours.train, rounds=5, warmup_rounds=1)
