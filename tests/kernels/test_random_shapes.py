"""Convolution and dense layers of shapes drawn at random: against float64, and the promises about bits.

The oracle is a sum over windows by NumPy in float64, which shares nothing with the kernels but the geometry.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from kernel_calls import (
    COMPILED,
    ISAS,
    assert_close,
    assert_same_bits,
    conv2d_backward,
    conv2d_forward,
    dense_backward,
    dense_forward,
    implementation,
)
from numpy.lib.stride_tricks import sliding_window_view

from crmsprop.kernels.geometry import ConvGeometry

WORK = 4_000_000  # multiply-adds of a case, at most
DRAWN = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@st.composite
def convolutions(draw):
    """x's shape, the weight's shape and the geometry; half of them of the kind that Winograd takes."""
    usual = draw(st.booleans())
    kernel = (3, 3) if usual else (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    stride = (1, 1) if usual else (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    padding = tuple(draw(st.integers(0, 2)) for _ in range(4))
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    channels, filters = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    pool = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (1, 2), (3, 3), (4, 1)]))
    geometry = ConvGeometry(stride, padding, pool, draw(st.booleans()))
    rows, columns = geometry.pooled(height, width, kernel)
    assume(rows > 0 and columns > 0)
    each = rows * columns * pool[0] * pool[1] * kernel[0] * kernel[1] * channels * filters
    assume(each <= WORK)
    images = draw(st.integers(1, max(1, min(130, WORK // each))))
    return (images, height, width, channels), (*kernel, channels, filters), geometry


def operands(x_shape, weight_shape, dtype):
    rng = np.random.default_rng([*x_shape, *weight_shape])
    bias = rng.standard_normal(weight_shape[3])
    return [array.astype(dtype) for array in (rng.standard_normal(x_shape), rng.standard_normal(weight_shape), bias)]


def convolved(x, weight, bias, geometry):
    """The convolution before ReLU and pool, in float64, cut to whole windows of the pool."""
    top, bottom, left, right = geometry.padding
    padded = np.pad(x.astype(np.float64), ((0, 0), (top, bottom), (left, right), (0, 0)))
    (down, across), windows = geometry.stride, sliding_window_view(padded, weight.shape[:2], axis=(1, 2))
    sums = np.einsum("nrqcij,ijcf->nrqf", windows[:, ::down, ::across], weight.astype(np.float64), optimize=True) + bias
    rows, columns = (size // pool * pool for size, pool in zip(sums.shape[1:3], geometry.pool, strict=True))
    return sums[:, :rows, :columns]


def pooled(sums, geometry):
    (n, rows, columns, filters), (ph, pw) = sums.shape, geometry.pool
    largest = sums.reshape(n, rows // ph, ph, columns // pw, pw, filters).max(axis=(2, 4))
    return np.maximum(largest, 0) if geometry.relu else largest


@pytest.fixture(params=ISAS)
def isa(request):
    with implementation(request.param):
        yield


@DRAWN
@given(convolutions())
def test_forward(isa, case):
    x, weight, bias = operands(*case[:2], np.float32)
    out, _ = conv2d_forward(COMPILED, x, weight, bias, case[2])
    sums = convolved(x, weight, bias, case[2])
    assert_close(out, pooled(sums, case[2]), scale=np.abs(sums).max())


@DRAWN
@given(convolutions())
def test_backward(isa, case):
    """The gradients are linear in dy: their products with any direction are those of the forward pass."""
    x, weight, bias = operands(*case[:2], np.float64)
    out, argmax = conv2d_forward(COMPILED, x, weight, bias, case[2])
    dy = np.random.default_rng(1).standard_normal(out.shape)
    dx, dweight, dbias = conv2d_backward(COMPILED, x, weight, out, dy, argmax, case[2])
    passed = gradient_of_sums(dy, out, argmax, case[2])
    rng = np.random.default_rng(2)
    for gradient, direction, change in (
        (dx, rng.standard_normal(x.shape), lambda d: convolved(d, weight, 0, case[2])),
        (dweight, rng.standard_normal(weight.shape), lambda d: convolved(x, d, 0, case[2])),
        (dbias, rng.standard_normal(bias.shape), lambda d: np.broadcast_to(d, passed.shape)),
    ):
        moved = change(direction) * passed
        np.testing.assert_allclose((gradient * direction).sum(), moved.sum(), rtol=0, atol=1e-11 * np.abs(moved).sum())


def gradient_of_sums(dy, out, argmax, geometry):
    """The gradient before ReLU and pool."""
    ph, pw = geometry.pool
    if argmax is None:
        return np.where(out > 0, dy, 0) if geometry.relu else dy
    n, rows, columns, filters = dy.shape
    spread = np.zeros((n, rows, ph, columns, pw, filters))
    for place in range(ph * pw):
        spread[:, :, place // pw, :, place % pw] = np.where(argmax == place, dy, 0)
    return spread.reshape(n, rows * ph, columns * pw, filters)


@settings(DRAWN, max_examples=50)
@given(convolutions(), st.sampled_from([2, 3, 7]))
def test_threads_and_neighbours_change_no_bit(case, n_threads):
    x, weight, bias = operands(*case[:2], np.float32)
    one = conv2d_forward(COMPILED, x, weight, bias, case[2], n_threads=1)
    assert_same_bits(conv2d_forward(COMPILED, x, weight, bias, case[2], n_threads=n_threads), one)
    alone = [conv2d_forward(COMPILED, x[i : i + 1], weight, bias, case[2])[0] for i in {0, len(x) // 2, len(x) - 1}]
    assert_same_bits(alone, [one[0][i : i + 1] for i in {0, len(x) // 2, len(x) - 1}])
    dy = np.random.default_rng(1).standard_normal(one[0].shape).astype(np.float32)
    few, many = (
        conv2d_backward(COMPILED, x, weight, one[0], dy, one[1], case[2], n_threads=threads)
        for threads in (1, n_threads)
    )
    assert_same_bits(many, few)


@settings(DRAWN, max_examples=100)
@given(st.integers(1, 130), st.integers(1, 300), st.integers(1, 130), st.booleans())
def test_dense(isa, samples, inputs, units, relu):
    rng = np.random.default_rng([samples, inputs, units])
    shapes = (samples, inputs), (inputs, units), (units,), (samples, units)
    x, weight, bias, dy = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    wide = [array.astype(np.float64) for array in (x, weight, bias, dy)]
    sums = wide[0] @ wide[1] + wide[2]
    assert_close(dense_forward(COMPILED, x, weight, bias, relu), np.maximum(sums, 0) if relu else sums)
    dx, dweight, dbias = dense_backward(COMPILED, x, weight, dy)
    for got, expected in ((dx, wide[3] @ wide[1].T), (dweight, wide[0].T @ wide[3]), (dbias, wide[3].sum(axis=0))):
        assert_close(got, expected, scale=1.0)
