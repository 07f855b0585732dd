"""The two-dimensional convolution layer."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from crmsprop import kernels
from crmsprop.errors import check_bool, check_integer, check_real
from crmsprop.kernels.geometry import ConvGeometry
from crmsprop.nn.arena import aligned_zeros
from crmsprop.nn.initializers import GLOROT_UNIFORM, Initializer, Zeros, check_initializer
from crmsprop.nn.layer import MOST, Array, Own, Parameter, Run, Shape, Site
from crmsprop.nn.sliding import Sliding2D


class ConvMemory(NamedTuple):
    """What a convolution needs beside its operands: how it slides, the pool's winners, and scratch."""

    geometry: ConvGeometry
    argmax: Array | None
    scratch: Array


@dataclass(frozen=True)
class Conv2D(Sliding2D):
    """Convolution (cross-correlation, as everywhere in the field) of images with learned filters.

    Filters of 3 x 3 and stride 1 for 16 channels and more go by Winograd's F(4 x 4, 3 x 3): what it has in between is
    up to 33 times as large as a pixel, and 3,600 times as large as a sum of absolute products. Pixels above 1e37 in
    float32, or such sums above 9e34, may become infinite where a direct sum would not; the same goes for gradients.

    Parameters
    ----------
    filters : int
        Channels of the output, at least 1.
    kernel_size : int or pair of int
        Height and width of a filter, at least 1.
    stride : int or pair of int, default=1
        Pixels from a window to the next.
    padding : {"valid", "same"} or int or pair of int, default="valid"
        Pixels of zeros around the image: none; as many as give ceil(size / stride) windows, the odd one after the
        image, as in TensorFlow; or this many on each side (height, width), as in torch.
    use_bias : bool, default=True
    l2 : float or None, default=None
        L2 penalty on the filters of this layer, in [0, inf); None for the estimator's.
    initializer : Initializer, default=GlorotUniform()
        Of the filters; biases start at 0.

    Examples
    --------
    >>> from crmsprop.nn import Conv2D
    >>> Conv2D(32, 3).output_shape((32, 32, 3))
    (30, 30, 32)
    >>> Conv2D(32, 3, stride=2, padding="same").output_shape((32, 32, 3))
    (16, 16, 32)
    """

    filters: int
    kernel_size: int | tuple[int, int]
    stride: int | tuple[int, int] = 1
    padding: str | int | tuple[int, int] = "valid"
    use_bias: bool = True
    l2: float | None = None
    initializer: Initializer = GLOROT_UNIFORM

    def __post_init__(self) -> None:
        check_integer("filters", self.filters, 1, MOST)
        self.check_sliding()
        check_bool("use_bias", self.use_bias)
        if self.l2 is not None:
            check_real("l2", self.l2, "[0, inf)")
        check_initializer(self.initializer)

    @property
    def epilogue(self) -> tuple[tuple[int, int], bool]:
        """Pool window and ReLU that run in the same pass: none here, see FusedConv2D."""
        return (1, 1), False

    def geometry(self, input_shape: Shape) -> ConvGeometry:
        pool, relu = self.epilogue
        return super().geometry(input_shape)._replace(pool=pool, relu=relu)

    def output_shape(self, input_shape: Shape) -> Shape:
        return *self.output_size(input_shape), self.filters

    def parameters(self, input_shape: Shape) -> tuple[Parameter, ...]:
        shape = (*self.kernel, input_shape[2], self.filters)
        weight = Parameter("weight", shape, self.initializer, l2=self.l2)
        return (weight, Parameter("bias", (self.filters,), Zeros(), decays=False))[: 1 + self.use_bias]

    def memory(self, site: Site) -> ConvMemory:
        geometry, weight = self.geometry(site.input_shape), self.parameters(site.input_shape)[0].shape
        x_shape = (site.batch_size, *site.input_shape)
        size = kernels.conv2d_scratch(x_shape, weight, geometry, site.dtype, site.training, site.n_threads)
        keeps = site.training and geometry.pool != (1, 1)
        argmax = np.empty((site.batch_size, *self.output_shape(site.input_shape)), np.uint8) if keeps else None
        return ConvMemory(geometry, argmax, aligned_zeros(size, site.dtype))

    def flops(self, input_shape: Shape) -> int:
        weight = self.parameters(input_shape)[0].shape
        rows, columns = self.geometry(input_shape).convolved(input_shape[0], input_shape[1], self.kernel)
        return 2 * rows * columns * int(np.prod(weight, dtype=np.int64))

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        memory, bias = own.memory, own.params[1] if self.use_bias else None
        argmax = None if memory.argmax is None else memory.argmax[: len(x)]
        kernels.conv2d_forward(x, own.params[0], bias, out, argmax, memory.geometry, memory.scratch, run.n_threads)

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        memory, dbias = own.memory, own.grads[1] if self.use_bias else None
        argmax = None if memory.argmax is None else memory.argmax[: len(x)]
        kernels.conv2d_backward(
            x,
            own.params[0],
            out,
            dy,
            argmax,
            dx,
            own.grads[0],
            dbias,
            memory.geometry,
            memory.scratch,
            run.n_threads,
        )


@dataclass(frozen=True)
class FusedConv2D(Conv2D):
    """Conv2D, then ReLU, then max-pool, in one pass: what fusion makes of two or three layers."""

    fused_pool: tuple[int, int] = (1, 1)
    fused_relu: bool = False

    @property
    def epilogue(self) -> tuple[tuple[int, int], bool]:
        return self.fused_pool, self.fused_relu
