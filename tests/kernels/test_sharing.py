"""How the jobs of one process share its cores."""

import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from types import SimpleNamespace

import pytest

from crmsprop.kernels.sharing import share_of


def daemon(monkeypatch, omp_num_threads):
    """A worker of multiprocessing's pool."""
    monkeypatch.setattr("crmsprop.kernels.sharing.current_process", lambda: SimpleNamespace(daemon=True))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if omp_num_threads is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", omp_num_threads)


def dask_worker(monkeypatch, n_threads):
    """A thread that dask's worker runs a task in; None for a thread of another kind."""

    def get_worker():
        if n_threads is None:
            raise ValueError("No worker found")
        return SimpleNamespace(state=SimpleNamespace(nthreads=n_threads))

    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(get_worker=get_worker))


def in_a_thread(function, *arguments):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result()


@pytest.mark.parametrize("cores", [1, 2, 7, 64])
def test_the_main_thread_has_them_all(cores):
    with ThreadPool(3):
        assert share_of(cores) == cores


@pytest.mark.parametrize(("n_jobs", "cores", "share"), [(1, 12, 12), (2, 12, 6), (3, 12, 4), (5, 12, 2), (3, 2, 1)])
def test_the_threads_of_a_pool_share_them(n_jobs, cores, share):
    with ThreadPool(n_jobs) as pool:
        assert pool.map(share_of, [cores] * 6, chunksize=1) == [share] * 6


def test_a_thread_of_ones_own_is_alone_whatever_pools_there_are():
    with ThreadPool(3):
        assert in_a_thread(share_of, 12) == 12


def test_what_ends_with_its_pool():
    for n_jobs in (4, 2):
        with ThreadPool(n_jobs) as pool:
            assert pool.apply(share_of, (12,)) == 12 // n_jobs
        pool.join()


@pytest.mark.parametrize(("n_threads", "share"), [(None, 12), (1, 12), (4, 3), (24, 1)])
def test_the_threads_of_a_worker_of_dask_share_them(monkeypatch, n_threads, share):
    dask_worker(monkeypatch, n_threads)
    assert in_a_thread(share_of, 12) == share
    assert share_of(12) == 12  # the main thread runs no task


def test_a_module_of_that_name_that_is_not_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace())
    assert in_a_thread(share_of, 12) == 12


@pytest.mark.parametrize(("omp_num_threads", "share"), [(None, 1), ("3", 12)])
def test_a_worker_of_multiprocessing_has_one_unless_the_user_says_more(monkeypatch, omp_num_threads, share):
    """What OMP_NUM_THREADS says is known to OpenMP: `share_of` gets what that leaves."""
    daemon(monkeypatch, omp_num_threads)
    assert share_of(12) == share
