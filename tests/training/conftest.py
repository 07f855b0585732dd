"""A small problem, and a training of it in one call."""

import numpy as np
import pytest

from crmsprop.nn import Dense, Network, ReLU, SoftmaxCrossEntropy
from crmsprop.optimizer import RMSprop
from crmsprop.schedules import as_schedule
from crmsprop.training import DataSet, Plan, Training, train


def small_data(n=50, dtype=np.float64, seed=1, **kwargs):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    return DataSet((rng.normal(size=(n, 5)) + labels[:, None]).astype(dtype), labels, **kwargs)


class Problem:
    """What a test of the loop needs: data, a network that starts from the same weights, a training."""

    def __init__(self, layers=None, dtype=np.float64, **data):
        self.data = small_data(dtype=dtype, **data)
        self.network = Network(layers or [Dense(7), ReLU(), Dense(3)], (5,), dtype)
        self.network.initialize(np.random.default_rng(0))
        self.training = None

    @property
    def weights(self):
        return self.network.arena.flat

    def run(
        self, validation=None, callbacks=(), schedule=None, max_epochs=3, batch_size=16, n_threads=1, saved=None,
        **optimizer,
    ):  # fmt: skip
        parameters = self.network.learned.items()
        l2 = optimizer.pop("l2", 0.0)
        groups = [{"params": [view], "l2": l2 if name.endswith("weight") else 0.0} for name, view in parameters]
        rmsprop = RMSprop(groups, n_threads=n_threads, **optimizer)
        plan = Plan(max_epochs, batch_size, as_schedule(schedule, rmsprop.learning_rate), 11, n_threads)
        self.training = Training(self.network, rmsprop, plan)
        train(self.training, SoftmaxCrossEntropy(), self.data, validation, callbacks, saved)
        return self.training.history


@pytest.fixture
def problem():
    return Problem


@pytest.fixture
def data():
    return small_data
