"""The network: shapes, names, refusals, initialization, gradients through every layer, copies."""

import copy
import pickle

import numpy as np
import pytest
from gradcheck import assert_network_gradients, distinct

from crmsprop.nn import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, Network, ReLU, Run, SoftmaxCrossEntropy
from crmsprop.optimizer import RMSprop

REFERENCE = [Conv2D(32, 3), ReLU(), MaxPool2D(), Conv2D(64, 3), ReLU(), MaxPool2D()]
REFERENCE += [Flatten(), Dense(128), ReLU(), Dropout(0.5), Dense(10)]
SMALL = [Conv2D(3, 3, padding="same"), ReLU(), MaxPool2D(), Conv2D(4, 2), ReLU(), Flatten(), Dense(6), ReLU()]
SMALL += [Dropout(0.5), Dense(3)]
LOSS = SoftmaxCrossEntropy()
COPIES = {"pickle": lambda thing: pickle.loads(pickle.dumps(thing)), "deepcopy": copy.deepcopy}


def small_network(dtype=np.float64, fused=True, seed=0):
    network = Network(SMALL, (6, 7, 2), dtype, fused)
    network.initialize(np.random.default_rng(seed))
    return network


def test_the_reference_network_of_the_article():
    network = Network(REFERENCE, (32, 32, 3))
    assert network.n_parameters == 896 + 18_496 + 295_040 + 1_290 == 315_722
    assert network.shapes == [
        *[(30, 30, 32), (30, 30, 32), (15, 15, 32)],
        *[(13, 13, 64), (13, 13, 64), (6, 6, 64)],
        *[(2304,), (128,), (128,), (128,), (10,)],
    ]
    assert network.output_shape == (10,)
    assert list(network.parameters) == [f"{i}.{name}" for i in (0, 3, 7, 10) for name in ("weight", "bias")]
    assert network.arena.views["3.weight"].shape == (3, 3, 32, 64)
    assert network.dtype == network.arena.flat.dtype == np.float32


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_gradients_through_the_whole_network(fused, training):
    network = small_network(fused=fused)
    run = Run(training=training, seed=3, step=5)
    assert_network_gradients(
        network,
        LOSS,
        distinct((4, 6, 7, 2), 1),
        np.array([0, 2, 1, 1]),
        run,
        weights=np.array([1.0, 0.5, 2.0, 0.25]),
        left_out=0.03,
    )


def test_gradients_of_a_dense_network_of_one_layer_and_of_three():
    for layers in ([Dense(4)], [Dense(9), ReLU(), Dense(8, use_bias=False), Dense(4)]):
        network = Network(layers, (5,), np.float64)
        network.initialize(np.random.default_rng(2))
        assert_network_gradients(network, LOSS, distinct((6, 5), 3), np.arange(6) % 4, Run(training=True))


@pytest.mark.parametrize(
    ("layers", "shape", "message"),
    [
        (
            [Conv2D(4, 3), ReLU(), MaxPool2D(7)],
            (8, 8, 1),
            r"^layers\[2\], MaxPool2D\(pool_size=7, stride=None\), does not fit the shape \(6, 6, 4\): "
            r"MaxPool2D needs images of at least 7 x 7 pixels, or its pooling leaves nothing; got \(6, 6, 4\)$",
        ),
        (
            [Dense(3)],
            (8, 8, 1),
            r"^layers\[0\], Dense\(units=3.*\), does not fit the shape \(8, 8, 1\): Dense needs rows",
        ),
        (
            [Flatten(), Conv2D(3, 3)],
            (8, 8, 1),
            r"^layers\[1\], Conv2D\(.*\), does not fit the shape \(64\): Conv2D needs",
        ),
        (
            [Conv2D(3, 9)],
            (8, 8, 1),
            r"^layers\[0\], Conv2D\(.*\), does not fit the shape \(8, 8, 1\): .* at least 9 x 9",
        ),
        ([], (8,), "^layers must hold at least one layer, got none$"),
    ],
)
def test_a_layer_that_does_not_fit_is_named(layers, shape, message):
    with pytest.raises(ValueError, match=message):
        Network(layers, shape)


@pytest.mark.parametrize("thing", [None, "Dense", 5, Dense, object()])
def test_a_thing_that_is_no_layer_is_named(thing):
    with pytest.raises(TypeError, match=r"^layers\[1\] must be a Layer, got "):
        Network([Dense(3), thing], (8,))


def test_initialize_is_decided_by_the_generator_and_reaches_every_weight():
    first, again, other = (small_network(seed=seed) for seed in (1, 1, 2))
    assert first.arena.flat.tobytes() == again.arena.flat.tobytes()
    assert first.arena.flat.tobytes() != other.arena.flat.tobytes()
    for name, view in first.arena.views.items():
        if name.endswith("weight"):
            assert view.all()
        else:
            assert not view.any()


def test_initialize_again_forgets_what_was_learned():
    network = small_network()
    before = network.arena.flat.copy()
    network.arena.flat[:] += 1
    network.initialize(np.random.default_rng(0))
    for name, view in network.arena.views.items():
        start = (view.ctypes.data - network.arena.flat.ctypes.data) // 8
        np.testing.assert_array_equal(view.ravel(), before[start : start + view.size], err_msg=name)


def test_both_dtypes_start_from_the_same_numbers():
    single, double = small_network(np.float32), small_network(np.float64)
    for name, view in double.arena.views.items():
        np.testing.assert_array_equal(single.arena.views[name], view.astype(np.float32))


def test_gaps_stay_zero_and_views_stay_views_through_a_training():
    network = small_network(np.float32)
    x, labels = distinct((8, 6, 7, 2), 1, np.float32), np.arange(8) % 3
    workspace, memory = network.workspace(8, training=True), LOSS.memory(8, np.float32)
    optimizer = RMSprop(list(network.arena.views.values()), 0.01, l2=0.1, momentum=0.5)
    for step in range(10):
        run = Run(training=True, step=step)
        output = network.forward(x, workspace, run)
        LOSS.evaluate(output, labels, np.ones(8, np.float32), workspace.output_gradient(8), memory, 1)
        network.backward(workspace, run)
        optimizer.step(list(workspace.gradients.views.values()))
    for arena in (network.arena, workspace.gradients):
        gaps = np.ones(arena.flat.size, bool)
        for view in arena.views.values():
            start = (view.ctypes.data - arena.flat.ctypes.data) // 4
            np.testing.assert_array_equal(arena.flat[start : start + view.size], view.ravel())
            gaps[start : start + view.size] = False
        assert gaps.any()
        assert not arena.flat[gaps].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("fused", [True, False])
def test_threads_and_batches_change_no_bit(dtype, fused):
    network = Network(REFERENCE, (20, 20, 3), dtype, fused)
    network.initialize(np.random.default_rng(0))
    x = distinct((13, 20, 20, 3), 0, dtype)
    whole = [network.forward(x, network.workspace(13, n_threads)).tobytes() for n_threads in (1, 2, 3)]
    assert whole[0] == whole[1] == whole[2]
    alone = b"".join(network.forward(x[i : i + 1], network.workspace(1)).tobytes() for i in range(13))
    assert alone == whole[0]


def test_forward_changes_neither_input_nor_parameters():
    network = small_network()
    x = distinct((4, 6, 7, 2), 1)
    before, weights = x.copy(), network.arena.flat.copy()
    x.flags.writeable = False
    network.forward(x, network.workspace(4))
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(network.arena.flat, weights)


def test_layers_before_the_first_weight_get_no_gradient_and_harm_nothing():
    plain = Network([Dense(3)], (24,), np.float64)
    behind = Network([ReLU(), MaxPool2D(1), Flatten(), Dense(3)], (3, 4, 2), np.float64)
    for network in (plain, behind):
        network.initialize(np.random.default_rng(0))
    x = np.abs(distinct((5, 3, 4, 2), 1))
    found = []
    for network, batch in ((plain, x.reshape(5, 24)), (behind, x)):
        workspace = network.workspace(5, training=True)
        network.forward(batch, workspace, Run(training=True))
        workspace.output_gradient(5)[...] = 1
        network.backward(workspace, Run(training=True))
        found.append(next(iter(workspace.gradients.views.values())))
    np.testing.assert_array_equal(*found)


def test_the_first_layer_that_learns_is_asked_for_no_gradient_to_its_input():
    asked = []

    class Watched(Dense):
        def backward(self, x, out, dy, dx, own, run):
            asked.append(dx is not None)
            super().backward(x, out, dy, dx, own, run)

    network = Network([ReLU(), Watched(4), Watched(3), ReLU()], (5,))
    workspace = network.workspace(2, training=True)
    network.forward(np.ones((2, 5), np.float32), workspace, Run(training=True))
    workspace.output_gradient(2)[...] = 1
    network.backward(workspace, Run(training=True))
    assert asked == [True, False]


def test_a_network_without_parameters():
    network = Network([ReLU(), MaxPool2D()], (4, 4, 1))
    network.initialize(np.random.default_rng(0))
    workspace = network.workspace(2, training=True)
    assert network.forward(np.ones((2, 4, 4, 1), np.float32), workspace, Run(training=True)).shape == (2, 2, 2, 1)
    network.backward(workspace, Run(training=True))
    assert (network.n_parameters, network.parameters, network.arena.flat.size) == (0, {}, 0)


@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)
def test_a_copy_predicts_the_same_bits_and_is_its_own(duplicate):
    network = small_network(np.float32)
    x = distinct((4, 6, 7, 2), 1, np.float32)
    expected = network.forward(x, network.workspace(4)).tobytes()
    again = duplicate(network)
    assert again.forward(x, again.workspace(4)).tobytes() == expected
    assert again.layers == network.layers
    again.arena.views["0.weight"][...] = 0
    assert network.forward(x, network.workspace(4)).tobytes() == expected


@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)
def test_the_views_of_a_copy_lie_in_its_flat_array(duplicate):
    arena = duplicate(small_network(np.float32)).arena
    assert all(np.shares_memory(view, arena.flat) for view in arena.views.values())
    assert all(view.ctypes.data % 64 == 0 for view in arena.views.values())


def test_gradients_lie_as_the_parameters_do_and_only_in_training():
    network = small_network(np.float32)
    gradients = network.workspace(2, training=True).gradients
    assert {name: view.shape for name, view in gradients.views.items()} == {
        name: view.shape for name, view in network.arena.views.items()
    }
    assert list(gradients.views) == list(network.arena.views)
    assert gradients.flat.size == network.arena.flat.size
    assert network.workspace(2).gradients is None


@pytest.mark.parametrize("fused", [True, False])
def test_a_workspace_for_prediction_trains_nothing(fused):
    network = Network([Conv2D(3, 3), BatchNorm(), ReLU()], (6, 7, 2), fused=fused)
    network.initialize(np.random.default_rng(0))
    before, x = network.arena.flat.copy(), np.ones((2, 6, 7, 2), np.float32)
    with pytest.raises(ValueError, match="workspace must be for training where run is training, got one for pred"):
        network.forward(x, network.workspace(2), Run(training=True))
    np.testing.assert_array_equal(network.arena.flat, before)
    network.forward(x, network.workspace(2, training=True), Run())  # the reverse is what frozen layers do


def test_a_pickle_holds_the_parameters_once():
    network = Network([Dense(500)], (500,))
    assert len(pickle.dumps(network)) < 1.1 * network.arena.flat.nbytes
