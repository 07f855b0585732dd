"""Conv2D: against a loop in float64, TensorFlow's "same" against an independent rule, shapes and cost."""

import math

import numpy as np
import pytest
from gradcheck import distinct, layer_pass, random_parameters

from crmsprop.nn import Conv2D
from crmsprop.nn.conv2d import FusedConv2D


def same_pads(size, window, stride):
    """Zeros before and after, as TensorFlow's guide words it: by the remainder of the size."""
    total = max(window - (stride if size % stride == 0 else size % stride), 0)
    return total // 2, total - total // 2


def frame_of(layer, shape):
    """Zeros (top, bottom), (left, right) by the definition of the parameter."""
    kernel = np.broadcast_to(layer.kernel_size, 2)
    stride = np.broadcast_to(layer.stride, 2)
    if layer.padding == "valid":
        return (0, 0), (0, 0)
    if layer.padding == "same":
        return tuple(same_pads(shape[i], int(kernel[i]), int(stride[i])) for i in (0, 1))
    vertical, horizontal = (int(p) for p in np.broadcast_to(layer.padding, 2))
    return (vertical, vertical), (horizontal, horizontal)


def slow_convolution(layer, x, weight, bias):
    """One window at a time."""
    framed = np.pad(x, ((0, 0), *frame_of(layer, x.shape[1:]), (0, 0)))
    (kh, kw), (sh, sw) = weight.shape[:2], np.broadcast_to(layer.stride, 2)
    rows, columns = (framed.shape[1] - kh) // sh + 1, (framed.shape[2] - kw) // sw + 1
    out = np.empty((len(x), rows, columns, weight.shape[3]))
    for i in range(rows):
        for j in range(columns):
            window = framed[:, i * sh : i * sh + kh, j * sw : j * sw + kw]
            out[:, i, j] = np.einsum("nhwc,hwcf->nf", window, weight) + bias
    return out


@pytest.mark.parametrize("padding", ["valid", "same", 1, (2, 0)])
@pytest.mark.parametrize("stride", [1, 2, (3, 1)])
@pytest.mark.parametrize("kernel_size", [1, 3, (2, 5)])
@pytest.mark.parametrize("shape", [(7, 8, 2), (5, 6, 3)])
def test_against_one_window_at_a_time(shape, kernel_size, stride, padding):
    layer = Conv2D(5, kernel_size, stride, padding)
    params, x = random_parameters(layer, shape), distinct((2, *shape), 0)
    expected = slow_convolution(layer, x, *params)
    got = layer_pass(layer, x, params).out
    assert layer.output_shape(shape) == expected.shape[1:] == got.shape[1:]
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", range(1, 12))
@pytest.mark.parametrize("window", range(1, 8))
@pytest.mark.parametrize("stride", range(1, 6))
def test_same_is_the_rule_of_tensorflow(size, window, stride):
    layer = Conv2D(1, (window, 1), (stride, 1), "same")
    before, after = same_pads(size, window, stride)
    assert layer.geometry((size, 4, 1)).padding[:2] == (before, after)
    assert after - before in (0, 1)
    assert layer.output_shape((size, 4, 1)) == (math.ceil(size / stride), 4, 1)
    across = Conv2D(1, (1, window), (1, stride), "same")
    assert across.geometry((4, size, 1)).padding == (0, 0, before, after)


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (Conv2D(32, 3), (32, 32, 3), (30, 30, 32)),
        (Conv2D(64, 3), (15, 15, 32), (13, 13, 64)),
        (Conv2D(8, 3, padding=1), (32, 32, 3), (32, 32, 8)),
        (Conv2D(8, 7, stride=2, padding=3), (224, 224, 3), (112, 112, 8)),
        (Conv2D(8, (3, 5), stride=(2, 3), padding=(0, 4)), (10, 10, 1), (4, 5, 8)),
        (Conv2D(8, 4, stride=2, padding=1), (5, 6, 1), (2, 3, 8)),
        (Conv2D(8, 3, stride=2, padding="same"), (7, 8, 1), (4, 4, 8)),
        (Conv2D(8, 9, padding="same"), (2, 1, 1), (2, 1, 8)),
        (Conv2D(8, 3, stride=50), (32, 32, 3), (1, 1, 8)),
    ],
)
def test_output_shapes(layer, shape, expected):
    assert layer.output_shape(shape) == expected


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Conv2D(8, 3), (2, 5, 1), r"at least 3 x 3 pixels with their padding, got \(2, 5, 1\)"),
        (Conv2D(8, (1, 6)), (9, 5, 1), r"at least 1 x 6 pixels with their padding, got \(9, 5, 1\)"),
        (Conv2D(8, 5, padding=1), (2, 2, 1), r"at least 5 x 5 pixels with their padding, got \(2, 2, 1\)"),
        (
            Conv2D(8, 3, padding=(0, 2**30)),
            (6, 6, 2),
            r"images of less than 2\*\*31 numbers with .* a stride, got \(6, 6, 2\) with padding \(0, 0, 1073741824, ",
        ),
        (Conv2D(8, 3, padding=2**15), (6, 6, 2), r"less than 2\*\*31 numbers with their padding and a stride, got"),
        (Conv2D(8, 3, stride=2**31 - 5), (6, 6, 2), r"less than 2\*\*31 numbers with their padding and a stride, got"),
        (Conv2D(8, 3), (64,), r"Conv2D needs images of shape \(height, width, channels\), got \(64\)"),
        (Conv2D(8, 3), (8, 8), r"Conv2D needs images of shape \(height, width, channels\), got \(8, 8\)"),
        (Conv2D(8, 3), (1, 8, 8, 1), r"Conv2D needs images of shape \(height, width, channels\), got \(1, 8, 8, 1\)"),
    ],
)
def test_images_that_do_not_fit(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer.output_shape(shape)


@pytest.mark.parametrize("pixel", [1e37, 1e20])
def test_what_the_docstring_says_of_huge_numbers(pixel):
    """Signs as Winograd's transforms have them, which are the worst for it: sums of absolute products of 9e34."""
    layer, rng = Conv2D(16, 3, padding="same"), np.random.default_rng(0)
    signs = np.where(np.add.outer(np.arange(16), np.arange(16)) % 4 < 2, 1, -1)[:, :, None]
    x = np.broadcast_to(signs * pixel, (2, 16, 16, 16)).astype(np.float32)
    weight = (rng.uniform(0.5, 1, (3, 3, 16, 16)) * 9e34 / pixel / 144).astype(np.float32)
    bias = np.zeros(16, np.float32)
    got = layer_pass(layer, x.copy(), [weight, bias]).out
    expected = slow_convolution(layer, x.astype(np.float64), weight.astype(np.float64), bias.astype(np.float64))
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4 * 9e34)


def test_flops_are_two_a_multiply_add_of_the_whole_convolution():
    assert Conv2D(32, 3).flops((32, 32, 3)) == 2 * 30 * 30 * 32 * 27
    assert Conv2D(8, (3, 1), stride=2, padding="same").flops((7, 8, 2)) == 2 * 4 * 4 * 8 * 6
    assert FusedConv2D(32, 3, fused_pool=(2, 2), fused_relu=True).flops((32, 32, 3)) == 2 * 30 * 30 * 32 * 27


def test_no_images():
    layer = Conv2D(4, 3, padding="same")
    result = layer_pass(layer, np.empty((0, 5, 5, 2)), random_parameters(layer, (5, 5, 2)), np.empty((0, 5, 5, 4)))
    assert (result.out.shape, result.dx.shape) == ((0, 5, 5, 4), (0, 5, 5, 2))
    assert all(not grad.any() for grad in result.grads)
