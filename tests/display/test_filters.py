"""FiltersDisplay: every weight is where it belongs, in its shade."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from crmsprop import CNNClassifier, MLPClassifier, NetworkClassifier
from crmsprop.display import FiltersDisplay
from crmsprop.nn import BatchNorm, Conv2D


def picture(filters, **options):
    return np.ma.filled(FiltersDisplay(filters, **options).plot(Figure()).im_.get_array(), np.nan)


def test_grey_filters_in_rows():
    filters = np.random.default_rng(0).normal(size=(2, 3, 1, 5))
    shown = picture(filters)
    assert shown.shape == (5, 11)  # 2 rows of 2, and 3 columns of 3, with a gap of 1
    largest = np.abs(filters).max()
    for i, (top, left) in enumerate([(0, 0), (0, 4), (0, 8), (3, 0), (3, 4)]):
        expected = 0.5 + filters[:, :, 0, i] / largest / 2
        np.testing.assert_allclose(shown[top : top + 2, left : left + 3], expected)
    assert np.isnan(shown[2]).all()
    assert np.isnan(shown[:, [3, 7]]).all()
    assert np.isnan(shown[3:, 8:]).all()


def test_colours_are_opaque_and_gaps_are_not():
    filters = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype(np.float32)
    shown = picture(filters)
    assert shown.shape == (7, 7, 4)
    np.testing.assert_allclose(shown[4:, :3, :3], 0.5 + filters[..., 2] / np.abs(filters).max() / 2, rtol=1e-6)
    opaque = np.ones((7, 7))
    opaque[3], opaque[:, 3] = 0, 0
    np.testing.assert_array_equal(shown[..., 3], opaque)


def test_0_is_middle_grey():
    np.testing.assert_array_equal(picture(np.zeros((2, 2, 1, 1))), np.full((2, 2), 0.5))
    image = FiltersDisplay(np.zeros((2, 2, 1, 1))).plot(Figure()).im_
    assert (image.get_clim(), image.get_cmap().name) == ((0, 1), "gray")


def test_one_channel_of_many():
    filters = np.random.default_rng(0).normal(size=(2, 2, 8, 1))
    np.testing.assert_array_equal(picture(filters, channel=5), picture(filters[:, :, 5:6]))
    with pytest.raises(ValueError, match="channel must say which to draw of filters on 8 channels, got None"):
        FiltersDisplay(filters)
    with pytest.raises(ValueError, match="channel must be at most 7, got 8"):
        FiltersDisplay(filters, channel=8)


@pytest.fixture(scope="module")
def data():
    return np.random.default_rng(0).integers(0, 256, (12, 6, 6, 3)).astype(np.uint8), np.arange(12) % 2


def test_from_estimators(data):
    model = CNNClassifier((5, 3), dense_units=(4,), max_epochs=1, random_state=0).fit(*data)
    figure = Figure()
    display = FiltersDisplay.from_estimator(model, ax=figure)
    assert display.figure_ is figure
    assert figure.axes == [display.ax_]
    np.testing.assert_array_equal(display.filters, model.network_.arena.views["0.weight"])
    pipeline = make_pipeline(FunctionTransformer(), model)
    assert FiltersDisplay.from_estimator(pipeline, channel=2, ax=Figure()).im_.get_array().ndim == 2


def test_the_first_convolution_need_not_be_the_first_layer(data):
    model = NetworkClassifier([BatchNorm(), Conv2D(2, 3), Conv2D(3, 3)], max_epochs=1, random_state=0).fit(*data)
    weights = model.network_.arena.views["1.weight"]
    np.testing.assert_array_equal(FiltersDisplay.from_estimator(model, ax=Figure()).filters, weights)


def test_networks_without_filters():
    with pytest.raises(NotFittedError):
        FiltersDisplay.from_estimator(CNNClassifier(), ax=Figure())
    model = MLPClassifier((2,), max_epochs=1).fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(ValueError, match="must have a Conv2D layer to show the filters of, got Dense, ReLU, Dense"):
        FiltersDisplay.from_estimator(model, ax=Figure())


@pytest.mark.parametrize("filters", [np.zeros((3, 3, 4)), np.zeros((3, 3, 1, 0)), np.full((1, 1, 1, 1), np.nan)])
def test_filters_of_the_wrong_kind(filters):
    with pytest.raises(ValueError, match="filters must be finite numbers of shape"):
        FiltersDisplay(filters)
