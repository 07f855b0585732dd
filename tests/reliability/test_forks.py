"""A few forks of the command that forks a process with threads; RELIABILITY.md has the figures of many."""

import os
import time

import pytest

from reliability import forks

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def sleeping(kind, n_threads):
    time.sleep(60)


def other_bits(kind, n_threads):
    return "other bits"


def test_children_of_a_process_with_threads_train_and_predict_to_the_same_bits():
    report = forks.forks(2 * len(forks.WAYS))
    assert report.wrong == []
    assert set(report.children) == set(forks.WAYS)


@pytest.mark.parametrize("way", forks.WAYS)
def test_a_child_that_hangs_or_has_other_bits_is_found(way, monkeypatch):
    monkeypatch.setattr(forks, "SECONDS", 0.3)
    for task in (sleeping, other_bits):
        report = forks.forks(1, [way], task)
        assert len(report.wrong) == report.children.total() > 0
