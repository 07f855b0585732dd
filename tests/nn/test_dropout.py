"""Dropout: how much, what decides, and that both passes agree."""

import numpy as np
import pytest
from gradcheck import layer_pass

from crmsprop.nn import Dense, Dropout, Network, Run

SHAPE = (200, 300)


def mask(rate=0.5, seed=0, step=0, stream=0, shape=SHAPE, dtype=np.float64):
    out = layer_pass(Dropout(rate), np.ones(shape, dtype), [], run=Run(True, 1, seed, step), stream=stream).out
    return out != 0


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_fraction_is_dropped_and_the_rest_scaled_up(rate, dtype):
    x = np.random.default_rng(0).normal(1, 0.1, size=SHAPE).astype(dtype)
    out = layer_pass(Dropout(rate), x, []).out
    kept = out != 0
    tolerance = 5 * np.sqrt(rate * (1 - rate) / x.size)  # five standard deviations of a binomial share
    assert abs(1 - kept.mean() - rate) < tolerance
    np.testing.assert_allclose(out[kept], x[kept] / (1 - rate), rtol=1e-6)


def test_rows_columns_and_neighbours_do_not_hang_together():
    kept = mask()
    assert np.abs(kept.mean(axis=0) - 0.5).max() < 5 * np.sqrt(0.25 / SHAPE[0])
    assert np.abs(kept.mean(axis=1) - 0.5).max() < 5 * np.sqrt(0.25 / SHAPE[1])
    flat = kept.ravel()
    for lag in (1, 2, 3, 64, 300):
        assert abs(np.corrcoef(flat[:-lag], flat[lag:])[0, 1]) < 5 / np.sqrt(flat.size)


def test_seed_step_and_stream_decide_alone():
    reference = mask(seed=1, step=2, stream=3)
    np.testing.assert_array_equal(mask(seed=1, step=2, stream=3), reference)
    np.testing.assert_array_equal(mask(seed=1, step=2, stream=3, dtype=np.float32), reference)
    others = [mask(seed=2, step=2, stream=3), mask(seed=1, step=3, stream=3), mask(seed=1, step=2, stream=4)]
    others += [mask(seed=3, step=2, stream=1), mask(seed=2, step=1, stream=3)]  # the same words in another order
    for other in others:
        assert abs((other == reference).mean() - 0.5) < 5 * np.sqrt(0.25 / reference.size)


def test_keys_of_neighbouring_seeds_steps_and_streams_differ():
    keys = {Run(True, 1, seed, step).key(stream) for seed in range(20) for step in range(200) for stream in range(5)}
    assert len(keys) == 20 * 200 * 5
    assert all(0 <= key < 2**64 for key in keys)


def test_a_long_training_and_a_large_seed_have_keys():
    assert 0 <= Run(True, 1, 2**63 + 5, 10**12).key(10**6) < 2**64


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_outside_of_training_nothing_changes(rate):
    x = np.random.default_rng(0).normal(size=(5, 7))
    result = layer_pass(Dropout(rate), x, [], x, run=Run(training=False))
    np.testing.assert_array_equal(result.out, x)
    np.testing.assert_array_equal(result.dx, x)


def test_a_rate_of_zero_drops_nothing_in_training():
    x = np.random.default_rng(0).normal(size=(5, 7))
    result = layer_pass(Dropout(0.0), x, [], x)
    np.testing.assert_array_equal(result.out, x)
    np.testing.assert_array_equal(result.dx, x)


def test_both_passes_drop_the_same_elements():
    ones = np.ones(SHAPE)
    for step in range(3):
        result = layer_pass(Dropout(0.3), ones, [], ones, run=Run(True, 1, 4, step))
        np.testing.assert_array_equal(result.out, result.dx)


def test_layers_of_one_network_drop_different_elements():
    network = Network([Dropout(0.5), Dropout(0.5)], (400,), np.float64)
    both = network.forward(np.ones((100, 400)), network.workspace(100, training=True), Run(training=True))
    # Two independent halves leave a quarter; one mask used twice would leave a half.
    assert abs((both != 0).mean() - 0.25) < 5 * np.sqrt(0.1875 / both.size)


def test_steps_of_one_network_drop_different_elements_and_no_step_repeats():
    network = Network([Dropout(0.5), Dense(3)], (50,))
    workspace, x = network.workspace(4, training=True), np.ones((4, 50), np.float32)
    masks = set()
    for step in range(50):
        network.forward(x, workspace, Run(training=True, seed=1, step=step))
        masks.add(workspace.own.memory.passes(4, workspace.own).activations[0].read.tobytes())
    assert len(masks) == 50
