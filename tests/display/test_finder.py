"""LearningRateFinderDisplay: the result's own picture, in the manner of a display."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.datasets import load_iris

from crmsprop import MLPClassifier, find_learning_rate
from crmsprop.display import LearningRateFinderDisplay


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def test_from_estimator(iris):
    model = MLPClassifier((8,), random_state=0)
    figure = Figure()
    display = LearningRateFinderDisplay.from_estimator(model, *iris, steps=40, max_learning_rate=1.0, ax=figure)
    expected = find_learning_rate(model, *iris, steps=40, max_learning_rate=1.0)
    assert display.figure_ is figure
    assert figure.axes == [display.ax_]
    raw, smoothed = display.ax_.get_lines()[:2]
    np.testing.assert_array_equal(raw.get_ydata(), expected.losses)
    np.testing.assert_array_equal(smoothed.get_xdata(), expected.learning_rates)
    assert not hasattr(model, "network_")


def test_from_result_and_elsewhere(iris):
    result = find_learning_rate(MLPClassifier((8,), random_state=0), *iris)
    ax = Figure().subplots()
    display = LearningRateFinderDisplay.from_result(result, ax=ax)
    assert display.ax_ is ax
    other = Figure()
    assert display.plot(ax=other) is display
    assert display.figure_ is other
