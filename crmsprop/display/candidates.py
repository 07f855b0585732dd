"""The candidates of a parameter search, as a table over one or two of its parameters."""

import numbers
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class Candidates(NamedTuple):
    """What a search has tried.

    Attributes
    ----------
    params : list of dict
        Parameters of each candidate.
    means, stds : ndarray of shape (n_candidates,)
        Of its test score; NaN where it could not be fitted.
    """

    params: list[dict[str, Any]]
    means: Array
    stds: Array

    def varied(self) -> list[str]:
        """Return the parameters that have several values, in the order of the search."""
        return [name for name in self._names() if len(self.values(name)) > 1]

    def axes(self, params: Sequence[str] | None) -> list[str]:
        """Return the one or two parameters that make the axes: `params`, checked, or the first that vary."""
        names = self._names()
        if params is None:
            return (self.varied() or names)[:2]
        chosen = [params] if isinstance(params, str) else list(params)
        if not (1 <= len(chosen) <= 2 and len(set(chosen)) == len(chosen) and set(chosen) <= set(names)):
            raise ValueError(f"params must be one or two of {', '.join(map(repr, names))}, got {params!r:.100}")
        return chosen

    def values(self, name: str) -> list[Any]:
        """Return the different values of a parameter: numbers in order, others as the search came upon them."""
        found = {repr(plain(params[name])): plain(params[name]) for params in self.params if name in params}
        values = list(found.values())
        return sorted(values) if all(is_number(value) for value in values) else values

    def best_by(self, axes: Sequence[str]) -> dict[tuple[str, ...], int]:
        """Return the best candidate for each combination of values (their repr) along `axes`, whatever the others."""
        best: dict[tuple[str, ...], int] = {}
        for i, params in enumerate(self.params):
            if np.isnan(self.means[i]) or any(name not in params for name in axes):
                continue
            key = tuple(repr(plain(params[name])) for name in axes)
            if key not in best or self.means[i] > self.means[best[key]]:
                best[key] = i
        return best

    def _names(self) -> list[str]:
        return list(dict.fromkeys(name for params in self.params for name in params))


def read_candidates(cv_results: Mapping[str, Any], metric: str) -> Candidates:
    """Return the candidates in a search's ``cv_results_``.

    Raises
    ------
    ValueError
        If there are no parameters, no scores of `metric`, or all of them are NaN.
    """
    mean = f"mean_test_{metric}"
    if "params" not in cv_results or mean not in cv_results:
        rule = f"cv_results must have the columns params and {mean}"
        raise ValueError(f"{rule}, got {', '.join(cv_results) or 'none'}")
    params = [dict(one) for one in cv_results["params"]]
    means = np.asarray(cv_results[mean], np.float64)
    stds = np.asarray(cv_results.get(f"std_test_{metric}", np.zeros_like(means)), np.float64)
    if not any(params):
        raise ValueError("cv_results must have a parameter to draw the scores over, got none")
    if np.isnan(means).all():
        raise ValueError(f"cv_results must have a score in {mean}, got only NaN")
    return Candidates(params, means, stds)


def plain(value: Any) -> Any:
    """Return a scalar of NumPy's as Python's, so that equal values are one."""
    return value.item() if isinstance(value, np.generic) else value


def is_number(value: Any) -> bool:
    """Whether a value has a place on an axis of numbers."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and bool(np.isfinite(float(value)))


def label(value: Any) -> str:
    """Return a short text for a value."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 24 else f"{text[:21]}..."
