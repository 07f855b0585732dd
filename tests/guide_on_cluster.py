"""The lines that the guide has for a cluster, on one with a single worker process of two threads.

A module of its own, run by docs/test_cluster.py in a new interpreter, which keeps the threads and the settings of dask
to itself.
"""

import re
from pathlib import Path

from distributed import LocalCluster
from sklearn.model_selection import GridSearchCV

from crmsprop import MLPClassifier
from crmsprop.datasets import load_digits

PAGE = Path(__file__).resolve().parent.parent / "docs" / "guide" / "cluster.rst"

#: The scheduler's address on the page.
ADDRESS = "tcp://10.0.0.1:8786"


def lines():
    """Return the one block of the page that is Python and no doctest."""
    (block,) = re.findall(r"\.\. code-block:: python\n\n((?: +.*\n|\n)+)", PAGE.read_text())
    return "\n".join(line[3:] for line in block.splitlines())


def run(folder):
    """Return the scores of the serial search and of the guide's, and how many tasks the worker has done for that."""
    (X, y), _ = load_digits()
    X, y = X[:200].reshape(200, -1) / 255, y[:200]
    model = MLPClassifier((8,), max_epochs=2, random_state=0)
    search = GridSearchCV(model, {"rho": [0.8, 0.95]}, cv=2)
    serial = search.fit(X, y).cv_results_["mean_test_score"].tolist()
    given = {"search": search, "X": X, "y": y}
    local = {"dashboard_address": None, "local_directory": folder}
    with LocalCluster(n_workers=1, threads_per_worker=2, **local) as cluster:
        exec(lines().replace(ADDRESS, cluster.scheduler_address), given)
        steps = [(begin, end) for _, begin, end, *_ in cluster.scheduler.transition_log]
    parallel = search.cv_results_["mean_test_score"].tolist()
    return {"serial": serial, "parallel": parallel, "done": steps.count(("processing", "memory"))}
