"""The learning curves of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from crmsprop.display.axes import axes_for, require_matplotlib
from crmsprop.display.fitted import last_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The columns that get a panel each, where the history has them; ``val_...`` goes into the same one.
PANELS = ("loss", "accuracy", "score")


class TrainingHistoryDisplay:
    """Loss, accuracy and score against the epoch, on the training and the validation data.

    It is made by `from_estimator` or `from_history`, which also draw it; `plot` draws it again, elsewhere.

    Parameters
    ----------
    history : mapping of str to sequence
        What an estimator has as ``history_``; a column that is missing or holds only None is not drawn.

    Attributes
    ----------
    ax_ : ndarray of Axes
        One panel each for loss, accuracy and the score of `scoring`; what was not measured has none.
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
        return cls.from_history(last_step(estimator).history_, ax=ax)

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
        panels = [name for name in PANELS if "epoch" in self.history and self._is_measured(name)]
        if not panels:
            wanted = f"history must have epoch and {' or '.join(PANELS)}"
            raise ValueError(f"{wanted}, got {', '.join(self.history) or 'nothing'}")
        self.ax_ = axes_for(len(panels), ax)
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

    def _is_measured(self, panel: str) -> bool:
        return self._values(panel) is not None or self._values(f"val_{panel}") is not None

    def _values(self, column: str) -> list[float] | None:
        """Return a column with NaN for None; None for one that was not measured."""
        values = list(self.history.get(column, ()))
        if all(value is None for value in values):
            return None
        if len(values) != len(self.history["epoch"]):
            raise ValueError(f"history must have a value an epoch in {column!r}, got {len(values)} values")
        return [np.nan if value is None else value for value in values]
