"""What all displays share: scikit-learn's conventions, and no hold on matplotlib."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.model_selection import GridSearchCV

import crmsprop
from crmsprop import display
from crmsprop.errors import MissingExtraError
from crmsprop.estimators import LearningRateFinderResult

DISPLAYS = {name: getattr(display, name) for name in display.__all__ if name.endswith("Display")}


def made():
    """One of each."""
    result = LearningRateFinderResult([0.1, 1.0], [2.0, 1.0], [2.0, 1.0])
    search = {"params": [{"a": 1}, {"a": 2}], "mean_test_score": [1, 2]}
    return [
        display.TrainingHistoryDisplay({"epoch": [1], "loss": [1.0]}),
        display.LearningRateFinderDisplay(result),
        display.SearchHeatmapDisplay(search),
        display.FiltersDisplay(np.ones((2, 2, 1, 3))),
        display.ConfusionDisplay([0, 1], [1, 1], images=np.zeros((2, 3, 3))),
    ]


def test_there_is_one_of_each():
    assert [type(one).__name__ for one in made()] == [
        "TrainingHistoryDisplay",
        "LearningRateFinderDisplay",
        "SearchHeatmapDisplay",
        "FiltersDisplay",
        "ConfusionDisplay",
    ]
    assert {type(one).__name__ for one in made()} == set(DISPLAYS)


@pytest.mark.parametrize("name", DISPLAYS)
def test_signatures(name):
    plot = inspect.signature(DISPLAYS[name].plot).parameters
    assert list(plot)[:2] == ["self", "ax"]
    assert plot["ax"].default is None
    makers = [getattr(DISPLAYS[name], made) for made in dir(DISPLAYS[name]) if made.startswith("from_")]
    assert any(maker.__name__ == "from_estimator" for maker in makers)
    for maker in makers:
        ax = inspect.signature(maker).parameters["ax"]
        assert (ax.kind, ax.default) == (ax.KEYWORD_ONLY, None)


@pytest.mark.parametrize("index", range(5))
def test_plot_draws_on_a_figure_or_axes_and_draws_again(index):
    one = made()[index]
    figure = Figure()
    assert one.plot(ax=figure) is one
    assert one.figure_ is figure
    figure.draw_without_rendering()
    left, right = Figure().subplots(1, 2)
    one.plot(left)
    assert one.figure_ is left.figure
    assert not right.has_data()
    assert figure.axes[0].has_data()


@pytest.mark.parametrize("index", range(5))
def test_pyplot_makes_the_figure_where_none_is_given(index):
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    one = made()[index].plot()
    assert pyplot.gcf() is one.figure_
    pyplot.close(one.figure_)


@pytest.mark.parametrize("index", range(5))
def test_missing_matplotlib(monkeypatch, index):
    one = made()[index]
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r'a plot needs matplotlib: pip install "crmsprop\[cli\]"'):
        one.plot(ax=Figure())


def test_a_search_of_one_candidate_is_a_point():
    search = GridSearchCV(crmsprop.MLPClassifier((), max_epochs=1), {"rho": [0.9]}, cv=2)
    search.fit(np.arange(8.0)[:, None], [0, 1] * 4)
    shown = display.SearchHeatmapDisplay.from_estimator(search, ax=Figure())
    assert len(shown.errorbar_[0].get_xydata()) == 1


def test_nothing_loads_pyplot(tmp_path):
    program = """
import sys
from test_conventions import made
from matplotlib.figure import Figure
for one in made():
    one.plot(ax=Figure()).figure_.savefig("drawn.png")
assert "matplotlib.pyplot" not in sys.modules
"""
    path = f"{Path(crmsprop.__file__).parent.parent}:{Path(__file__).parent}"
    environment = {"PYTHONPATH": path, "MPLCONFIGDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=tmp_path, check=True, timeout=60)
