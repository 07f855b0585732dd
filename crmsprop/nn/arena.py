"""One flat array for all parameters of a network, with a named view for each."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from crmsprop.errors import shown

Array = np.ndarray[Any, np.dtype[Any]]

#: Views start at multiples of this many bytes: a cache line, and the widest vector register.
ALIGNMENT = 64


class Arena:
    """Arrays of one dtype side by side in one flat, zeroed array.

    A snapshot is ``flat.copy()``, a return to it ``flat[:] = snapshot``. The gaps between views stay 0.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
    dtype : dtype

    Raises
    ------
    ValueError
        If they would take more bytes than can be counted.
    MemoryError
        If there is not the memory for them.

    Attributes
    ----------
    flat : ndarray of shape (total,)
    views : dict of str to ndarray
        In the order of `shapes`.
    """

    def __init__(self, shapes: Mapping[str, Sequence[int]], dtype: Any) -> None:
        step = ALIGNMENT // np.dtype(dtype).itemsize
        sizes = [math.prod(shape) for shape in shapes.values()]  # in Python's integers, which do not overflow
        starts = list(itertools.accumulate((-(-size // step) * step for size in sizes), initial=0))
        if starts[-1] >= 2**59:
            raise ValueError(f"the arrays of a network must have less than 2**59 elements, got {shown(starts[-1])}")
        self.flat = aligned_zeros(starts[-1], dtype)
        self.views: dict[str, Array] = {
            name: self.flat[start : start + size].reshape(shape)
            for (name, shape), start, size in zip(shapes.items(), starts, sizes, strict=False)
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, ({name: view.shape for name, view in self.views.items()}, self.flat)


def _rebuilt(shapes: Mapping[str, Sequence[int]], flat: Array) -> Arena:
    arena = Arena(shapes, flat.dtype)
    arena.flat[:] = flat
    return arena


def aligned_zeros(size: int, dtype: Any) -> Array:
    """Return zeros of shape (size,) whose address is a multiple of ALIGNMENT."""
    dtype = np.dtype(dtype)
    raw = np.zeros(size * dtype.itemsize + ALIGNMENT, np.uint8)
    start = -raw.__array_interface__["data"][0] % ALIGNMENT  # .ctypes takes a microsecond more
    return raw[start : start + size * dtype.itemsize].view(dtype)
