"""MaxPool2D: against a loop, ties, NaN, shapes and refusals."""

import numpy as np
import pytest
from gradcheck import distinct, layer_pass

from crmsprop.nn import MaxPool2D


def slow_pool(layer, x):
    """One window at a time."""
    (ph, pw), (sh, sw) = np.broadcast_to(layer.pool_size, 2), np.broadcast_to(layer.stride or layer.pool_size, 2)
    rows, columns = (x.shape[1] - ph) // sh + 1, (x.shape[2] - pw) // sw + 1
    out = np.empty((len(x), rows, columns, x.shape[3]), x.dtype)
    for i in range(rows):
        for j in range(columns):
            out[:, i, j] = x[:, i * sh : i * sh + ph, j * sw : j * sw + pw].max(axis=(1, 2))
    return out


@pytest.mark.parametrize("stride", [None, 1, 2, (1, 3)])
@pytest.mark.parametrize("pool_size", [1, 2, 3, (2, 3), (1, 4)])
@pytest.mark.parametrize("shape", [(4, 4, 1), (7, 9, 5), (8, 5, 17)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_against_one_window_at_a_time(shape, pool_size, stride, dtype):
    layer, x = MaxPool2D(pool_size, stride), distinct((3, *shape), 0, dtype)
    expected = slow_pool(layer, x)
    got = layer_pass(layer, x, [], np.ones(expected.shape, dtype))
    assert layer.output_shape(shape) == expected.shape[1:]
    np.testing.assert_array_equal(got.out, expected)
    assert got.dx.sum() == expected.size  # every window hands its gradient to one pixel
    winners = np.isin(x, expected)
    assert not got.dx[~winners].any()


def test_the_first_of_equal_values_gets_the_gradient():
    x = np.zeros((1, 2, 4, 1))
    dx = layer_pass(MaxPool2D(), x, [], np.array([3.0, 5.0]).reshape(1, 1, 2, 1)).dx
    np.testing.assert_array_equal(dx[0, :, :, 0], [[3, 0, 5, 0], [0, 0, 0, 0]])


def test_overlapping_windows_add_their_gradients():
    x = np.array([0.0, 1.0, 0.0]).reshape(1, 1, 3, 1)
    dx = layer_pass(MaxPool2D((1, 2), stride=1), x, [], np.array([3.0, 5.0]).reshape(1, 1, 2, 1)).dx
    np.testing.assert_array_equal(dx.ravel(), [0, 8, 0])


def test_a_nan_is_largest_and_infinities_are_numbers():
    x = np.array([[np.nan, 1.0, -np.inf, -np.inf], [2.0, 3.0, np.inf, 0.0]]).reshape(1, 2, 4, 1)
    out = layer_pass(MaxPool2D(), x, []).out.ravel()
    assert np.isnan(out[0])
    assert out[1] == np.inf


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (MaxPool2D(), (15, 15, 64), (7, 7, 64)),
        (MaxPool2D(3), (8, 9, 2), (2, 3, 2)),
        (MaxPool2D(2, stride=1), (2, 3, 1), (1, 2, 1)),
        (MaxPool2D(2, stride=9), (8, 8, 1), (1, 1, 1)),
        (MaxPool2D((2, 1)), (2, 1, 3), (1, 1, 3)),
    ],
)
def test_output_shapes(layer, shape, expected):
    assert layer.output_shape(shape) == expected


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (MaxPool2D(), (1, 5, 1), r"at least 2 x 2 pixels, or its pooling leaves nothing; got \(1, 5, 1\)"),
        (MaxPool2D((1, 6)), (5, 5, 1), r"at least 1 x 6 pixels, or its pooling leaves nothing; got \(5, 5, 1\)"),
        (MaxPool2D(), (64,), r"MaxPool2D needs images of shape \(height, width, channels\), got \(64\)"),
        (MaxPool2D(), (8, 8), r"MaxPool2D needs images of shape \(height, width, channels\), got \(8, 8\)"),
    ],
)
def test_images_that_do_not_fit(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer.output_shape(shape)


def test_the_largest_window_remembers_its_last_place():
    x = np.zeros((1, 15, 17, 1), np.float32)
    x[0, 14, 16] = 1
    dx = layer_pass(MaxPool2D((15, 17)), x, [], np.full((1, 1, 1, 1), 2, np.float32)).dx
    assert dx[0, 14, 16] == dx.sum() == 2
