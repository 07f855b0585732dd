"""SearchHeatmapDisplay: which scores are where, and which is marked."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from scipy.stats import uniform
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, ParameterGrid, RandomizedSearchCV

from crmsprop import MLPClassifier
from crmsprop.display import SearchHeatmapDisplay


def results(grid, score, std=0.01):
    """cv_results_ whose scores are known: `score` of each candidate's parameters."""
    params = list(ParameterGrid(grid))
    means = np.array([score(**one) for one in params], dtype=float)
    return {"params": params, "mean_test_score": means, "std_test_score": np.full(len(params), std)}


def draw(cv_results, **options):
    return SearchHeatmapDisplay.from_cv_results(cv_results, ax=Figure(), **options)


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_two_parameters_make_a_map():
    display = draw(results({"b": [1, 2, 3], "a": [0.01, 0.001]}, lambda a, b: 100 * a + b))
    assert display.params_ == ["a", "b"]
    np.testing.assert_allclose(display.im_.get_array(), [[1.1, 2.0], [2.1, 3.0], [3.1, 4.0]])
    assert (display.ax_.get_xlabel(), ticks(display.ax_.xaxis)) == ("a", ["0.001", "0.01"])
    assert (display.ax_.get_ylabel(), ticks(display.ax_.yaxis)) == ("b", ["1", "2", "3"])
    written = [[text.get_text() for text in row] for row in display.text_]
    assert written == [["1.1", "2"], ["2.1", "3"], ["3.1", "4"]]
    for (i, j), text in np.ndenumerate(display.text_):
        assert text.get_position() == (j, i)
    assert display.errorbar_ is None
    (colorbar,) = [ax for ax in display.figure_.axes if ax is not display.ax_]
    assert colorbar.get_ylabel() == "mean test score"


def test_the_best_is_framed():
    display = draw(results({"a": [1, 2, 3], "b": [1, 2]}, lambda a, b: -abs(a - 2) - abs(b - 1)))
    assert display.best_params_ == {"a": 2, "b": 1}
    assert display.best_.get_xy() == (0.5, -0.5)
    assert (display.best_.get_width(), display.best_.get_height(), display.best_.get_fill()) == (1, 1, False)
    assert same_color(display.best_.get_edgecolor(), "red")


def test_numbers_are_dark_on_light_and_light_on_dark():
    display = draw(results({"a": [1, 2], "b": [1, 2]}, lambda a, b: a), cmap="gray")
    colors = [[text.get_color()[0] for text in row] for row in display.text_]
    assert colors == [[1.0, 0.0], [1.0, 0.0]]


def test_values_are_left_out_or_formatted():
    cv_results = results({"a": [1, 2], "b": [1, 2]}, lambda a, b: a / 3)
    assert all(text is None for text in draw(cv_results, include_values=False).text_.flat)
    assert draw(cv_results, values_format=".1%").text_[0, 0].get_text() == "33.3%"


def test_of_other_parameters_the_best_counts():
    cv_results = results({"a": [1, 2], "b": [1, 2], "c": [0, 5, 1]}, lambda a, b, c: a * 10 + b + c)
    display = draw(cv_results)
    np.testing.assert_array_equal(display.im_.get_array(), [[16, 26], [17, 27]])
    assert display.best_params_ == {"a": 2, "b": 2, "c": 5}
    (colorbar,) = [ax for ax in display.figure_.axes if ax is not display.ax_]
    assert colorbar.get_ylabel() == "mean test score, best over c"


@pytest.mark.parametrize(("params", "shape"), [(("c", "a"), (2, 3)), (["a", "c"], (3, 2))])
def test_parameters_can_be_chosen(params, shape):
    cv_results = results({"a": [1, 2], "b": [1, 2], "c": [0, 5, 1]}, lambda a, b, c: a * 10 + b + c)
    display = draw(cv_results, params=params)
    assert display.im_.get_array().shape == shape
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == tuple(params)


def test_one_parameter_makes_a_line_with_bars():
    cv_results = results({"a": [1e-3, 1e-1, 1e-2], "b": [7]}, lambda a, b: 1 - abs(np.log10(a) + 2), std=0.25)
    display = draw(cv_results)
    line, _, (bars,) = display.errorbar_
    np.testing.assert_allclose(line.get_xydata(), [[1e-3, 0], [1e-2, 1], [1e-1, 0]])
    np.testing.assert_allclose(
        [segment[:, 1] for segment in bars.get_segments()], [[-0.25, 0.25], [0.75, 1.25], [-0.25, 0.25]]
    )
    np.testing.assert_allclose(display.best_.get_xydata(), [[1e-2, 1]])
    assert display.ax_.get_xscale() == "log"
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("a", "mean test score")
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["best: 1"]
    assert display.im_ is display.text_ is None


@pytest.mark.parametrize("values", [[1, 2, 3], [0, 100, 1000], [-1.0, 0.5, 100.0]])
def test_narrow_ranges_and_those_with_0_are_linear(values):
    display = draw(results({"a": values}, lambda a: a))
    assert display.ax_.get_xscale() == "linear"
    assert [x for x, _ in display.errorbar_[0].get_xydata()] == values


def test_values_that_are_no_numbers_stand_side_by_side():
    display = draw(results({"a": ["relu", None, (32, 64)]}, lambda a: len(str(a))))
    assert ticks(display.ax_.xaxis) == ["relu", "None", "(32, 64)"]
    np.testing.assert_array_equal(display.errorbar_[0].get_xydata(), [[0, 4], [1, 4], [2, 8]])


def test_equal_values_of_numpy_and_python_are_one():
    cv_results = results({"a": [1, np.int64(1), 2], "b": [0.5, np.float64(0.5), 1.0]}, lambda a, b: a)
    assert draw(cv_results).im_.get_array().shape == (2, 2)


def test_a_map_that_would_be_mostly_empty_is_drawn_as_points():
    params = [{"a": 10.0**-i, "b": 0.1 * i, "c": "x"} for i in range(6)]
    scores = [0.1, 0.5, 0.9, 0.3, 0.2, 0.4]
    display = draw({"params": params, "mean_test_score": scores})
    np.testing.assert_allclose(display.points_.get_offsets(), [[10.0**-i, 0.1 * i] for i in range(6)])
    np.testing.assert_array_equal(display.points_.get_array(), scores)
    assert [text.get_text() for text in display.text_] == [f"{score:.3g}" for score in scores]
    np.testing.assert_allclose(display.best_.get_xydata(), [[0.01, 0.2]])
    assert (display.ax_.get_xscale(), display.ax_.get_yscale()) == ("log", "linear")
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("a", "b")
    assert display.best_params_ == params[2]
    assert display.im_ is None
    assert draw({"params": params, "mean_test_score": scores}, include_values=False).text_ is None
    display.figure_.draw_without_rendering()


def test_of_points_at_one_place_the_best_counts():
    params = [{"a": i, "b": -i, "c": c} for i in range(5) for c in (0, 1)]
    display = draw({"params": params, "mean_test_score": np.arange(10.0)})
    np.testing.assert_array_equal(display.points_.get_array(), [1, 3, 5, 7, 9])


def test_names_have_no_place_among_points():
    params = [{"a": name, "b": i} for i, name in enumerate("vwxyz")]
    display = draw({"params": params, "mean_test_score": range(5)})
    assert display.points_ is None
    assert display.im_.get_array().count() == 5


def test_candidates_that_failed_or_lack_a_parameter_are_left_out():
    cv_results = results([{"a": [1, 2], "b": [1, 2]}, {"c": [1]}], lambda a=9, b=9, c=0: a + b)
    cv_results["mean_test_score"][1] = np.nan
    display = draw(cv_results)
    shown = np.ma.filled(display.im_.get_array(), -1)
    np.testing.assert_array_equal(shown, [[2, 3], [-1, 4]])
    assert display.text_[1, 0] is None
    assert display.best_params_ == {"a": 2, "b": 2}


def test_another_metric():
    cv_results = results({"a": [1, 2]}, lambda a: a)
    cv_results["mean_test_loss"] = -cv_results["mean_test_score"]
    display = draw(cv_results, metric="loss")
    assert display.ax_.get_ylabel() == "mean test loss"
    assert display.best_params_ == {"a": 1}
    np.testing.assert_array_equal([len(bar) for bar in display.errorbar_[2][0].get_segments()], [2, 2])


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def test_from_a_grid_search(iris):
    grid = {"learning_rate": [1e-3, 1e-2, 1e-1], "hidden_layer_sizes": [(4,), (8, 8)]}
    search = GridSearchCV(MLPClassifier(max_epochs=3, random_state=0), grid, cv=2).fit(*iris)
    display = SearchHeatmapDisplay.from_estimator(search, ax=Figure())
    assert display.params_ == ["hidden_layer_sizes", "learning_rate"]
    assert display.best_params_ == search.best_params_
    # scikit-learn's grid runs through its last parameter first
    np.testing.assert_array_equal(display.im_.get_array(), search.cv_results_["mean_test_score"].reshape(2, 3).T)


def test_from_a_random_search_over_several_metrics(iris):
    search = RandomizedSearchCV(
        LogisticRegression(max_iter=2000),
        {"C": uniform(0.1, 9)},
        n_iter=4,
        scoring=["accuracy", "neg_log_loss"],
        refit="neg_log_loss",
        cv=2,
        random_state=0,
    ).fit(*iris)
    display = SearchHeatmapDisplay.from_estimator(search, ax=Figure())
    assert display.ax_.get_ylabel() == "mean test neg_log_loss"
    assert display.best_params_ == search.best_params_
    order = np.argsort(search.cv_results_["param_C"].astype(float))
    line = display.errorbar_[0].get_xydata()
    np.testing.assert_array_equal(line[:, 1], search.cv_results_["mean_test_neg_log_loss"][order])


def test_a_search_that_is_not_fitted_and_what_is_none():
    with pytest.raises(NotFittedError):
        SearchHeatmapDisplay.from_estimator(GridSearchCV(MLPClassifier(), {"rho": [0.9]}), ax=Figure())
    with pytest.raises(TypeError, match="search must be a GridSearchCV, RandomizedSearchCV or the like, got MLP"):
        SearchHeatmapDisplay.from_estimator(MLPClassifier(), ax=Figure())


ABC = "params must be one or two of 'a', 'b', 'c', got "


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"params": "d"}, ValueError, f"{ABC}'d': the search did not vary 'd'"),
        ({"params": ["a", "d"]}, ValueError, f"{ABC}['a', 'd']: the search did not vary 'd'"),
        ({"params": ["a", "b", "c"]}, ValueError, f"{ABC}['a', 'b', 'c']: of the others the best score is drawn, so "),
        ({"params": ["a", "a"]}, ValueError, f"{ABC}['a', 'a']: 'a' alone makes a line"),
        ({"params": []}, ValueError, f"{ABC}[]: None takes the first two that vary"),
        ({"params": 3}, TypeError, "params must be the name of a parameter, or a sequence of two, got 3"),
        ({"params": ["a", 3]}, TypeError, "params must be the name of a parameter, or a sequence of two, got ['a', 3]"),
        ({"metric": "f1"}, ValueError, "metric must be one of 'score', as in cv_results, got 'f1'"),
        ({"metric": 1}, ValueError, "metric must be one of 'score', as in cv_results, got 1"),
    ],
)
def test_wrong_options(options, error, message):
    cv_results = results([{"a": [1, 2], "b": [1, 2]}, {"c": [1]}], lambda a=9, b=9, c=0: a + b)
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        draw(cv_results, **options)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("net__learning_rat", "'net__learning_rate'"),
        ("param_net__rho", "'net__rho'"),  # a column of cv_results_
        ("rho", "'net__rho'"),
        ("roh", "'net__rho'"),
        ("l2", "'net__l2' or 'other__l2'"),
        (["net__rho", "learning_rate"], "'net__learning_rate'"),
    ],
)
def test_a_name_that_is_nearly_right(given, meant):
    grid = {"net__learning_rate": [1, 2], "net__rho": [1, 2], "net__l2": [1], "other__l2": [1]}
    with pytest.raises(ValueError, match=f": did you mean {meant}\\?$"):
        draw(results(grid, lambda **params: 1.0), params=given)


NONE_IS_LEFT = "no candidate has both, and every one that has one of them failed"


@pytest.mark.parametrize(
    ("grid", "params", "why"),
    [
        ([{"a": [1], "b": [1]}, {"c": [1], "d": [1]}], ["a", "c"], "no candidate has both, 'a' is beside 'b'"),
        ([{"a": [1, 2]}, {"b": [1, 2]}], None, "no candidate has both, give params='a'"),
        ([{"a": [1], "bad": [1]}, {"b": [1]}], ["a", "bad"], "every candidate that has them failed"),
        ([{"bad": [1]}, {"b": [1]}], "bad", "every candidate that has them failed"),
        ([{"bad": [1]}, {"b": [1]}], ["bad", "b"], "no candidate has both, give params='b'"),
        ([{"bad": [1]}, {"b": [1], "c": [1]}], ["bad", "b"], "no candidate has both, 'b' is beside 'c'"),
        ([{"bad": [1]}, {"bad": [1], "c": [1]}, {"bad": [1], "d": [1]}, {"b": [1]}], ["c", "d"], NONE_IS_LEFT),
    ],
)
def test_parameters_without_a_score_in_common(grid, params, why):
    cv_results = results(grid, lambda bad=0, **params: np.nan if bad else 1.0)
    with pytest.raises(ValueError, match=f"^params must have a score for one combination of .*, got none: {why}$"):
        draw(cv_results, params=params)


def test_results_with_nothing_to_draw():
    with pytest.raises(ValueError, match="must have a parameter to draw the scores over, got none"):
        draw(results({}, lambda: 1))
    with pytest.raises(
        ValueError, match="must have a score in mean_test_score, got only NaN: error_score='raise' shows"
    ):
        draw(results({"a": [1]}, lambda a: np.nan))
    with pytest.raises(ValueError, match=r"must have numbers in mean_test_score, got \['high', 'low'\]"):
        draw({**results({"a": [1, 2]}, lambda a: a), "mean_test_score": ["high", "low"]})


def test_several_metrics_and_none_that_is_called_score():
    cv_results = {"params": [{"a": 1}], "mean_test_f1": [1.0], "mean_test_recall": [1.0]}
    with pytest.raises(ValueError, match="metric must be one of 'f1', 'recall', as in cv_results, got 'score'"):
        draw(cv_results)


def test_what_is_not_the_results_of_a_search():
    search = GridSearchCV(MLPClassifier(), {"rho": [0.9]})
    search.cv_results_ = results({"rho": [0.9]}, lambda rho: 1)
    with pytest.raises(TypeError, match=r"got GridSearchCV\(.*: give its cv_results_, or use from_estimator$"):
        draw(search)
    with pytest.raises(TypeError, match=r"^cv_results must be what a search has as cv_results_, got 3$"):
        draw(3)
    for columns in ({}, {"params": [{"a": 1}]}, {"mean_test_score": [1]}):
        with pytest.raises(ValueError, match="must have the columns params and mean_test_score, or that of another"):
            draw(columns)


def test_results_as_a_frame_and_from_a_file():
    cv_results = results({"a": [1, 2]}, lambda a: a)
    assert draw(pd.DataFrame(cv_results)).best_params_ == {"a": 2}
    with pytest.raises(
        ValueError, match=r"got \"{'a': 1}\": pandas.read_csv needs converters={'params': ast.literal_eval}"
    ):
        draw(pd.DataFrame(cv_results).astype({"params": str}))
