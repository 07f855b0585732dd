"""Max-pooling against the oracle: windows of any size and stride, overlapping and with gaps."""

import functools

import numpy as np
import oracles
import pytest
from kernel_calls import assert_close, max_pool2d_backward, max_pool2d_forward

# (shape of x, pool, stride)
WINDOWS = [
    ((2, 7, 8, 3), (pool_h, pool_w), (stride_h, stride_w))
    for pool_h, pool_w in ((1, 1), (2, 2), (1, 3), (3, 2), (7, 8))
    for stride_h, stride_w in ((1, 1), (2, 2), (3, 1), (2, 3))
]
CHANNELS = [((1, 4, 4, channels), (2, 2), (2, 2)) for channels in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33)]
WIDEST = [((1, 16, 17, 1), (15, 17), (1, 1)), ((1, 1, 256, 2), (1, 255), (1, 1))]
EMPTY = [((0, 4, 4, 2), (2, 2), (2, 2)), ((2, 4, 4, 0), (2, 2), (2, 2)), ((1, 1, 4, 2), (2, 2), (1, 1))]
NOTHING_LEFT = [((1, 2, 3, 1), (3, 3), (2, 2)), ((1, 3, 3, 1), (4, 3), (3, 3))]  # no row of windows
CASES = WINDOWS + CHANNELS + WIDEST + EMPTY + NOTHING_LEFT


@functools.cache
def operands(case, dtype):
    """x, and a dy and an argmax of any values for the pooled shape."""
    shape, pool, stride = case
    rng = np.random.default_rng([*shape, *pool, *stride])
    pooled = oracles.pooled_shape(shape, pool, stride)
    argmax = rng.integers(0, pool[0] * pool[1], pooled).astype(np.uint8)
    return rng.standard_normal(shape).astype(dtype), rng.standard_normal(pooled).astype(dtype), argmax


@functools.cache
def expected_forward(case, dtype):
    return oracles.max_pool2d(operands(case, dtype)[0], *case[1:])


@functools.cache
def expected_backward(case, dtype):
    x, dy, argmax = operands(case, dtype)
    return oracles.max_pool2d_backward(dy, argmax, x.shape, *case[1:])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_forward_takes_the_largest_unchanged(kernel, dtype, case):
    x, dy, _ = operands(case, dtype)
    out, argmax = max_pool2d_forward(kernel, x, dy.shape, *case[1:])
    largest, places, _ = expected_forward(case, dtype)
    np.testing.assert_array_equal(out, largest)
    np.testing.assert_array_equal(argmax, places)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_backward_adds_to_where_the_largest_came_from(kernel, dtype, case):
    x, dy, argmax = operands(case, dtype)
    assert_close(max_pool2d_backward(kernel, dy, argmax, x.shape, *case[1:]), expected_backward(case, dtype))


def image(rows, dtype):
    return np.array(rows, dtype).reshape(1, len(rows), len(rows[0]), 1)


def test_the_first_of_equal_values_wins(kernel, dtype):
    x = image([[1, 2, -0.0, 0.0], [2, 2, 0.0, -0.0]], dtype)
    out, argmax = max_pool2d_forward(kernel, x, (1, 1, 2, 1), (2, 2), (2, 2))
    np.testing.assert_array_equal(argmax.ravel(), [1, 0])
    np.testing.assert_array_equal(out.ravel(), [2, 0])
    assert np.signbit(out.ravel()[1])


@pytest.mark.parametrize("place", range(4))
def test_a_nan_wins_over_every_number(kernel, dtype, place):
    x = image([[np.inf, np.inf], [np.inf, np.inf]], dtype)
    x.ravel()[place] = np.nan
    x = np.repeat(x, 9, axis=3)
    out, argmax = max_pool2d_forward(kernel, x, (1, 1, 1, 9), (2, 2), (2, 2))
    assert np.isnan(out).all()
    np.testing.assert_array_equal(argmax, place)


def test_of_two_nans_the_last_wins(kernel, dtype):
    x = image([[np.nan, 1], [np.nan, 1]], dtype)
    _, argmax = max_pool2d_forward(kernel, x, (1, 1, 1, 1), (2, 2), (2, 2))
    np.testing.assert_array_equal(argmax, 2)


def test_infinities(kernel, dtype):
    x = image([[-np.inf, -np.inf, 1, np.inf], [-np.inf, -np.inf, 2, 3]], dtype)
    out, argmax = max_pool2d_forward(kernel, x, (1, 1, 2, 1), (2, 2), (2, 2))
    np.testing.assert_array_equal(out.ravel(), np.array([-np.inf, np.inf], dtype))
    np.testing.assert_array_equal(argmax.ravel(), [0, 1])


def test_a_nan_gradient_goes_to_one_place(kernel, dtype):
    dy = np.array([np.nan, 1.0], dtype).reshape(1, 1, 2, 1)
    argmax = np.array([3, 0], np.uint8).reshape(1, 1, 2, 1)
    dx = max_pool2d_backward(kernel, dy, argmax, (1, 2, 4, 1), (2, 2), (2, 2))
    np.testing.assert_array_equal(dx.ravel(), np.array([0, 0, 1, 0, 0, np.nan, 0, 0], dtype))


def test_a_place_outside_of_the_window_touches_no_other_memory(kernel, dtype):
    """Where an argmax did not come from the forward pass: 255 would lie far outside of a small image."""
    dy, argmax = np.ones((1, 1, 1, 1), dtype), np.full((1, 1, 1, 1), 60, np.uint8)
    try:
        dx = max_pool2d_backward(kernel, dy, argmax, (1, 2, 2, 1), (2, 2), (2, 2))
    except ValueError as refused:
        assert "argmax" in str(refused)  # noqa: PT017 - either answer is right
    else:
        np.testing.assert_array_equal(dx, 0)
