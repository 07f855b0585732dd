"""An array that lies in a file and has not been read."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class Stored(NamedTuple):
    """What is known of an array in an open file before any memory is taken for it.

    Attributes
    ----------
    shape : tuple of int
    load : callable
        Returns the array: numbers, in native byte order.
    """

    shape: tuple[int, ...]
    load: Callable[[], Array]
