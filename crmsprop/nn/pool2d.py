"""What the pooling layers share: windows that slide over an image and never leave it."""

from dataclasses import dataclass

from crmsprop.kernels.geometry import window_count
from crmsprop.nn.layer import Layer, Shape, check_image, check_pair, describe_shape, freeze_pair


@dataclass(frozen=True)
class Pool2D(Layer):
    """Base of the layers that make one number of each window; windows that would leave the image are dropped."""

    pool_size: int | tuple[int, int] = 2
    stride: int | tuple[int, int] | None = None

    def __post_init__(self) -> None:
        check_pair("pool_size", self.pool_size, 1)
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
        name = type(self).__name__
        height, width, channels = check_image(name, input_shape)
        rows, columns = (
            window_count(n, w, s) for n, w, s in zip((height, width), self.window, self.steps, strict=True)
        )
        if rows < 1 or columns < 1:
            raise ValueError(
                f"{name} needs images of at least {self.window[0]} x {self.window[1]} pixels, or its pooling leaves "
                f"nothing; got {describe_shape(input_shape)}"
            )
        return rows, columns, channels
