"""Learning rates that a curve of losses over growing rates suggests: pure functions of the two.

The ideas are fastai's (``fastai.callback.schedule``); all look only at the way down to the lowest loss, since behind it
a loss that leaps up and falls back would seem the steepest descent of all.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray[Any, np.dtype[np.float64]]

#: How far around a rate its slope is taken from, in the logarithm. From point to point the noise of single batches
#: decides: CNNClassifier on the digits in 100 steps, twelve seeds, gives 3e-3 to 1.5e-2. With this reach, 1.3e-3 to
#: 5.9e-3, and cross-validation of 10 epochs finds 3e-3 the best of 1e-4, 3e-4, ... 1e-1.
REACH = np.log(4.0)


def steepest(learning_rates: ArrayLike, losses: ArrayLike) -> float:
    """Return the rate at which the loss falls fastest over the logarithm of the rate.

    The slope at a rate is that of the straight line that fits best the losses within a factor of 4 of it, and at least
    those of its neighbours.

    Parameters
    ----------
    learning_rates : array-like of shape (n,)
        Above 0 and increasing, at least two.
    losses : array-like of shape (n,)
        Finite; smoothed, unless they have no noise.

    Returns
    -------
    float
        One of the rates.

    Raises
    ------
    ValueError
        If an argument is not as above, or no loss is below the first one.

    Examples
    --------
    >>> from crmsprop.estimators.suggestions import steepest
    >>> steepest([1e-4, 1e-3, 1e-2, 1e-1, 1.0], [2.0, 1.9, 1.0, 0.1, 3.0])
    0.01
    """
    rates, values, lowest = _curve(learning_rates, losses)
    slopes = _slopes(np.log(rates), values)[: lowest + 1]
    return float(rates[slopes.argmin()])


def valley(learning_rates: ArrayLike, losses: ArrayLike) -> float:
    """Return the rate two thirds of the way down the longest valley.

    The valley is the longest strictly decreasing subsequence of the losses, so that single losses that are out of line
    do not end it; the way is measured in steps of the ramp.

    Parameters
    ----------
    learning_rates : array-like of shape (n,)
        Above 0 and increasing, at least two.
    losses : array-like of shape (n,)
        Finite; smoothed, unless they have no noise.

    Returns
    -------
    float
        One of the rates.

    Raises
    ------
    ValueError
        If an argument is not as above, or no loss is below the first one.

    Examples
    --------
    >>> from crmsprop.estimators.suggestions import valley
    >>> valley([1e-4, 1e-3, 1e-2, 1e-1, 1.0], [2.0, 1.9, 1.0, 0.1, 3.0])
    0.01
    """
    rates, values, lowest = _curve(learning_rates, losses)
    start, end = _longest_decrease(values[: lowest + 1])
    return float(rates[start + 2 * (end - start) // 3])


def minimum(learning_rates: ArrayLike, losses: ArrayLike) -> float:
    """Return a tenth of the rate that has the lowest loss: there it is on the point of diverging.

    Parameters
    ----------
    learning_rates : array-like of shape (n,)
        Above 0 and increasing, at least two.
    losses : array-like of shape (n,)
        Finite; smoothed, unless they have no noise.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an argument is not as above, or no loss is below the first one.

    Examples
    --------
    >>> from crmsprop.estimators.suggestions import minimum
    >>> minimum([1e-4, 1e-3, 1e-2, 1e-1, 1.0], [2.0, 1.9, 1.0, 0.1, 3.0])
    0.01
    """
    rates, _, lowest = _curve(learning_rates, losses)
    return float(rates[lowest] / 10)


def _curve(learning_rates: ArrayLike, losses: ArrayLike) -> tuple[Array, Array, int]:
    """Return both as checked arrays, and the index of the lowest loss."""
    rates, values = np.asarray(learning_rates, np.float64), np.asarray(losses, np.float64)
    if rates.ndim != 1 or rates.shape != values.shape or len(rates) < 2:
        rule = "learning_rates and losses must be rows of the same length of at least 2"
        raise ValueError(f"{rule}, got shapes {rates.shape} and {values.shape}")
    if not (rates[0] > 0 and np.isfinite(rates).all() and (np.diff(rates) > 0).all()):
        raise ValueError("learning_rates must be above 0, finite and increasing")
    if not np.isfinite(values).all():
        raise ValueError("losses must be finite, got NaN or infinity")
    lowest = int(values.argmin())
    if lowest == 0:
        raise ValueError(
            f"losses must fall somewhere to suggest a rate; between {rates[0]:g} and {rates[-1]:g} none is below the "
            "first one: try lower learning rates, and look at the data"
        )
    return rates, values, lowest


def _slopes(x: Array, y: Array) -> Array:
    """Return, at each point, the slope of the least-squares line through the points around it."""
    first = np.minimum(np.searchsorted(x, x - REACH), np.maximum(np.arange(len(x)) - 1, 0))
    behind = np.maximum(np.searchsorted(x, x + REACH, side="right"), np.arange(len(x)) + 2)
    slopes = np.empty_like(x)
    for i, near in enumerate(map(slice, first, behind)):
        distance = x[near] - x[near].mean()
        slopes[i] = distance @ (y[near] - y[near].mean()) / (distance @ distance)
    return slopes


def _longest_decrease(values: Array) -> tuple[int, int]:
    """Return the first and the last index of a longest strictly decreasing subsequence."""
    lengths, starts = np.ones(len(values), np.int64), np.arange(len(values))
    for i in range(1, len(values)):
        reach = np.where(values[:i] > values[i], lengths[:i], 0)
        best = i - 1 - int(reach[::-1].argmax())  # the nearest of equal ones: a plateau in front is no part of the fall
        if reach[best]:
            lengths[i], starts[i] = reach[best] + 1, starts[best]
    end = int(lengths.argmax())
    return int(starts[end]), end
