"""What the finder leaves: a frozen curve, its suggestions, and how it draws itself."""

from dataclasses import FrozenInstanceError

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from crmsprop.estimators import LearningRateFinderResult
from crmsprop.estimators.suggestions import minimum, steepest, valley

RATES = np.geomspace(1e-7, 10.0, 81)
SMOOTHED = 2 / (1 + RATES / 1e-3) + np.maximum(0, RATES - 0.1)
LOSSES = SMOOTHED + np.random.default_rng(0).normal(0, 0.1, len(RATES))


@pytest.fixture
def result():
    return LearningRateFinderResult(RATES, LOSSES, SMOOTHED)


def lines_of(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def test_it_is_frozen(result):
    with pytest.raises(FrozenInstanceError):
        result.losses = []
    for array in (result.learning_rates, result.losses, result.smoothed_losses):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


def test_it_keeps_copies():
    losses = [2.0, 1.0]
    array = np.array(losses)
    result = LearningRateFinderResult([0.1, 1.0], array, array)
    array[:] = 0
    assert result.losses.tolist() == losses


def test_suggestions_are_those_of_the_smoothed_losses_without_the_first_tenth(result):
    rest = RATES[8:], SMOOTHED[8:]
    assert result.suggestion == steepest(*rest)
    assert result.valley() == valley(*rest)
    assert result.minimum() == minimum(*rest)
    assert list(result.suggestions().items()) == [
        ("steepest", result.suggestion),
        ("valley", result.valley()),
        ("minimum", result.minimum()),
    ]


def test_noise_at_the_beginning_does_not_count(result):
    noisy = SMOOTHED.copy()
    noisy[:8] = [90.0, 0.001, 50.0, 0.0, 3.0, 2.0, 1.0, 9.0]
    assert LearningRateFinderResult(RATES, LOSSES, noisy).suggestions() == result.suggestions()


def test_where_the_loss_never_falls_nothing_is_suggested():
    result = LearningRateFinderResult([0.1, 1.0, 2.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert result.suggestions() == {}
    assert repr(result) == "LearningRateFinderResult(3 steps from 0.1 to 2, no suggestion)"
    for ask in (lambda: result.suggestion, result.valley, result.minimum):
        with pytest.raises(ValueError, match="losses must fall somewhere to suggest a rate"):
            ask()
    assert list(lines_of(result.plot(Figure().subplots()))) == ["loss of a batch", "smoothed"]


def test_one_step_is_a_result_without_suggestions():
    assert LearningRateFinderResult([0.1], [1.0], [1.0]).suggestions() == {}


@pytest.mark.parametrize("arrays", [([1.0], [1.0, 2.0], [1.0]), ([], [], []), ([[1.0]], [[1.0]], [[1.0]])])
def test_rows_of_one_length(arrays):
    with pytest.raises(ValueError, match="learning_rates, losses and smoothed_losses must be rows of the same length"):
        LearningRateFinderResult(*arrays)


def test_the_picture(result):
    ax = Figure().subplots()
    assert result.plot(ax) is ax
    lines = lines_of(ax)
    np.testing.assert_array_equal(lines["loss of a batch"].get_xydata(), np.column_stack([RATES, LOSSES]))
    np.testing.assert_array_equal(lines["smoothed"].get_xydata(), np.column_stack([RATES, SMOOTHED]))
    assert (ax.get_xscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "learning rate", "loss")
    for name, rate in result.suggestions().items():
        ((x, y),) = lines[f"{name}: {rate:.2g}"].get_xydata()
        assert x == rate
        assert y == pytest.approx(np.interp(rate, RATES, SMOOTHED), rel=0.05)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(lines)


def test_dots_at_the_same_rate_are_all_seen(result):
    lines = lines_of(result.plot(Figure().subplots()))
    first, second, third = (lines[f"{name}: {rate:.2g}"] for name, rate in result.suggestions().items())
    assert first.get_markersize() > second.get_markersize() > third.get_markersize()  # the last is drawn on top


def test_an_explosion_does_not_flatten_the_picture():
    exploded = SMOOTHED.copy()
    exploded[-1] = 1e9
    low, high = LearningRateFinderResult(RATES, LOSSES, exploded).plot(Figure().subplots()).get_ylim()
    assert low < LOSSES[: SMOOTHED.argmin()].min()
    assert SMOOTHED[0] < high < 3


def test_without_axes_pyplot_makes_them(result):
    matplotlib.use("agg")
    from matplotlib import pyplot

    assert result.plot() is pyplot.gca()
    pyplot.close()
