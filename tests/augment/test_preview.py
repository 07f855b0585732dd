"""The picture of an augmentation."""

import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from crmsprop.augment import Contrast, Flip, Mixup, Rotation
from crmsprop.errors import MissingExtraError

DTYPES = [np.uint8, np.float32, np.float64]
AUGMENTATION = Flip() + Rotation(15) + Contrast(0.5) + Mixup()


def images(n=2, channels=3, dtype=np.uint8):
    found = np.random.default_rng(n).integers(0, 256, (n, 8, 6, channels), np.uint8)
    return found if dtype == np.uint8 else (found / 255).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_picture_is_a_grid_of_originals_and_epochs(dtype, channels):
    X = images(3, channels, dtype)
    axes = AUGMENTATION.plot(X, n_epochs=4, seed=7, epoch=2, figure=Figure())
    assert axes.shape == (3, 5)
    assert [ax.get_title() for ax in axes[0]] == ["original", "epoch 3", "epoch 4", "epoch 5", "epoch 6"]
    low, high = (0, 255) if dtype == np.uint8 else (X.min(), X.max())
    for column, shown in enumerate([X, *(AUGMENTATION(X, 7, epoch) for epoch in (2, 3, 4, 5))]):
        for row in range(3):
            drawn = np.asarray(axes[row, column].get_images()[0].get_array()).reshape(8, 6, channels)
            np.testing.assert_allclose(drawn, ((shown[row] - float(low)) / (high - low)).clip(0, 1), atol=1e-6)


def test_images_without_channels():
    X = images(2, 1)
    drawn = [Flip(1.0).plot(x, n_epochs=1, figure=Figure())[0, 1].get_images()[0].get_array() for x in (X, X[..., 0])]
    np.testing.assert_array_equal(*drawn)


def test_a_picture_of_equal_pixels():
    assert Flip().plot(np.ones((1, 4, 4)), n_epochs=1, figure=Figure()).shape == (1, 2)


def test_without_a_figure_pyplot_makes_one():
    matplotlib.use("agg")
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    axes = Flip().plot(images())
    assert axes.shape == (2, 8)
    assert len(pyplot.get_fignums()) == len(before) + 1
    axes[0, 0].figure.canvas.draw()
    pyplot.close(axes[0, 0].figure)


@pytest.mark.parametrize(
    ("X", "arguments", "message"),
    [
        (images(2, 2), {}, r"X must hold at least one image of 1 or 3 channels to be drawn, got shape \(2, 8, 6, 2\)"),
        (images(0), {}, "X must hold at least one image"),
        (images(), {"n_epochs": 0}, "n_epochs must be at least 1, got 0"),
        (images(), {"epoch": -1}, "epoch must be at least 0, got -1"),
    ],
)
def test_what_cannot_be_drawn(X, arguments, message):
    with pytest.raises(ValueError, match=message):
        Flip().plot(X, figure=Figure(), **arguments)


def test_missing_matplotlib(monkeypatch):
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r'a plot needs matplotlib: pip install "crmsprop\[cli\]"'):
        Flip().plot(images())
