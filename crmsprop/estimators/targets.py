"""What an estimator makes of y before scikit-learn checks it: arrays of NumPy's own, without objects of any kind."""

import decimal
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.multiclass import unique_labels

from crmsprop.errors import shown, warn_user
from crmsprop.estimators.inputs import Array, refuse_masked

#: Fewer rows of labels that do not exclude each other may all have a single one by chance.
ENOUGH = 5


def labels_of(y: Any, name: str = "y") -> Any:
    """Return labels, or indicators of them, as they are, but columns of pandas and NumPy's strings as plain arrays.

    Raises
    ------
    ValueError
        If `y` is an array of objects that are not all strings, or a list of strings and others, of which NumPy would
        make strings: names the first other one; if it is a structured array, or a date in it is missing.
    """
    array = _array_of(y, name)
    if array is None:
        if isinstance(y, list | tuple) and any(isinstance(label, str) for label in y):
            _check_strings(y, name)
        return y
    if array.dtype.kind == "V":
        raise ValueError(f"{name} must hold a label a sample and no records, got {shown(array.dtype)}")
    if array.dtype.kind in "mM" and np.isnat(array).any():
        raise ValueError(f"{name} must have no missing values, got NaT for sample {np.argmax(np.isnat(array))}")
    if array.dtype == object:
        _check_strings(array.flat, name)
    return array


def _check_strings(labels: Iterable[Any], name: str) -> None:
    for i, label in enumerate(labels):
        if not isinstance(label, str):
            rule = f"{name} must hold strings where it holds objects, or be of a dtype of numbers or booleans"
            found = f"got {shown(label)} for {'sample' if name == 'y' else 'label'} {i}"
            # The last words are scikit-learn's, which looks for them.
            raise ValueError(f"{rule}, {found}. Unknown label type: {type(label).__name__}")


def classes_of(classes: Any) -> Array:
    """Return the labels that a user gives as `classes`, in their order.

    Raises
    ------
    ValueError
        If they are no sequence of labels: names what is none.
    """
    array = np.asarray(labels_of(classes, "classes"))
    if array.ndim == 0 or array.size != len(array) or not array.size:
        raise ValueError(f"classes must be a sequence of labels, got {shown(classes)}")
    array = array.ravel()
    if array.dtype == object:
        _check_strings(array, "classes")
    try:
        with np.errstate(invalid="ignore"):  # it looks whether floats are whole, by way of integers
            unique_labels(array)
    except ValueError as error:
        raise ValueError(f"classes must be labels, got {shown(classes)}: {error}") from error
    return array


def warn_of_one_hot(y: Any) -> None:
    """Warn where rows of 0 and 1, an array or a sparse matrix, look like the one-hot encoded classes of samples.

    It says how to have them as classes, and how to say that they are labels which do not exclude each other.
    """
    n_rows, n_columns = y.shape
    if n_rows < ENOUGH or n_columns < 3 or (y.sum(axis=1) != 1).any() or ((y != 0).sum(axis=1) != 1).any():
        return
    found = f"y has {n_columns} columns and exactly one 1 in each row"
    taken = "each column is taken for a label that does not exclude the others"
    array = "y" if issparse(y) else "np.asarray(y)"  # a list and a DataFrame have no argmax
    remedy = f"give {array}.argmax(axis=1) if they are one-hot encoded classes"
    warn_user(f"{found}: {taken}; {remedy}, or set loss=crmsprop.nn.BinaryCrossEntropy() to say that this is meant")


def numbers_of(y: Any) -> Any:
    """Return numbers as they are, but columns of pandas as plain arrays.

    Raises
    ------
    TypeError
        If `y` is an array of objects that are not all numbers: names the first other one.
    """
    array = _array_of(y)
    if array is None or array.dtype != object:
        return y if array is None else array
    for number in array.flat:
        if not isinstance(number, numbers.Real | decimal.Decimal | np.bool_):
            raise TypeError(f"y must be an array of numbers, got {shown(number)}, {type(number).__name__}")
    return array


def _array_of(y: Any, name: str = "y") -> Array | None:
    """Return an array, or what is a column of pandas, as an array; None for anything else. None of it is masked."""
    refuse_masked(name, y)
    if isinstance(y, list | tuple):
        _check_even(y, name)
    dtype = getattr(y, "dtype", None)
    if dtype is None or not hasattr(y, "ndim") or not hasattr(y, "__array__"):
        return None
    plain = getattr(dtype, "numpy_dtype", None)  # of a nullable dtype of pandas, which scikit-learn makes float64
    if plain is not None and plain.kind in "biuf" and not y.isna().any():
        y = y.to_numpy(plain)
    array = np.asarray(y)
    return array.astype(object) if array.dtype.kind == "T" else array


def _check_even(y: Any, name: str) -> None:
    try:
        with np.errstate(all="ignore"):
            np.asarray(y)
    except ValueError as error:
        raise ValueError(f"{name} must hold equally many values in each row: {error}") from error
