"""Derivatives by differences, and how far a gradient is from them: what check_gradients judges by.

The derivative is the central difference at a step and at half of it, extrapolated to a step of 0 (Richardson, 1911):
what is left is of the fourth order of the step. The error of an element is relative to the larger of the two numbers,
as in the course notes of Stanford's CS231n, "Gradient checks"; where both are next to nothing, to what rounding allows.

At a kink, such as 0 in a ReLU or a tie of a max-pool, there is no derivative, and near one the differences reach over
it. The central differences then disagree, or those of one side do not meet as the step shrinks: that says how far the
derivative can be off. A gradient that is no farther off, and lies between the slopes on both sides, is as good as any.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from crmsprop.nn.layer import Array

#: About the fifth root of the machine epsilon, where the rounding of the difference meets what extrapolation leaves.
STEP = 2.0**-10

#: Rounding of a value, in units of its last place: of its last sum, and of what a few layers add to that.
ROUNDING = 32 * float(np.finfo(np.float64).eps)


class Value(NamedTuple):
    """A sum, and the sum of its terms' absolute values: what its rounding goes by."""

    value: float
    magnitude: float


class Slopes(NamedTuple):
    """Derivatives of one function by some elements of an array; all arrays of shape (n_elements,).

    Attributes
    ----------
    value : ndarray
        The derivative.
    left, right : ndarray
        The slopes on both sides.
    bend : ndarray
        How far the derivative can be off because of a kink; next to nothing where there is none.
    noise : float
        How far it can be off because of rounding.
    """

    value: Array
    left: Array
    right: Array
    bend: Array
    noise: float


def slopes(function: Callable[[], Value], array: Array, elements: Iterable[int]) -> Slopes:
    """Return the derivatives of `function` by some elements of an array.

    Parameters
    ----------
    function : callable
        Reads `array` afresh at each call.
    array : ndarray of float64
        C-contiguous; changed while this runs, and put back.
    elements : iterable of int
        Places in the flat array.
    """
    middle = function()
    rows = [_around(function, array.reshape(-1), element) for element in elements]
    below, near_below, near_above, above = np.array(rows).reshape(-1, 4).T
    coarse, fine = (above - below) / (2 * STEP), (near_above - near_below) / STEP
    left, right = (middle.value - near_below) / (STEP / 2), (near_above - middle.value) / (STEP / 2)
    gap = (above - 2 * middle.value + below) / STEP
    bend = np.abs(coarse - fine) + np.abs(2 * (right - left) - gap)
    return Slopes((4 * fine - coarse) / 3, left, right, bend, ROUNDING * middle.magnitude / STEP)


def relative_errors(gradient: Array, found: Slopes, tolerance: float) -> Array:
    """Return how far each element of a gradient is from the derivative, relative to the larger of the two.

    What rounding explains is not above `tolerance`, however small the two are.
    """
    size = np.maximum(np.abs(gradient), np.abs(found.value))
    distance = np.abs(gradient - found.value)
    errors: Array = np.zeros_like(size)
    np.divide(distance, np.maximum(size, found.noise / tolerance), out=errors, where=distance > 0)
    return errors


def at_kinks(gradient: Array, found: Slopes) -> Array:
    """Return which elements may be as they are because a kink is near."""
    room = found.noise + 1e-6 * np.maximum(np.abs(found.left), np.abs(found.right))
    low, high = np.minimum(found.left, found.right) - room, np.maximum(found.left, found.right) + room
    near: Array = np.abs(gradient - found.value) <= found.bend + found.noise
    return near & (low <= gradient) & (gradient <= high)


def _around(function: Callable[[], Value], flat: Array, element: int) -> list[float]:
    """Values of the function where one element is a step less, half a step less, half a step more and a step more."""
    before = flat[element]
    values = []
    for steps in (-1.0, -0.5, 0.5, 1.0):
        flat[element] = before + steps * STEP
        values.append(function().value)
    flat[element] = before
    return values
