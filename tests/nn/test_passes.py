"""What every layer promises of its two passes: gradients, rows that do not meet, threads that change no bit."""

import numpy as np
import pytest
from gradcheck import assert_layer_gradients, distinct, layer_pass, random_parameters

from crmsprop.nn import (
    ELU,
    GELU,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePool2D,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Residual,
    Run,
    Scale,
    Sigmoid,
    SiLU,
    SpatialDropout2D,
    Tanh,
)
from crmsprop.nn.conv2d import FusedConv2D
from crmsprop.nn.dense import FusedDense

IMAGE = (6, 5, 2)

SMALL = [
    (Dense(4), (5,)),
    (Dense(1), (1,)),
    (Dense(17, use_bias=False), (3,)),
    (Dense(3, l2=0.5), (9,)),
    (FusedDense(6, fused_relu=True), (4,)),
    (FusedDense(6, use_bias=False, fused_relu=True), (4,)),
    (FusedDense(70, fused_relu=True, behind_relu=True), (40,)),
    (FusedDense(33, behind_relu=True), (70,)),
    (Conv2D(3, 3), IMAGE),
    (Conv2D(2, 1), IMAGE),
    (Conv2D(1, (6, 5)), IMAGE),
    (Conv2D(17, 2), (3, 3, 1)),
    (Conv2D(2, (2, 3), stride=2), IMAGE),
    (Conv2D(2, 3, stride=(3, 1)), IMAGE),
    (Conv2D(2, 2, stride=4), IMAGE),
    (Conv2D(3, 3, padding="same"), IMAGE),
    (Conv2D(3, 4, padding="same", l2=0.1), IMAGE),
    (Conv2D(2, 3, stride=2, padding="same"), IMAGE),
    (Conv2D(2, (4, 2), stride=(3, 2), padding="same"), IMAGE),
    (Conv2D(2, 3, padding=1), IMAGE),
    (Conv2D(2, 2, stride=(2, 3), padding=(3, 2)), IMAGE),
    (Conv2D(2, 3, padding=5), (1, 1, 3)),
    (Conv2D(2, 3, use_bias=False), IMAGE),
    (Conv2D(2, 7, padding="same", use_bias=False), IMAGE),
    (FusedConv2D(3, 3, fused_relu=True), IMAGE),
    (FusedConv2D(3, 3, padding="same", fused_pool=(2, 2)), IMAGE),
    (FusedConv2D(3, 3, padding="same", fused_pool=(2, 2), fused_relu=True), IMAGE),
    (FusedConv2D(2, 2, stride=2, padding=1, fused_pool=(1, 3), fused_relu=True), IMAGE),
    (FusedConv2D(2, 1, fused_pool=(3, 2), fused_relu=True, use_bias=False), IMAGE),
    (MaxPool2D(), IMAGE),
    (MaxPool2D(1), IMAGE),
    (MaxPool2D((3, 2)), IMAGE),
    (MaxPool2D(3, stride=1), IMAGE),
    (MaxPool2D(2, stride=3), IMAGE),
    (MaxPool2D((2, 3), stride=(1, 2)), IMAGE),
    (MaxPool2D((6, 5)), IMAGE),
    (ReLU(), (7,)),
    (ReLU(), IMAGE),
    (Dropout(0.5), (7,)),
    (Dropout(0.3), IMAGE),
    (Dropout(0.0), (7,)),
    *((activation, (7,)) for activation in (GELU(), ELU(0.5), LeakyReLU(0.2), SiLU(), Tanh(), Sigmoid())),
    (GELU(), IMAGE),
    (BatchNorm(), (7,)),
    (BatchNorm(epsilon=0.1), IMAGE),
    (BatchNorm(), (2, 2, 17)),
    (Conv2D(16, 3), (8, 8, 16)),
    (Scale(0.3), IMAGE),
    (Residual([Dense(4), Tanh(), Dense(5)]), (5,)),
    (Residual([Conv2D(3, 3, stride=2, padding="same"), SiLU()], shortcut=[Conv2D(3, 1, stride=2)]), IMAGE),
    (Residual([Conv2D(2, 3, padding="same"), GELU(), Residual([Conv2D(2, 1)])]), IMAGE),
    (Conv2D(17, 1), (3, 4, 5)),
    (FusedConv2D(3, 1, fused_relu=True), IMAGE),
    (AveragePool2D(), IMAGE),
    (AveragePool2D((3, 2)), IMAGE),
    (AveragePool2D(3, stride=1), IMAGE),
    (AveragePool2D(2, stride=3), IMAGE),
    (AveragePool2D((2, 3), stride=(1, 2)), (5, 6, 17)),
    (GlobalAveragePool2D(), IMAGE),
    (GlobalAveragePool2D(), (1, 3, 18)),
    (DepthwiseConv2D(3), IMAGE),
    (DepthwiseConv2D(3, padding="same"), (5, 6, 17)),
    (DepthwiseConv2D(2, stride=2, padding="same", l2=0.1), IMAGE),
    (DepthwiseConv2D((4, 2), stride=(3, 2), padding="same"), IMAGE),
    (DepthwiseConv2D((2, 3), stride=(2, 4), use_bias=False), IMAGE),
    (DepthwiseConv2D(5, padding=(3, 2)), (2, 3, 3)),
    (DepthwiseConv2D(1, padding=1), (2, 2, 3)),
    (SpatialDropout2D(0.4), IMAGE),
    (SpatialDropout2D(0.0), IMAGE),
]

DROPS = (Dropout, SpatialDropout2D)

ROW_BY_ROW = [
    (layer, shape) for layer, shape in SMALL if not isinstance(layer, BatchNorm)
]  # in training it is of the batch

# Large enough that each kernel opens a parallel region (50,000 operations) and cuts its work into several blocks.
LARGE = [
    (Dense(70), (130,), 65),
    (FusedDense(33, fused_relu=True), (301,), 33),
    (FusedDense(150, fused_relu=True, behind_relu=True), (301,), 131),
    (Conv2D(16, 3), (12, 12, 3), 19),
    (Conv2D(20, 3, stride=2, padding="same", use_bias=False), (17, 15, 5), 21),
    (FusedConv2D(17, 3, padding="same", fused_pool=(2, 2), fused_relu=True), (13, 12, 4), 35),
    (MaxPool2D(), (32, 32, 8), 9),
    (MaxPool2D(3, stride=2), (32, 32, 8), 9),
    (ReLU(), (5001,), 20),
    (Dropout(0.4), (5001,), 20),
    (GELU(), (1001,), 20),
    (Conv2D(18, 3, padding="same"), (9, 8, 17), 13),
    (Residual([Conv2D(17, 3, padding="same"), ReLU(), Conv2D(17, 3, padding="same")]), (9, 8, 17), 13),
    (Conv2D(18, 1), (9, 8, 17), 13),
    (AveragePool2D(3, stride=2), (32, 32, 8), 9),
    (GlobalAveragePool2D(), (32, 31, 19), 9),
    (DepthwiseConv2D(3, padding="same"), (17, 15, 21), 19),
    (DepthwiseConv2D(5, stride=2, padding=1), (17, 15, 5), 33),
    (SpatialDropout2D(0.4), (17, 15, 35), 9),
]
BATCHES = [*LARGE, (BatchNorm(), (9, 11, 33), 23), (BatchNorm(), (9000,), 11), (BatchNorm(), (7,), 6000)]


def small_case(layer, shape, dtype, n=5):
    x, params = distinct((n, *shape), 3, dtype), random_parameters(layer, shape, dtype)
    dy = distinct((n, *layer.output_shape(shape)), 4, dtype)
    return x, params, dy


@pytest.mark.parametrize(("layer", "shape"), SMALL, ids=repr)
def test_gradients_to_the_input_and_to_every_parameter(layer, shape):
    # Random filters make the convolution's output any number: behind a fused ReLU or pool a few elements lie at a kink.
    fused = isinstance(layer, (FusedDense, FusedConv2D))
    assert_layer_gradients(layer, shape, run=Run(training=True, seed=5), left_out=0.02 if fused else 0.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("layer", "shape"), ROW_BY_ROW, ids=repr)
def test_a_batch_gives_the_bits_of_its_rows_one_by_one(layer, shape, dtype):
    x, params, dy = small_case(layer, shape, dtype, n=11)
    run = Run(training=not isinstance(layer, DROPS))  # dropout draws by the place in the batch
    whole = layer_pass(layer, x, params, dy, run=run)
    for i in range(len(x)):
        alone = layer_pass(layer, x[i : i + 1], params, dy[i : i + 1], run=run)
        assert alone.out.tobytes() == whole.out[i].tobytes()
        assert alone.dx.tobytes() == whole.dx[i].tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("layer", "shape", "n"), LARGE, ids=repr)
def test_a_large_batch_gives_the_bits_of_its_rows(layer, shape, n, dtype):
    x, params, dy = small_case(layer, shape, dtype, n)
    run = Run(training=not isinstance(layer, DROPS), n_threads=2)
    whole = layer_pass(layer, x, params, dy, run=run)
    for i in (0, n // 2, n - 1):
        alone = layer_pass(layer, x[i : i + 1], params, dy[i : i + 1], run=run)
        assert alone.out.tobytes() == whole.out[i].tobytes()
        assert alone.dx.tobytes() == whole.dx[i].tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("layer", "shape", "n"), BATCHES, ids=repr)
def test_the_number_of_threads_changes_no_bit(layer, shape, n, dtype):
    x, params, dy = small_case(layer, shape, dtype, n)
    results = [
        layer_pass(layer, x, params, dy, run=Run(training=True, n_threads=threads, seed=9)) for threads in (1, 2, 3, 7)
    ]
    first = [array.tobytes() for array in (results[0].out, results[0].dx, *results[0].grads)]
    for other in results[1:]:
        assert [array.tobytes() for array in (other.out, other.dx, *other.grads)] == first


@pytest.mark.parametrize(("layer", "shape"), SMALL, ids=repr)
def test_arguments_that_are_read_are_not_changed(layer, shape):
    x, params, dy = small_case(layer, shape, np.float32)
    before = [array.copy() for array in (x, *params)]
    x.flags.writeable = False
    for param in params:
        param.flags.writeable = False
    layer_pass(layer, x, params, dy)
    for array, copy in zip((x, *params), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(("layer", "shape"), SMALL, ids=repr)
def test_without_dx_the_parameter_gradients_are_the_same_bits(layer, shape):
    x, params, dy = small_case(layer, shape, np.float32)
    with_dx, without = (layer_pass(layer, x, params, dy, with_dx=flag) for flag in (True, False))
    assert [grad.tobytes() for grad in without.grads] == [grad.tobytes() for grad in with_dx.grads]
    assert np.isfinite(with_dx.dx).all()


@pytest.mark.parametrize(("layer", "shape"), SMALL, ids=repr)
def test_memory_for_a_larger_batch_gives_the_same_bits(layer, shape):
    x, params, dy = small_case(layer, shape, np.float32)
    exact, roomy = (layer_pass(layer, x, params, dy, room=room) for room in (0, 30))
    for a, b in zip((exact.out, exact.dx, *exact.grads), (roomy.out, roomy.dx, *roomy.grads), strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize(("layer", "shape"), SMALL, ids=repr)
def test_float32_is_near_float64(layer, shape):
    x, params, dy = small_case(layer, shape, np.float64)
    exact = layer_pass(layer, x, params, dy)
    single = layer_pass(layer, x.astype("f4"), [p.astype("f4") for p in params], dy.astype("f4"))
    for a, b in zip((single.out, single.dx, *single.grads), (exact.out, exact.dx, *exact.grads), strict=True):
        assert a.dtype == np.float32
        # Winograd's sums round a little more.
        tolerance = 1e-5 if layer == Conv2D(16, 3) else 2e-6
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1, np.abs(b).max()))


class _WrongScale(ReLU):
    """A ReLU whose gradient is a thousandth too large."""

    def backward(self, x, out, dy, dx, own, run):
        super().backward(x, out, dy, dx, own, run)
        dx *= 1.001


class _WrongAtOneElement(Dense):
    """A Dense layer that forgets one element of one gradient."""

    def backward(self, x, out, dy, dx, own, run):
        super().backward(x, out, dy, dx, own, run)
        own.grads[0][-1, -1] = 0


@pytest.mark.parametrize("layer", [_WrongScale(), _WrongAtOneElement(3)], ids=["scale", "element"])
def test_the_gradient_checker_notices_a_wrong_gradient(layer):
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_layer_gradients(layer, (4,))
