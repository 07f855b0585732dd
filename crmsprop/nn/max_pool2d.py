"""The max-pooling layer."""

from dataclasses import dataclass

import numpy as np

from crmsprop import kernels
from crmsprop.nn.layer import Array, Own, Run, Site, check_pair
from crmsprop.nn.pool2d import Pool2D


@dataclass(frozen=True)
class MaxPool2D(Pool2D):
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

    def __post_init__(self) -> None:
        height, width = check_pair("pool_size", self.pool_size, 1)
        if height * width > 255:
            raise ValueError(f"pool_size must cover at most 255 pixels, got {self.pool_size!r}")
        super().__post_init__()

    def memory(self, site: Site) -> Array:
        return np.empty((site.batch_size, *self.output_shape(site.input_shape)), np.uint8)

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        kernels.max_pool2d_forward(x, out, own.memory[: len(x)], self.window, self.steps, run.n_threads)

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        if dx is not None:
            kernels.max_pool2d_backward(dy, own.memory[: len(x)], dx, self.window, self.steps, run.n_threads)
