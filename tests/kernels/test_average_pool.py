"""Average-pooling against the oracle: windows of any size and stride, overlapping, with gaps, and of a whole image."""

import functools

import numpy as np
import oracles
import pytest
from kernel_calls import TOLERANCE, assert_close, average_pool2d_backward, average_pool2d_forward

# (shape of x, pool, stride)
WINDOWS = [
    ((2, 7, 8, 3), (pool_h, pool_w), (stride_h, stride_w))
    for pool_h, pool_w in ((1, 1), (2, 2), (1, 3), (3, 2), (7, 8))
    for stride_h, stride_w in ((1, 1), (2, 2), (3, 1), (2, 3))
]
CHANNELS = [
    ((2, 4, 3, channels), (2, 2), (2, 1))
    for channels in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 70, 129)
]
GLOBAL = [((2, size, size + 1, 5), (size, size + 1), (size, size + 1)) for size in (1, 2, 7, 17)]
LARGE = [((1, 16, 17, 1), (16, 17), (1, 1)), ((1, 1, 300, 2), (1, 256), (1, 3))]
EMPTY = [((0, 4, 4, 2), (2, 2), (2, 2)), ((2, 4, 4, 0), (2, 2), (2, 2)), ((1, 1, 4, 2), (2, 2), (1, 1))]
NOTHING_LEFT = [((1, 2, 3, 1), (3, 3), (2, 2)), ((1, 3, 3, 1), (4, 3), (3, 3))]  # no row of windows
CASES = WINDOWS + CHANNELS + GLOBAL + LARGE + EMPTY + NOTHING_LEFT

every_case = pytest.mark.parametrize("case", CASES, ids=str)


@functools.cache
def operands(case, dtype):
    """x, and a dy of the pooled shape."""
    shape, pool, stride = case
    rng = np.random.default_rng([*shape, *pool, *stride])
    pooled = oracles.pooled_shape(shape, pool, stride)
    return rng.standard_normal(shape).astype(dtype), rng.standard_normal(pooled).astype(dtype)


@functools.cache
def expected(case, dtype):
    x, dy = operands(case, dtype)
    return oracles.average_pool2d(x, *case[1:]), oracles.average_pool2d_backward(dy, x.shape, *case[1:])


@every_case
def test_forward_is_the_mean(kernel, dtype, case):
    x, dy = operands(case, dtype)
    assert_close(average_pool2d_forward(kernel, x, dy.shape, *case[1:]), expected(case, dtype)[0], scale=1.0)


@every_case
def test_backward_shares_among_the_window(kernel, dtype, case):
    x, dy = operands(case, dtype)
    assert_close(average_pool2d_backward(kernel, dy, x.shape, *case[1:]), expected(case, dtype)[1])


@pytest.mark.parametrize("channels", [1, 9, 33])
def test_equal_values_have_themselves_for_a_mean(kernel, dtype, channels):
    """A product with 1 / 9 would round; 0.75 nine times is exact, and so is a ninth of it."""
    x = np.full((2, 6, 6, channels), 0.75, dtype)
    np.testing.assert_array_equal(average_pool2d_forward(kernel, x, (2, 2, 2, channels), (3, 3), (3, 3)), 0.75)


def test_the_mean_of_a_large_image_keeps_its_digits(compiled, dtype):
    """50,176 numbers of mean 1000: one running sum would lose three digits of float32."""
    x = np.random.default_rng(0).normal(1000, 1, (1, 224, 224, 3)).astype(dtype)
    got = average_pool2d_forward(compiled, x, (1, 1, 1, 3), (224, 224), (224, 224))
    exact = x.astype(np.float64).mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(got, exact, rtol=TOLERANCE[np.dtype(dtype)] / 10)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channels", [3, 33])
def test_a_special_value_stays_in_its_window_and_channel(kernel, dtype, bad, channels):
    x = np.ones((2, 4, 4, channels), dtype)
    x[1, 2, 1, 2] = bad
    out = average_pool2d_forward(kernel, x, (2, 2, 2, channels), (2, 2), (2, 2))
    np.testing.assert_array_equal(out[1, 1, 0, 2], bad)
    out[1, 1, 0, 2] = 1
    np.testing.assert_array_equal(out, 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_special_gradient_stays_in_its_window_and_channel(kernel, dtype, bad):
    dy = np.full((2, 2, 2, 3), 4, dtype)
    dy[0, 1, 0, 2] = bad
    dx = average_pool2d_backward(kernel, dy, (2, 4, 4, 3), (2, 2), (2, 2))
    np.testing.assert_array_equal(dx[0, 2:, :2, 2], bad)
    dx[0, 2:, :2, 2] = 1
    np.testing.assert_array_equal(dx, 1)


def test_infinities_of_both_signs_have_no_mean(kernel, dtype):
    x = np.array([np.inf, -np.inf, 1, 2], dtype).reshape(1, 1, 4, 1)
    out = average_pool2d_forward(kernel, x, (1, 1, 2, 1), (1, 2), (1, 2)).ravel()
    assert np.isnan(out[0])
    assert out[1] == 1.5
