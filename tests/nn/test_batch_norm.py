"""BatchNorm as a layer: which statistics, when they move, and what the optimizer gets."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from crmsprop.nn import BatchNorm, Conv2D, Dense, Network, Run


def network_of(layer=None, shape=(5, 4, 3)):
    network = Network([layer or BatchNorm()], shape, np.float64)
    network.initialize(np.random.default_rng(0))
    return network


def images(n=7, shape=(5, 4, 3), seed=0):
    return np.random.default_rng(seed).normal(3.0, 2.0, (n, *shape))


def trained(network, x):
    return network.forward(x, network.workspace(len(x), training=True), Run(training=True)).copy()


def test_in_training_each_channel_has_mean_zero_and_deviation_one():
    out = trained(network_of(BatchNorm(epsilon=1e-12)), images())
    assert_allclose(out.mean(axis=(0, 1, 2)), 0, atol=1e-12)
    assert_allclose(out.std(axis=(0, 1, 2)), 1, rtol=1e-10)


def test_the_running_statistics_follow_the_batches():
    network, mean, variance = network_of(BatchNorm(decay=0.7)), np.zeros(3), np.ones(3)
    for seed in range(4):
        x = images(seed=seed)
        trained(network, x)
        mean = 0.7 * mean + 0.3 * x.mean(axis=(0, 1, 2))
        variance = 0.7 * variance + 0.3 * x.var(axis=(0, 1, 2))
    assert_allclose(network.arena.views["0.running_mean"], mean, rtol=1e-12)
    assert_allclose(network.arena.views["0.running_variance"], variance, rtol=1e-12)


def test_prediction_takes_the_running_statistics_and_moves_nothing():
    network = network_of()
    views = network.arena.views
    for name, value in (("gamma", 2.0), ("beta", 0.5), ("running_mean", 3.0), ("running_variance", 4.0)):
        views[f"0.{name}"][...] = value
    before, x = network.arena.flat.copy(), images()
    out = network.forward(x, network.workspace(len(x)))
    assert_allclose(out, 2.0 * (x - 3.0) / np.sqrt(4.0 + 1e-5) + 0.5, rtol=1e-12)
    assert np.array_equal(network.arena.flat, before)


def test_only_gamma_and_beta_are_learned_and_neither_decays():
    network = Network([Conv2D(4, 3), BatchNorm(), BatchNorm()], (5, 5, 2))
    names = ["0.weight", "0.bias", "1.gamma", "1.beta", "2.gamma", "2.beta"]
    assert list(network.learned) == names
    assert list(network.workspace(2, training=True).gradients.views) == names
    assert network.n_parameters == 9 * 8 + 4 + 16
    assert not any(network.parameters[name].decays for name in names[2:])


def test_rows_are_normalized_feature_by_feature():
    network = Network([BatchNorm(epsilon=1e-12), Dense(2)], (6,), np.float64)
    network.initialize(np.random.default_rng(0))
    x = images(9, (6,))
    workspace = network.workspace(9, training=True)
    network.forward(x, workspace, Run(training=True))
    normalized = workspace.own.memory.passes(9, workspace.own).activations[0].read
    assert_allclose(normalized, (x - x.mean(axis=0)) / x.std(axis=0), atol=1e-10)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"epsilon": 0.0}, r"epsilon must be in \(0, inf\), got 0.0"),
        ({"decay": 1.0}, r"decay must be in \[0, 1\), got 1.0"),
        ({"decay": "a"}, r"decay must be a number in"),
    ],
)
def test_a_bad_parameter_is_refused(parameters, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        BatchNorm(**parameters)


def test_a_sample_without_numbers_is_refused():
    with pytest.raises(ValueError, match=r"BatchNorm needs samples of at least one number"):
        Network([BatchNorm()], ())
