"""The residual block: a sum of two ways, each of which is a chain of its own."""

import pickle

import numpy as np
import pytest
from gradcheck import assert_layer_gradients, distinct, layer_pass, random_parameters

from crmsprop.nn import BatchNorm, Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D, Network, ReLU, Residual, Run

CONV = Conv2D(4, 3, padding="same", use_bias=False)
DOWN = Residual([Conv2D(6, 3, stride=2, padding="same"), BatchNorm()], shortcut=[Conv2D(6, 1, stride=2)])
IMAGE = (6, 6, 4)


def both_ways(block, x, training):
    """What the layers and the shortcut give as networks of their own, with the block's parameters."""
    params = random_parameters(block, x.shape[1:])
    ways, first = [], 0
    for part in (block.layers, block.shortcut):
        if not part:
            ways.append(x)
            continue
        network = Network(part, x.shape[1:], x.dtype)
        for view in network.arena.views.values():
            view[...], first = params[first], first + 1
        workspace = network.workspace(len(x), training=training)
        ways.append(network.forward(x, workspace, Run(training=training)).copy())
    return params, ways


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("block", "shape"),
    [
        (Residual([CONV]), IMAGE),
        (Residual([CONV, ReLU(), CONV]), IMAGE),
        (Residual([ReLU()]), IMAGE),
        (Residual([Dense(5), ReLU(), Dense(7)]), (7,)),
        (Residual([CONV, BatchNorm(), ReLU(), CONV, BatchNorm()]), IMAGE),
        (DOWN, IMAGE),
        (Residual([Residual([CONV, ReLU()]), CONV]), IMAGE),
        (Residual([Conv2D(4, 3), ReLU()], shortcut=[MaxPool2D(3, stride=1)]), IMAGE),
        (Residual([Flatten(), Dense(3)], shortcut=[Conv2D(3, 6), Flatten()]), IMAGE),
        (Residual([Dense(7)], shortcut=[Flatten()]), (7,)),
    ],
    ids=repr,
)
def test_the_output_is_the_sum_of_both_ways(block, shape, training):
    x = distinct((5, *shape), 0)
    params, (main, around) = both_ways(block, x, training)
    got = layer_pass(block, x, params, run=Run(training=training))
    # A pass that predicts in memory for training folds no normalization; the two ways by themselves do.
    np.testing.assert_allclose(got.out, main + around, rtol=0, atol=1e-13 * np.abs(main).max())


@pytest.mark.parametrize("training", [False, True])
def test_the_layers_see_their_own_output_and_not_the_sum(training):
    """A ReLU at the end cuts off gradients by what it wrote."""
    block, x = Residual([ReLU()]), np.array([[-3.0, 2.0]])
    got = layer_pass(block, x, [], np.array([[10.0, 10.0]]), run=Run(training=True))
    np.testing.assert_array_equal(got.out, [[-3.0, 4.0]])
    np.testing.assert_array_equal(got.dx, [[10.0, 20.0]])


def test_gradients_of_blocks_within_blocks():
    assert_layer_gradients(Residual([DOWN, CONVS[0], DOWN], shortcut=[Conv2D(6, 1, stride=4)]), (8, 8, 4))


CONVS = [Residual([Conv2D(6, 3, padding="same"), BatchNorm()])]


def test_both_ways_draw_random_numbers_of_their_own():
    x, drop = np.ones((50, 400)), Dropout(0.5)
    network = Network([Residual([drop], shortcut=[drop]), drop, Residual([drop, drop], shortcut=[drop])], (400,))
    first = layer_pass(network.layers[0], x, [], run=Run(training=True), stream=0).out
    assert set(np.unique(first)) == {0.0, 2.0, 4.0}  # one mask for both would leave no 2
    again = layer_pass(network.layers[0], x, [], run=Run(training=True), stream=1).out
    assert not np.array_equal(first, again)


def test_a_block_at_the_beginning_of_a_network_learns():
    network = Network([DOWN, Flatten(), Dense(2)], IMAGE, np.float64)
    network.initialize(np.random.default_rng(0))
    workspace, run = network.workspace(4, training=True), Run(training=True)
    network.forward(distinct((4, *IMAGE), 1), workspace, run)
    workspace.output_gradient(4)[...] = distinct((4, 2), 2)
    network.backward(workspace, run)
    of_block = [view for name, view in workspace.gradients.views.items() if name.startswith("0.")]
    assert len(of_block) == 6
    assert all(np.any(view) for view in of_block)


def test_names_of_parameters():
    assert [parameter.name for parameter in DOWN.parameters(IMAGE)] == [
        *("layers.0.weight", "layers.0.bias"),
        *("layers.1.gamma", "layers.1.beta", "layers.1.running_mean", "layers.1.running_variance"),
        *("shortcut.0.weight", "shortcut.0.bias"),
    ]
    network = Network([ReLU(), DOWN], IMAGE)
    assert "1.shortcut.0.bias" in network.parameters
    assert "1.layers.1.running_mean" not in network.learned


def test_counts():
    conv = Conv2D(4, 3, padding="same", use_bias=False)
    assert Residual([conv]).flops(IMAGE) == conv.flops(IMAGE) + 6 * 6 * 4
    assert Residual([Conv2D(9, 1), Conv2D(4, 1)]).largest_array(IMAGE) == 6 * 6 * 9
    assert Network([Residual([Conv2D(9, 1), Conv2D(4, 1)])], IMAGE).largest_array == 6 * 6 * 9


def test_a_workspace_counts_the_blocks_memory():
    small = Network([Residual([Conv2D(1, 1), Conv2D(4, 1)])], IMAGE).workspace(8, training=True)
    large = Network([Residual([Conv2D(64, 1), Conv2D(4, 1)])], IMAGE).workspace(8, training=True)
    assert large.nbytes - small.nbytes >= 8 * 36 * 63 * 4


def test_a_step_allocates_no_array():
    import tracemalloc

    network = Network([DOWN, Flatten(), Dense(2)], (20, 20, 4))
    network.initialize(np.random.default_rng(0))
    workspace, run, x = network.workspace(64, training=True), Run(training=True), np.ones((64, 20, 20, 4), np.float32)

    def step():
        network.forward(x, workspace, run)
        network.backward(workspace, run)

    step()
    tracemalloc.start()
    step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: Residual([]), ValueError, "layers must hold at least one layer, got none"),
        (lambda: Residual(ReLU()), TypeError, r"layers must be a sequence of layers, got ReLU\(\)"),
        (lambda: Residual([ReLU], ()), TypeError, r"layers\[0\] must be a Layer, got <class"),
        (lambda: Residual([ReLU()], [3]), TypeError, r"shortcut\[0\] must be a Layer, got 3"),
        (lambda: nested(5), ValueError, "residual blocks must be at most 4 deep in each other, got 5"),
        (
            lambda: Network([ReLU(), Residual([Dense(3)])], (4,)),
            ValueError,
            r"layers\[1\], Residual.*Residual needs layers and shortcut that end in one shape, got \(3\) and \(4\)",
        ),
        (
            lambda: Network([Residual([ReLU(), Dense(3)])], IMAGE),
            ValueError,
            r"layers\[0\], Residual.*layers\[1\], Dense.*Dense needs rows of numbers, got shape \(6, 6, 4\)",
        ),
    ],
)
def test_what_does_not_fit(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def nested(depth) -> Layer:
    return ReLU() if depth == 0 else Residual([nested(depth - 1)])


def test_it_is_a_value():
    block = Residual([CONV, ReLU()], shortcut=[ReLU()])
    assert block == Residual((CONV, ReLU()), (ReLU(),)) == pickle.loads(pickle.dumps(block))
    assert hash(block) == hash(Residual((CONV, ReLU()), (ReLU(),)))
    assert nested(4) != nested(3)
