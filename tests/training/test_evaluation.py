"""Evaluation: loss and accuracy of a network, by the formula, over more than one batch."""

import numpy as np
import pytest

from crmsprop.nn import Dense, Dropout, Network, ReLU, SoftmaxCrossEntropy
from crmsprop.training import EVALUATION_BATCH, DataSet, Evaluator

N = 2 * EVALUATION_BATCH + 37


def network(dtype=np.float64):
    made = Network([Dense(9), ReLU(), Dropout(0.5), Dense(3)], (4,), dtype)
    made.initialize(np.random.default_rng(0))
    return made


def data(**kwargs):
    rng = np.random.default_rng(1)
    return DataSet(rng.normal(size=(N, 4)), rng.integers(0, 3, N), **kwargs)


def by_hand(net, x, labels, weights):
    views = net.arena.views
    hidden = np.maximum(x @ views["0.weight"] + views["0.bias"], 0)
    logits = hidden @ views["3.weight"] + views["3.bias"]
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(x)), labels]
    return (losses @ weights) / weights.sum(), ((logits.argmax(axis=1) == labels) @ weights) / weights.sum()


def test_the_mean_over_all_samples_without_dropout():
    net, given = network(), data()
    got = Evaluator(net, SoftmaxCrossEntropy(), given, 1).evaluate()
    assert got == pytest.approx(by_hand(net, given.x, given.target, np.ones(N)), rel=1e-12)
    assert all(type(value) is float for value in got)


def test_each_sample_counts_by_its_weight():
    weights = np.random.default_rng(2).uniform(0, 3, N)
    net, given = network(), data(weights=weights)
    got = Evaluator(net, SoftmaxCrossEntropy(), given, 1).evaluate()
    assert got == pytest.approx(by_hand(net, given.x, given.target, weights), rel=1e-12)


def test_a_part_of_the_data():
    rows = np.arange(5, N, 3)
    net, given = network(), data(rows=rows)
    got = Evaluator(net, SoftmaxCrossEntropy(), given, 1).evaluate()
    assert got == pytest.approx(by_hand(net, given.x[rows], given.target[rows], np.ones(len(rows))), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_and_repetition_change_no_bit(dtype):
    net = network(dtype)
    evaluators = [Evaluator(net, SoftmaxCrossEntropy(), data(), n_threads) for n_threads in (1, 2, 3)]
    results = [evaluator.evaluate() for evaluator in evaluators for _ in range(2)]
    assert len(set(results)) == 1


def test_it_sees_the_weights_of_now_and_changes_none():
    net, given = network(), data()
    evaluator = Evaluator(net, SoftmaxCrossEntropy(), given, 1)
    evaluator.evaluate()
    net.arena.flat[:] *= 0.5
    before = net.arena.flat.copy()
    assert evaluator.evaluate() == pytest.approx(by_hand(net, given.x, given.target, np.ones(N)), rel=1e-12)
    np.testing.assert_array_equal(net.arena.flat, before)
