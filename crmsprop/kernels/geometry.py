"""Sizes of windows that slide over an image; shared by the kernels, their twins and the layers."""

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


def window_count(size: int, window: int, stride: int) -> int:
    """How many windows of `window` pixels, `stride` apart, lie within `size` pixels; 0 or less for none."""
    return (size - window) // stride + 1


def same_padding(size: int, window: int, stride: int) -> tuple[int, int]:
    """TensorFlow's "same": pixels before and after, so that ceil(size / stride) windows fit; the odd one goes after."""
    total = max((-(-size // stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2
