"""Schedule.plot: what is drawn, on what, and without touching matplotlib's state."""

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from schedule_cases import PLAIN, article

import crmsprop
from crmsprop.errors import MissingExtraError
from crmsprop.schedules import CosineAnnealing, FunctionSchedule, StepDecay


def line_of(ax):
    (line,) = ax.get_lines()
    return line.get_xdata(), line.get_ydata()


@pytest.mark.parametrize("schedule", [*PLAIN, CosineAnnealing() * article, FunctionSchedule(article)], ids=repr)
def test_every_schedule_is_drawn(schedule):
    ax = Figure().subplots()
    assert schedule.plot(ax, epochs=30, steps_per_epoch=7, learning_rate=0.5) is ax
    epochs, rates = line_of(ax)
    bound = schedule.bind(0.5)
    expected = [0.5 * bound(step, 7, 210) for step in range(210)]
    np.testing.assert_array_equal(epochs, np.arange(211) / 7)
    np.testing.assert_array_equal(rates, [*expected, expected[-1]])
    assert ax.get_lines()[0].get_drawstyle() == "steps-post"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "learning rate")


def test_the_defaults_are_those_of_the_estimators():
    epochs, rates = line_of(StepDecay(0.5, 10).plot(Figure().subplots()))
    assert (epochs[0], epochs[-1]) == (0, crmsprop.MLPClassifier().max_epochs)
    assert rates[0] == crmsprop.MLPClassifier().learning_rate


def test_a_long_training_is_drawn_with_fewer_points():
    epochs, rates = line_of(CosineAnnealing().plot(Figure().subplots(), epochs=10**4, steps_per_epoch=10**5))
    assert 1000 < len(epochs) <= 5001
    assert (epochs[0], epochs[-1]) == (0, 10**4)
    np.testing.assert_allclose(rates[:-1], 1e-3 * np.cos(np.pi / 2 * epochs[:-1] / 10**4) ** 2, atol=1e-12)


def test_one_step():
    epochs, rates = line_of(StepDecay(0.5, 1).plot(Figure().subplots(), epochs=1, steps_per_epoch=1))
    assert (epochs.tolist(), list(rates)) == ([0, 1], [1e-3, 1e-3])


def test_pyplot_makes_the_figure_where_none_is_given():
    matplotlib.use("agg")
    from matplotlib import pyplot

    ax = CosineAnnealing().plot()
    assert pyplot.gcf() is ax.figure
    pyplot.close(ax.figure)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
        ({"epochs": 1.5}, TypeError, "epochs must be an integer of at least 1, got 1.5"),
        ({"steps_per_epoch": 0}, ValueError, "steps_per_epoch must be at least 1, got 0"),
        ({"learning_rate": -1}, ValueError, r"learning_rate must be in \[0, inf\), got -1"),
    ],
)
def test_parameters_out_of_range(parameters, error, message):
    with pytest.raises(error, match=message):
        CosineAnnealing().plot(Figure().subplots(), **parameters)


def test_missing_matplotlib(monkeypatch):
    ax = Figure().subplots()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r'a plot needs matplotlib: pip install "crmsprop\[cli\]"'):
        CosineAnnealing().plot(ax)


def test_neither_import_nor_drawing_on_axes_loads_pyplot(tmp_path):
    program = """
import sys
from crmsprop.schedules import CosineAnnealing
assert "matplotlib" not in sys.modules
from matplotlib.figure import Figure
CosineAnnealing().plot(Figure().subplots()).figure.savefig("drawn.png")
assert "matplotlib.pyplot" not in sys.modules
assert "crmsprop.display" not in sys.modules
"""
    environment = {"PYTHONPATH": str(Path(crmsprop.__file__).parent.parent), "MPLCONFIGDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "drawn.png").stat().st_size > 1000
