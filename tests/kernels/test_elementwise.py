"""ReLU, sum, dropout and gather against the oracle."""

import functools

import numpy as np
import oracles
import pytest
from kernel_calls import InOut, add, assert_close, bits, call, dropout, dropout_channels, elementwise, gather

BLOCK = 16384  # elements a block, in _elementwise.pyx
SIZES = [0, 1, *(lanes + more for lanes in (4, 8, 16) for more in (-1, 0, 1)), 33, BLOCK - 1, BLOCK, BLOCK + 1]
SHAPES = [*((size,) for size in SIZES), (), (2, 3, 4, 5), (3, 0, 2), (3 * BLOCK + 5,)]
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-40, 1.5, -1.5]


@functools.cache
def values(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return np.asarray(np.round(rng.standard_normal(shape), 2 if seed else 9), dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_relu_forward(kernel, dtype, shape):
    x = values(shape, dtype)
    assert bits(elementwise(kernel.relu_forward, x)) == oracles.relu(x).astype(dtype).tobytes()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_relu_backward(kernel, dtype, shape):
    out, dy = oracles.relu(values(shape, dtype, seed=1)).astype(dtype), values(shape, dtype)
    assert bits(elementwise(kernel.relu_backward, out, dy)) == oracles.relu_backward(out, dy).astype(dtype).tobytes()


def test_relu_keeps_nan_and_the_sign_of_zero(kernel, dtype):
    x = np.array(SPECIAL * 5, dtype)
    expected = np.where(x < 0, dtype.type(0), x)
    assert bits(elementwise(kernel.relu_forward, x)) == bits(expected)
    got = elementwise(kernel.relu_backward, x, np.full_like(x, np.inf))
    np.testing.assert_array_equal(got, np.where(x > 0, np.inf, 0))
    assert bits(elementwise(kernel.relu_backward, np.ones_like(x), x)) == bits(x)


def test_relu_backward_in_place(kernel, dtype):
    out, dy = values((BLOCK + 7,), dtype, seed=1), values((BLOCK + 7,), dtype)

    def in_place(mask, gradient):
        kernel.relu_backward(mask, gradient, gradient, 2)

    (got,) = call(in_place, out, InOut(dy))
    assert bits(got) == bits(elementwise(kernel.relu_backward, out, dy))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_add(kernel, dtype, shape):
    x, y = values(shape, dtype), values(shape, dtype, seed=1)
    sums = [a + b for a, b in zip(x.ravel().tolist(), y.ravel().tolist(), strict=True)]
    assert bits(add(kernel, x, y)) == np.array(sums).astype(dtype).tobytes()


@pytest.mark.parametrize("place", ["x", "y", "both"])
def test_add_in_place(kernel, dtype, place):
    before, y = values((BLOCK + 7,), dtype), values((BLOCK + 7,), dtype, seed=1)
    x = before.copy()
    kernel.add(*{"x": (x, y, x), "y": (y, x, x), "both": (x, x, x)}[place], 2)
    assert bits(x) == bits(before + (before if place == "both" else y))


def test_add_of_special_values(kernel, dtype):
    x = np.array([value for value in SPECIAL for _ in SPECIAL] * 3, dtype)
    y = np.array(SPECIAL * len(SPECIAL) * 3, dtype)
    with np.errstate(invalid="ignore"):
        assert bits(add(kernel, x, y)) == bits(x + y)


@functools.cache
def expected_mask(size, rate, key):
    return oracles.dropout_mask(size, rate, key)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_dropout(kernel, dtype, shape):
    x = values(shape, dtype)
    mask = expected_mask(x.size, 0.3, 1234).reshape(shape)
    got = dropout(kernel, x, 0.3, 1234)
    assert_close(got, np.where(mask, np.asarray(x, np.float64) / 0.7, 0.0))
    assert not np.any(got[~mask])


@pytest.mark.parametrize("rate", [0.0, 2.0**-33, 2.0**-32, 0.5, 0.999999, 1 - 2.0**-32, 1 - 2.0**-53])
def test_dropout_at_the_ends_of_rate_and_key(kernel, dtype, rate):
    x = np.ones(201, dtype)
    for key in (0, 1, 2**32, 2**63, 2**64 - 1):
        got = dropout(kernel, x, rate, key)
        assert_close(got, np.where(expected_mask(201, rate, key), 1 / (1 - rate), 0.0))


def test_dropout_drops_the_share_that_it_says(kernel):
    x = np.ones(100_000, np.float32)
    for rate in (0.1, 0.5, 0.9):
        dropped = np.mean(dropout(kernel, x, rate, 42) == 0)
        assert abs(dropped - rate) < 5 * np.sqrt(rate * (1 - rate) / x.size)


def test_dropout_of_special_values(kernel, dtype):
    """What is dropped is 0, even a NaN; a rate of 0 keeps every bit."""
    x = np.array(SPECIAL * 5, dtype)
    mask = expected_mask(x.size, 0.5, 9)
    np.testing.assert_array_equal(dropout(kernel, x, 0.5, 9), np.where(mask, x * dtype.type(2), 0))
    assert bits(dropout(kernel, x, 0.0, 9)) == bits(x)


IMAGES = [(3, 4, 5, channels) for channels in (1, 2, 3, 7, 16, 33)]
IMAGES += [(2, 2, 3, channels) for channels in (256, 257, 511, 512, 513, 1100)]  # around the factors of one go
IMAGES += [(1, 1, 1, 1), (3, 40, 39, 3), (0, 4, 5, 3), (2, 0, 5, 3), (2, 4, 5, 0)]


@pytest.mark.parametrize("shape", IMAGES, ids=str)
def test_dropout_of_channels(kernel, dtype, shape):
    x = values(shape, dtype)
    n, _, _, channels = shape
    mask = np.broadcast_to(expected_mask(n * channels, 0.3, 1234).reshape(n, 1, 1, channels), shape)
    got = dropout_channels(kernel, x, 0.3, 1234)
    assert_close(got, np.where(mask, np.asarray(x, np.float64) / 0.7, 0.0))
    assert not np.any(got[~mask])


@pytest.mark.parametrize("rate", [0.0, 2.0**-32, 0.5, 1 - 2.0**-32, 1 - 2.0**-53])
def test_dropout_of_channels_at_the_ends_of_rate_and_key(kernel, dtype, rate):
    x = np.ones((3, 2, 2, 67), dtype)
    for key in (0, 1, 2**32, 2**63, 2**64 - 1):
        mask = expected_mask(201, rate, key).reshape(3, 1, 1, 67)
        got = dropout_channels(kernel, x, rate, key)
        assert_close(got, np.broadcast_to(np.where(mask, 1 / (1 - rate), 0.0), x.shape))


def test_dropout_of_channels_of_special_values(kernel, dtype):
    """What is dropped is 0, even a NaN; a rate of 0 keeps every bit."""
    x = np.array(SPECIAL * 4, dtype).reshape(1, 2, 1, 18)
    mask = expected_mask(18, 0.5, 9)
    assert 0 < mask.sum() < 18
    np.testing.assert_array_equal(dropout_channels(kernel, x, 0.5, 9), np.where(mask, x * dtype.type(2), 0))
    assert bits(dropout_channels(kernel, x, 0.0, 9)) == bits(x)


SOURCES = [np.uint8, np.float32, np.float64]


def source_rows(kind, shape):
    rng = np.random.default_rng(5)
    return rng.integers(0, 256, shape, np.uint8) if kind is np.uint8 else rng.standard_normal(shape).astype(kind)


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("scale", [1.0, 1 / 255])
@pytest.mark.parametrize("shape", [(9,), (9, 1), (9, 17), (9, 2, 3, 4), (9, 33), (9, 0)], ids=str)
def test_gather(kernel, dtype, kind, scale, shape):
    source = source_rows(kind, shape)
    for count in (0, 1, 3, 4, 5, 13):
        indices = np.random.default_rng(count).integers(0, 9, count)
        assert_close(gather(kernel, source, indices, dtype, scale), oracles.gather(source, indices, scale))


@pytest.mark.parametrize("kind", SOURCES)
def test_gather_from_rows_that_lie_apart(kernel, dtype, kind):
    """A training split taken by slicing, rows backwards, one row for all, columns of a wider table."""
    wide = source_rows(kind, (12, 10, 3))
    indices = np.array([2, 0, 2, 3, 1])
    for source in (wide[::2], wide[::-1], np.broadcast_to(wide[:1], wide.shape), wide[:, 2:7], wide[3:, 9:]):
        assert_close(gather(kernel, source, indices, dtype, 0.5), oracles.gather(source, indices, 0.5))


def test_gather_from_no_rows(kernel, dtype):
    assert gather(kernel, np.zeros((0, 3)), np.zeros(0, np.int64), dtype).shape == (0, 3)


def test_gather_keeps_special_values(kernel, dtype):
    source = np.array(SPECIAL, dtype).reshape(-1, 1)
    got = gather(kernel, source, np.arange(len(SPECIAL)), dtype)
    assert bits(got) == bits(source)


def test_every_uint8_becomes_the_same_number_as_a_division(kernel):
    """An image pixel k is k * (1 / 255) in float64, within one unit in the last place of k / 255."""
    source = np.arange(256, dtype=np.uint8).reshape(-1, 1)
    got = gather(kernel, source, np.arange(256), np.float64, 1 / 255).ravel()
    np.testing.assert_array_almost_equal_nulp(got, np.arange(256) / 255)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bad", [None, np.nan, np.inf, -np.inf])
def test_all_finite(kernel, dtype, size, bad):
    x = values((size,), dtype).copy()
    x[::3] = np.finfo(dtype).max
    assert kernel.all_finite(x) is True
    for place in {0, size // 2, size - 1} if size and bad is not None else ():
        y = x.copy()
        y[place] = bad
        assert kernel.all_finite(y) is False


def test_all_finite_refuses_what_it_cannot_read(kernel):
    with pytest.raises(TypeError, match="x must be a float32 or float64 array"):
        kernel.all_finite(np.zeros(3, np.int32))
    with pytest.raises(ValueError, match="x must be C-contiguous"):
        kernel.all_finite(np.zeros((4, 4))[:, ::2])
