"""A search on a cluster of dask with two worker processes, one of which is killed in the middle of a fit.

A module of its own, so that the workers can import what they are sent; run by estimators/test_distributed.py in a new
interpreter, which keeps the threads and the settings of dask to itself.
"""

import contextlib
import os
import signal
from itertools import chain
from pathlib import Path

import numpy as np
from distributed import Client, LocalCluster
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, KFold

from crmsprop import MLPRegressor
from crmsprop.callbacks import Callback
from crmsprop.kernels import effective_n_threads
from crmsprop.kernels.sharing import share_of

GRID = {"rho": [0.8, 0.9, 0.99], "learning_rate": [1e-3, 1e-2], "epsilon": [1e-8, 1e-4]}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 5))
Y = np.tanh(X @ RNG.normal(size=5)) + 0.1 * RNG.normal(size=400)


class KillWorker(Callback):
    """Kills its process in the middle of the first fit with a rho of 0.9 that comes so far, and in no other one.

    Leaves a file for each process that has begun a fit, named by its number, and "killed" with the number of that one.
    """

    def __init__(self, folder):
        self.folder = folder

    def on_train_begin(self, context):
        Path(self.folder, str(os.getpid())).touch()

    def on_batch_end(self, context):
        if context.optimizer.options.rho == 0.9 and (context.epoch, context.batch) == (1, 2):
            with contextlib.suppress(FileExistsError), open(Path(self.folder, "killed"), "x") as file:
                file.write(str(os.getpid()))
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)


def scores(folds, callbacks=None):
    model = MLPRegressor((8,), max_epochs=3, random_state=0, callbacks=callbacks)
    search = GridSearchCV(model, GRID, cv=folds, scoring="neg_mean_squared_error", refit=False).fit(X, Y)
    found = {name: values.tolist() for name, values in search.cv_results_.items() if "score" in name}
    return {name: values for name, values in found.items() if "time" not in name}


def run(folder):
    """Return what a test has to look at, as plain JSON."""
    folds = list(KFold(2).split(X))
    serial = scores(folds)
    local = {"dashboard_address": None, "local_directory": folder}
    with LocalCluster(n_workers=2, threads_per_worker=1, **local) as cluster, Client(cluster) as client:
        workers = list(client.scheduler_info()["workers"])
        threads = [client.submit(effective_n_threads, workers=one, pure=False).result() for one in workers]
        # All that the workers get is sent to both beforehand: what only one of them has is lost with it.
        with parallel_config(backend="dask", scatter=[X, Y, *chain(*folds)]):
            parallel = scores(folds, [KillWorker(folder)])
    with Client(processes=False, n_workers=1, threads_per_worker=3, **local) as client:
        share = client.submit(share_of, 12).result()
    numbers = [int(path.name) for path in Path(folder).iterdir() if path.name.isdigit()]
    killed = int(Path(folder, "killed").read_text())
    return {
        "serial": serial,
        "parallel": parallel,
        "threads": threads,
        "share of three": share,
        "main": os.getpid(),
        "processes": numbers,
        "killed": killed,
        "all cores": effective_n_threads(),
    }
