"""DepthwiseConv2D: against a loop in float64, the padding of Keras and torch, how filters begin, shapes and cost."""

from pathlib import Path

import numpy as np
import peer_depthwise
import pytest
from gradcheck import distinct, layer_pass, random_parameters

from crmsprop.nn import Conv2D, DepthwiseConv2D, Dirac, GlorotUniform, HeNormal, Network, Ones, Run, Zeros

with np.load(Path(__file__).resolve().parent.parent / "golden" / "depthwise.npz") as archive:
    ENDS = np.cumsum([0, *archive["shapes"].prod(axis=1)])
    GOLDEN = {
        name: archive["values"][start:end].reshape(shape)
        for name, shape, start, end in zip(
            archive["names"].tolist(), archive["shapes"], ENDS[:-1], ENDS[1:], strict=True
        )
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", peer_depthwise.CASES, ids=lambda case: case.name)
def test_padding_is_that_of_keras_and_of_torch(case, dtype):
    """To the last bit: whole numbers."""
    x, weight = (array.astype(dtype) for array in peer_depthwise.operands(case))
    layer = DepthwiseConv2D(case.kernel, case.stride, case.padding, use_bias=False)
    frozen = GOLDEN[case.name]
    assert layer.output_shape(x.shape[1:]) == frozen.shape[1:]
    np.testing.assert_array_equal(layer_pass(layer, x, [weight]).out, frozen)


@pytest.mark.parametrize("padding", ["valid", "same", 1, (2, 0)])
@pytest.mark.parametrize("stride", [1, 2, (3, 1)])
@pytest.mark.parametrize("kernel_size", [1, 3, (2, 5)])
def test_it_is_a_convolution_without_the_products_between_channels(kernel_size, stride, padding):
    """One window and one channel at a time."""
    shape = (7, 8, 3)
    layer, x = DepthwiseConv2D(kernel_size, stride, padding), distinct((2, *shape), 0)
    weight, bias = random_parameters(layer, shape)
    got = layer_pass(layer, x, [weight, bias]).out
    (top, bottom, left, right), (down, across) = layer.geometry(shape).padding, np.broadcast_to(stride, 2)
    framed = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    for n, r, c, k in np.ndindex(got.shape):
        window = framed[n, r * down :, c * across :, k][: weight.shape[0], : weight.shape[1]]
        np.testing.assert_allclose(got[n, r, c, k], (window * weight[:, :, k]).sum() + bias[k], rtol=1e-12, atol=1e-12)
    assert (
        got.shape[1:]
        == layer.output_shape(shape)
        == (*Conv2D(1, kernel_size, stride, padding).output_shape(shape)[:2], 3)
    )


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (DepthwiseConv2D(3), (32, 32, 24), (30, 30, 24)),
        (DepthwiseConv2D(3, stride=2, padding="same"), (7, 8, 1), (4, 4, 1)),
        (DepthwiseConv2D((3, 5), stride=(2, 3), padding=(0, 4)), (10, 10, 5), (4, 5, 5)),
        (DepthwiseConv2D(9, padding="same"), (2, 1, 3), (2, 1, 3)),
    ],
)
def test_output_shapes(layer, shape, expected):
    assert layer.output_shape(shape) == expected


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (DepthwiseConv2D(3), (2, 5, 1), r"^DepthwiseConv2D needs images of at least 3 x 3 pixels .* got \(2, 5, 1\)$"),
        (DepthwiseConv2D((1, 9), padding=1), (5, 6, 1), r"at least 1 x 9 pixels with their padding, got \(5, 6, 1\)"),
        (DepthwiseConv2D(3), (64,), r"DepthwiseConv2D needs images of shape \(height, width, channels\), got \(64\)"),
    ],
)
def test_images_that_do_not_fit(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer.output_shape(shape)


def test_a_stack_that_does_not_fit_says_which_layer():
    with pytest.raises(ValueError, match=r"^layers\[1\], DepthwiseConv2D\(kernel_size=5, .*\), does not fit the shape"):
        Network([Conv2D(4, 3), DepthwiseConv2D(5)], (6, 6, 3))


def test_parameters_and_cost():
    weight, bias = DepthwiseConv2D((3, 2), l2=0.25).parameters((8, 8, 5))
    assert (weight.name, weight.shape, weight.l2, weight.decays) == ("weight", (3, 2, 5), 0.25, True)
    assert (bias.name, bias.shape, bias.initializer, bias.decays) == ("bias", (5,), Zeros(), False)
    assert len(DepthwiseConv2D(3, use_bias=False).parameters((8, 8, 5))) == 1
    assert DepthwiseConv2D(3, padding="same").flops((8, 8, 5)) == 2 * 8 * 8 * 5 * 9


@pytest.mark.parametrize(("initializer", "scale"), [(GlorotUniform(), 1 / 9), (HeNormal(), 2 / 9)])
def test_filters_begin_as_wide_as_their_sums_are_long(initializer, scale):
    """Nine numbers meet in an output, and nine outputs read a number, whatever the number of channels."""
    weight = DepthwiseConv2D(3, initializer=initializer).parameters((8, 8, 4000))[0]
    values = weight.initializer(weight.shape, np.random.default_rng(0))
    assert values.shape == (3, 3, 4000)
    np.testing.assert_allclose(values.var(), scale, rtol=0.03)
    assert len(np.unique(values)) == values.size


@pytest.mark.parametrize(("initializer", "factor"), [(Dirac(), 1), (Ones(), 9)])
def test_filters_that_are_the_same_in_each_channel(initializer, factor):
    network = Network([DepthwiseConv2D(3, initializer=initializer)], (5, 5, 4))
    network.initialize(np.random.default_rng(0))
    x = np.broadcast_to(np.arange(1, 5, dtype=np.float32), (2, 5, 5, 4)).copy()
    np.testing.assert_array_equal(network.forward(x, network.workspace(2)), factor * x[:, :3, :3])


def test_images_without_channels():
    layer = DepthwiseConv2D(3)
    weight = layer.parameters((5, 5, 0))[0]
    assert weight.initializer(weight.shape, np.random.default_rng(0)).shape == (3, 3, 0)


def test_no_images():
    layer = DepthwiseConv2D(3, padding="same")
    result = layer_pass(layer, np.empty((0, 5, 5, 2)), random_parameters(layer, (5, 5, 2)), np.empty((0, 5, 5, 2)))
    assert (result.out.shape, result.dx.shape) == ((0, 5, 5, 2), (0, 5, 5, 2))
    assert all(not grad.any() for grad in result.grads)


def test_prediction_needs_no_scratch():
    network = Network([DepthwiseConv2D(3)], (8, 8, 5))
    network.initialize(np.random.default_rng(0))
    x = np.ones((3, 8, 8, 5), np.float32)
    trained = network.forward(x, network.workspace(3, training=True), Run(training=True)).copy()
    np.testing.assert_array_equal(network.forward(x, network.workspace(3)), trained)
    assert network.workspace(3).own.memory.nbytes < network.workspace(3, training=True).own.memory.nbytes
