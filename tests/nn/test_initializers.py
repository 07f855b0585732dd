"""Initializers: limits, spread, fans, and what the generator decides."""

import numpy as np
import pytest

from crmsprop.nn import (
    Conv2D,
    Dirac,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Initializer,
    LeCunNormal,
    Network,
    Ones,
    Zeros,
)
from crmsprop.nn.initializers import fans


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((7, 3), (7, 3)), ((3, 3, 3, 32), (27, 288)), ((1, 5, 2, 4), (10, 20)), ((0, 4), (0, 4))],
)
def test_fans_count_what_one_output_and_one_input_meet(shape, expected):
    assert fans(shape) == expected


@pytest.mark.parametrize("shape", [(200, 300), (3, 3, 64, 128)])
def test_glorot_is_uniform_within_its_limit(shape):
    values = GlorotUniform()(shape, np.random.default_rng(0))
    limit = np.sqrt(6 / sum(fans(shape)))
    assert values.shape == shape
    assert values.dtype == np.float64
    assert np.abs(values).max() <= limit
    assert np.abs(values).max() > 0.999 * limit
    assert abs(values.mean()) < 5 * limit / np.sqrt(3 * values.size)
    assert values.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)


@pytest.mark.parametrize("shape", [(200, 300), (3, 3, 64, 128)])
@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        (GlorotNormal(), lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
        (HeNormal(), lambda fan_in, fan_out: 2 / fan_in),
        (HeUniform(), lambda fan_in, fan_out: 2 / fan_in),
        (LeCunNormal(), lambda fan_in, fan_out: 1 / fan_in),
    ],
    ids=lambda value: type(value).__name__,
)
def test_spread(initializer, variance, shape):
    values = initializer(shape, np.random.default_rng(0))
    deviation = np.sqrt(variance(*fans(shape)))
    assert values.shape == shape
    assert values.std() == pytest.approx(deviation, rel=0.02)
    assert abs(values.mean()) < 5 * deviation / np.sqrt(values.size)
    largest = np.abs(values).max() / deviation
    assert largest <= np.sqrt(3) if isinstance(initializer, HeUniform) else 3.5 < largest < 7


@pytest.mark.parametrize("initializer", [GlorotNormal(), HeNormal(), HeUniform(), LeCunNormal()], ids=repr)
def test_no_inputs_are_no_division_by_zero(initializer):
    assert initializer((0, 4), np.random.default_rng(0)).shape == (0, 4)


@pytest.mark.parametrize("kernel", [1, 2, 3, (3, 2), 5])
@pytest.mark.parametrize("filters", [2, 3, 5])
def test_dirac_begins_as_the_identity(kernel, filters):
    network = Network([Conv2D(filters, kernel, padding="same", initializer=Dirac())], (7, 6, 3), np.float64)
    network.initialize(np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(2, 7, 6, 3))
    out, shared = network.forward(x, network.workspace(2)), min(filters, 3)
    np.testing.assert_array_equal(out[..., :shared], x[..., :shared])
    assert not out[..., shared:].any()


def test_what_dirac_does_not_pass_on_begins_as_the_rest():
    values = Dirac(HeNormal())((3, 3, 2, 5), np.random.default_rng(3))
    drawn = HeNormal()((3, 3, 2, 5), np.random.default_rng(3))
    np.testing.assert_array_equal(values[..., 2:], drawn[..., 2:])
    np.testing.assert_array_equal(values[..., :2], Dirac()((3, 3, 2, 2), np.random.default_rng(0)))


def test_dirac_needs_two_axes():
    with pytest.raises(ValueError, match=r"^Dirac needs an array of at least two axes, .*, got \(3,\)$"):
        Dirac()((3,), np.random.default_rng(0))


def test_ones_draws_nothing():
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(Ones()((2, 3), rng), np.ones((2, 3)))
    assert rng.integers(1 << 30) == np.random.default_rng(0).integers(1 << 30)


def test_the_generator_decides():
    first, again, other = (GlorotUniform()((4, 5), np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_zeros_draws_nothing():
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(Zeros()((2, 3), rng), np.zeros((2, 3)))
    assert rng.integers(1 << 30) == np.random.default_rng(0).integers(1 << 30)


def test_an_initializer_of_ones_own_must_be_callable():
    with pytest.raises(TypeError, match="Initializer must override __call__"):
        Initializer()((2,), np.random.default_rng(0))
