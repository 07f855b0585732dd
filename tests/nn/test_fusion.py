"""Fusion: which neighbours run as one pass, and that nobody can tell from the numbers."""

import numpy as np
import pytest
from gradcheck import distinct

from crmsprop.nn import (
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    Network,
    ReLU,
    Run,
    Sigmoid,
    SoftmaxCrossEntropy,
)
from crmsprop.nn.conv2d import FusedConv2D
from crmsprop.nn.dense import FusedDense
from crmsprop.nn.fusion import fuse

C, P, R = Conv2D(5, 3, padding="same"), MaxPool2D(), ReLU()
OVERLAP, GAPS = MaxPool2D(3, stride=2), MaxPool2D(2, stride=3)
END = [Flatten(), Dense(3)]

PATTERNS = {
    "conv": ([C], [1]),
    "conv relu": ([C, R], [2]),
    "conv pool": ([C, P], [2]),
    "conv relu pool": ([C, R, P], [3]),
    "conv pool relu": ([C, P, R], [3]),
    "conv relu pool relu": ([C, R, P, R], [3, 1]),
    "conv relu relu": ([C, R, R], [2, 1]),
    "conv pool pool": ([C, P, P], [2, 1]),
    "conv pool of one pixel": ([C, MaxPool2D(1)], [2]),
    "conv wide pool": ([C, MaxPool2D((1, 3))], [2]),
    "conv tall pool relu": ([C, MaxPool2D((4, 1)), R], [3]),
    "conv pool with its own stride": ([C, MaxPool2D(2, stride=2), R], [3]),
    "conv overlapping pool": ([C, OVERLAP], [1, 1]),
    "conv relu overlapping pool": ([C, R, OVERLAP], [2, 1]),
    "conv overlapping pool relu": ([C, OVERLAP, R], [1, 1, 1]),
    "conv pool with gaps": ([C, R, GAPS], [2, 1]),
    "conv relu dropout pool": ([C, R, Dropout(0.3), P], [2, 1, 1]),
    "two blocks": ([C, R, P, Conv2D(4, 2), P, R], [3, 3]),
    "pool first": ([P, C, R], [1, 2]),
    "relu first": ([R, C, P], [1, 2]),
    "strided without bias": ([Conv2D(5, 3, stride=2, padding=1, use_bias=False), R, P], [3]),
}
WIDE_DENSE = [Flatten(), Dense(90), R, Dense(80), R, Dropout(0.3), Dense(70), R]


@pytest.mark.parametrize(("layers", "counts"), PATTERNS.values(), ids=PATTERNS)
def test_which_layers_run_as_one(layers, counts):
    fused = fuse(layers)
    assert [count for _, count in fused] == counts
    position = 0
    for layer, count in fused:
        assert type(layer) is (FusedConv2D if count > 1 else type(layers[position]))
        position += count


def test_a_fused_layer_says_what_it_stands_for():
    conv = Conv2D(5, (3, 1), stride=2, padding=1, use_bias=False, l2=0.5)
    ((layer, count),) = fuse([conv, ReLU(), MaxPool2D((2, 3))])
    assert count == 3
    assert layer == FusedConv2D(5, (3, 1), 2, 1, False, 0.5, fused_pool=(2, 3), fused_relu=True)
    assert layer.parameters((8, 8, 2)) == conv.parameters((8, 8, 2))
    assert fuse([Dense(4, False, 0.5), ReLU()]) == [(FusedDense(4, False, 0.5, fused_relu=True), 2)]


def test_dense_layers():
    assert [count for _, count in fuse([Dense(3), ReLU(), ReLU(), Dense(4), Dense(5), ReLU()])] == [2, 1, 1, 2]
    assert fuse([Sigmoid(), Dense(3)]) == [(Sigmoid(), 1), (Dense(3), 1)]
    assert [type(layer) for layer, _ in fuse([Dense(3), Dropout(0.5), ReLU()])] == [Dense, Dropout, ReLU]
    assert fuse([]) == []


BEHIND = {
    "relu": ([R], True),
    "dense relu": ([Dense(4), R], True),
    "dense relu dropout": ([Dense(4), R, Dropout(0.5)], True),
    "conv relu flatten dropout": ([C, R, Flatten(), Dropout(0.5)], True),
    "conv relu pool": ([C, R, P, Flatten()], False),
    "nothing": ([], False),
    "dropout": ([Dropout(0.5)], False),
    "dense": ([R, Dense(4)], False),
    "sigmoid": ([R, Sigmoid()], False),
    "batch norm": ([R, BatchNorm()], False),
}


@pytest.mark.parametrize(("before", "behind"), BEHIND.values(), ids=BEHIND)
def test_a_dense_layer_knows_whether_a_relu_stands_before_it(before, behind):
    cuts = type(before[0]) is Dense if behind else False
    *_, (last, count) = fuse([*before, Dense(3, l2=0.5)])
    fused = FusedDense(3, l2=0.5, behind_relu=True, cuts_dx=cuts)
    assert (last, count) == (fused if behind else Dense(3, l2=0.5), 1)
    *_, (last, count) = fuse([*before, Dense(3), R])
    assert (last, count) == (FusedDense(3, fused_relu=True, behind_relu=behind, cuts_dx=cuts), 2)


@pytest.mark.parametrize(
    ("between", "cut"),
    [([], True), ([Dropout(0.5)], True), ([Sigmoid()], False), ([R], False)],
    ids=["nothing", "dropout", "sigmoid", "relu"],
)
def test_one_of_two_dense_layers_goes_back_through_the_relu_between_them(between, cut):
    (first, _), *_, (last, _) = fuse([Dense(5), R, *between, Dense(3), R])
    assert (first.dy_is_cut, last.cuts_dx) == (cut, cut)
    assert not first.cuts_dx
    assert not last.dy_is_cut


class _LeakyReLU(ReLU):
    """A user's own layer, which is not the one that it derives from."""

    def forward(self, x, out, own, run):
        np.maximum(x, 0.1 * x, out=out)


class _MeanPool(MaxPool2D):
    """A user's own pool."""


@pytest.mark.parametrize("layers", [[Dense(3), _LeakyReLU()], [C, _LeakyReLU()], [C, _MeanPool()]], ids=repr)
def test_a_layer_that_derives_from_one_of_ours_is_not_fused(layers):
    assert fuse(layers) == [(layer, 1) for layer in layers]


def pair(layers, dtype, shape=(12, 12, 3)):
    """The fused network and the one that is not, with equal parameters."""
    networks = [Network(layers, shape, dtype, fused) for fused in (True, False)]
    networks[0].initialize(np.random.default_rng(0))
    rng = np.random.default_rng(1)
    for name, view in networks[0].arena.views.items():
        if name.endswith("bias"):
            view[...] = rng.normal(0, 0.1, view.shape)
    networks[1].arena.flat[:] = networks[0].arena.flat
    return networks


def trained(network, x, labels, run):
    loss, n = SoftmaxCrossEntropy(), len(x)
    workspace = network.workspace(n, run.n_threads, training=True)
    output = network.forward(x, workspace, run)
    loss.evaluate(output, labels, np.ones(n, x.dtype), workspace.output_gradient(n), loss.memory(n, x.dtype), 1)
    network.backward(workspace, run)
    return output, workspace.gradients.flat


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "layers", [*(layers for layers, _ in PATTERNS.values()), WIDE_DENSE], ids=[*PATTERNS, "wide dense layers"]
)
def test_the_fused_network_is_the_same_function(layers, dtype):
    networks = pair([*layers, *END], dtype)
    x, labels = distinct((7, 12, 12, 3), 2, dtype), np.arange(7) % 3
    run = Run(training=True, seed=8)
    (out, gradient), (plain_out, plain_gradient) = (trained(network, x, labels, run) for network in networks)
    tolerance = 1e-6 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(out, plain_out, rtol=0, atol=tolerance * max(1, np.abs(plain_out).max()))
    np.testing.assert_allclose(gradient, plain_gradient, rtol=0, atol=10 * tolerance * np.abs(plain_gradient).max())
    predicted, plain = (network.forward(x, network.workspace(7)).copy() for network in networks)
    np.testing.assert_allclose(predicted, plain, rtol=0, atol=tolerance * max(1, np.abs(plain).max()))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_draws_the_same_elements_in_both(dtype):
    layers = [C, R, P, Dropout(0.5), Flatten(), Dense(40), R, Dropout(0.5), Dense(3)]
    networks = pair(layers, dtype)
    x, labels = distinct((7, 12, 12, 3), 2, dtype), np.arange(7) % 3
    for step in range(3):
        run = Run(training=True, seed=8, step=step)
        (out, gradient), (plain_out, plain_gradient) = (trained(network, x, labels, run) for network in networks)
        np.testing.assert_allclose(out, plain_out, rtol=0, atol=1e-6 * max(1, np.abs(plain_out).max()))
        np.testing.assert_allclose(gradient, plain_gradient, rtol=0, atol=1e-5 * np.abs(plain_gradient).max())


def test_both_have_the_same_parameters_and_shapes():
    fused, plain = pair([C, R, P, *END], np.float32)
    assert fused.parameters == plain.parameters
    assert fused.shapes == plain.shapes == [(12, 12, 5), (12, 12, 5), (6, 6, 5), (180,), (3,)]
    assert {n: v.shape for n, v in fused.arena.views.items()} == {n: v.shape for n, v in plain.arena.views.items()}
