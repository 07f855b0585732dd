"""Convolution, pooling and dense layers of shapes drawn at random: against float64, and the promises about bits.

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
    average_pool2d_backward,
    average_pool2d_forward,
    conv2d_backward,
    conv2d_forward,
    dense_backward,
    dense_forward,
    depthwise_backward,
    depthwise_forward,
    dropout_channels,
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
def convolutions(draw, pointwise=False):
    """x's shape, the weight's shape and the geometry; half of them of the kind that Winograd takes, or all 1 x 1."""
    usual = pointwise or draw(st.booleans())
    kernel = (3, 3) if usual else (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    stride = (1, 1) if usual else (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    padding = tuple(draw(st.integers(0, 2)) for _ in range(4))
    if pointwise:
        kernel, padding = (1, 1), (0, 0, 0, 0)
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    channels, filters = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    pool = (1, 1) if pointwise else draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (1, 2), (3, 3), (4, 1)]))
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
@given(st.integers(1, 130), st.integers(1, 300), st.integers(1, 300), st.booleans(), st.booleans())
def test_dense(isa, samples, inputs, units, relu, sparse):
    rng = np.random.default_rng([samples, inputs, units])
    shapes = (samples, inputs), (inputs, units), (units,), (samples, units)
    x, weight, bias, dy = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    if sparse:
        x, dy = np.maximum(x, 0), np.maximum(dy, 0)
    wide = [array.astype(np.float64) for array in (x, weight, bias, dy)]
    sums = wide[0] @ wide[1] + wide[2]
    assert_close(dense_forward(COMPILED, x, weight, bias, relu, sparse), np.maximum(sums, 0) if relu else sums)
    dx, dweight, dbias = dense_backward(COMPILED, x, weight, dy, (sparse, sparse))
    for got, expected in ((dx, wide[3] @ wide[1].T), (dweight, wide[0].T @ wide[3]), (dbias, wide[3].sum(axis=0))):
        assert_close(got, expected, scale=1.0)


@DRAWN
@given(convolutions(pointwise=True), st.sampled_from([2, 3, 7]))
def test_pointwise(isa, case, n_threads):
    x, weight, bias = operands(*case[:2], np.float32)
    out, argmax = conv2d_forward(COMPILED, x, weight, bias, case[2], n_threads=n_threads)
    sums = convolved(x, weight, bias, case[2])
    assert_close(out, pooled(sums, case[2]), scale=np.abs(sums).max())
    dy = np.random.default_rng(1).standard_normal(out.shape).astype(np.float32)
    got = conv2d_backward(COMPILED, x, weight, out, dy, argmax, case[2], n_threads=n_threads)
    assert_same_bits(got, conv2d_backward(COMPILED, x, weight, out, dy, argmax, case[2], n_threads=1))
    passed, wide = np.where(out > 0, dy, 0) if case[2].relu else dy, weight[0, 0].astype(np.float64)
    rows, pixels = passed.reshape(-1, out.shape[3]).astype(np.float64), x.reshape(-1, x.shape[3]).astype(np.float64)
    expected = (rows @ wide.T).reshape(x.shape), (pixels.T @ rows).reshape(weight.shape), rows.sum(axis=0)
    for array, oracle in zip(got, expected, strict=True):
        assert_close(array, oracle, scale=np.sqrt(len(rows)))
    alone = conv2d_backward(COMPILED, x[-1:], weight, out[-1:], dy[-1:], None, case[2])[0]
    assert_same_bits([alone], [got[0][-1:]])


@st.composite
def depthwise_convolutions(draw):
    """x's shape, the weight's and the geometry."""
    kernel, stride = ([draw(st.integers(1, most)) for _ in range(2)] for most in (7, 4))
    geometry = ConvGeometry(tuple(stride), tuple(draw(st.integers(0, 4)) for _ in range(4)))
    height, width, channels = draw(st.integers(1, 40)), draw(st.integers(1, 40)), draw(st.integers(1, 70))
    rows, columns = geometry.convolved(height, width, kernel)
    assume(rows > 0 and columns > 0)
    each = max(rows * columns * kernel[0] * kernel[1], height * width) * channels
    assume(each <= WORK)
    images = draw(st.integers(1, max(1, min(130, WORK // each))))
    return (images, height, width, channels), (*kernel, channels), geometry


def correlated(x, weight, geometry):
    """The depthwise convolution in float64: a sum over windows."""
    top, bottom, left, right = geometry.padding
    padded = np.pad(x.astype(np.float64), ((0, 0), (top, bottom), (left, right), (0, 0)))
    (down, across), windows = geometry.stride, sliding_window_view(padded, weight.shape[:2], axis=(1, 2))
    return np.einsum("nrqcij,ijc->nrqc", windows[:, ::down, ::across], weight.astype(np.float64))


def depthwise_operands(x_shape, weight_shape, dtype):
    rng = np.random.default_rng([*x_shape, *weight_shape])
    return [rng.standard_normal(shape).astype(dtype) for shape in (x_shape, weight_shape, weight_shape[2:])]


@DRAWN
@given(depthwise_convolutions())
def test_depthwise_forward(isa, case):
    x, weight, bias = depthwise_operands(*case[:2], np.float32)
    out = depthwise_forward(COMPILED, x, weight, bias, case[2])
    assert_close(out, correlated(x, weight, case[2]) + bias, scale=1.0)


@DRAWN
@given(depthwise_convolutions())
def test_depthwise_backward(isa, case):
    """The gradients are linear in dy, as those of `test_backward`."""
    x, weight, bias = depthwise_operands(*case[:2], np.float64)
    dy = np.random.default_rng(1).standard_normal(correlated(x, weight, case[2]).shape)
    dx, dweight, dbias = depthwise_backward(COMPILED, x, weight, dy, case[2])
    rng = np.random.default_rng(2)
    for gradient, direction, change in (
        (dx, rng.standard_normal(x.shape), lambda d: correlated(d, weight, case[2])),
        (dweight, rng.standard_normal(weight.shape), lambda d: correlated(x, d, case[2])),
        (dbias, rng.standard_normal(bias.shape), lambda d: np.broadcast_to(d, dy.shape)),
    ):
        moved = change(direction) * dy
        np.testing.assert_allclose((gradient * direction).sum(), moved.sum(), rtol=0, atol=1e-11 * np.abs(moved).sum())


@settings(DRAWN, max_examples=100)
@given(depthwise_convolutions(), st.sampled_from([2, 3, 7]))
def test_threads_and_neighbours_change_no_bit_of_a_depthwise_convolution(isa, case, n_threads):
    x, weight, bias = depthwise_operands(*case[:2], np.float32)
    out = depthwise_forward(COMPILED, x, weight, bias, case[2], n_threads=1)
    assert_same_bits([depthwise_forward(COMPILED, x, weight, bias, case[2], n_threads=n_threads)], [out])
    dy = np.random.default_rng(1).standard_normal(out.shape).astype(np.float32)
    few, many = (depthwise_backward(COMPILED, x, weight, dy, case[2], n_threads=count) for count in (1, n_threads))
    assert_same_bits(many, few)
    for i in {0, len(x) // 2, len(x) - 1}:
        alone = depthwise_forward(COMPILED, x[i : i + 1], weight, bias, case[2])
        dx = depthwise_backward(COMPILED, x[i : i + 1], weight, dy[i : i + 1], case[2])[0]
        assert_same_bits([alone, dx], [out[i : i + 1], few[0][i : i + 1]])


@st.composite
def pools(draw):
    """x's shape, window and stride; some windows are whole images."""
    height, width, channels = draw(st.integers(1, 40)), draw(st.integers(1, 40)), draw(st.integers(1, 70))
    whole = draw(st.integers(0, 3)) == 0
    pool = (height, width) if whole else (draw(st.integers(1, min(height, 9))), draw(st.integers(1, min(width, 9))))
    stride = pool if draw(st.booleans()) else (draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    images = draw(st.integers(1, max(1, min(130, WORK // (height * width * channels * 8)))))
    return (images, height, width, channels), pool, stride


@DRAWN
@given(pools(), st.sampled_from([2, 3, 7]))
def test_average_pool(isa, case, n_threads):
    shape, pool, (down, across) = case
    rng = np.random.default_rng([*shape, *pool])
    x = rng.standard_normal(shape).astype(np.float32)
    means = sliding_window_view(x.astype(np.float64), pool, axis=(1, 2))[:, ::down, ::across].mean(axis=(4, 5))
    out = average_pool2d_forward(COMPILED, x, means.shape, *case[1:], n_threads=n_threads)
    assert_close(out, means, scale=1.0)
    dy = rng.standard_normal(means.shape).astype(np.float32)
    dx = average_pool2d_backward(COMPILED, dy, shape, *case[1:], n_threads=n_threads)
    np.testing.assert_allclose(  # the one is the other's transpose
        (dx.astype(np.float64) * x).sum(), (means * dy).sum(), rtol=0, atol=1e-6 * (np.abs(dx).sum() + 1)
    )
    one = average_pool2d_forward(COMPILED, x[-1:], (1, *means.shape[1:]), *case[1:], n_threads=1)
    alone = average_pool2d_backward(COMPILED, dy[-1:], (1, *shape[1:]), *case[1:], n_threads=1)
    assert_same_bits([one, alone], [out[-1:], dx[-1:]])


@settings(DRAWN, max_examples=60)
@given(pools(), st.floats(0, 0.99), st.sampled_from([2, 3, 7]))
def test_dropout_drops_a_channel_with_all_of_its_pixels(isa, case, rate, n_threads):
    x = np.random.default_rng(0).standard_normal(case[0]).astype(np.float32)
    out = dropout_channels(COMPILED, x, rate, 5, n_threads=n_threads)
    kept = (out != 0).any(axis=(1, 2), keepdims=True)
    scaled = x.astype(np.float64) / (1 - rate)
    np.testing.assert_allclose(out, np.where(kept, scaled, 0), rtol=1e-6)
    assert_same_bits([dropout_channels(COMPILED, x, rate, 5, n_threads=1)], [out])
