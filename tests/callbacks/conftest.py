"""A training without a network: the columns that a callback sees are made by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from crmsprop.training import COLUMNS


class Played:
    """A training of one weight, which is the number of the epoch; the monitored column is what it is told to be."""

    def __init__(self, callback, values, learning_rate=1.0):
        self.network = SimpleNamespace(arena=SimpleNamespace(flat=np.zeros(3)))
        self.optimizer = SimpleNamespace(learning_rate=learning_rate)
        self.history = {column: [] for column in COLUMNS}
        self.epoch = 0
        self.rates = []
        callback.on_train_begin(self)
        for self.epoch, value in enumerate(values):
            self.rates.append(self.optimizer.learning_rate)
            self.network.arena.flat[:] = self.epoch + 1
            for column in COLUMNS:
                self.history[column].append(value if column == callback.monitor else None)
            if callback.on_epoch_end(self) is True:
                break
        self.rates.append(self.optimizer.learning_rate)
        callback.on_train_end(self)

    @property
    def n_epochs(self):
        return len(self.history["epoch"])

    @property
    def weight(self):
        return self.network.arena.flat[0]


@pytest.fixture
def play():
    """Return a function that feeds values to a callback as its monitored column, one an epoch."""
    return Played
