"""Batch normalization against sums in float64, channel by channel."""

import numpy as np
import pytest
from kernel_calls import COMPILED, InOut, Out, assert_close, call

EPSILON, DECAY = 1e-3, 0.8
# Rows and channels: vectors of channels, and blocks of rows, of 8192 elements or one row.
SHAPES = [(rows, 5) for rows in (1, 2, 31)]
SHAPES += [(9, channels) for channels in (1, 3, 4, 8, 9, 15, 16, 17, 33)]
SHAPES += [(4096, 2), (8193, 1), (513, 16), (3, 8200), (0, 3), (3, 0)]

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def normal(shape, seed, dtype):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def operands(shape, dtype, offset=0.0):
    """x, gamma, beta, and the running mean and variance."""
    x, channels = normal(shape, 0, dtype) + dtype.type(offset), shape[1:]
    return (
        x,
        normal(channels, 1, dtype),
        normal(channels, 2, dtype),
        normal(channels, 3, dtype),
        np.abs(normal(channels, 4, dtype)),
    )


def forward(kernel, x, gamma, beta, running_mean, running_variance, n_threads=2):
    """Returns the running mean and variance, mean, scale and out."""
    channel = Out(gamma.shape, x.dtype)
    scratch = np.full(kernel.batch_norm_scratch(*x.shape), np.nan)
    arguments = (x, gamma, beta, InOut(running_mean), InOut(running_variance), channel, channel, Out(x.shape, x.dtype))
    return call(lambda *given: kernel.batch_norm_forward(*given, EPSILON, DECAY, scratch, n_threads), *arguments)


def expected_forward(x, gamma, beta, running_mean, running_variance):
    x, gamma, beta, running_mean, running_variance = (
        array.astype(np.float64) for array in (x, gamma, beta, running_mean, running_variance)
    )
    columns = [[float(value) for value in column] for column in x.T]
    mean = np.array([sum(column) / len(column) for column in columns])
    variance = np.array(
        [sum((v - m) ** 2 for v in column) / len(column) for column, m in zip(columns, mean, strict=True)]
    )
    scale = 1 / np.sqrt(variance + EPSILON)
    moved = [DECAY * old + (1 - DECAY) * new for old, new in ((running_mean, mean), (running_variance, variance))]
    return [*moved, mean, scale, gamma * (x - mean) * scale + beta]


@every_shape
def test_forward(kernel, dtype, shape):
    given = operands(shape, dtype)
    got = forward(kernel, *given)
    if 0 in shape:
        assert np.array_equal(got[0], given[3])  # nothing to learn from
        return
    for array, oracle in zip(got, expected_forward(*given), strict=True):
        assert_close(array, oracle, scale=1.0)


@every_shape
def test_backward(kernel, dtype, shape):
    x, gamma, *_ = operands(shape, dtype)
    mean, scale, dy = normal(shape[1:], 5, dtype), np.abs(normal(shape[1:], 6, dtype)), normal(shape, 7, dtype)
    scratch = np.full(kernel.batch_norm_scratch(*shape), np.nan)
    targets = Out(x.shape, dtype), Out(gamma.shape, dtype), Out(gamma.shape, dtype)
    given = x, gamma, mean, scale, dy
    dx, dgamma, dbeta = call(lambda *rest: kernel.batch_norm_backward(*rest, scratch, 2), *given, *targets)
    x, gamma, mean, scale, dy = (array.astype(np.float64) for array in given)
    normalized, rows = (x - mean) * scale, max(len(x), 1)
    sums = [[sum(column) for column in array.T.tolist()] for array in (dy * normalized, dy)]
    assert_close(dgamma, np.array(sums[0], np.float64), scale=1.0)
    assert_close(dbeta, np.array(sums[1], np.float64), scale=1.0)
    assert_close(dx, gamma * scale * (dy - sums[1] / np.float64(rows) - normalized * sums[0] / np.float64(rows)), 1.0)


def test_apply(kernel, dtype):
    x, gamma, beta, mean, variance = operands((37, 19), dtype)
    targets = Out(gamma.shape, dtype), Out(x.shape, dtype)
    scale, out = call(
        lambda *given: kernel.batch_norm_apply(*given, EPSILON, 2), x, gamma, beta, mean, variance, *targets
    )
    expected = 1 / np.sqrt(variance.astype(np.float64) + EPSILON)
    assert_close(scale, expected)
    assert_close(out, gamma.astype(np.float64) * (x.astype(np.float64) - mean) * expected + beta)


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("channels", [0, 1, 7, 64])
def test_fold(kernel, dtype, channels, has_bias):
    _, gamma, beta, mean, variance = operands((1, channels), dtype)
    bias = normal((channels,), 5, dtype) if has_bias else None
    targets = Out(gamma.shape, dtype), Out(gamma.shape, dtype)
    got = call(lambda *given: kernel.batch_norm_fold(*given, EPSILON), gamma, beta, mean, variance, bias, *targets)
    for i in range(channels):
        scale = float(gamma[i]) / (float(variance[i]) + EPSILON) ** 0.5
        shift = float(beta[i]) + ((float(bias[i]) if has_bias else 0.0) - float(mean[i])) * scale
        np.testing.assert_allclose([got[0][i], got[1][i]], [scale, shift], rtol=2 * np.finfo(dtype).eps)


def test_a_mean_far_from_zero_costs_no_digits_of_the_variance(kernel):
    given = operands((20_000, 3), np.dtype(np.float32), offset=1000.0)
    scale = forward(kernel, *given)[3]
    np.testing.assert_allclose(scale, 1 / np.sqrt(given[0].astype(np.float64).var(axis=0) + EPSILON), rtol=1e-6)


@pytest.mark.parametrize("value", [1.0, 6346.0, 12345.678, 101325.0, 1e6, 1.7e9, 1e15])
@pytest.mark.parametrize("shape", [(8192, 1), (50_176, 1), (4096, 2), (1024, 8), (600, 40)], ids=str)
def test_a_constant_channel_has_hardly_a_variance_and_never_a_negative_one(kernel, dtype, shape, value):
    x, zeros, ones = np.full(shape, value, dtype), np.zeros(shape[1], dtype), np.ones(shape[1], dtype)
    _, running_variance, mean, scale, out = forward(kernel, x, ones, zeros, zeros, zeros)
    spacing = np.spacing(dtype.type(value))
    assert (running_variance >= 0).all()
    assert (running_variance <= spacing**2).all()
    np.testing.assert_allclose(mean, x[0], rtol=0, atol=spacing)
    assert np.isfinite(scale).all()
    assert (np.abs(out) <= 1).all()


def test_a_row_does_not_depend_on_the_others_in_prediction(kernel, dtype):
    x, gamma, beta, mean, variance = operands((37, 19), dtype)

    def apply(rows):
        out = np.empty_like(rows)
        kernel.batch_norm_apply(rows, gamma, beta, mean, variance, np.empty_like(gamma), out, EPSILON, 1)
        return out.tobytes()

    assert apply(x) == b"".join(apply(x[i : i + 1]) for i in range(len(x)))


def test_too_little_scratch_is_refused():
    given = operands((500, 17), np.dtype(np.float64))
    channel = np.empty(17)
    scratch = np.empty(COMPILED.batch_norm_scratch(500, 17) - 1)
    with pytest.raises(ValueError, match=r"^scratch must have at least"):
        COMPILED.batch_norm_forward(*given, channel, channel.copy(), given[0].copy(), EPSILON, DECAY, scratch, 1)
