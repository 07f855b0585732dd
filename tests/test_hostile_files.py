"""A few files for every reader of tests/fuzzing/, which means them harm; RELIABILITY.md has the figures of many."""

import sys

import pytest
from fuzzing.readers import READERS
from fuzzing.running import run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watches processes in /proc")


@pytest.mark.parametrize("reader", READERS)
def test_files_that_mean_harm_are_refused_or_read_and_nothing_else(reader):
    report = run(reader, 60, seed=1)
    assert report.findings == []
    assert report.refused > 10
    assert report.read > 0
