"""The average-pooling layer."""

import math
from dataclasses import dataclass

from crmsprop import kernels
from crmsprop.nn.layer import Array, Own, Run, Shape
from crmsprop.nn.pool2d import Pool2D


@dataclass(frozen=True)
class AveragePool2D(Pool2D):
    """The mean of each window, channel by channel; windows that would leave the image are dropped.

    For a window of (kh, kw) pixels that begins at row r and column c (LeCun et al., 1989, with fixed weights)::

        y = sum(x[r + i, c + j] for i < kh for j < kw) / (kh * kw)

    Parameters
    ----------
    pool_size : int or pair of int, default=2
        Height and width of a window.
    stride : int or pair of int or None, default=None
        Pixels from a window to the next; None for `pool_size`.

    Examples
    --------
    >>> from crmsprop.nn import AveragePool2D
    >>> AveragePool2D(2).output_shape((15, 15, 64))
    (7, 7, 64)
    """

    def flops(self, input_shape: Shape) -> int:
        return math.prod(self.output_shape(input_shape)) * math.prod(self.window)

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        kernels.average_pool2d_forward(x, out, self.window, self.steps, run.n_threads)

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        if dx is not None:
            kernels.average_pool2d_backward(dy, dx, self.window, self.steps, run.n_threads)
