"""The curve of a learning-rate finder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmsprop.display.axes import axes_for, require_matplotlib
from crmsprop.estimators import LearningRateFinderResult, find_learning_rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class LearningRateFinderDisplay:
    """The loss against the growing learning rate, batch by batch and smoothed, with what is suggested.

    It is made by `from_estimator` or `from_result`, which also draw it; `plot` draws it again, elsewhere.

    Parameters
    ----------
    result : LearningRateFinderResult
        What `crmsprop.find_learning_rate` returned.

    Attributes
    ----------
    ax_ : Axes
        The rate is on a logarithmic axis.
    figure_ : Figure
        The figure that it is in.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from crmsprop import MLPClassifier
    >>> from crmsprop.display import LearningRateFinderDisplay
    >>> from sklearn.datasets import load_iris
    >>> model = MLPClassifier(random_state=0)
    >>> display = LearningRateFinderDisplay.from_estimator(model, *load_iris(return_X_y=True), ax=Figure())
    >>> display.ax_.get_xscale()
    'log'
    """

    def __init__(self, result: LearningRateFinderResult) -> None:
        self.result = result

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, ax: Any = None, **options: Any
    ) -> LearningRateFinderDisplay:
        """Run the finder and draw its result.

        Parameters
        ----------
        estimator : estimator
            One of ours, fitted or not, or a pipeline that ends in one; it is not changed.
        X, y : array-like
            Training data, as for its `fit`.
        ax : Axes or Figure, default=None
            As in `plot`.
        **options : object
            The other parameters of `crmsprop.find_learning_rate`, such as ``steps``.

        Returns
        -------
        LearningRateFinderDisplay
        """
        return cls.from_result(find_learning_rate(estimator, X, y, **options), ax=ax)

    @classmethod
    def from_result(cls, result: LearningRateFinderResult, *, ax: Any = None) -> LearningRateFinderDisplay:
        """Draw a result.

        Parameters
        ----------
        result : LearningRateFinderResult
        ax : Axes or Figure, default=None
            As in `plot`.

        Returns
        -------
        LearningRateFinderDisplay
        """
        return cls(result).plot(ax=ax)

    def plot(self, ax: Any = None) -> LearningRateFinderDisplay:
        """Draw the curve.

        Parameters
        ----------
        ax : Axes or Figure, default=None
            Where to draw; None makes a figure with pyplot.

        Returns
        -------
        self

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        require_matplotlib()
        self.ax_: Axes = self.result.plot(axes_for(1, ax)[0])
        figure: Any = self.ax_.figure
        self.figure_: Figure = figure
        return self
