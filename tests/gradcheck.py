"""Analytic gradients against central differences in float64, and one pass of a single layer outside of a network.

The functions checked here are piecewise smooth. A difference that spans a kink (a ReLU near 0, a near-tie in a pool's
window) depends on its step: where two steps disagree the element is left out, and only a few may be. Cases made by
`distinct` have no kink near, and nothing is left out there.
"""

from typing import NamedTuple

import numpy as np

from crmsprop.nn import Own, Run, Site

STEP = 1e-4


class Pass(NamedTuple):
    """What a forward and a backward pass of one layer left behind."""

    out: np.ndarray
    dx: np.ndarray | None
    grads: list[np.ndarray]


def distinct(shape, seed, dtype=np.float64):
    """Numbers of both signs, all different by at least 0.04 and away from 0, in random order, within about +-2."""
    size = int(np.prod(shape))
    half = np.arange(1, size // 2 + 2) * max(0.04, 2 / (size // 2 + 1)) - 0.02
    values = np.concatenate([half, -half - 0.01])[:size] if size > 1 else half[:size]
    return np.random.default_rng(seed).permutation(values).reshape(shape).astype(dtype)


def random_parameters(layer, input_shape, dtype=np.float64, seed=1):
    """One array for each parameter; biases too are not 0, and variances above it."""
    rng, parameters = np.random.default_rng(seed), layer.parameters(input_shape)
    drawn = [rng.normal(size=p.shape).astype(dtype) for p in parameters]
    return [np.abs(array) if p.minimum == 0 else array for array, p in zip(drawn, parameters, strict=True)]


def layer_pass(layer, x, params, dy=None, *, with_dx=True, run=None, stream=0, room=0):
    """Run a layer on `x` forward, and backward from `dy`; outputs are poisoned first, so that every element counts.

    `room` is by how many samples the memory is larger than the batch.
    """
    run = run or Run(training=True)
    site = Site(stream, x.shape[1:], len(x) + room, x.dtype, run.n_threads, True)
    learned = [p.learned for p in layer.parameters(x.shape[1:])]
    grads = [np.full_like(param, np.nan) for param, has_one in zip(params, learned, strict=True) if has_one]
    kept = [
        param if has_one else param.copy() for param, has_one in zip(params, learned, strict=True)
    ]  # moved in training
    own = Own(kept, grads, layer.memory(site))
    out = np.full((len(x), *layer.output_shape(x.shape[1:])), np.nan, x.dtype)
    layer.forward(x, out, own, run)
    if dy is None:
        return Pass(out, None, [])
    dx = np.full_like(x, np.nan) if with_dx else None
    layer.backward(x, out, dy.copy(), dx, own, run)
    return Pass(out, dx, own.grads)


def differences(function, array, step=STEP):
    """Central differences of the scalar `function()` by every element of `array`, which is changed and put back."""
    gradient = np.empty(array.shape)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + step
        above = function()
        array[index] = value - step
        gradient[index] = (above - function()) / (2 * step)
        array[index] = value
    return gradient


def assert_gradient(function, array, analytic, *, rtol=1e-6, left_out=0.0):
    """Fail unless `analytic` is the gradient of the scalar `function()` by `array`.

    Parameters
    ----------
    function : callable
        Reads `array` afresh at each call.
    array : float64 ndarray
        Changed in place while this runs.
    analytic : ndarray of the shape of `array`
    rtol : float
        Of the largest element of the gradient.
    left_out : float
        The share of elements that may lie at a kink.
    """
    assert array.dtype == np.float64
    numeric, finer = differences(function, array), differences(function, array, STEP / 4)
    scale = max(1.0, np.abs(finer).max(initial=0.0))
    kinks = np.abs(numeric - finer) > rtol * scale
    assert kinks.mean() <= left_out if kinks.size else True, f"{kinks.sum()} of {kinks.size} elements lie at a kink"
    np.testing.assert_allclose(analytic[~kinks], finer[~kinks], rtol=0, atol=rtol * scale)


def assert_layer_gradients(layer, input_shape, *, n=3, seed=0, run=None, left_out=0.0):
    """Fail unless the gradients of a layer, to its input and to each parameter, are those of a random projection."""
    x, params = distinct((n, *input_shape), seed), random_parameters(layer, input_shape)
    dy = np.random.default_rng(seed + 1).normal(size=(n, *layer.output_shape(input_shape)))
    result = layer_pass(layer, x, params, dy, run=run)

    def projection():
        return float(np.sum(layer_pass(layer, x, params, run=run).out * dy))

    assert_gradient(projection, x, result.dx, left_out=left_out)
    learned = [param for param, p in zip(params, layer.parameters(input_shape), strict=True) if p.learned]
    for param, grad in zip(learned, result.grads, strict=True):
        assert_gradient(projection, param, grad, left_out=left_out)


def assert_network_gradients(network, loss, x, target, run, *, weights=None, left_out=0.0):
    """Fail unless the gradients that a network leaves are those of the loss, weighted and through all layers."""
    n = len(x)
    weights = np.ones(n) if weights is None else weights
    workspace, memory = network.workspace(n, run.n_threads, training=True), loss.memory(n, np.float64)

    def value(gradient=None):
        output = network.forward(x, workspace, run)
        return loss.evaluate(output, target, weights, gradient, memory, run.n_threads).loss

    value(workspace.output_gradient(n))
    network.backward(workspace, run)
    analytic = {name: view.copy() for name, view in workspace.gradients.views.items()}
    for name, view in network.learned.items():
        assert_gradient(value, view, analytic[name], left_out=left_out)
