"""EarlyStopping and ReduceOnPlateau against Keras's, in random trainings that tests/golden/make_callbacks.py froze."""

from pathlib import Path

import numpy as np
import pytest
from peer_callbacks import EPOCHS, LEARNING_RATE, PLATEAU, STOPPING

from crmsprop.callbacks import EarlyStopping, ReduceOnPlateau


@pytest.fixture(scope="module")
def golden():
    with np.load(Path(__file__).resolve().parent.parent / "golden" / "callbacks.npz") as file:
        return dict(file)


def test_early_stopping(play, golden):
    for case, expected in zip(STOPPING, golden["stopping"], strict=True):
        callback = EarlyStopping(**case.parameters)
        played = play(callback, case.values)
        best = callback.best_ if callback.best_epoch_ else np.nan
        got = (played.n_epochs, callback.best_epoch_, best, played.weight)
        np.testing.assert_array_equal(got, expected, err_msg=repr(case))
        stopped = callback.stopped_epoch_ is not None
        assert stopped == (callback.stopped_epoch_ == played.n_epochs)
        assert stopped or played.n_epochs == EPOCHS


def test_reduce_on_plateau(play, golden):
    for case, expected in zip(PLATEAU, golden["plateau"], strict=True):
        callback = ReduceOnPlateau(**case.parameters)
        played = play(callback, case.values, LEARNING_RATE)
        np.testing.assert_array_equal(played.rates[1:], expected, err_msg=repr(case))
        falls = np.flatnonzero(np.diff([LEARNING_RATE, *expected]) < 0) + 1
        assert callback.reduced_epochs_ == falls.tolist()


def test_the_trainings_differ_as_they_should(golden):
    """Or the comparison would be easy to pass."""
    n_epochs, best, _, weight = golden["stopping"].T
    assert len(set(n_epochs)) > 15
    assert len(set(best)) > 15
    assert {True, False} == set(weight == best) == set(weight == n_epochs)
    assert len(np.unique(golden["plateau"], axis=0)) > 100
