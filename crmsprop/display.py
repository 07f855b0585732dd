"""Pictures of what an estimator has learnt. matplotlib is imported where it is drawn with, and never configured."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from crmsprop.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The columns that get a panel each, where the history has them; ``val_...`` goes into the same one.
PANELS = ("loss", "accuracy")


class TrainingHistoryDisplay:
    """Loss and accuracy against the epoch, on the training and the validation data.

    It is made by `from_estimator` or `from_history`, which also draw it; `plot` draws it again, elsewhere.

    Parameters
    ----------
    history : mapping of str to sequence
        What an estimator has as ``history_``; a column that is missing or holds only None is not drawn.

    Attributes
    ----------
    ax_ : ndarray of Axes
        One panel each for loss and accuracy; the second is missing where no accuracy was measured.
    figure_ : Figure
        The figure that they are in.

    Raises
    ------
    ValueError
        If there is nothing to draw, or the columns differ in length.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from crmsprop.display import TrainingHistoryDisplay
    >>> history = {"epoch": [1, 2], "loss": [2.3, 1.1], "accuracy": [0.1, 0.6]}
    >>> display = TrainingHistoryDisplay.from_history(history, ax=Figure())
    >>> [ax.get_ylabel() for ax in display.ax_]
    ['loss', 'accuracy']
    """

    def __init__(self, history: Mapping[str, Sequence[float | None]]) -> None:
        self.history = history

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> TrainingHistoryDisplay:
        """Draw the history of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted one of ours, or a pipeline or search that ends in one.
        ax : Axes, sequence of Axes, or Figure, default=None
            As in `plot`.

        Returns
        -------
        TrainingHistoryDisplay
        """
        check_is_fitted(estimator)
        estimator = getattr(estimator, "best_estimator_", estimator)
        estimator = getattr(estimator, "_final_estimator", estimator)
        return cls.from_history(estimator.history_, ax=ax)

    @classmethod
    def from_history(cls, history: Mapping[str, Sequence[float | None]], *, ax: Any = None) -> TrainingHistoryDisplay:
        """Draw a history.

        Parameters
        ----------
        history : mapping of str to sequence
            Columns as in an estimator's ``history_``.
        ax : Axes, sequence of Axes, or Figure, default=None
            As in `plot`.

        Returns
        -------
        TrainingHistoryDisplay
        """
        return cls(history).plot(ax=ax)

    def plot(self, ax: Any = None) -> TrainingHistoryDisplay:
        """Draw the panels.

        Parameters
        ----------
        ax : Axes, sequence of Axes, or Figure, default=None
            One Axes a panel; or one Axes or an empty Figure, which the panels share; None makes a figure with pyplot.

        Returns
        -------
        self

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        require_matplotlib()
        panels = [name for name in PANELS if "epoch" in self.history and self._values(name) is not None]
        if not panels:
            wanted = f"history must have epoch and {' or '.join(PANELS)}"
            raise ValueError(f"{wanted}, got {', '.join(self.history) or 'nothing'}")
        self.ax_ = _axes_for(len(panels), ax)
        for panel, axes in zip(panels, self.ax_, strict=True):
            self._draw(panel, axes)
        self.figure_: Figure = self.ax_[0].figure
        return self

    def _draw(self, panel: str, ax: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        epochs = np.asarray(self.history["epoch"])
        for column, label in ((panel, "training"), (f"val_{panel}", "validation")):
            values = self._values(column)
            if values is not None:
                ax.plot(epochs, values, marker="." if len(epochs) <= 50 else "", label=label)
        ax.set(xlabel="epoch", ylabel=panel)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.grid(alpha=0.3)
        ax.legend()

    def _values(self, column: str) -> list[float] | None:
        """Return a column with NaN for None; None for one that was not measured."""
        values = list(self.history.get(column, ()))
        if all(value is None for value in values):
            return None
        if len(values) != len(self.history["epoch"]):
            raise ValueError(f"history must have a value an epoch in {column!r}, got {len(values)} values")
        return [np.nan if value is None else value for value in values]


def require_matplotlib() -> None:
    """Raise MissingExtraError unless matplotlib is installed: better before a long training than after it."""
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        raise MissingExtraError('a plot needs matplotlib: pip install "crmsprop[cli]"') from error


def _axes_for(n_panels: int, ax: Any) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Return the Axes to draw on; pyplot is used only where the user gives nothing."""
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.figure(figsize=(5 * n_panels, 4), layout="constrained")
    if hasattr(ax, "subplots"):
        return np.atleast_1d(ax.subplots(1, n_panels))
    if hasattr(ax, "plot"):
        return _divided(ax, n_panels)
    axes = np.ravel(np.asarray(ax, dtype=object))
    if len(axes) != n_panels:
        raise ValueError(f"ax must be one Axes, or {n_panels} of them, one a panel, got {len(axes)}")
    return axes


def _divided(ax: Axes, n_panels: int) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Return panels side by side in the place of `ax`."""
    if n_panels == 1:
        return np.array([ax], dtype=object)
    ax.set_axis_off()
    gap = 0.2 / n_panels
    width = (1 - gap * (n_panels - 1)) / n_panels
    insets = [ax.inset_axes((i * (width + gap), 0, width, 1)) for i in range(n_panels)]
    return np.array(insets, dtype=object)
