"""Watches the processes of a search: what they keep in memory, which files are open, how many threads there are.

A GridSearchCV of 40 fits, with callbacks that write files, behind one of 10 fits that starts what is needed: in this
process, in two processes of joblib (loky), and on a cluster of dask with two workers. Each process says after each of
the two searches what it has while there is nothing to do: meanwhile the models of fits that joblib hands out together
are there until all of them are done. Memory may rise by 5 MB at most, open files and threads by 5, as those of dask and
joblib come and go: a file for each fit would be 15 at least. What the searches leave in the folder for temporary files
is counted when they are over. The garbage collector is left to itself; malloc gives large blocks back as soon as they
are free, and dask keeps no logs for its developers.
"""

import contextlib
import ctypes
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import joblib
import numpy as np
from joblib.externals.loky import get_reusable_executor
from sklearn.model_selection import GridSearchCV

from crmsprop.callbacks import CSVLogger, ModelCheckpoint
from reliability.memory import BEGUN, LIMIT, resident
from reliability.models import KINDS

FITS = 40
#: What may be there more than when it began to count.
LIMITS = {"bytes": LIMIT, "files": 5, "threads": 5}
#: The first bytes of a block that malloc takes from the system, and gives back: 128 KB, with which it begins (glibc).
LARGE = 1 << 17
M_MMAP_THRESHOLD = -3
#: What dask keeps although nobody has asked for it: call stacks of what runs, 0.1 MB and more in a second of a worker,
#: and the last 1000 messages, with models in them, 0.07 MB for each fit in this process. Both are so for scikit-learn's
#: models, too.
DASK = {"distributed.worker.profile.enabled": False, "distributed.admin.low-level-log-length": 0}
#: So many times the samples: joblib maps an array of a megabyte and more into the memory of its processes.
COPIES = 32


def levels():
    """What this process has (Linux)."""
    give_back()
    count = {name: len(os.listdir(f"/proc/self/{folder}")) for name, folder in (("files", "fd"), ("threads", "task"))}
    return {"bytes": resident(), **count}


def give_back():
    """From now on, give large blocks back when they are free.

    malloc takes blocks as large as one that has been freed from an arena thereafter, and keeps them there: joblib's
    copy of all samples, 7 MB, stays from the second search on, once, whatever is searched. malloc_trim leaves it, as it
    is at the top of the arena of a thread. A block that is not free counts as before.
    """
    with contextlib.suppress(AttributeError):  # the C library may have no mallopt
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)


# ---- what is done in the processes of a search


class Notes:
    """A scorer that notes each fit in a file that is named by the number of its process."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, model, X, y):
        with open(Path(self.folder, str(os.getpid())), "a") as file:
            print(file=file)
        return model.score(X, y)

    def fits(self):
        """How many, by process."""
        return {int(path.name): path.read_text().count("\n") for path in Path(self.folder).iterdir()}


def levels_of_this():
    """The number of this process, and what it has."""
    time.sleep(0.05)  # so that another process takes the next
    return os.getpid(), levels()


def at_rest(n_jobs, numbers):
    """Return what these processes have, and this one, while no search is running."""
    found, tasks = {os.getpid(): levels()}, [joblib.delayed(levels_of_this)()] * 4
    for _ in range(20):
        if numbers - found.keys():
            found |= dict(joblib.Parallel(n_jobs, batch_size=1)(tasks))
    return found


def problem(kind, callbacks):
    """Return a model, and its samples, of which there are enough."""
    model, X, y = KINDS[kind]()
    model.set_params(max_epochs=2, random_state=0, validation_fraction=0.2, callbacks=callbacks)
    return model, np.concatenate([X] * COPIES), np.concatenate([y] * COPIES)


def search(model, X, y, n_fits, scoring, n_jobs):
    """Search over learning rates with so many fits."""
    grid = {"learning_rate": np.geomspace(1e-5, 1e-3, n_fits // 2).tolist()}
    GridSearchCV(model, grid, cv=2, scoring=scoring, refit=False, n_jobs=n_jobs).fit(X, y)


# ---- where; each yields n_jobs


@contextlib.contextmanager
def one_process():
    yield 1


@contextlib.contextmanager
def loky():
    yield 2
    get_reusable_executor().shutdown()


@contextlib.contextmanager
def dask():
    from dask.config import set as configured
    from distributed import Client, LocalCluster

    # Its own temporary files, of which two locks stay, are no concern of a search.
    with tempfile.TemporaryDirectory() as folder, configured({"temporary-directory": folder, **DASK}):
        cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
        with cluster, Client(cluster), joblib.parallel_config(backend="dask"):
            yield None  # as many as it has workers


PLACES = {place.__name__.replace("_", " "): place for place in (one_process, loky, dask)}

# ---- the report


@dataclass
class Report:
    """What many searches came to: by kind and place, the fits of each process, what has grown, and files that are left.

    Attributes
    ----------
    fits : dict of lists
    growth : dict of dicts
        The largest of all processes.
    left : dict of lists
    """

    fits: dict = field(default_factory=dict)
    growth: dict = field(default_factory=dict)
    left: dict = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def leaks(self):
        grown = [
            f"{name} of {where}"
            for where, found in self.growth.items()
            for name, amount in found.items()
            if amount > LIMITS[name]
        ]
        return [*grown, *(f"temporary files of {where}" for where, names in self.left.items() if names)]

    def __str__(self):
        lines = [
            f"{where}: {' + '.join(map(str, self.fits[where]))} fits, {found['bytes'] / 1e6:.1f} MB, "
            f"{found['files']} files and {found['threads']} threads more, {len(self.left[where])} temporary files left"
            for where, found in self.growth.items()
        ]
        return "\n".join([*lines, f"{self.seconds:.0f} s"])


def growth(before, after):
    """What processes have at rest after the second search, and had not after the first: the most of any."""
    both = before.keys() & after.keys()
    return {name: max(after[number][name] - before[number][name] for number in both) for name in LIMITS}


def watched(kind, place, n_fits, callbacks, patience):
    """Return the fits of each process, what has grown the most, and what is left of temporary files."""
    with tempfile.TemporaryDirectory() as notes, tempfile.TemporaryDirectory() as files, temporary_files() as folder:
        writers = [CSVLogger(f"{files}/log.csv"), ModelCheckpoint(f"{files}/best.crms", "loss"), *callbacks]
        task, scoring, rests = problem(kind, writers), Notes(notes), []
        with PLACES[place]() as n_jobs:
            for fits in (BEGUN, n_fits):
                search(*task, fits, scoring, n_jobs)
                rests.append(at_rest(n_jobs, scoring.fits().keys()))
        left = remaining(folder, patience)
        return sorted(scoring.fits().values()), growth(*rests), left


@contextlib.contextmanager
def temporary_files():
    """Let this process, and those that it starts, put temporary files into a folder of their own."""
    names, before = ("TMPDIR", "JOBLIB_TEMP_FOLDER"), dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(dict.fromkeys(names, folder))
        tempfile.tempdir = None  # it has kept what it found before
        try:
            yield folder
        finally:
            tempfile.tempdir = None
            for name in names:
                os.environ.pop(name)
            os.environ.update({name: before[name] for name in names if name in before})


def remaining(folder, patience):
    """Names of files that are there after so many seconds: joblib has a process of its own that takes them away."""
    deadline = time.monotonic() + patience
    while (names := sorted(str(path) for path in Path(folder).rglob("*") if path.is_file())) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.1)
    return names


def searches(n_fits, kinds=tuple(KINDS), places=tuple(PLACES), callbacks=(), patience=10):
    """Return the report of a search of so many fits of each kind in each place; `patience` is in seconds."""
    report, start = Report(), time.monotonic()
    for place in places:
        for kind in kinds:
            found = watched(kind, place, n_fits, callbacks, patience)
            where = f"{kind}, {place}"
            report.fits[where], report.growth[where], report.left[where] = found
    report.seconds = time.monotonic() - start
    return report


# ---- the command


def add_parser(subparsers):
    parser = subparsers.add_parser("searches", help="searches whose processes do not grow", description=__doc__)
    parser.add_argument("--fits", type=int, default=FITS)
    parser.set_defaults(run=run)


def run(options):
    report = searches(options.fits)
    print(report)
    return int(bool(report.leaks))
