"""Depthwise convolutions that golden/depthwise.npz holds the outputs of other libraries for.

Images and filters hold small whole numbers, whose sums float32 has exactly: nothing but the padding can differ.
"""

from typing import NamedTuple

import numpy as np


class Case(NamedTuple):
    peer: str  # keras, whose strides are equal, or torch, which has no "same" with a stride
    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: str | tuple[int, int]

    @property
    def name(self):
        return f"{self.peer} {self.size} {self.kernel} {self.stride} {self.padding}"


SIZES, KERNELS = ((5, 6), (7, 4), (8, 9), (3, 3)), ((1, 1), (2, 2), (3, 3), (4, 3), (2, 5), (5, 5))
CASES = [Case("keras", size, kernel, (s, s), "same") for size in SIZES for kernel in KERNELS for s in (1, 2, 3)]
CASES += [Case("keras", size, (3, 2), (s, s), "valid") for size in SIZES for s in (1, 2)]
CASES += [
    Case("torch", size, kernel, stride, padding)
    for size in SIZES[:3]
    for kernel, stride, padding in (((3, 3), (1, 1), (1, 1)), ((4, 3), (2, 1), (2, 0)), ((5, 2), (3, 2), (1, 3)))
]


def operands(case, channels=3):
    """Images of shape (2, *size, channels) and filters of (*kernel, channels), float32."""
    x = np.arange(2 * case.size[0] * case.size[1] * channels) * 7 % 11 - 5
    weight = np.arange(case.kernel[0] * case.kernel[1] * channels) * 5 % 7 - 3
    return (
        x.reshape(2, *case.size, channels).astype(np.float32),
        weight.reshape(*case.kernel, channels).astype(np.float32),
    )
