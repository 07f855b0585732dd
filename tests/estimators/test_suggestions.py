"""What a curve of losses suggests, on curves whose answer is known."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from crmsprop.estimators.suggestions import _longest_decrease, _slopes, minimum, steepest, valley

RATES = np.geomspace(1e-7, 10.0, 161)  # a twentieth of a decade a step


def curve(steepest_at, explodes_at=1.0):
    """A loss that falls as a logistic function of log(rate), and rises linearly behind `explodes_at`."""
    falling = 1 / (1 + (RATES / steepest_at) ** 2)
    return falling + np.maximum(0, RATES / explodes_at - 1)


@pytest.mark.parametrize("at", [40, 60, 100])
def test_the_steepest_point_of_a_logistic_curve_is_its_middle(at):
    assert steepest(RATES, curve(RATES[at])) == RATES[at]


@pytest.mark.parametrize("seed", range(5))
def test_noise_moves_the_steepest_point_little(seed):
    noise = np.random.default_rng(seed).normal(0, 0.01, len(RATES))
    assert steepest(RATES, curve(1e-3) + noise) == pytest.approx(1e-3, rel=0.5)


def test_a_fall_behind_the_minimum_is_no_descent():
    losses = curve(1e-3, explodes_at=0.1)
    losses[-3:] = [1000.0, 500.0, 0.5]
    assert steepest(RATES, losses) == pytest.approx(1e-3)


def test_the_minimum_is_divided_by_ten():
    losses = np.abs(np.log10(RATES) + 2)
    assert minimum(RATES, losses) == pytest.approx(1e-3)


def test_the_valley_begins_where_the_fall_does():
    """Flat up to 1e-5, down to 1e-2, up again: two thirds of the way is 1e-3."""
    losses = np.interp(np.log10(RATES), [-7, -5, -2, 1], [3.0, 3.0, 0.0, 5.0])
    assert valley(RATES, losses) == pytest.approx(1e-3)
    losses[50] = 10.0  # one batch that is out of line
    assert valley(RATES, losses) == pytest.approx(1e-3)


def test_with_two_points():
    for suggest in (steepest, valley):
        assert suggest([0.1, 1.0], [2.0, 1.0]) == 0.1
    assert minimum([0.1, 1.0], [2.0, 1.0]) == 0.1


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e9])
def test_scale_and_offset_of_the_loss_do_not_matter(scale):
    losses = curve(1e-3)
    for suggest in (steepest, valley, minimum):
        assert suggest(RATES, scale * losses + 5 * scale) == pytest.approx(suggest(RATES, losses))


@pytest.mark.parametrize("n", [2, 3, 10, 40, 200])
def test_slopes_are_those_of_polyfit(n):
    rng = np.random.default_rng(n)
    x, y = np.sort(rng.uniform(-10, 2, n)), rng.normal(size=n)
    for i, slope in enumerate(_slopes(x, y)):
        near = [j for j in range(n) if abs(x[j] - x[i]) <= np.log(4) or abs(i - j) == 1]
        assert slope == pytest.approx(np.polyfit(x[near], y[near], 1)[0], rel=1e-6, abs=1e-9)


def longest_by_trying(values):
    """The length of the longest strictly decreasing subsequence, from all subsequences."""
    for size in range(len(values), 0, -1):
        for some in combinations(values, size):
            if all(a > b for a, b in pairwise(some)):
                return size
    return 0


@pytest.mark.parametrize("seed", range(20))
def test_the_longest_decrease_is_one_of_the_longest(seed):
    values = np.random.default_rng(seed).integers(0, 6, 9).astype(float)
    start, end = _longest_decrease(values)
    inside = values[start : end + 1]
    assert longest_by_trying(inside) == longest_by_trying(values)
    assert start == end or inside[0] > inside[-1]


@pytest.mark.parametrize("suggest", [steepest, valley, minimum])
@pytest.mark.parametrize(
    ("rates", "losses", "message"),
    [
        ([1.0], [1.0], r"must be rows of the same length of at least 2, got shapes \(1,\) and \(1,\)"),
        ([1.0, 2.0], [1.0], r"must be rows of the same length of at least 2, got shapes \(2,\) and \(1,\)"),
        ([[1.0, 2.0]], [[2.0, 1.0]], "must be rows"),
        ([0.0, 1.0], [2.0, 1.0], "learning_rates must be above 0, finite and increasing"),
        ([2.0, 1.0], [2.0, 1.0], "learning_rates must be above 0, finite and increasing"),
        ([1.0, np.nan], [2.0, 1.0], "learning_rates must be above 0, finite and increasing"),
        ([1.0, np.inf], [2.0, 1.0], "learning_rates must be above 0, finite and increasing"),
        ([1.0, 2.0], [2.0, np.inf], "losses must be finite"),
        ([1.0, 2.0], [1.0, 1.0], "losses must fall somewhere to suggest a rate; between 1 and 2 none is below"),
    ],
)
def test_curves_that_suggest_nothing(suggest, rates, losses, message):
    with pytest.raises(ValueError, match=message):
        suggest(rates, losses)
