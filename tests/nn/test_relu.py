"""ReLU and Flatten: the two that have no numbers of their own."""

import numpy as np
import pytest
from gradcheck import layer_pass

from crmsprop.nn import Dense, Dropout, Flatten, Network, ReLU, Run


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_relu_cuts_at_zero_and_its_gradient_there_is_zero(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.array([[-np.inf, -1, -tiny, -0.0, 0.0, tiny, 1, np.inf]], dtype)
    result = layer_pass(ReLU(), x, [], np.full_like(x, 3))
    np.testing.assert_array_equal(result.out, [[0, 0, 0, 0, 0, tiny, 1, np.inf]])
    np.testing.assert_array_equal(result.dx, [[0, 0, 0, 0, 0, 3, 3, 3]])


def test_relu_keeps_a_nan():
    out = layer_pass(ReLU(), np.array([[np.nan, -1.0]]), []).out
    assert np.isnan(out[0, 0])
    assert out[0, 1] == 0


@pytest.mark.parametrize("shape", [(5,), (3, 4, 2), (2, 2)])
def test_relu_takes_any_shape(shape):
    assert ReLU().output_shape(shape) == shape


@pytest.mark.parametrize(("shape", "expected"), [((7, 7, 64), 3136), ((5,), 5), ((3, 4), 12), ((), 1), ((3, 0), 0)])
def test_flatten_counts(shape, expected):
    assert Flatten().output_shape(shape) == (expected,)
    assert Flatten().flops(shape) == 0


def test_flatten_moves_no_memory():
    network = Network([Dropout(0.5), Flatten(), Dropout(0.5)], (2, 3, 4))
    workspace = network.workspace(2)
    ((written, read),) = workspace.own.memory.passes(2, workspace.own).activations
    assert (written.shape, read.shape) == ((2, 2, 3, 4), (2, 24))
    assert written.ctypes.data == read.ctypes.data


def test_a_flatten_alone():
    network = Network([Flatten()], (2, 3, 4))
    workspace, x = network.workspace(2, training=True), np.arange(48, dtype=np.float32).reshape(2, 2, 3, 4)
    np.testing.assert_array_equal(network.forward(x, workspace, Run(training=True)), x.reshape(2, 24))
    network.backward(workspace, Run(training=True))


def test_the_gradient_passes_a_flatten_unchanged():
    network = Network([Dense(12), Flatten(), Flatten()], (5,), np.float64)
    network.initialize(np.random.default_rng(0))
    workspace, run = network.workspace(3, training=True), Run(training=True)
    x = np.random.default_rng(1).normal(size=(3, 5))
    network.forward(x, workspace, run)
    gradient = workspace.output_gradient(3)
    gradient[...] = np.random.default_rng(2).normal(size=(3, 12))
    network.backward(workspace, run)
    np.testing.assert_allclose(workspace.gradients.views["0.weight"], x.T @ gradient, rtol=1e-12)
