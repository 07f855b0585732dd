"""Frozen layers of a network: they work as in prediction, and cost no backward pass where nobody needs one."""

import numpy as np
import pytest
from gradcheck import distinct, layer_pass, random_parameters

from crmsprop.nn import BatchNorm, Conv2D, Dense, Dropout, Flatten, Network, ReLU, Residual, Run

LAYERS = [
    *(Conv2D(4, 3), BatchNorm(), ReLU(), Dropout(0.5)),
    Residual([Conv2D(4, 3, padding="same"), BatchNorm(), Dropout(0.5)]),
    *(Flatten(), Dense(6), ReLU(), Dropout(0.5), Dense(3)),
]
SHAPE = (6, 5, 2)


def network():
    made = Network(LAYERS, SHAPE, np.float64)
    made.initialize(np.random.default_rng(0))
    rng = np.random.default_rng(1)
    for name, view in made.arena.views.items():
        if "running" in name:
            view[...] = rng.uniform(0.5, 2, view.shape)
    return made


def one_pass(frozen, net=None):
    net = net or network()
    workspace = net.workspace(7, training=True)
    workspace.gradients.flat[...] = np.nan
    run = Run(training=True, seed=3, frozen=frozenset(frozen))
    out = net.forward(distinct((7, *SHAPE), 2), workspace, run).copy()
    workspace.output_gradient(7)[...] = distinct((7, 3), 4)
    net.backward(workspace, run)
    return net, out, workspace.gradients.views


def test_frozen_layers_move_no_statistics():
    before = network()
    for frozen, moves in (((), (1, 4)), ((0, 1), (4,)), ((4,), (1,)), (range(6), ())):
        net, _, _ = one_pass(frozen)
        moved = {
            int(name.split(".")[0])
            for name, view in net.arena.views.items()
            if not np.array_equal(view, before.arena.views[name])
        }
        assert moved == set(moves)


def test_all_frozen_is_prediction():
    net, out, gradients = one_pass(range(10))
    predicted = net.forward(distinct((7, *SHAPE), 2), net.workspace(7))  # where normalizations are folded
    np.testing.assert_allclose(out, predicted, rtol=1e-11, atol=1e-11)
    assert all(np.isnan(gradient).all() for gradient in gradients.values())


def test_no_backward_pass_goes_through_frozen_layers_at_the_beginning():
    _, _, gradients = one_pass(range(6))
    filled = {name for name, gradient in gradients.items() if np.isfinite(gradient).all()}
    assert filled == {"6.weight", "6.bias", "9.weight", "9.bias"}


def test_the_layers_behind_the_frozen_ones_by_themselves():
    """What the frozen layers at the beginning give is kept, and goes through the others as if it came from them."""
    net, out, gradients = one_pass(range(6))
    first = Network(LAYERS[:5], SHAPE, np.float64)
    for name, view in first.arena.views.items():
        view[...] = net.arena.views[name]
    workspace, run = net.workspace(7, training=True), Run(training=True, seed=3, frozen=frozenset(range(6)))
    kept = net.still_output(7, workspace, run)
    x = distinct((7, *SHAPE), 2)
    net.forward(x, workspace, run)
    np.testing.assert_allclose(kept, first.forward(x, first.workspace(7)), rtol=1e-11, atol=1e-11)
    behind = kept.copy()
    net.forward(x + 1, workspace, run)
    kept[...] = behind
    np.testing.assert_array_equal(net.forward_behind(x + 1, workspace, run), out)
    workspace.output_gradient(7)[...] = distinct((7, 3), 4)
    net.backward(workspace, run)
    for name in ("6.weight", "6.bias", "9.weight", "9.bias"):
        np.testing.assert_array_equal(workspace.gradients.views[name], gradients[name])


@pytest.mark.parametrize("frozen", [(), (1, 2), range(10)], ids=str)
def test_nothing_is_kept_where_the_first_layer_learns_or_none_does(frozen):
    net = network()
    run = Run(training=True, frozen=frozenset(frozen))
    assert net.still_output(7, net.workspace(7, training=True), run) is None


@pytest.mark.parametrize("frozen", [(1, 2, 3), (4,), (1, 4, 6), (0, 1, 2, 3)])
def test_gradients_of_the_others_are_those_of_the_function_that_is_left(frozen):
    """Central differences of a network in which the frozen layers work as in prediction."""
    gradients = one_pass(frozen)[2]
    direction = distinct((7, 3), 4)
    rng = np.random.default_rng(5)
    state = {name: view.copy() for name, view in network().arena.views.items()}

    def value():
        return float((one_pass(frozen, probe)[1] * direction).sum())

    for name, gradient in gradients.items():
        if int(name.split(".")[0]) in frozen or not np.isfinite(gradient).all():
            continue
        place = tuple(rng.integers(size) for size in gradient.shape)
        values = []
        for step in (1e-5, -1e-5):
            probe = network()
            probe.arena.views[name][place] = state[name][place] + step
            values.append(value())
        assert gradient[place] == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-4, abs=1e-7), name


@pytest.mark.parametrize("shape", [(5,), (3, 4, 6)])
def test_batch_norm_behind_a_layer_that_learns_while_it_is_frozen(shape):
    """Its gradient is that of prediction: gamma / sqrt(running variance + epsilon), and sums for gamma and beta."""
    layer, x, dy = BatchNorm(epsilon=0.1), distinct((9, *shape), 0), distinct((9, *shape), 1)
    gamma, beta, mean, variance = random_parameters(layer, shape)
    variance = variance**2
    found = layer_pass(layer, x, [gamma, beta, mean, variance], dy, run=Run(training=False))
    deviation = np.sqrt(variance + 0.1)
    np.testing.assert_allclose(found.dx, dy * gamma / deviation, rtol=1e-12)
    axes = tuple(range(x.ndim - 1))
    np.testing.assert_allclose(found.grads[0], (dy * (x - mean) / deviation).sum(axis=axes), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.grads[1], dy.sum(axis=axes), rtol=1e-10, atol=1e-12)
