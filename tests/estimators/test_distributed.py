"""A search beyond one process: joblib's backend "dask" and a real cluster, which loses a worker on the way."""

import json

import numpy as np
import pytest
from child_process import in_new_interpreter


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("cluster"))
    code = f"import json, distributed_search; print(json.dumps(distributed_search.run({folder!r})))"
    status, output, errors = in_new_interpreter(code, timeout=300, OMP_NUM_THREADS=None)
    assert status == 0, errors
    return json.loads(output)


def test_a_worker_was_killed_and_others_went_on(found):
    assert found["killed"] in found["processes"]
    assert len(found["processes"]) > 1
    assert found["main"] not in found["processes"]


def test_the_scores_are_those_of_the_serial_search_to_the_bit(found):
    serial, parallel = found["serial"], found["parallel"]
    assert list(serial) == [
        "split0_test_score",
        "split1_test_score",
        "mean_test_score",
        "std_test_score",
        "rank_test_score",
    ]
    assert parallel == serial
    for values in serial.values():
        assert len(values) == 12
        assert np.isfinite(values).all()
    assert len(set(serial["mean_test_score"])) == 12  # every candidate has trained in a way of its own


def test_every_worker_has_its_share_of_the_cores(found):
    """dask gives its processes one thread each unless it is told more; threads of one process share its cores."""
    assert max(found["threads"]) <= max(1, found["all cores"] // 2)
    assert found["share of three"] == 4
