"""What is asked of every layer that crmsprop.nn has: one without an example here, or without a row in the bench, fails.

The tests of each layer, and test_passes.py, go further: here is what none of them may lack.
"""

import importlib.util
import inspect
from functools import wraps
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from gradcheck import assert_layer_gradients, distinct, layer_pass, random_parameters
from kernel_calls import TOLERANCE

from crmsprop import kernels, nn
from crmsprop.kernels import reference
from crmsprop.nn import Layer, Run
from crmsprop.persistence.layers import LAYERS as STORED

BENCH = Path(__file__).resolve().parent.parent.parent / "benches" / "kernel_cases.py"
LAYERS = [value for _, value in inspect.getmembers(nn, inspect.isclass) if issubclass(value, Layer)]
LAYERS.remove(Layer)


class Example(NamedTuple):
    """A layer and samples that are small, and samples that several threads share.

    A kernel opens a parallel region from some 50,000 operations on; no size is a multiple of a block's.
    """

    layer: Layer
    shape: tuple[int, ...]
    large: Layer
    large_shape: tuple[int, ...]
    n: int


IMAGE, ROW = (6, 5, 2), (7,)
BLOCK = nn.Residual([nn.Conv2D(4, 3, stride=2, padding="same"), nn.Tanh()], shortcut=[nn.Conv2D(4, 1, stride=2)])
LARGE_BLOCK = nn.Residual([nn.Conv2D(17, 3, padding="same"), nn.ReLU(), nn.Conv2D(17, 3, padding="same")])


def elementwise(layer, shape=ROW):
    return Example(layer, shape, layer, (1001,), 61)


EXAMPLES = {
    nn.AveragePool2D: Example(nn.AveragePool2D((2, 3), stride=2), IMAGE, nn.AveragePool2D(3, stride=2), (32, 32, 8), 9),
    nn.BatchNorm: Example(nn.BatchNorm(epsilon=0.1), IMAGE, nn.BatchNorm(), (9, 11, 33), 23),
    nn.Conv2D: Example(nn.Conv2D(3, 3, padding="same"), IMAGE, nn.Conv2D(18, 3, padding="same"), (9, 8, 17), 13),
    nn.Dense: Example(nn.Dense(4), ROW, nn.Dense(70), (130,), 65),
    nn.DepthwiseConv2D: Example(nn.DepthwiseConv2D(3), IMAGE, nn.DepthwiseConv2D(3), (17, 15, 21), 19),
    nn.Dropout: elementwise(nn.Dropout(0.4)),
    nn.ELU: elementwise(nn.ELU(0.5)),
    nn.Flatten: Example(nn.Flatten(), IMAGE, nn.Flatten(), (7, 11, 13), 61),
    nn.GELU: elementwise(nn.GELU()),
    nn.GlobalAveragePool2D: Example(nn.GlobalAveragePool2D(), IMAGE, nn.GlobalAveragePool2D(), (32, 31, 19), 9),
    nn.LeakyReLU: elementwise(nn.LeakyReLU(0.2)),
    nn.MaxPool2D: Example(nn.MaxPool2D((3, 2)), IMAGE, nn.MaxPool2D(3, stride=2), (32, 32, 8), 9),
    nn.ReLU: elementwise(nn.ReLU()),
    nn.Residual: Example(BLOCK, IMAGE, LARGE_BLOCK, (9, 8, 17), 13),
    nn.Scale: elementwise(nn.Scale(0.3)),
    nn.SiLU: elementwise(nn.SiLU()),
    nn.Sigmoid: elementwise(nn.Sigmoid()),
    nn.SpatialDropout2D: Example(nn.SpatialDropout2D(0.4), IMAGE, nn.SpatialDropout2D(0.4), (17, 15, 35), 9),
    nn.Tanh: elementwise(nn.Tanh()),
    nn.Whitening2D: Example(nn.Whitening2D(2), IMAGE, nn.Whitening2D((2, 3)), (17, 15, 3), 19),
}
#: In training they depend on the other samples, or on a sample's place in the batch.
OF_THE_BATCH = (nn.BatchNorm, nn.Dropout, nn.SpatialDropout2D)
#: Those that are memory and NumPy alone.
WITHOUT_KERNELS = (nn.Flatten, nn.Scale)

every_layer = pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
both_modes = pytest.mark.parametrize("training", [True, False], ids=["training", "prediction"])
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def standing(layer):
    """Return what has the passes of a layer: for a view, which has none, a block that adds it to itself."""
    return nn.Residual([layer], shortcut=[layer]) if layer.is_view else layer


def case(layer, shape, n, dtype):
    """A layer with passes, its input, its parameters, and the gradient to its output."""
    layer = standing(layer)
    x, dy = distinct((n, *shape), 3, dtype), distinct((n, *layer.output_shape(shape)), 4, dtype)
    return layer, x, random_parameters(layer, shape, dtype), dy


def arrays(done):
    return [done.out, done.dx, *done.grads]


def test_every_layer_has_an_example():
    assert set(EXAMPLES) == set(LAYERS) == set(STORED)
    assert all(type(layer) is kind for kind, example in EXAMPLES.items() for layer in (example.layer, example.large))


@every_layer
@both_modes
def test_gradients(kind, training):
    """To the input, and to each parameter, by central differences in float64; a frozen layer works as in prediction."""
    layer, shape, *_ = EXAMPLES[kind]
    assert_layer_gradients(standing(layer), shape, run=Run(training=training, seed=5))


@every_layer
@both_dtypes
def test_a_batch_gives_the_bits_of_its_rows_one_by_one(kind, dtype):
    layer, x, params, dy = case(*EXAMPLES[kind][:2], 11, dtype)
    for run in [Run(training=False)] if kind in OF_THE_BATCH else [Run(training=False), Run(training=True)]:
        whole = layer_pass(layer, x, params, dy, run=run)
        for i in range(len(x)):
            alone = layer_pass(layer, x[i : i + 1], params, dy[i : i + 1], run=run)
            assert alone.out.tobytes() == whole.out[i].tobytes()
            assert alone.dx.tobytes() == whole.dx[i].tobytes()


@every_layer
@both_dtypes
@both_modes
def test_the_number_of_threads_changes_no_bit(kind, dtype, training):
    layer, x, params, dy = case(*EXAMPLES[kind][2:], dtype)
    results = {
        tuple(array.tobytes() for array in arrays(layer_pass(layer, x, params, dy, run=Run(training, threads, seed=9))))
        for threads in (1, 2, 3, 7)
    }
    assert len(results) == 1


@pytest.fixture
def twins(monkeypatch):
    """Puts the NumPy twins in the place of the kernels when it is called; what it returns fills with those that run."""

    def put():
        called = set()
        for name, function in inspect.getmembers(reference, inspect.isfunction):
            monkeypatch.setattr(kernels, name, noting(called, name, function))
        return called

    return put


def noting(called, name, function):
    @wraps(function)
    def noted(*arguments):
        called.add(name)
        return function(*arguments)

    return noted


@every_layer
@both_dtypes
@both_modes
def test_its_twin_gives_the_same_numbers(kind, dtype, training, twins):
    layer, x, params, dy = case(*EXAMPLES[kind][:2], 5, dtype)
    run, tolerance = Run(training, seed=3), TOLERANCE[np.dtype(dtype)]
    compiled = layer_pass(layer, x, params, dy, run=run)
    called = twins()
    for ours, twin in zip(arrays(compiled), arrays(layer_pass(layer, x, params, dy, run=run)), strict=True):
        np.testing.assert_allclose(ours, twin, rtol=0, atol=tolerance * max(1, np.abs(twin).max()))
    works = training or kind not in (nn.Dropout, nn.SpatialDropout2D)  # where nothing is dropped, NumPy copies
    assert bool(called - {"add"}) == (works and kind not in WITHOUT_KERNELS)


@every_layer
def test_what_it_reads_stays_as_it_was(kind):
    layer, x, params, dy = case(*EXAMPLES[kind][:2], 5, np.float32)
    before = [array.tobytes() for array in (x, *params)]
    for array in (x, *params):
        array.flags.writeable = False
    layer_pass(layer, x, params, dy)
    assert [array.tobytes() for array in (x, *params)] == before


@pytest.fixture(scope="module")
def bench():
    """The cases that benches/bench_kernels.py times."""
    spec = importlib.util.spec_from_file_location("kernel_cases", BENCH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@every_layer
def test_its_rows_in_the_speed_bench_run(kind, bench):
    cases = {**bench.PRODUCTS, **bench.MEMORY}
    assert (kind.__name__ in cases) == (kind is not nn.Flatten)  # a view takes no time
    for make in cases.get(kind.__name__, []):
        for _, call, amount in make():
            call()
            assert amount > 0
