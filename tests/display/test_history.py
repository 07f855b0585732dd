"""TrainingHistoryDisplay: what is drawn, where, and without touching matplotlib's state."""

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import crmsprop
from crmsprop.callbacks import EarlyStopping
from crmsprop.display import TrainingHistoryDisplay
from crmsprop.errors import MissingExtraError

HISTORY = {
    "epoch": [1, 2, 3],
    "loss": [2.0, 1.0, 0.5],
    "val_loss": [2.1, 1.2, 0.9],
    "accuracy": [0.1, 0.5, 0.8],
    "val_accuracy": [0.1, 0.4, 0.7],
    "learning_rate": [1e-3] * 3,
    "seconds": [0.1] * 3,
}


def lines_of(ax):
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in ax.get_lines()}


def test_two_panels():
    figure = Figure()
    display = TrainingHistoryDisplay.from_history(HISTORY, ax=figure)
    assert display.figure_ is figure
    assert list(display.ax_) == figure.axes
    for ax, name in zip(display.ax_, ("loss", "accuracy"), strict=True):
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", name)
        assert lines_of(ax) == {
            "training": ([1, 2, 3], HISTORY[name]),
            "validation": ([1, 2, 3], HISTORY[f"val_{name}"]),
        }
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training", "validation"]


@pytest.mark.parametrize("n_epochs", [1, 2, 3, 7, 30, 1000])
def test_epochs_are_integers(n_epochs):
    history = {"epoch": list(range(1, n_epochs + 1)), "loss": [1.0] * n_epochs}
    (ax,) = TrainingHistoryDisplay.from_history(history, ax=Figure()).ax_
    ticks = ax.get_xticks()
    np.testing.assert_array_equal(ticks, np.rint(ticks))
    assert len(ticks) >= 1


def test_without_validation():
    history = HISTORY | {"val_loss": [None] * 3, "val_accuracy": [None] * 3}
    for ax in TrainingHistoryDisplay.from_history(history, ax=Figure()).ax_:
        assert list(lines_of(ax)) == ["training"]


def test_without_accuracy_there_is_one_panel():
    history = HISTORY | {"accuracy": [None] * 3, "val_accuracy": [None] * 3}
    display = TrainingHistoryDisplay.from_history(history, ax=Figure())
    assert [ax.get_ylabel() for ax in display.ax_] == ["loss"]


def test_a_value_that_is_missing_is_a_gap():
    (ax,) = TrainingHistoryDisplay.from_history({"epoch": [1, 2], "loss": [None, 1.0]}, ax=Figure()).ax_
    np.testing.assert_array_equal(lines_of(ax)["training"][1], [np.nan, 1.0])


def test_on_axes_of_ones_own():
    for axes in (Figure().subplots(1, 2), Figure().subplots(2, 1), list(Figure().subplots(1, 2))):
        display = TrainingHistoryDisplay.from_history(HISTORY, ax=axes)
        assert list(display.ax_) == list(axes)


def test_in_the_place_of_one_axes():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    display = TrainingHistoryDisplay.from_history(HISTORY, ax=left)
    figure.draw_without_rendering()
    assert [ax.get_ylabel() for ax in display.ax_] == ["loss", "accuracy"]
    bounds = [ax.get_window_extent() for ax in display.ax_]
    whole = left.get_window_extent()
    assert whole.x0 - 1 <= bounds[0].x0 < bounds[0].x1 < bounds[1].x0 < bounds[1].x1 <= whole.x1 + 1
    assert not right.get_lines()


def test_one_panel_in_one_axes():
    ax = Figure().subplots()
    assert list(TrainingHistoryDisplay.from_history({"epoch": [1], "loss": [1.0]}, ax=ax).ax_) == [ax]


@pytest.mark.parametrize("n_axes", [1, 3])
def test_another_number_of_axes(n_axes):
    axes = np.atleast_1d(Figure().subplots(1, n_axes))
    with pytest.raises(ValueError, match=f"ax must be one Axes, or 2 of them, one a panel, got {n_axes}"):
        TrainingHistoryDisplay.from_history(HISTORY, ax=axes)


def test_plot_draws_again_elsewhere():
    display = TrainingHistoryDisplay.from_history(HISTORY, ax=Figure())
    figure = Figure()
    assert display.plot(ax=figure) is display
    assert display.figure_ is figure


def test_pyplot_makes_the_figure_where_none_is_given():
    matplotlib.use("agg")
    from matplotlib import pyplot

    display = TrainingHistoryDisplay.from_history(HISTORY)
    assert pyplot.gcf() is display.figure_
    pyplot.close(display.figure_)


@pytest.fixture
def model():
    return crmsprop.MLPClassifier((3,), max_epochs=3, random_state=0)


def data():
    return np.arange(12.0).reshape(-1, 1), np.arange(12) % 2


def test_from_estimator(model):
    model.fit(*data())
    display = TrainingHistoryDisplay.from_estimator(model, ax=Figure())
    assert lines_of(display.ax_[0])["training"] == ([1, 2, 3], model.history_["loss"])


def test_from_a_pipeline_and_a_search(model):
    pipeline = make_pipeline(StandardScaler(), model)
    search = GridSearchCV(pipeline, {"mlpclassifier__rho": [0.9]}, cv=2).fit(*data())
    expected = search.best_estimator_[-1].history_["loss"]
    for estimator in (search, search.best_estimator_):
        display = TrainingHistoryDisplay.from_estimator(estimator, ax=Figure())
        assert lines_of(display.ax_[0])["training"][1] == expected


def test_a_fit_that_early_stopping_ended(model):
    model.set_params(max_epochs=50, learning_rate=1.0, callbacks=[EarlyStopping("loss", patience=1)]).fit(*data())
    display = TrainingHistoryDisplay.from_estimator(model, ax=Figure())
    assert lines_of(display.ax_[0])["training"][0] == list(range(1, model.n_epochs_ + 1))


def test_not_fitted(model):
    with pytest.raises(NotFittedError):
        TrainingHistoryDisplay.from_estimator(model, ax=Figure())


def test_a_regression_has_no_accuracy_and_perhaps_a_score():
    X = np.linspace(-1, 1, 40)[:, None]
    model = crmsprop.MLPRegressor((3,), max_epochs=3, validation_fraction=0.2, random_state=0).fit(X, X[:, 0])
    (ax,) = TrainingHistoryDisplay.from_estimator(model, ax=Figure()).ax_
    assert lines_of(ax) == {
        "training": ([1, 2, 3], model.history_["loss"]),
        "validation": ([1, 2, 3], model.history_["val_loss"]),
    }
    model.set_params(scoring="r2").fit(X, X[:, 0])
    losses, scores = TrainingHistoryDisplay.from_estimator(model, ax=Figure()).ax_
    assert (losses.get_ylabel(), scores.get_ylabel()) == ("loss", "score")
    assert lines_of(scores) == {"validation": ([1, 2, 3], model.history_["val_score"])}


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({}, "history must have epoch and loss or accuracy or score, got nothing"),
        ({"epoch": [1], "lr": [1]}, "history must have epoch and loss or accuracy or score, got epoch, lr"),
        ({"loss": [1.0]}, "history must have epoch and loss or accuracy or score, got loss"),
        ({"epoch": [1, 2], "loss": [1.0]}, "history must have a value an epoch in 'loss', got 1 values"),
    ],
)
def test_histories_with_nothing_to_draw(history, message):
    with pytest.raises(ValueError, match=message):
        TrainingHistoryDisplay.from_history(history, ax=Figure())


def test_missing_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r'a plot needs matplotlib: pip install "crmsprop\[cli\]"'):
        TrainingHistoryDisplay.from_history(HISTORY, ax=Figure())


def test_neither_import_nor_drawing_on_a_figure_loads_pyplot(tmp_path):
    program = f"""
import sys
from crmsprop.display import TrainingHistoryDisplay
assert "matplotlib" not in sys.modules
from matplotlib.figure import Figure
figure = Figure()
TrainingHistoryDisplay.from_history({HISTORY!r}, ax=figure)
figure.savefig("drawn.png")
assert "matplotlib.pyplot" not in sys.modules
"""
    environment = {"PYTHONPATH": str(Path(crmsprop.__file__).parent.parent), "MPLCONFIGDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "drawn.png").stat().st_size > 1000
