"""SpatialDropout2D: whole channels or none, how many, what decides, and that both passes agree."""

import numpy as np
import pytest
from gradcheck import layer_pass

from crmsprop.nn import Conv2D, Dropout, Network, Run, SpatialDropout2D

SHAPE = (150, 3, 2, 400)


def kept(rate=0.5, seed=0, step=0, stream=0, dtype=np.float64):
    """Which channels of which images are kept: all of their pixels, or none."""
    run = Run(True, 1, seed, step)
    passed = layer_pass(SpatialDropout2D(rate), np.ones(SHAPE, dtype), [], run=run, stream=stream).out != 0
    assert (passed == passed[:, :1, :1]).all()
    return passed[:, 0, 0]


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_fraction_is_dropped_and_the_rest_scaled_up(rate, dtype):
    channels = kept(rate, dtype=dtype)
    tolerance = 5 * np.sqrt(rate * (1 - rate) / channels.size)  # five standard deviations of a binomial share
    assert abs(1 - channels.mean() - rate) < tolerance
    x = np.random.default_rng(0).normal(1, 0.1, SHAPE).astype(dtype)
    out = layer_pass(SpatialDropout2D(rate), x, [], run=Run(True)).out
    np.testing.assert_allclose(out, np.where(channels[:, None, None], x / (1 - rate), 0), rtol=1e-6)


def test_images_and_channels_do_not_hang_together():
    channels = kept()
    assert np.abs(channels.mean(axis=0) - 0.5).max() < 5 * np.sqrt(0.25 / SHAPE[0])
    assert np.abs(channels.mean(axis=1) - 0.5).max() < 5 * np.sqrt(0.25 / SHAPE[3])
    flat = channels.ravel()
    for lag in (1, 2, 64, 400):
        assert abs(np.corrcoef(flat[:-lag], flat[lag:])[0, 1]) < 5 / np.sqrt(flat.size)


def test_seed_step_and_stream_decide_alone():
    reference = kept(seed=1, step=2, stream=3)
    np.testing.assert_array_equal(kept(seed=1, step=2, stream=3, dtype=np.float32), reference)
    for other in (kept(seed=2, step=2, stream=3), kept(seed=1, step=3, stream=3), kept(seed=1, step=2, stream=4)):
        assert abs((other == reference).mean() - 0.5) < 5 * np.sqrt(0.25 / reference.size)


def test_a_channel_draws_what_an_element_draws_in_a_row_as_long():
    row = layer_pass(Dropout(0.3), np.ones((150, 400)), [], run=Run(True, 1, 7, 3), stream=2).out
    np.testing.assert_array_equal(kept(0.3, 7, 3, 2), row != 0)


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_outside_of_training_nothing_changes(rate):
    x = np.random.default_rng(0).normal(size=(5, 3, 2, 7))
    result = layer_pass(SpatialDropout2D(rate), x, [], x, run=Run(training=False))
    np.testing.assert_array_equal(result.out, x)
    np.testing.assert_array_equal(result.dx, x)


def test_both_passes_drop_the_same_channels():
    ones = np.ones(SHAPE)
    for step in range(3):
        result = layer_pass(SpatialDropout2D(0.3), ones, [], ones, run=Run(True, 1, 4, step))
        np.testing.assert_array_equal(result.out, result.dx)


def test_layers_of_one_network_drop_different_channels():
    network = Network([SpatialDropout2D(0.5), SpatialDropout2D(0.5)], (1, 1, 400), np.float64)
    both = network.forward(np.ones((100, 1, 1, 400)), network.workspace(100, training=True), Run(training=True))
    assert abs((both != 0).mean() - 0.25) < 5 * np.sqrt(0.1875 / both.size)


def test_what_is_no_image_is_refused():
    with pytest.raises(ValueError, match=r"^layers\[0\], .*: SpatialDropout2D needs images of shape .*, got \(64\)$"):
        Network([SpatialDropout2D(0.5)], (64,))
    assert SpatialDropout2D(0.5).output_shape((4, 5, 6)) == Conv2D(6, 1).output_shape((4, 5, 6))
