"""How many jobs share the cores of this process, as far as joblib, multiprocessing and dask let a job know."""

import os
import sys
import threading
from multiprocessing import current_process
from multiprocessing.dummy import DummyProcess


def share_of(cores: int) -> int:
    """Return how many of the cores that this process may use are for the thread that asks.

    All of them for the main thread. The threads of a pool, which joblib's backend "threading" and a worker of dask work
    with, share them: OpenMP gives each thread a team of its own. joblib's default backend, loky, needs no care here: it
    sets OMP_NUM_THREADS for its processes. `multiprocessing` sets nothing, and its workers cannot know how many of them
    there are: each has one core, unless the user has set OMP_NUM_THREADS.

    Parameters
    ----------
    cores : int

    Returns
    -------
    int
        At least 1.
    """
    if cores == 1 or (current_process().daemon and "OMP_NUM_THREADS" not in os.environ):
        return 1
    thread = threading.current_thread()
    if thread is threading.main_thread():
        return cores
    return max(1, cores // max(_pool_size(thread), _dask_threads()))


def _pool_size(thread: threading.Thread) -> int:
    """Threads of the pools of multiprocessing, if this is one of them: all are there before the first job begins."""
    if not isinstance(thread, DummyProcess):
        return 1
    return sum(isinstance(other, DummyProcess) for other in threading.enumerate())


def _dask_threads() -> int:
    """Threads of the worker of dask that this is one of; a process without dask has never imported it."""
    try:
        return int(sys.modules["distributed"].get_worker().state.nthreads)
    except (KeyError, AttributeError, ValueError):  # the last one is how it says that this is no worker
        return 1
