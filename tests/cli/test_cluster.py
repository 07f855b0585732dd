"""crmsprop tune --scheduler: the workers of a cluster find the scores that one process finds."""

import csv
import sys

import numpy as np
import pytest
from joblib import parallel_config

from crmsprop.cli import cluster as module
from crmsprop.cli.cluster import cluster
from crmsprop.cli.parser import UsageError
from crmsprop.versions import __version__

SEARCH = ("tune", "--data", "d.npz", "--cv", 2, "--epochs", 2, "--filters", 4, "--dense-units", 8)


@pytest.fixture(scope="module")
def scheduler():
    """Return the address of a cluster of two threads in this process."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
    ) as local:
        yield local.scheduler_address


def scores(folder):
    with (folder / "search.csv").open(newline="", encoding="utf-8") as file:
        return [{key: cell for key, cell in row.items() if key != "mean_fit_time"} for row in csv.DictReader(file)]


def test_a_cluster_finds_the_same(run, folder, images, scheduler):
    np.savez(folder / "d.npz", X=images[0], y=images[1])
    grid = ("--param", "learning_rate=1e-3,1e-1,1e30", "--param", "rho=0.5,0.9")
    ended = run(*SEARCH, *grid, "--scheduler", scheduler, "--output", "there")
    assert ended.code == 0
    assert "6 candidates, 2 fits each, threads of a fit: 1" in ended.err.splitlines()
    assert run(*SEARCH, *grid, "--output", "here").code == 0
    assert scores(folder / "there") == scores(folder / "here")
    assert len(scores(folder / "there")) == 6


def test_without_dask(run, folder, images, monkeypatch):
    np.savez(folder / "d.npz", X=images[0], y=images[1])
    monkeypatch.setitem(sys.modules, "distributed", None)
    ended = run(*SEARCH, "--param", "rho=0.9", "--scheduler", "tcp://nowhere:1", "--quiet")
    assert ended.code == 2
    assert (
        ended.error() == f'--scheduler needs dask[distributed]: {sys.executable} -m pip install "crmsprop[distributed]"'
    )
    assert [path.name for path in folder.iterdir()] == ["d.npz"]


class Killed(Exception):
    """What the cluster raises where it gives a task up."""


class Client:
    """A client whose workers have the versions that the test says."""

    versions: dict

    def __init__(self, address, **keywords):
        self.address = address

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def run(self, function):
        if not self.versions:
            raise ModuleNotFoundError("No module named 'crmsprop'")
        assert function() == __version__
        return self.versions


@pytest.fixture
def workers(monkeypatch):
    """Return a function that says which versions the workers have."""

    class Module:
        Client = Client
        KilledWorker = Killed

    monkeypatch.setattr(module, "require_extra", lambda *arguments: Module)
    monkeypatch.setattr(module, "parallel_config", lambda **keywords: parallel_config(backend="threading"))
    return lambda versions: monkeypatch.setattr(Client, "versions", versions, raising=False)


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        ({}, f"--scheduler must have workers with crmsprop {__version__} installed: No module named 'crmsprop'"),
        (
            {"a": __version__, "b": "0.0.1"},
            f"--scheduler must have workers with crmsprop {__version__}, got 0.0.1 on b",
        ),
    ],
)
def test_workers_with_another_crmsprop(workers, versions, message):
    workers(versions)
    with pytest.raises(UsageError) as caught, cluster("x", {}):
        pytest.fail("the search began")
    assert str(caught.value) == message


def test_a_task_that_the_cluster_gives_up(workers):
    workers({"a": __version__})
    with (
        pytest.raises(MemoryError, match="the cluster gives up, because a fit has ended several workers"),
        cluster("x", {}),
    ):
        raise Killed


def test_this_machine_needs_no_cluster(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with cluster(None, {}):
        pass
