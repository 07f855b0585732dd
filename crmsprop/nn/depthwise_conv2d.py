"""The two-dimensional convolution of each channel by itself."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from crmsprop import kernels
from crmsprop.errors import check_bool, check_real
from crmsprop.kernels.geometry import ConvGeometry
from crmsprop.nn.arena import aligned_zeros
from crmsprop.nn.initializers import GLOROT_UNIFORM, Initializer, Zeros, check_initializer
from crmsprop.nn.layer import Array, Own, Parameter, Run, Shape, Site
from crmsprop.nn.sliding import Sliding2D


class DepthwiseMemory(NamedTuple):
    """What a depthwise convolution needs beside its operands: how it slides, and scratch for the backward pass."""

    geometry: ConvGeometry
    scratch: Array


@dataclass(frozen=True)
class OneByOne(Initializer):
    """Draws each channel's filter as that of a convolution from one channel to one: what its sums really have.

    Of weights (kh, kw, channels), whose last two axes are no inputs and outputs.
    """

    initializer: Initializer

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        filters = [self.initializer((*shape[:2], 1, 1), rng) for _ in range(shape[2])]
        return np.concatenate(filters, axis=3)[:, :, 0] if filters else np.zeros(shape)


@dataclass(frozen=True)
class DepthwiseConv2D(Sliding2D):
    """Convolution (cross-correlation) of each channel of an image with a filter of its own.

    With a ``Conv2D(filters, 1)`` behind it, it does much of what a whole convolution does with a fraction of the
    products (Sifre, 2014; Howard et al., MobileNets, 2017). For filters of (kh, kw) pixels and a stride of s::

        y[r, c, k] = bias[k] + sum(x[s * r + i, s * c + j, k] * weight[i, j, k] for i < kh for j < kw)

    Parameters
    ----------
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
        Of the filters, each as one of a convolution from one channel to one; biases start at 0.

    Examples
    --------
    >>> from crmsprop.nn import DepthwiseConv2D
    >>> DepthwiseConv2D(3, stride=2, padding="same").output_shape((32, 32, 24))
    (16, 16, 24)
    >>> [parameter.shape for parameter in DepthwiseConv2D(3).parameters((32, 32, 24))]
    [(3, 3, 24), (24,)]
    """

    kernel_size: int | tuple[int, int]
    stride: int | tuple[int, int] = 1
    padding: str | int | tuple[int, int] = "valid"
    use_bias: bool = True
    l2: float | None = None
    initializer: Initializer = GLOROT_UNIFORM

    def __post_init__(self) -> None:
        self.check_sliding()
        check_bool("use_bias", self.use_bias)
        if self.l2 is not None:
            check_real("l2", self.l2, "[0, inf)")
        check_initializer(self.initializer)

    def output_shape(self, input_shape: Shape) -> Shape:
        return *self.output_size(input_shape), input_shape[2]

    def parameters(self, input_shape: Shape) -> tuple[Parameter, ...]:
        channels = input_shape[2]
        weight = Parameter("weight", (*self.kernel, channels), OneByOne(self.initializer), l2=self.l2)
        return (weight, Parameter("bias", (channels,), Zeros(), decays=False))[: 1 + self.use_bias]

    def memory(self, site: Site) -> DepthwiseMemory:
        weight = self.parameters(site.input_shape)[0].shape
        size = kernels.depthwise_conv2d_scratch(site.batch_size, weight) if site.training else 0
        return DepthwiseMemory(self.geometry(site.input_shape), aligned_zeros(size, site.dtype))

    def flops(self, input_shape: Shape) -> int:
        return 2 * math.prod(self.output_shape(input_shape)) * math.prod(self.kernel)

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        bias = own.params[1] if self.use_bias else None
        how = own.memory.geometry
        kernels.depthwise_conv2d_forward(x, own.params[0], bias, out, how.stride, how.padding, run.n_threads)

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        dweight, dbias = own.grads[0], own.grads[1] if self.use_bias else None
        how, scratch = own.memory
        given = (x, own.params[0], dy, dx, dweight, dbias, how.stride, how.padding)
        kernels.depthwise_conv2d_backward(*given, scratch, run.n_threads)
