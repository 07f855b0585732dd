"""A search of scikit-learn over our networks, and over the same networks of skorch, in turn in one process.

    python -m pytest -c benches/pytest.ini benches/bench_search.py

GridSearchCV on the digits: 12 candidates, 3 folds, a multi-layer perceptron of float32 with Glorot's weights, trained
by RMSprop. Before they are timed the scores of both are compared, candidate by candidate. With two jobs a search is
timed as a program finds it, with processes that have to start and to import their library, and again with processes
that are there. Writes results/search.json; ``python -m benches.report`` makes RESULTS.md of it.
"""

import random
import statistics
import time

import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor

from benches import search_contenders
from benches.harness import PAUSE, save

pytest.importorskip("skorch")

ROWS = []
PACKAGES = ("crmsprop", "numpy", "scikit-learn", "joblib", "skorch", "torch")
ROUNDS = 5
#: 12 means of 3 accuracies each on 599 samples: about 0.006 of chance in each, of the samples alone.
NOISE = {"a candidate": 0.03, "the mean of all": 0.01}


def contenders(n_jobs):
    """Searches by name. A process of joblib has its share of the cores, one of two: there skorch has one thread too."""
    found = {"crmsprop": search_contenders.crmsprop, "skorch": search_contenders.skorch}
    if n_jobs == 1:
        found["skorch, one thread"] = search_contenders.skorch_with_one_thread
    return {name: lambda search=search: search(n_jobs) for name, search in found.items()}


def scores(searches):
    """The mean and the best of the candidates, which stand in one order for all, and were compared one by one."""
    found = {name: run().cv_results_["mean_test_score"] for name, run in searches.items()}
    for name, means in found.items():
        assert means.shape == (12,)
        assert means.max() > 0.95, f"{name}: {means}"
        difference = means - found["crmsprop"]
        assert np.abs(difference).max() < NOISE["a candidate"], f"{name}: {difference}"
        assert abs(difference.mean()) < NOISE["the mean of all"], f"{name}: {difference.mean()}"
    return {name: [float(means.mean()), float(means.max())] for name, means in found.items()}


def turns(searches, before):
    """Median seconds of a search of each contender, over rounds in which each has its turn in a random order."""
    times, order, shuffle = {name: [] for name in searches}, list(searches), random.Random(0).shuffle
    for _ in range(ROUNDS):
        shuffle(order)
        for name in order:
            before()
            time.sleep(PAUSE)
            start = time.perf_counter()
            searches[name]()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def stop_processes():
    get_reusable_executor().shutdown(wait=True)


CASES = {
    "one process": (1, lambda: None),
    "two processes that start": (2, stop_processes),
    "two processes that are there": (2, lambda: None),
}


@pytest.fixture(scope="module", autouse=True)
def results():
    yield
    save("search", ROWS, PACKAGES)


@pytest.mark.parametrize("case", CASES)
def test_search(benchmark, case):
    n_jobs, before = CASES[case]
    searches = contenders(n_jobs)
    row = {"case": case, "scores": scores(searches), "seconds": turns(searches, before)}
    ROWS.append(row)
    benchmark.extra_info.update(row)
    before()
    benchmark.pedantic(searches["crmsprop"], rounds=1)
