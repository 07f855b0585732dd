"""Initializers: limits, spread, fans, and what the generator decides."""

import numpy as np
import pytest

from crmsprop.nn import GlorotUniform, Initializer, Zeros
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
