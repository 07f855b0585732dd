"""The workspace: buffers that never meet where they must not, reuse with smaller batches, and no allocation a step."""

import gc
import itertools
import tracemalloc

import numpy as np
import pytest

from crmsprop.nn import Conv2D, Dense, Dropout, Flatten, MaxPool2D, Network, ReLU, Residual, Run, SoftmaxCrossEntropy
from crmsprop.optimizer import RMSprop

LAYERS = [Conv2D(8, 3), ReLU(), MaxPool2D(), Dropout(0.3), Flatten(), Dense(20), ReLU(), Dropout(0.5), Dense(4)]


def network(dtype=np.float32, fused=True):
    made = Network(LAYERS, (10, 10, 2), dtype, fused)
    made.initialize(np.random.default_rng(0))
    return made


def one_step(net, workspace, x, labels, run):
    """Forward, loss and backward; return output and gradients as bytes."""
    loss, n = SoftmaxCrossEntropy(), len(x)
    output = net.forward(x, workspace, run)
    loss.evaluate(
        output, labels, np.ones(n, x.dtype), workspace.output_gradient(n), loss.memory(n, x.dtype), run.n_threads
    )
    answer = output.tobytes()
    net.backward(workspace, run)
    return answer, workspace.gradients.flat.tobytes()


def batch(n, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 10, 10, 2)).astype(dtype), rng.integers(0, 4, n)


@pytest.mark.parametrize("fused", [True, False])
def test_batches_of_any_size_share_a_workspace_and_leave_nothing_behind(fused):
    net = network(fused=fused)
    shared, run = net.workspace(16, training=True), Run(training=True, seed=3)
    for n in (16, 5, 16, 1, 7, 5, 16):
        x, labels = batch(n, seed=n)
        fresh = one_step(net, net.workspace(n, training=True), x, labels, run)
        assert one_step(net, shared, x, labels, run) == fresh


@pytest.mark.parametrize("fused", [True, False])
def test_a_prediction_workspace_gives_the_bits_of_a_training_one(fused):
    net = network(fused=fused)
    for n in (9, 1, 4):
        x, _ = batch(n, seed=n)
        predicted = net.forward(x, net.workspace(9))
        trained = net.forward(x, net.workspace(9, training=True), Run(training=False))
        assert predicted.tobytes() == trained.tobytes()


def test_what_is_alive_at_the_same_time_does_not_overlap():
    workspace = network().workspace(6, training=True)
    _, activations, gradients, _ = workspace.own.memory.passes(6, workspace.own)
    kept = [*(between.written for between in activations), workspace.output(6)]
    passed_back = [*(between.written for between in gradients), workspace.output_gradient(6)]
    for a, b in itertools.combinations(kept, 2):
        assert not np.shares_memory(a, b)
    for a, b in itertools.product(kept, passed_back):
        assert not np.shares_memory(a, b)
    for a, b in itertools.pairwise(passed_back):
        assert not np.shares_memory(a, b)


def test_both_sides_of_a_flatten_are_the_same_memory():
    workspace = network().workspace(6)
    for written, read in workspace.own.memory.passes(6, workspace.own).activations:
        assert written.ctypes.data == read.ctypes.data
        assert written.size == read.size


def test_neighbours_in_prediction_take_turns():
    workspace = network(fused=False).workspace(6)
    outputs = [between.written for between in workspace.own.memory.passes(6, workspace.own).activations]
    assert not any(np.shares_memory(a, b) for a, b in itertools.pairwise([*outputs, workspace.output(6)]))
    assert all(np.shares_memory(a, b) for a, b in zip(outputs, outputs[2:], strict=False))


def test_buffers_are_aligned_and_made_once():
    workspace = network().workspace(6, training=True)
    for n in (6, 2):
        views = workspace.own.memory.passes(n, workspace.own)
        assert workspace.own.memory.passes(n, workspace.own) is views
        assert workspace.output(n) is workspace.output(n)
        arrays = [side for between in (*views.activations, *views.gradients) for side in between]
        assert all(array.ctypes.data % 64 == 0 and len(array) == n for array in (*arrays, workspace.output(n)))
    assert workspace.output_gradient(3).shape == (3, 4)


def traced(make):
    """Bytes that the object which `make` returns holds."""
    tracemalloc.start()
    try:
        kept = make()
        held = tracemalloc.get_traced_memory()[0]
        del kept
        return held
    finally:
        tracemalloc.stop()


def test_a_prediction_workspace_is_smaller():
    net = Network([Dense(200), ReLU()] * 10, (200,))
    predicting = traced(lambda: net.workspace(100))
    training = traced(lambda: net.workspace(100, training=True))
    activations = 100 * 200 * 4
    assert training - predicting > 10 * activations  # ten outputs are kept, and both have two turns
    assert predicting < training / 2


def test_sums_that_grow_with_the_batch_only():
    net = network()
    small, large = (traced(lambda n=n: net.workspace(n, training=True)) for n in (64, 128))
    assert large < 2.1 * small


def test_a_workspace_that_was_used_is_freed_at_once():
    """Not when the garbage collector comes: a training's activations would stay in memory through the next one."""
    block = Residual([Residual([Conv2D(2, 3, padding="same")]), ReLU()], [Conv2D(2, 1)])
    net = Network([block, *LAYERS], (10, 10, 2))
    net.initialize(np.random.default_rng(0))
    (x, labels), run = batch(64), Run(training=True)
    one_step(net, net.workspace(64, training=True), x, labels, run)
    gc.collect()
    gc.disable()
    try:
        held = traced(lambda: one_step(net, net.workspace(64, training=True), x, labels, run)[:0])
    finally:
        gc.enable()
    assert net.workspace(64, training=True).nbytes > 500_000
    assert held < 50_000


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("n", [32, 4096])
def test_a_step_after_the_first_allocates_no_array(n, n_threads):
    net = Network([Dense(30), ReLU(), Dropout(0.2), Dense(20), ReLU(), Dense(4)], (50,), np.float64)
    net.initialize(np.random.default_rng(0))
    growth = growth_of_steps(net, np.random.default_rng(0).normal(size=(n, 50)), n_threads)
    assert growth < 6_000  # the smallest array of a row's size would be 8 * 4096


def test_a_step_of_a_convolutional_network_allocates_no_array():
    assert growth_of_steps(network(), batch(64)[0], 2) < 6_000


def growth_of_steps(net, x, n_threads, steps=20):
    """Bytes by which memory rises above its level after the first step, at any moment of the next ones."""
    n = len(x)
    loss, labels, weights = SoftmaxCrossEntropy(), np.zeros(n, np.int64), np.ones(n, x.dtype)
    memory, workspace = loss.memory(n, x.dtype), net.workspace(n, n_threads, training=True)
    optimizer = RMSprop(list(net.arena.views.values()), centered=True, momentum=0.5, n_threads=n_threads)
    gradients, run = list(workspace.gradients.views.values()), Run(training=True, n_threads=n_threads)

    def step():
        run.step += 1
        output = net.forward(x, workspace, run)
        loss.evaluate(output, labels, weights, workspace.output_gradient(n), memory, n_threads)
        net.backward(workspace, run)
        optimizer.step(gradients)

    step()
    tracemalloc.start()
    try:
        step()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(steps):
            step()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
