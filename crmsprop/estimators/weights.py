"""How much each sample counts."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from crmsprop.errors import check_real, shown
from crmsprop.estimators.inputs import Array, naming_what_is_no_number, refuse_masked, refuse_what_is_no_number
from crmsprop.training import DataSet


def checked_weights(sample_weight: Any, n: int, dtype: np.dtype[Any], name: str = "sample_weight") -> Array | None:
    """Return the weights of n samples in the dtype that the network computes in; None for 1 each.

    Raises
    ------
    TypeError, ValueError
        If they are not one finite number of at least 0 a sample, or all are 0.
    """
    if sample_weight is None:
        return None
    given = _as_numbers(name, sample_weight, n)
    if given.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), one number a sample, got {given.shape}")
    if given.min() < 0:
        raise ValueError(f"{name} must be at least 0, got {given.min()}")
    if given.max() > np.finfo(dtype).max:
        raise ValueError(f"{name} must be finite in {dtype}, which the network computes in, got {given.max()}")
    if not given.any():
        raise ValueError(f"{name} must not be zero for every sample: at least one weight must be above 0")
    _check_sum(name, given, dtype)
    if given.max() < np.finfo(dtype).tiny:  # shares of subnormal numbers have fewer digits, or none
        rule = f"{name} must have a weight of at least {np.finfo(dtype).tiny:g}, the smallest number of all digits in"
        raise ValueError(f"{rule} {dtype}, got {given.max()} at most")
    weights: Array = given.astype(dtype)
    return weights


def _as_numbers(name: str, given: Any, n: int) -> Array:
    """Return weights as float64; an error that names them where they are no numbers, or none of them are there."""
    refuse_masked(name, given)
    refuse_what_is_no_number(name, given)
    found = given if hasattr(given, "dtype") else np.asarray(given, dtype=object)
    if getattr(found, "ndim", 1) == 0 or 0 in getattr(found, "shape", ()):
        raise ValueError(f"{name} must have shape ({n},), one number a sample, got {shown(given)}")
    if getattr(found.dtype, "kind", "f") == "c":
        raise ValueError(f"{name} must hold real numbers, got {found.dtype!r}")
    with naming_what_is_no_number(name):
        numbers: Array = check_array(given, ensure_2d=False, dtype=np.float64, input_name=name)
    return numbers


def _check_sum(name: str, weights: Array, dtype: np.dtype[Any]) -> None:
    """ValueError where the shares of the samples cannot be computed."""
    with np.errstate(over="ignore"):
        total = np.sum(weights, dtype=np.float64)
    if total > np.finfo(dtype).max:
        raise ValueError(f"{name} must have a sum that is finite in {dtype}, got {total}: only proportions matter")


def rows_that_count(weights: Array | None) -> Array | None:
    """Return the numbers of the samples whose weight is not 0; None where all count."""
    if weights is None or weights.all():
        return None
    return np.flatnonzero(weights)


def weighed_by_class(data: DataSet, class_weight: Any, classes: Array, dtype: np.dtype[Any]) -> DataSet:
    """Return a data set with each sample's weight multiplied by that of its class; see class_weights."""
    rows = slice(None) if data.rows is None else data.rows
    own = None if data.weights is None else data.weights[rows]
    factors = class_weights(class_weight, classes, data.target[rows], own)
    with np.errstate(over="ignore"):
        weights = factors[data.target] * (1.0 if data.weights is None else data.weights)
        if weights[rows].max() > np.finfo(dtype).max or not weights[rows].astype(dtype).all():
            raise ValueError(
                f"class_weight must give weights that are finite and not 0 in {dtype}, got {class_weight!r:.100}"
            )
        _check_sum("class_weight times sample_weight", weights[rows], dtype)
        return data._replace(weights=weights.astype(dtype))


def class_weights(class_weight: Any, classes: Array, target: Array, weights: Array | None) -> Array:
    """Return a weight for each class, as float64.

    Parameters
    ----------
    class_weight : mapping of labels to numbers, or "balanced"
        A label that is missing has a weight of 1. "balanced" gives every class the same total weight: a class of m of
        n samples has ``n / (n_classes * m)``, where n and m are sums of the samples' own weights.
    classes : ndarray of shape (n_classes,)
        The labels.
    target : ndarray of shape (n,)
        Class numbers of the samples that train.
    weights : ndarray of shape (n,) or None
        Their own weights.

    Raises
    ------
    TypeError, ValueError
        If `class_weight` is neither, or names what is no class, or has a weight that is no finite number above 0.
    """
    if isinstance(class_weight, str) and class_weight == "balanced":
        totals = np.bincount(target, weights, minlength=len(classes)).astype(np.float64)
        factors: Array = np.divide(totals.sum() / len(classes), totals, out=np.zeros_like(totals), where=totals > 0)
        return factors
    if not isinstance(class_weight, Mapping):
        kind = ValueError if isinstance(class_weight, str) else TypeError
        raise kind(f"class_weight must be None, 'balanced' or a dict of labels and weights, got {class_weight!r:.100}")
    labels = classes.tolist()
    columns = _columns_of(class_weight, classes)
    unknown = [label for label, column in columns.items() if column is None]
    if unknown:
        raise ValueError(f"class_weight must name only labels of y, {labels!r:.100}, got {unknown!r:.100}")
    factors = np.ones(len(labels))
    for label, weight in class_weight.items():
        factors[columns[label]] = _checked(label, weight)
    return factors


def _columns_of(labels: Iterable[Any], classes: Array) -> dict[Any, int | None]:
    """Return which of `classes` each label is; a date can be equal to one of another unit without having its hash."""
    known = {label: column for column, label in enumerate(classes.tolist())}
    columns = {label: known.get(label) for label in labels}
    for label in (label for label, column in columns.items() if column is None):
        columns[label] = next((column for column, own in enumerate(classes) if _is_same(own, label)), None)
    return columns


def _is_same(own: Any, label: Any) -> bool:
    """Whether two labels are equal, which is more than one answer for a tuple and none for pandas.NA."""
    answer = own == label
    return isinstance(answer, bool | np.bool_) and bool(answer)


def _checked(label: Any, weight: Any) -> float:
    return check_real(f"class_weight[{label!r}]", weight, "(0, inf)")


def spread(target: Array, rows: Array | None, n: int) -> Array:
    """Return an array of n rows that holds `target` at `rows` and 0 elsewhere; `target` itself where rows is None."""
    if rows is None:
        return target
    whole = np.zeros((n, *target.shape[1:]), target.dtype)
    whole[rows] = target
    return whole
