"""The max-pooling layer."""

from dataclasses import dataclass

import numpy as np

from crmsprop import kernels
from crmsprop.kernels.geometry import window_count
from crmsprop.nn.layer import Array, Layer, Own, Run, Shape, Site, check_image, check_pair, describe_shape, freeze_pair


@dataclass(frozen=True)
class MaxPool2D(Layer):
    """The largest value of each window, channel by channel; windows that would leave the image are dropped.

    Parameters
    ----------
    pool_size : int or pair of int, default=2
        Height and width of a window, at most 255 pixels in all.
    stride : int or pair of int or None, default=None
        Pixels from a window to the next; None for `pool_size`.

    Examples
    --------
    >>> from crmsprop.nn import MaxPool2D
    >>> MaxPool2D(2).output_shape((15, 15, 64))
    (7, 7, 64)
    """

    pool_size: int | tuple[int, int] = 2
    stride: int | tuple[int, int] | None = None

    def __post_init__(self) -> None:
        height, width = check_pair("pool_size", self.pool_size, 1)
        if height * width > 255:
            raise ValueError(f"pool_size must cover at most 255 pixels, got {self.pool_size!r}")
        freeze_pair(self, "pool_size")
        if self.stride is not None:
            check_pair("stride", self.stride, 1)
            freeze_pair(self, "stride")

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of a window."""
        return check_pair("pool_size", self.pool_size, 1)

    @property
    def steps(self) -> tuple[int, int]:
        """Pixels from a window to the next, down and across."""
        return self.window if self.stride is None else check_pair("stride", self.stride, 1)

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, channels = check_image("MaxPool2D", input_shape)
        rows, columns = (
            window_count(n, w, s) for n, w, s in zip((height, width), self.window, self.steps, strict=True)
        )
        if rows < 1 or columns < 1:
            raise ValueError(
                f"MaxPool2D needs images of at least {self.window[0]} x {self.window[1]} pixels, or its pooling leaves "
                f"nothing; got {describe_shape(input_shape)}"
            )
        return rows, columns, channels

    def memory(self, site: Site) -> Array:
        return np.empty((site.batch_size, *self.output_shape(site.input_shape)), np.uint8)

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        kernels.max_pool2d_forward(x, out, own.memory[: len(x)], self.window, self.steps, run.n_threads)

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        if dx is not None:
            kernels.max_pool2d_backward(dy, own.memory[: len(x)], dx, self.window, self.steps, run.n_threads)
