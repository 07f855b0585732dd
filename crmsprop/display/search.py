"""The scores of a parameter search over its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from crmsprop.display.axes import axes_for, require_matplotlib
from crmsprop.display.candidates import is_number, label, read_candidates
from crmsprop.display.matrix import draw_matrix, label_cells

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, np.dtype[Any]]

#: Numbers above 0 that span more than this go on a logarithmic axis.
WIDE = 50.0
#: A map with a smaller share of its cells filled is drawn as points, if its parameters are numbers.
SPARSE = 0.5


class SearchHeatmapDisplay:
    """The mean test score of a parameter search over one or two of its parameters, the best one marked.

    Two parameters make a heat map with the scores written in, or points in the colours of one where most combinations
    were not tried, as in a random search over ranges of numbers. One parameter makes a line, whose bars are the
    standard deviations over the splits. Where the search has varied more, a score is the best one over those that are
    not shown. Candidates that lack a parameter of the axes, or could not be fitted, are left out.

    Parameters
    ----------
    cv_results : mapping
        What a search has as ``cv_results_``.
    params : str or sequence of str, default=None
        One parameter, or two, the horizontal first; None for the first two that vary.
    metric : str, default="score"
        Whose ``mean_test_...`` is drawn.

    Attributes
    ----------
    ax_ : Axes
        What it is drawn in.
    figure_ : Figure
        The figure that it is in.
    params_ : list of str
        The parameters of the axes.
    best_params_ : dict
        All parameters of the best candidate that is shown.
    im_ : AxesImage or None
        The heat map.
    points_ : PathCollection or None
        The points.
    text_ : ndarray of Text or None
        The scores that are written: of a map as (row, column), else one a point.
    errorbar_ : ErrorbarContainer or None
        The line.
    best_ : Artist
        The mark: the frame of a cell, the ring around a point, or a star on the line.

    Raises
    ------
    TypeError, ValueError
        If there is nothing to draw, or `params` or `metric` are not of the search: names those that are.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from crmsprop import MLPClassifier
    >>> from crmsprop.display import SearchHeatmapDisplay
    >>> grid = {"rho": [0.9, 0.99], "learning_rate": [1e-3, 1e-2]}
    >>> search = GridSearchCV(MLPClassifier(max_epochs=2, random_state=0), grid, cv=2).fit(*load_iris(return_X_y=True))
    >>> display = SearchHeatmapDisplay.from_estimator(search, ax=Figure())
    >>> display.params_, display.im_.get_array().shape
    (['learning_rate', 'rho'], (2, 2))
    """

    def __init__(
        self, cv_results: Mapping[str, Any], *, params: str | Sequence[str] | None = None, metric: str = "score"
    ) -> None:
        self.cv_results = cv_results
        self.params = params
        self.metric = metric

    @classmethod
    def from_estimator(
        cls,
        search: Any,
        *,
        params: str | Sequence[str] | None = None,
        metric: str | None = None,
        ax: Any = None,
        cmap: str = "viridis",
        include_values: bool = True,
        values_format: str = ".3g",
    ) -> SearchHeatmapDisplay:
        """Draw a fitted search.

        Parameters
        ----------
        search : GridSearchCV, RandomizedSearchCV or the like
            A fitted one.
        params : str or sequence of str, default=None
            One parameter, or two, the horizontal first; None for the first two that vary.
        metric : str or None, default=None
            Whose score is drawn; None for the one that `refit` names, or the only one.
        ax, cmap, include_values, values_format : object
            As in `plot`.

        Returns
        -------
        SearchHeatmapDisplay

        Raises
        ------
        TypeError
            If it is no search.
        """
        if not hasattr(search, "param_grid") and not hasattr(search, "param_distributions"):
            raise TypeError(f"search must be a GridSearchCV, RandomizedSearchCV or the like, got {search!r:.100}")
        check_is_fitted(search, "cv_results_")
        refit = search.refit if getattr(search, "multimetric_", False) else None
        metric = metric or (refit if isinstance(refit, str) else "score")
        display = cls(search.cv_results_, params=params, metric=metric)
        return display.plot(ax=ax, cmap=cmap, include_values=include_values, values_format=values_format)

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Mapping[str, Any],
        *,
        params: str | Sequence[str] | None = None,
        metric: str = "score",
        ax: Any = None,
        cmap: str = "viridis",
        include_values: bool = True,
        values_format: str = ".3g",
    ) -> SearchHeatmapDisplay:
        """Draw the results of a search.

        Parameters
        ----------
        cv_results : mapping
            What a search has as ``cv_results_``.
        params : str or sequence of str, default=None
            One parameter, or two, the horizontal first; None for the first two that vary.
        metric : str, default="score"
            Whose ``mean_test_...`` is drawn.
        ax, cmap, include_values, values_format : object
            As in `plot`.

        Returns
        -------
        SearchHeatmapDisplay
        """
        display = cls(cv_results, params=params, metric=metric)
        return display.plot(ax=ax, cmap=cmap, include_values=include_values, values_format=values_format)

    def plot(
        self, ax: Any = None, *, cmap: str = "viridis", include_values: bool = True, values_format: str = ".3g"
    ) -> SearchHeatmapDisplay:
        """Draw the heat map or the line.

        Parameters
        ----------
        ax : Axes or Figure, default=None
            Where to draw; None makes a figure with pyplot.
        cmap : str, default="viridis"
            Colour map of the heat map.
        include_values : bool, default=True
            Whether the scores are written into the heat map.
        values_format : str, default=".3g"
            How scores are written.

        Returns
        -------
        self

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        require_matplotlib()
        self._read_results()
        self.ax_: Axes = axes_for(1, ax)[0]
        self.best_: Any
        self.im_: Any = None
        self.points_: Any = None
        self.text_: Any = None
        self.errorbar_: Any = None
        if len(self.params_) == 1:
            self._draw_line(values_format)
        else:
            draw = self._draw_points if self._is_sparse() else self._draw_map
            draw(cmap, values_format if include_values else None)
        figure: Any = self.ax_.figure
        self.figure_: Figure = figure
        return self

    def _read_results(self) -> None:
        self._candidates = read_candidates(self.cv_results, self.metric)
        self.params_ = self._candidates.axes(self.params)
        self._best_by = self._candidates.best_by(self.params_)
        if not self._best_by:
            rule = f"params must have a score for one combination of {', '.join(self.params_)}"
            raise ValueError(f"{rule}, got none: {self._candidates.why_none(self.params_)}")
        best = max(self._best_by, key=lambda key: float(self._candidates.means[self._best_by[key]]))
        self.best_params_ = self._candidates.params[self._best_by[best]]

    def _draw_map(self, cmap: str, values_format: str | None) -> None:
        from matplotlib.patches import Rectangle

        (across, columns), (down, rows) = ((name, self._candidates.values(name)) for name in self.params_)
        scores = np.full((len(rows), len(columns)), np.nan)
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                found = self._best_by.get((repr(column), repr(row)))
                scores[i, j] = np.nan if found is None else self._candidates.means[found]
        self.im_, self.text_ = draw_matrix(self.ax_, scores, values_format, cmap)
        label_cells(self.ax_, list(map(label, columns)), list(map(label, rows)))
        self.ax_.set(xlabel=across, ylabel=down)
        self.ax_.figure.colorbar(self.im_, ax=self.ax_, label=self._score_label())
        y, x = np.unravel_index(np.nanargmax(scores), scores.shape)
        self.best_ = self.ax_.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor="red", linewidth=2))

    def _is_sparse(self) -> bool:
        """Whether a map would be mostly empty, and its values have a place on axes of numbers."""
        across, down = (self._candidates.values(name) for name in self.params_)
        numeric = all(is_number(value) for value in (*across, *down))
        return numeric and len(self._best_by) < SPARSE * len(across) * len(down)

    def _draw_points(self, cmap: str, values_format: str | None) -> None:
        chosen = list(self._best_by.values())
        x, y = ([float(self._candidates.params[i][name]) for i in chosen] for name in self.params_)
        means = self._candidates.means[chosen]
        self.points_ = self.ax_.scatter(x, y, c=means, cmap=cmap)
        if values_format is not None:
            texts = [
                self.ax_.annotate(format(mean, values_format), at, (4, 4), textcoords="offset points", fontsize="small")
                for mean, at in zip(means, zip(x, y, strict=True), strict=True)
            ]
            self.text_ = np.array(texts, dtype=object)
        best = int(means.argmax())
        (self.best_,) = self.ax_.plot([x[best]], [y[best]], "o", color="red", fillstyle="none", markersize=12)
        self.ax_.set(xlabel=self.params_[0], ylabel=self.params_[1], xscale=_scale(x), yscale=_scale(y))
        self.ax_.figure.colorbar(self.points_, ax=self.ax_, label=self._score_label())

    def _draw_line(self, values_format: str) -> None:
        (name,) = self.params_
        values = [value for value in self._candidates.values(name) if (repr(value),) in self._best_by]
        chosen = [self._best_by[(repr(value),)] for value in values]
        means, stds = self._candidates.means[chosen], self._candidates.stds[chosen]
        numeric = all(is_number(value) for value in values)
        places = [float(value) for value in values] if numeric else list(range(len(values)))
        self.errorbar_ = self.ax_.errorbar(places, means, yerr=stds, marker="o", capsize=3)
        best = int(means.argmax())
        text = f"best: {format(means[best], values_format)}"
        (self.best_,) = self.ax_.plot([places[best]], [means[best]], "*", color="red", markersize=14, label=text)
        self.ax_.set(xlabel=name, ylabel=self._score_label(), xscale=_scale(places) if numeric else "linear")
        if not numeric:
            self.ax_.set_xticks(places, list(map(label, values)))
        self.ax_.grid(alpha=0.3)
        self.ax_.legend()

    def _score_label(self) -> str:
        others = [name for name in self._candidates.varied() if name not in self.params_]
        head = "mean test score" if self.metric == "score" else f"mean test {self.metric}"
        return f"{head}, best over {', '.join(others)}" if others else head


def _scale(values: Sequence[float]) -> str:
    return "log" if min(values) > 0 and max(values) > WIDE * min(values) else "linear"
