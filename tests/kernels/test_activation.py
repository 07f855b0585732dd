"""The smooth activations and their slopes against the C library, in float64 and number by number."""

import math

import numpy as np
import pytest
from kernel_calls import Out, assert_close, bits, call

from crmsprop.kernels.activations import KINDS

SLOPE = 0.3


def normal_below(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


VALUES = {
    "gelu": lambda x: x * normal_below(x),
    "elu": lambda x: x if x > 0 else SLOPE * math.expm1(x),
    "leaky_relu": lambda x: x if x > 0 else SLOPE * x,
    "silu": lambda x: x * sigmoid(x),
    "tanh": math.tanh,
    "sigmoid": sigmoid,
}
SLOPES = {
    "gelu": lambda x: normal_below(x) + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    "elu": lambda x: 1.0 if x > 0 else SLOPE * math.exp(x),
    "leaky_relu": lambda x: 1.0 if x > 0 else SLOPE,
    "silu": lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x))),
    "tanh": lambda x: 1 - math.tanh(x) ** 2,
    "sigmoid": lambda x: sigmoid(x) * (1 - sigmoid(x)),
}
SIZES = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 4095, 4096, 4097, 20_001]

every_kind = pytest.mark.parametrize("kind", KINDS)


def spread(size, dtype):
    """Numbers of both signs, dense around 0, some far out."""
    x = np.random.default_rng(size).standard_normal(size) * 3
    x[::7] *= 10
    x[::5] *= 1e-3
    return x.astype(dtype)


def forward(kernel, x, kind, n_threads=2):
    return call(kernel.activation_forward, x, Out(x.shape, x.dtype), kind, SLOPE, n_threads)[0]


def backward(kernel, x, out, dy, kind, n_threads=2):
    return call(kernel.activation_backward, x, out, dy, Out(x.shape, x.dtype), kind, SLOPE, n_threads)[0]


@every_kind
@pytest.mark.parametrize("size", SIZES)
def test_value_and_slope(kernel, dtype, size, kind):
    x = spread(size, dtype)
    out = forward(kernel, x, kind)
    assert_close(out, np.array([VALUES[kind](value) for value in x.tolist()]), scale=1.0)
    dy = spread(size, dtype)[::-1].copy()
    slopes = np.array([SLOPES[kind](value) for value in x.tolist()])
    assert_close(backward(kernel, x, out, dy, kind), slopes * dy, scale=1.0)


@every_kind
@pytest.mark.parametrize(("dtype_name", "tolerance"), [("float32", 4e-7), ("float64", 2e-15)])
def test_near_zero_the_relative_error_is_small_too(kernel, dtype_name, tolerance, kind):
    x = np.concatenate([np.logspace(-30, 0, 200), -np.logspace(-30, 0, 200)]).astype(dtype_name)
    expected = np.array([VALUES[kind](value) for value in x.tolist()])
    np.testing.assert_allclose(forward(kernel, x, kind), expected, rtol=tolerance)


@every_kind
def test_far_out(kernel, dtype, kind):
    x = np.array([-3e38, -1e4, -800, -750, -710, -104, -88, 88, 89, 104, 710, 800, 1e4, 3e38] * 3, dtype)
    expected = np.array([VALUES[kind](value) for value in x.tolist()])
    np.testing.assert_allclose(forward(kernel, x, kind), expected, rtol=1e-6, atol=1e-30)
    got = backward(kernel, x, expected.astype(dtype), np.ones_like(x), kind)
    np.testing.assert_allclose(got, [SLOPES[kind](value) for value in x.tolist()], rtol=1e-6, atol=1e-30)


@every_kind
def test_a_nan_stays_in_its_place(kernel, dtype, kind):
    x = spread(33, dtype)
    x[[0, 15, 16, 32]] = np.nan
    assert np.array_equal(np.isnan(forward(kernel, x, kind)), np.isnan(x))


@every_kind
def test_an_element_does_not_depend_on_the_others(kernel, dtype, kind):
    x = spread(37, dtype)
    whole = forward(kernel, x, kind)
    gradients = backward(kernel, x, whole, whole, kind)
    for i in (0, 15, 16, 36):
        alone = forward(kernel, x[i : i + 1], kind)
        assert bits(alone) == bits(whole[i : i + 1])
        assert bits(backward(kernel, x[i : i + 1], alone, alone, kind)) == bits(gradients[i : i + 1])


def test_backward_in_place(kernel, dtype):
    x = spread(50, dtype)
    out = forward(kernel, x, "gelu")
    dy = spread(50, dtype)
    expected = backward(kernel, x, out, dy, "gelu")
    kernel.activation_backward(x, out, dy, dy, "gelu", SLOPE, 1)
    assert bits(dy) == bits(expected)


def test_an_unknown_kind_is_refused(kernel):
    x = np.ones(3)
    message = r"^kind must be one of gelu, elu, leaky_relu, silu, tanh, sigmoid, got 'swish'$"
    with pytest.raises(ValueError, match=message):
        kernel.activation_forward(x, x.copy(), "swish", 0.0, 1)
