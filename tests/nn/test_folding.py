"""Batch normalization that is folded into the convolution before it, for prediction."""

import copy

import numpy as np
import pytest
from gradcheck import distinct

from crmsprop.nn import GELU, BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, Network, ReLU, Residual, Run
from crmsprop.nn.conv2d import FusedConv2D
from crmsprop.nn.folded_conv2d import FoldedConv2D
from crmsprop.nn.fusion import fuse

C, N, R, P = Conv2D(5, 3, padding="same"), BatchNorm(epsilon=0.01), ReLU(), MaxPool2D()
BARE = Conv2D(18, 3, padding="same", use_bias=False)  # by Winograd where 16 channels come in
SHAPE = (12, 12, 3)

PATTERNS = {
    "conv norm": ([C, N], [2]),
    "conv norm relu": ([C, N, R], [3]),
    "conv norm pool": ([C, N, P], [3]),
    "conv norm relu pool": ([C, N, R, P], [4]),
    "conv norm pool relu": ([C, N, P, R], [4]),
    "conv norm relu pool relu": ([C, N, R, P, R], [4, 1]),
    "conv norm gelu": ([C, N, GELU()], [2, 1]),
    "conv norm norm": ([C, N, N, R], [2, 1, 1]),
    "conv norm dropout pool": ([C, N, Dropout(0.5), P], [2, 1, 1]),
    "conv norm overlapping pool": ([C, N, R, MaxPool2D(3, stride=1)], [3, 1]),
    "without bias, strided": ([Conv2D(4, 3, stride=2, use_bias=False), N, R], [3]),
    "two": ([BARE, N, R, BARE, N, R, P], [3, 4]),
    "first": ([N, C, N], [1, 2]),
}
NOT_FOLDED = {
    "behind the pool, whose largest is another where gamma is negative": ([C, P, N], [2, 1]),
    "behind the ReLU": ([C, R, N], [2, 1]),
    "behind a dense layer": ([Flatten(), Dense(4), N, R], [1, 1, 1, 1]),
}


def folds(fused):
    return any(isinstance(layer, FoldedConv2D) for layer, _ in fused)


@pytest.mark.parametrize(("layers", "counts"), PATTERNS.values(), ids=PATTERNS)
def test_which_layers_predict_as_one(layers, counts):
    fused = fuse(layers, training=False)
    assert [count for _, count in fused] == counts
    assert folds(fused)


@pytest.mark.parametrize(("layers", "counts"), NOT_FOLDED.values(), ids=NOT_FOLDED)
def test_which_are_not_folded(layers, counts):
    fused = fuse(layers, training=False)
    assert [count for _, count in fused] == counts
    assert not folds(fused)


@pytest.mark.parametrize("layers", [layers for layers, _ in PATTERNS.values()], ids=PATTERNS)
def test_in_training_none_is_folded(layers):
    assert not folds(fuse(layers))


def test_a_folded_layer_says_what_it_stands_for():
    folded = FoldedConv2D(5, 3, padding="same", fused_pool=(2, 2), fused_relu=True, epsilon=0.01)
    assert fuse([C, N, R, P], training=False) == [(folded, 4)]
    assert fuse([C, R, P], training=False) == [
        (FusedConv2D(5, 3, padding="same", fused_pool=(2, 2), fused_relu=True), 3)
    ]


class _OwnNorm(BatchNorm):
    """A user's own normalization, which is not the one that it derives from."""


def test_a_layer_that_derives_from_ours_is_not_folded():
    assert fuse([C, _OwnNorm()], training=False) == [(C, 1), (_OwnNorm(), 1)]


def networks(layers, dtype):
    """One that folds and one that does not, with the same parameters, none at its beginning."""
    folding = Network(layers, SHAPE, dtype)
    folding.initialize(np.random.default_rng(0))
    rng = np.random.default_rng(1)
    for name, view in folding.arena.views.items():
        if not name.endswith("weight"):
            view[...] = rng.uniform(0.1, 3, view.shape) if name.endswith("variance") else rng.normal(0, 1, view.shape)
    plain = Network(layers, SHAPE, dtype, fused=False)
    plain.arena.flat[:] = folding.arena.flat
    return folding, plain


def predict(network, x, n_threads=1):
    return network.forward(x, network.workspace(len(x), n_threads)).copy()


BLOCKS = {
    "block": [C, Residual([C, N, R, C, N], shortcut=[]), R],
    "block with a shortcut": [C, Residual([BARE, N, R, BARE, N], shortcut=[Conv2D(18, 1), N]), R],
}
STACKS = {**{name: layers for name, (layers, _) in PATTERNS.items()}, **BLOCKS}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layers", STACKS.values(), ids=STACKS)
def test_it_is_the_same_function(layers, dtype):
    x = distinct((7, *SHAPE), 2, dtype)
    folding, plain = networks(layers, dtype)
    expected = predict(plain, x)
    tolerance = 3e-6 if dtype == np.float32 else 1e-14
    np.testing.assert_allclose(predict(folding, x), expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("layers", STACKS.values(), ids=STACKS)
def test_the_network_that_it_is_held_against_folds_nowhere(layers, monkeypatch):
    """Not in a block either: a folded convolution that goes wrong is seen."""
    x = distinct((2, *SHAPE), 2, np.float32)
    folding, plain = networks(layers, np.float32)
    right = predict(folding, x), predict(plain, x)
    forward = FoldedConv2D.forward

    def doubled(self, x, out, own, run):
        forward(self, x, out, own, run)
        out *= 2

    monkeypatch.setattr(FoldedConv2D, "forward", doubled)
    assert not np.array_equal(predict(folding, x), right[0])
    assert predict(plain, x).tobytes() == right[1].tobytes()


@pytest.mark.parametrize("layers", STACKS.values(), ids=STACKS)
def test_same_bits_for_any_threads_and_neighbours(layers):
    x = distinct((7, *SHAPE), 2, np.float32)
    network, _ = networks(layers, np.float32)
    whole = predict(network, x)
    assert predict(network, x, n_threads=3).tobytes() == whole.tobytes()
    assert b"".join(predict(network, x[i : i + 1]).tobytes() for i in range(7)) == whole.tobytes()


@pytest.mark.parametrize("name", ["0.weight", "0.bias", "1.gamma", "1.beta", "1.running_mean", "1.running_variance"])
def test_a_parameter_that_moves_is_never_forgotten(name):
    """Nothing folded is kept between calls, not even in a workspace that is used again."""
    network, plain = networks([C, N, R], np.float64)
    x = distinct((4, *SHAPE), 2, np.float64)
    workspace = network.workspace(4)
    before = network.forward(x, workspace).copy()
    for changed in (network, plain):
        changed.arena.views[name][0] += 1.5
    after = network.forward(x, workspace)
    assert not np.array_equal(after, before)
    np.testing.assert_allclose(after, predict(plain, x), rtol=0, atol=1e-13 * np.abs(after).max())


def test_training_moves_the_statistics_as_ever():
    network, plain = networks([C, N, R], np.float64)
    x = distinct((4, *SHAPE), 2, np.float64)
    for trained in (network, plain):
        trained.forward(x, trained.workspace(4, training=True), Run(training=True))
    np.testing.assert_allclose(network.arena.flat, plain.arena.flat, rtol=1e-13)
    assert copy.deepcopy(network).arena.flat.tobytes() == network.arena.flat.tobytes()


def test_a_dead_channel_and_a_gamma_of_zero_or_below():
    """A channel whose outputs were always the same has a running variance of 0: scale is 1 / sqrt(epsilon)."""
    network, plain = networks([C, N, R, P], np.float64)
    for one in (network, plain):
        one.arena.views["1.running_variance"][:2] = 0
        one.arena.views["1.gamma"][1:4] = (0, -2, -0.5)
    x = distinct((4, *SHAPE), 2, np.float64)
    expected = predict(plain, x)
    np.testing.assert_allclose(predict(network, x), expected, rtol=0, atol=1e-13 * np.abs(expected).max())


def test_there_is_no_backward_pass():
    with pytest.raises(TypeError, match="for prediction alone"):
        FoldedConv2D(5, 3).backward(None, None, None, None, None, None)
