"""Sizes of windows that slide over an image; shared by the kernels, their twins and the layers."""

import functools
import math
from typing import NamedTuple


class ConvGeometry(NamedTuple):
    """How a convolution slides, and what is fused to it.

    ``padding`` is (top, bottom, left, right) in pixels; ``pool`` is the window of a max-pool that follows, with a
    stride of its own size, (1, 1) for none; ``relu`` cuts the convolution's output off at 0, before the pool.
    """

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    pool: tuple[int, int] = (1, 1)
    relu: bool = False

    def check(self) -> None:
        """ValueError where a number means nothing."""
        if min(*self.stride, *self.pool) < 1 or min(self.padding) < 0:
            raise ValueError(f"geometry must have strides and pools of at least 1 and no negative padding, got {self}")

    def output(self, x_shape: tuple[int, ...], weight_shape: tuple[int, ...]) -> tuple[int, int]:
        """Height and width after the pool, for arrays of these shapes.

        Raises
        ------
        ValueError
            If a number means nothing, nothing is left, a window is larger than the byte that says its winner's place,
            or an image with its padding, or the weights, have more elements than the kernels count.
        """
        return _output(self, tuple(x_shape), tuple(weight_shape))

    def convolved(self, height: int, width: int, kernel: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the convolution's output; 0 or less where the kernel does not fit."""
        top, bottom, left, right = self.padding
        return (
            window_count(height + top + bottom, kernel[0], self.stride[0]),
            window_count(width + left + right, kernel[1], self.stride[1]),
        )

    def pooled(self, height: int, width: int, kernel: tuple[int, int]) -> tuple[int, int]:
        """Height and width after the pool; 0 or less where it leaves nothing."""
        rows, columns = self.convolved(height, width, kernel)
        return rows // self.pool[0], columns // self.pool[1]


@functools.lru_cache(maxsize=1024)
def _output(geometry: ConvGeometry, x_shape: tuple[int, ...], weight_shape: tuple[int, ...]) -> tuple[int, int]:
    geometry.check()
    if min(weight_shape[:2]) < 1:
        raise ValueError(f"weight must have filters of at least 1 x 1 pixels, got shape {weight_shape}")
    height, width, channels = x_shape[1:]
    rows, columns = geometry.pooled(height, width, (weight_shape[0], weight_shape[1]))
    if rows < 1 or columns < 1:
        raise ValueError(f"x must be larger than the windows of {geometry}, got shape {x_shape}")
    if geometry.pool[0] * geometry.pool[1] > 255:
        raise ValueError(f"geometry.pool must cover at most 255 pixels, got {geometry.pool[0]} x {geometry.pool[1]}")
    top, bottom, left, right = geometry.padding
    padded = (height + top + bottom) * (width + left + right)
    largest = max(padded * max(channels, weight_shape[3], 1), (math.prod(weight_shape[:3]) + 64) * weight_shape[3])
    if largest + max(geometry.stride) >= 2**31:
        raise ValueError(
            f"a padded image, its output and the weights must have less than 2**31 elements, got {largest}"
        )
    return rows, columns


def window_count(size: int, window: int, stride: int) -> int:
    """How many windows of `window` pixels, `stride` apart, lie within `size` pixels; 0 or less for none."""
    return (size - window) // stride + 1


def same_padding(size: int, window: int, stride: int) -> tuple[int, int]:
    """TensorFlow's "same": pixels before and after, so that ceil(size / stride) windows fit; the odd one goes after."""
    total = max((-(-size // stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2
