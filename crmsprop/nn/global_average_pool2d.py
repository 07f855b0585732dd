"""The layer that makes one number of each channel of an image."""

import math
from dataclasses import dataclass

from crmsprop import kernels
from crmsprop.nn.layer import Array, Layer, Own, Run, Shape, check_image, describe_shape


@dataclass(frozen=True)
class GlobalAveragePool2D(Layer):
    """The mean of each channel over all pixels: a row of numbers from an image of any size (Lin, Chen and Yan, 2014).

    ``y[channel] = x[:, :, channel].mean()``; takes the place of Flatten at the end of deep networks.

    Examples
    --------
    >>> from crmsprop.nn import GlobalAveragePool2D
    >>> GlobalAveragePool2D().output_shape((8, 8, 64))
    (64,)
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, channels = check_image("GlobalAveragePool2D", input_shape)
        if height * width < 1:
            raise ValueError(
                f"GlobalAveragePool2D needs images of at least 1 x 1 pixels, got {describe_shape(input_shape)}"
            )
        return (channels,)

    def flops(self, input_shape: Shape) -> int:
        return math.prod(input_shape)

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        window = x.shape[1], x.shape[2]
        kernels.average_pool2d_forward(x, out[:, None, None], window, window, run.n_threads)

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        if dx is not None:
            window = x.shape[1], x.shape[2]
            kernels.average_pool2d_backward(dy[:, None, None], dx, window, window, run.n_threads)
