"""What the convolutions share: how their filters slide over an image."""

from crmsprop.kernels.geometry import ConvGeometry, same_padding
from crmsprop.nn.layer import Layer, Shape, check_image, check_pair, describe_shape, freeze_pair


class Sliding2D(Layer):
    """Base of the layers whose filters slide over images; a subclass has these three among its fields."""

    kernel_size: int | tuple[int, int]
    stride: int | tuple[int, int]
    padding: str | int | tuple[int, int]

    def check_sliding(self) -> None:
        """Raise TypeError or ValueError where one of the three means nothing; make tuples of lists."""
        for name, minimum in (("kernel_size", 1), ("stride", 1), ("padding", 0)):
            if name != "padding" or not isinstance(self.padding, str):
                check_pair(name, getattr(self, name), minimum)
                freeze_pair(self, name)
        if isinstance(self.padding, str) and self.padding not in ("valid", "same"):
            raise ValueError(f"padding must be 'valid', 'same' or an integer of at least 0, got {self.padding!r}")

    @property
    def kernel(self) -> tuple[int, int]:
        """Height and width of a filter."""
        return check_pair("kernel_size", self.kernel_size, 1)

    def geometry(self, input_shape: Shape) -> ConvGeometry:
        """How the filters slide over images of `input_shape`."""
        kernel, stride = self.kernel, check_pair("stride", self.stride, 1)
        if self.padding == "valid":
            vertical, horizontal = (0, 0), (0, 0)
        elif self.padding == "same":
            vertical, horizontal = (same_padding(input_shape[i], kernel[i], stride[i]) for i in (0, 1))
        else:
            vertical, horizontal = ((p, p) for p in check_pair("padding", self.padding, 0))
        return ConvGeometry(stride, (*vertical, *horizontal))

    def output_size(self, input_shape: Shape) -> tuple[int, int]:
        """Return height and width of the output; ValueError where `input_shape` is not an image's or too small."""
        name = type(self).__name__
        height, width, _ = check_image(name, input_shape)
        geometry = self.geometry(input_shape)
        rows, columns = geometry.pooled(height, width, self.kernel)
        if rows < 1 or columns < 1:
            raise ValueError(
                f"{name} needs images of at least {self.kernel[0]} x {self.kernel[1]} pixels with their padding, "
                f"got {describe_shape(input_shape)}"
            )
        _check_size(name, input_shape, geometry)
        return rows, columns


def _check_size(name: str, input_shape: Shape, geometry: ConvGeometry) -> None:
    """ValueError where the kernels could not count: before memory is taken for the output."""
    height, width, channels = input_shape
    top, bottom, left, right = geometry.padding
    size = (height + top + bottom) * (width + left + right) * channels + max(geometry.stride)
    if size >= 2**31:
        got = f"got {describe_shape(input_shape)} with padding {describe_shape(geometry.padding)}"
        raise ValueError(f"{name} needs images of less than 2**31 numbers with their padding and a stride, {got}")
