"""The candidates of a parameter search, as a table over one or two of its parameters."""

import difflib
import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from crmsprop.errors import shown

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
        several = isinstance(params, Iterable) and not isinstance(params, str)
        chosen: list[Any] = list(params) if several else [params]
        if not all(isinstance(name, str) for name in chosen):
            raise TypeError(f"params must be the name of a parameter, or a sequence of two, got {shown(params)}")
        wrong = _wrong_axes(chosen, names)
        if wrong is not None:
            raise ValueError(f"params must be one or two of {_listed(names)}, got {shown(params)}: {wrong}")
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

    def why_none(self, axes: Sequence[str]) -> str:
        """Return why no combination along `axes` has a score, and what has one, if that is other axes."""
        if any(all(name in params for name in axes) for params in self.params):
            return "every candidate that has them failed"
        scored = [params for params, mean in zip(self.params, self.means, strict=True) if not np.isnan(mean)]
        axis = next((name for name in axes if any(name in params for params in scored)), None)
        if axis is None:
            return "no candidate has both, and every one that has one of them failed"
        beside = dict.fromkeys(name for params in scored if axis in params for name in params if name != axis)
        return (
            f"no candidate has both, {f'{axis!r} is beside {_listed(beside)}' if beside else f'give params={axis!r}'}"
        )

    def _names(self) -> list[str]:
        return list(dict.fromkeys(name for params in self.params for name in params))


def _wrong_axes(chosen: list[str], names: list[str]) -> str | None:
    """Return what to give in place of `chosen`; None where they are one or two different ones of `names`."""
    unknown = [name for name in chosen if name not in names]
    if unknown:
        return _meant(unknown[0], names)
    if not chosen:
        return "None takes the first two that vary"
    if len(chosen) > 2:
        return f"of the others the best score is drawn, so {chosen[:2]!r} would do"
    return None if len(set(chosen)) == len(chosen) else f"{chosen[0]!r} alone makes a line"


def _meant(unknown: str, names: Sequence[str]) -> str:
    """Return which of `names` is meant by another one: a column of the results, a step's parameter, a slip of keys."""
    bare = unknown.removeprefix("param_")
    of_steps = [name for name in names if name.endswith(f"__{bare}")]
    likely = [bare] if bare in names else of_steps or _close(bare, names)
    return f"did you mean {' or '.join(map(repr, likely))}?" if likely else f"the search did not vary {unknown!r}"


def _close(unknown: str, names: Sequence[str]) -> list[str]:
    """Return those of `names` that look like another one, as they are or without their steps."""
    bare = [name.rpartition("__")[2] for name in names]
    looks = difflib.get_close_matches(unknown, names) or difflib.get_close_matches(unknown, bare)
    return [name for name, last in zip(names, bare, strict=True) if name in looks or last in looks]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def read_candidates(cv_results: Mapping[str, Any], metric: str) -> Candidates:
    """Return the candidates in a search's ``cv_results_``.

    Raises
    ------
    TypeError
        If that is no mapping of columns.
    ValueError
        If there are no parameters, no scores of `metric`, or all of them are NaN.
    """
    _check_columns(cv_results, metric)
    params = _checked_params(cv_results["params"])
    mean, std = f"mean_test_{metric}", f"std_test_{metric}"
    means = _numbers(cv_results, mean)
    stds = _numbers(cv_results, std) if std in cv_results else np.zeros_like(means)
    if np.isnan(means).all():
        raise ValueError(
            f"cv_results must have a score in {mean}, got only NaN: error_score='raise' shows why fits fail"
        )
    return Candidates(params, means, stds)


def _check_columns(cv_results: Any, metric: str) -> None:
    if not hasattr(cv_results, "keys"):  # a DataFrame has them, too
        remedy = ": give its cv_results_, or use from_estimator" if hasattr(cv_results, "cv_results_") else ""
        raise TypeError(f"cv_results must be what a search has as cv_results_, got {shown(cv_results)}{remedy}")
    metrics = [name.removeprefix("mean_test_") for name in map(str, cv_results) if name.startswith("mean_test_")]
    if "params" not in cv_results or not metrics:
        rule = "cv_results must have the columns params and mean_test_score, or that of another metric"
        raise ValueError(f"{rule}, got {', '.join(map(str, cv_results)) or 'none'}")
    if metric not in metrics:
        raise ValueError(f"metric must be one of {_listed(metrics)}, as in cv_results, got {shown(metric)}")


def _checked_params(column: Iterable[Any]) -> list[dict[str, Any]]:
    candidates = list(column)
    for one in candidates:
        if not isinstance(one, Mapping):
            remedy = ": pandas.read_csv needs converters={'params': ast.literal_eval}" if isinstance(one, str) else ""
            raise ValueError(f"cv_results must have a dict for each candidate in params, got {shown(one)}{remedy}")
    if not any(candidates):
        raise ValueError("cv_results must have a parameter to draw the scores over, got none: the search varied none")
    return [dict(one) for one in candidates]


def _numbers(cv_results: Mapping[str, Any], column: str) -> Array:
    try:
        return np.asarray(cv_results[column], np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"cv_results must have numbers in {column}, got {shown(list(cv_results[column]))}") from None


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
