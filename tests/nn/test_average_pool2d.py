"""AveragePool2D and GlobalAveragePool2D: against NumPy's means, shapes, refusals, and each other."""

import numpy as np
import pytest
from gradcheck import distinct, layer_pass

from crmsprop.nn import AveragePool2D, Dense, GlobalAveragePool2D, MaxPool2D, Network


def slow_pool(layer, x):
    """One window at a time."""
    (ph, pw), (sh, sw) = np.broadcast_to(layer.pool_size, 2), np.broadcast_to(layer.stride or layer.pool_size, 2)
    rows, columns = (x.shape[1] - ph) // sh + 1, (x.shape[2] - pw) // sw + 1
    out = np.empty((len(x), rows, columns, x.shape[3]))
    for i in range(rows):
        for j in range(columns):
            out[:, i, j] = x[:, i * sh : i * sh + ph, j * sw : j * sw + pw].mean(axis=(1, 2), dtype=np.float64)
    return out


@pytest.mark.parametrize("stride", [None, 1, 2, (1, 3)])
@pytest.mark.parametrize("pool_size", [1, 2, 3, (2, 3), (1, 4)])
@pytest.mark.parametrize("shape", [(4, 4, 1), (7, 9, 5), (8, 5, 17)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_against_one_window_at_a_time(shape, pool_size, stride, dtype):
    layer, x = AveragePool2D(pool_size, stride), distinct((3, *shape), 0, dtype)
    expected = slow_pool(layer, x)
    got = layer_pass(layer, x, [], np.ones(expected.shape, dtype))
    assert layer.output_shape(shape) == expected.shape[1:] == MaxPool2D(pool_size, stride).output_shape(shape)
    tolerance = (1e-6 if dtype is np.float32 else 1e-14) * np.abs(x).max()
    np.testing.assert_allclose(got.out, expected, rtol=0, atol=tolerance)
    np.testing.assert_allclose(got.dx.sum(), expected.size, rtol=1e-6)  # a window's shares are one together


@pytest.mark.parametrize("shape", [(1, 1, 3), (4, 4, 1), (7, 5, 17)])
def test_a_global_pool_is_the_mean_of_all_pixels(shape):
    x, dy = distinct((3, *shape), 0), distinct((3, shape[2]), 1)
    got = layer_pass(GlobalAveragePool2D(), x, [], dy)
    assert got.out.shape == (3, shape[2])
    np.testing.assert_allclose(got.out, x.mean(axis=(1, 2)), rtol=0, atol=1e-14)
    share = dy[:, None, None] / (shape[0] * shape[1])
    np.testing.assert_allclose(got.dx, np.broadcast_to(share, x.shape), rtol=1e-14)
    whole = layer_pass(AveragePool2D(shape[:2]), x, [], dy[:, None, None])
    assert (whole.out.tobytes(), whole.dx.tobytes()) == (got.out.tobytes(), got.dx.tobytes())


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (AveragePool2D(), (1, 5, 1), r"^AveragePool2D needs images of at least 2 x 2 pixels, .* got \(1, 5, 1\)$"),
        (AveragePool2D((1, 6)), (5, 5, 1), r"at least 1 x 6 pixels, or its pooling leaves nothing; got \(5, 5, 1\)"),
        (AveragePool2D(), (64,), r"AveragePool2D needs images of shape \(height, width, channels\), got \(64\)"),
        (GlobalAveragePool2D(), (8, 8), r"GlobalAveragePool2D needs images of shape .*, got \(8, 8\)"),
        (
            GlobalAveragePool2D(),
            (0, 8, 3),
            r"GlobalAveragePool2D needs images of at least 1 x 1 pixels, got \(0, 8, 3\)",
        ),
    ],
)
def test_images_that_do_not_fit(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer.output_shape(shape)


def test_a_window_may_be_as_large_as_an_image():
    """No byte says a place, as one does in MaxPool2D."""
    assert AveragePool2D(32).output_shape((32, 32, 3)) == (1, 1, 3)


def test_a_stack_that_does_not_fit_says_which_layer():
    with pytest.raises(ValueError, match=r"^layers\[1\], GlobalAveragePool2D\(\), does not fit the shape \(4\): "):
        Network([Dense(4), GlobalAveragePool2D()], (3,))


def test_cost_is_an_addition_a_pixel_of_a_window():
    assert AveragePool2D(3, stride=2).flops((9, 9, 5)) == 4 * 4 * 5 * 9
    assert GlobalAveragePool2D().flops((9, 8, 5)) == 9 * 8 * 5


def test_no_images():
    got = layer_pass(GlobalAveragePool2D(), np.empty((0, 5, 5, 2)), [], np.empty((0, 2)))
    assert (got.out.shape, got.dx.shape) == ((0, 2), (0, 5, 5, 2))


def test_a_row_of_numbers_goes_on_to_a_dense_layer():
    network = Network([GlobalAveragePool2D(), Dense(3)], (4, 4, 2), np.float64)
    network.initialize(np.random.default_rng(0))
    x = distinct((5, 4, 4, 2), 0)
    expected = x.mean(axis=(1, 2)) @ network.arena.views["1.weight"]
    np.testing.assert_allclose(network.forward(x, network.workspace(5)), expected, rtol=1e-12)
