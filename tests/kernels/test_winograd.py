"""Convolutions by Winograd's F(4 x 4, 3 x 3): for which shapes, and that transforms cost no digits with any weights."""

import numpy as np
import pytest
from kernel_calls import COMPILED, assert_close, conv2d_backward, conv2d_forward

from crmsprop.kernels.geometry import ConvGeometry


def packed_weights(x_shape, weight_shape, geometry):
    """Scratch for one thread without training: Winograd's holds 36 points for each pair of channels, not 9 taps."""
    return COMPILED.conv2d_scratch(x_shape, weight_shape, geometry, np.float32, False, 1)


@pytest.mark.parametrize(
    ("x", "kernel", "filters", "padding", "stride", "winograd"),
    [
        ((1, 10, 10, 64), 3, 64, 1, 1, True),
        ((1, 10, 10, 16), 3, 64, 1, 1, True),
        ((1, 10, 10, 15), 3, 64, 1, 1, False),
        ((1, 10, 10, 64), 3, 15, 1, 1, False),
        ((1, 10, 10, 64), 3, 64, 2, 1, True),
        ((1, 10, 10, 64), 3, 64, 3, 1, False),
        ((1, 10, 10, 64), 3, 64, 1, 2, False),
        ((1, 10, 10, 64), 2, 64, 1, 1, False),
        ((1, 3, 3, 64), 3, 64, 1, 1, True),
        ((1, 5, 5, 64), 3, 64, 1, 1, False),  # 64 tiled outputs for 25
    ],
)
def test_winograd_is_chosen_by_shape(x, kernel, filters, padding, stride, winograd):
    geometry = ConvGeometry((stride, stride), (padding,) * 4)
    points = 36 * x[3] * filters
    assert (packed_weights(x, (kernel, kernel, x[3], filters), geometry) > points) == winograd


def test_an_infinite_pixel_stays_in_its_image(compiled):
    x, weight = np.ones((3, 8, 8, 16), np.float32), np.ones((3, 3, 16, 16), np.float32)
    x[1, 4, 4, 0] = np.inf
    out, _ = conv2d_forward(compiled, x, weight, None, ConvGeometry())
    assert np.isfinite(out[[0, 2]]).all()
    assert not np.isfinite(out[1, 2:5, 2:5]).any()


def of_kind(kind, shape, rng):
    """x of images and weights (3, 3, channels, filters), with which small errors of transforms could grow."""
    x, weight = rng.standard_normal(shape), rng.standard_normal((3, 3, shape[3], 32)) / 3 / np.sqrt(shape[3])
    if kind == "large":
        return x, 1e4 * weight
    if kind == "far from each other":
        return np.maximum(x, 0), weight * np.exp(2 * rng.standard_normal(weight.shape))
    return np.abs(x), weight - weight.mean(axis=(0, 1, 2))  # what images with a mean pass as little of as can be


@pytest.mark.parametrize("kind", ["large", "far from each other", "of sum 0"])
@pytest.mark.parametrize("channels", [16, 64, 256])
def test_winograd_keeps_its_digits_with_weights_of_any_size(compiled, kind, channels):
    x, weight = (one.astype(np.float32) for one in of_kind(kind, (2, 14, 14, channels), np.random.default_rng(0)))
    geometry = ConvGeometry(padding=(1, 1, 1, 1))
    assert packed_weights(x.shape, weight.shape, geometry) > 36 * channels * 32
    out, _ = conv2d_forward(compiled, x, weight, None, geometry)
    dy = np.random.default_rng(1).standard_normal(out.shape).astype(np.float32)
    got = out, *conv2d_backward(compiled, x, weight, out, dy, None, geometry, dbias=False)[:2]
    exact = [one.astype(np.float64) for one in (x, weight, dy)]
    for ours, expected in zip(got, sums_over_windows(*exact), strict=True):
        assert_close(ours, expected)


def sums_over_windows(x, weight, dy):
    """The convolution, padded by 1, and its gradients to x and to the weights, by NumPy in float64."""
    rows, columns = x.shape[1:3]
    padded, out = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), 0.0
    dx, dweight = np.zeros_like(padded), np.empty_like(weight)
    for i in range(3):
        for j in range(3):
            under = np.s_[:, i : i + rows, j : j + columns]
            out = out + padded[under] @ weight[i, j]
            dweight[i, j] = np.tensordot(padded[under], dy, axes=([0, 1, 2], [0, 1, 2]))
            dx[under] += dy @ weight[i, j].T
    return out, dx[:, 1:-1, 1:-1], dweight
