"""Losses with a target an output: what the network gets of them, and the parts that are not the kernel's."""

import math

import numpy as np
import pytest
from gradcheck import assert_network_gradients
from scipy.special import expit

from crmsprop.nn import (
    AbsoluteError,
    BinaryCrossEntropy,
    Dense,
    Huber,
    Network,
    PoissonDeviance,
    Run,
    SquaredError,
    Tanh,
)

LOSSES = [SquaredError(), AbsoluteError(), Huber(0.3), PoissonDeviance(), BinaryCrossEntropy(), BinaryCrossEntropy(0.2)]

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)


def case(n=6, width=3, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    output, target = rng.normal(0, 2, (n, width)), rng.integers(0, 2, (n, width))
    return output.astype(dtype), target.astype(dtype), rng.uniform(0.1, 2, n).astype(dtype)


def evaluate(loss, output, target, weights, gradient=None, n_threads=1, room=0):
    memory = loss.memory(len(output) + room, output.dtype)
    return loss.evaluate(output, target, weights, gradient, memory, n_threads)


@every_loss
@pytest.mark.parametrize("width", [1, 4])
def test_through_a_network(loss, width):
    rng = np.random.default_rng(0)
    network = Network([Dense(5), Tanh(), Dense(width)], (3,), np.float64)
    network.initialize(rng)
    x, target = rng.normal(size=(7, 3)), rng.integers(0, 2, (7, width)).astype(np.float64)
    assert_network_gradients(network, loss, x, target, Run(training=True), weights=rng.uniform(0.1, 2, 7))


@every_loss
def test_a_smaller_batch_in_the_same_memory(loss):
    arrays = case()
    np.testing.assert_equal(evaluate(loss, *arrays, room=5), evaluate(loss, *arrays))


@every_loss
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_number_of_threads_changes_no_bit(loss, dtype):
    output, target, weights = case(901, 5, dtype=dtype)
    results = []
    for n_threads in (1, 2, 3):
        gradient = np.empty_like(output)
        result = evaluate(loss, output, target, weights, gradient, n_threads)
        results.append((str(result), gradient.tobytes(), loss.predict(output.copy(), n_threads).tobytes()))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("loss", LOSSES[:4], ids=repr)
def test_numbers_know_no_hits(loss):
    assert math.isnan(evaluate(loss, *case()).hits)


def test_a_hit_is_a_row_without_a_mistake():
    output = np.array([[1.0, -1.0], [1.0, 1.0], [-1.0, -1.0], [0.0, -1.0]])
    target = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    assert evaluate(BinaryCrossEntropy(), output, target, np.array([1.0, 2.0, 4.0, 8.0])).hits == 13.0


def test_smoothing_is_that_of_the_targets():
    output, target, weights = case()
    smoothed = evaluate(BinaryCrossEntropy(0.2), output, target, weights).loss
    p = expit(output)
    q = np.where(target == 1, 0.9, 0.1)
    expected = -(weights * (q * np.log(p) + (1 - q) * np.log(1 - p)).mean(axis=1)).sum()
    assert smoothed == pytest.approx(expected, rel=1e-12)


def test_what_the_outputs_mean():
    output, _, _ = case()
    np.testing.assert_array_equal(SquaredError().predict(output.copy(), 1), output)
    np.testing.assert_allclose(PoissonDeviance().predict(output.copy(), 1), np.exp(output), rtol=1e-14)
    np.testing.assert_allclose(BinaryCrossEntropy().predict(output.copy(), 1), expit(output), rtol=1e-14)


@pytest.mark.parametrize("loss", [PoissonDeviance(), BinaryCrossEntropy()], ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 3])
def test_a_row_does_not_depend_on_the_others(loss, dtype, width):
    output, _, _ = case(301, width, dtype=dtype)
    whole = loss.predict(output.copy(), 2)
    for i in range(0, 301, 7):
        assert loss.predict(output[i : i + 1].copy(), 1).tobytes() == whole[i].tobytes()


@pytest.mark.parametrize(
    ("make", "bad", "message"),
    [
        (Huber, 0.0, r"delta must be in \(0, inf\), got 0.0"),
        (Huber, math.inf, r"delta must be in \(0, inf\), got inf"),
        (Huber, "1", r"delta must be a number in \(0, inf\), got '1'"),
        (BinaryCrossEntropy, 1.0, r"label_smoothing must be in \[0, 1\), got 1.0"),
        (BinaryCrossEntropy, None, r"label_smoothing must be a number in \[0, 1\), got None"),
    ],
)
def test_parameters_out_of_range(make, bad, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make(bad)
