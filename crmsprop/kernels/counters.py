"""Random numbers by counter: nothing is stepped, so that neither threads nor the order of the calls matter.

The generator is SplitMix64 (Steele, Lea and Flood, 2014): a step along the golden-ratio sequence, and a finalizer.
"""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def key_of(*words: int) -> int:
    """Return 64 mixed bits of some integers: the key of a stream of random numbers."""
    key = 0
    for word in words:
        key = _mix((key ^ word) & _MASK)
    return key


def bits_of(key: int, counters: Array) -> Array:
    """Return 64 random bits for each counter of a stream; dropout draws the same in C.

    Parameters
    ----------
    key : int
        In [0, 2**64).
    counters : ndarray of uint64

    Returns
    -------
    ndarray of uint64
        Of the shape of `counters`.
    """
    z: Array = np.uint64(key) + (counters + np.uint64(1)) * np.uint64(_GOLDEN)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits: Array = z ^ (z >> np.uint64(31))
    return bits


def _mix(z: int) -> int:
    z = (z + _GOLDEN) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)
