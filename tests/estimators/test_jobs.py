"""Jobs of joblib beside each other: each has its share of the cores and its view of the data, whatever the backend."""

import json
import sys

import joblib
import numpy as np
import pytest
from child_process import in_new_interpreter

from crmsprop import kernels

needs_openmp = pytest.mark.skipif(not kernels.openmp_version(), reason="a build without OpenMP")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")


@pytest.fixture(scope="module")
def found():
    """All reports, from an interpreter that nobody has told how many threads to use."""
    code = "import json, job_reports; print(json.dumps(job_reports.everything()))"
    status, output, errors = in_new_interpreter(code, OMP_NUM_THREADS=None, OPENBLAS_NUM_THREADS="1")
    assert status == 0, errors
    return json.loads(output)


@pytest.fixture(scope="module")
def cores(found):
    (alone,) = found["alone"]
    return alone["all_cores"]


def only(reports, name):
    """The one value that all of them have."""
    (value,) = {report[name] for report in reports}
    return value


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_two_jobs_have_half_of_the_cores_each(found, cores, backend):
    share = max(1, cores // 2)
    assert only(found[backend], "all_cores") == only(found[backend], "planned") == share


@pytest.mark.parametrize("backend", ["forked", "spawned"])
def test_workers_of_multiprocessing_have_one_core(found, backend):
    """GNU's OpenMP hangs in forked ones, and nobody tells the others how many they are."""
    assert only(found[backend], "all_cores") == only(found[backend], "planned") == 1


@pytest.mark.parametrize("backend", ["forked", "spawned", "loky"])
def test_no_job_starts_more_threads_than_it_has_cores(found, cores, backend):
    share = max(1, cores // 2) if backend == "loky" else 1
    assert only(found[backend], "started") == share - 1


@needs_openmp
def test_nor_do_all_jobs_of_one_process(found, cores):
    at_most = 2 * (max(1, cores // 2) - 1)
    assert max(report["started"] for report in found["threading"]) <= at_most
    assert only(found["alone, limited by threadpoolctl"], "planned") == 1


def test_one_thread_is_one_thread_everywhere(found):
    assert found["despite one thread"] == []


@needs_openmp
def test_a_number_of_threads_that_is_given_counts(found):
    assert only(found["threading, three threads"], "planned") == 3
    assert only(found["alone, three threads"], "planned") == 3
    assert only(found["alone, three threads"], "started") >= 1


def test_processes_are_processes(found):
    processes = {name: {report["process"] for report in found[name]} for name in ("threading", "alone")}
    assert processes["threading"] == processes["alone"]
    for backend in ("forked", "spawned", "loky"):
        assert not {report["process"] for report in found[backend]} & processes["alone"]


def test_every_backend_gives_the_same_bits(found):
    reports = [report for values in found.values() for report in values if isinstance(report, dict)]
    assert len({report["weights"] for report in reports}) == 1
    assert len(reports) == 20
    assert found["loky, scores"] == found["alone, scores"]


def test_large_data_come_to_processes_as_memory_that_cannot_be_written(found):
    for backend in ("forked", "loky"):
        assert (only(found[backend], "mapped"), only(found[backend], "writeable")) == (True, False)
    assert not only(found["threading"], "mapped")


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_whatever_fit_takes_may_be_mapped_and_read_only(cases, tmp_path, dtype):
    X, y = cases.images(n=120, dtype=dtype)
    given = {"X": X[:90], "y": y[:90], "sample_weight": 1.0 + y[:90], "X_val": X[90:], "y_val": y[90:]}
    joblib.dump(given, tmp_path / "data")
    mapped = joblib.load(tmp_path / "data", mmap_mode="r")
    assert all(isinstance(array, np.memmap) and not array.flags.writeable for array in mapped.values())
    ours, theirs = (cases.cnn().fit(**data) for data in (given, mapped))
    assert theirs.network_.arena.flat.tobytes() == ours.network_.arena.flat.tobytes()
    assert theirs.history_["val_loss"] == ours.history_["val_loss"]
    assert theirs.predict_proba(mapped["X"]).tobytes() == ours.predict_proba(X[:90]).tobytes()
