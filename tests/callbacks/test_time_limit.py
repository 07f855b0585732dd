"""TimeLimit: when it looks at the clock, and what a training that it ends leaves."""

import math

import numpy as np
import pytest

from crmsprop.callbacks import Callback, TimeLimit
from crmsprop.estimators import MLPClassifier

X, Y = np.arange(16.0).reshape(8, 2), np.arange(8) % 2


class Counter(Callback):
    """Counts what was done."""

    def on_train_begin(self, context):
        self.batches_ = self.epochs_ = 0

    def on_batch_end(self, context):
        self.batches_ += 1

    def on_epoch_end(self, context):
        self.epochs_ += 1


def fit(*callbacks, **parameters):
    """Train on 4 batches an epoch."""
    parameters = {"max_epochs": 9, "batch_size": 2, "random_state": 0, "n_threads": 1} | parameters
    return MLPClassifier((3,), callbacks=callbacks, **parameters).fit(X, Y)


@pytest.fixture
def clock(monkeypatch):
    """A second passes from each look to the next."""
    seconds = iter(range(10**6))
    monkeypatch.setattr("crmsprop.callbacks.time_limit.time.monotonic", lambda: float(next(seconds)))


@pytest.mark.parametrize(
    ("seconds", "batches", "epochs"),
    [(1, 1, 1), (4, 4, 1), (5, 4, 1), (6, 5, 2), (10, 8, 2), (11, 9, 3), (44.5, 36, 9)],
)
def test_it_looks_after_each_batch_and_each_epoch(clock, seconds, batches, epochs):
    limit, counter = TimeLimit(seconds), Counter()
    model = fit(limit, counter)
    assert (counter.batches_, counter.epochs_, model.n_epochs_) == (batches, epochs, epochs)
    assert limit.stopped_epoch_ == epochs


def test_an_epoch_that_was_cut_short_has_the_means_of_its_batches():
    model = fit(TimeLimit(1e-9), validation_fraction=0.25)
    assert model.n_epochs_ == 1
    assert 0 < model.history_["loss"][0] < math.inf
    assert 0 < model.history_["val_loss"][0] < math.inf


def test_time_enough_changes_nothing():
    limit = TimeLimit(1e6)
    free, bound = fit(), fit(limit)
    assert limit.stopped_epoch_ is None
    assert free.network_.arena.flat.tobytes() == bound.network_.arena.flat.tobytes()


def test_each_training_has_its_own_time(clock):
    limit = TimeLimit(6)
    assert [fit(limit).n_epochs_ for _ in range(3)] == [2, 2, 2]


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (0, ValueError, r"seconds must be in \(0, inf\), got 0"),
        (math.inf, ValueError, r"seconds must be in \(0, inf\), got inf"),
        (None, TypeError, r"seconds must be a number in \(0, inf\), got None"),
    ],
)
def test_parameters_out_of_range(bad, error, message):
    with pytest.raises(error, match=message):
        TimeLimit(bad)
