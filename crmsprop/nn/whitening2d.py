"""A first layer that is not learned: it makes the pixels of a patch uncorrelated."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from crmsprop import kernels
from crmsprop.errors import check_real
from crmsprop.nn.conv2d import Conv2D, ConvMemory
from crmsprop.nn.initializers import GLOROT_UNIFORM, Zeros
from crmsprop.nn.layer import Array, Layer, Own, Parameter, Run, Shape, Site, check_image, check_pair, freeze_pair

Moments = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Whitening2D(Layer):
    """Convolution whose filters come from the training images, and are not learned.

    It whitens the patches of its input (Coates and Ng, 2012; Jordan, "94% on CIFAR-10 in 3.29 seconds", 2024). The
    filters are the eigenvectors of the covariance of all patches, the largest first, each divided by the root of its
    eigenvalue (plus a little), and their negatives; the bias, which is learned, begins so that the mean patch gives 0.
    The outputs are uncorrelated, of mean 0 and of deviation 1, so that the layers behind learn faster. Set before
    training, from some of its images.

    Parameters
    ----------
    kernel_size : int or pair of int, default=2
        Height and width of a patch, at least 1. The output has 2 x height x width x channels channels.
    epsilon : float, default=5e-4
        Share of a pixel's mean variance that is added to each eigenvalue, in (0, inf): directions in which the patches
        hardly vary are not blown up.

    Examples
    --------
    >>> from crmsprop.nn import Whitening2D
    >>> Whitening2D(2).output_shape((32, 32, 3))
    (31, 31, 24)
    """

    kernel_size: int | tuple[int, int] = 2
    epsilon: float = 5e-4

    adapts: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_pair("kernel_size", self.kernel_size, 1)
        freeze_pair(self, "kernel_size")
        check_real("epsilon", self.epsilon, "(0, inf)")

    def output_shape(self, input_shape: Shape) -> Shape:
        check_image("Whitening2D", input_shape)
        return self.convolution(input_shape).output_shape(input_shape)

    def parameters(self, input_shape: Shape) -> tuple[Parameter, ...]:
        weight, bias = self.convolution(input_shape).parameters(input_shape)
        fixed = Parameter("weight", weight.shape, GLOROT_UNIFORM, learned=False)
        return fixed, Parameter("bias", bias.shape, Zeros(), decays=False)

    def memory(self, site: Site) -> ConvMemory:
        return self.convolution(site.input_shape).memory(site)

    def flops(self, input_shape: Shape) -> int:
        return self.convolution(input_shape).flops(input_shape)

    def adapt(self, x: Array, params: Sequence[Array]) -> None:
        weight, bias = params
        mean, covariance = _moments(x, (weight.shape[0], weight.shape[1]))
        values, vectors = np.linalg.eigh(covariance)
        least = self.epsilon * np.trace(covariance) / len(mean)
        scales = np.sqrt(np.maximum(values, 0.0) + (least or 1.0))
        filters = (vectors / scales)[:, ::-1]
        weight[...] = np.concatenate([filters, -filters], axis=1).reshape(weight.shape)
        bias[...] = -(mean[:, None] * np.concatenate([filters, -filters], axis=1)).sum(axis=0)

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        conv, (weight, bias) = own.memory, own.params
        kernels.conv2d_forward(x, weight, bias, out, None, conv.geometry, conv.scratch, run.n_threads)

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        conv, weight = own.memory, own.params[0]
        given = (x, weight, out, dy, None, dx, None, own.grads[0], conv.geometry, conv.scratch)
        kernels.conv2d_backward(*given, run.n_threads)

    def convolution(self, input_shape: Shape) -> Conv2D:
        """Return the convolution that it is."""
        height, width = check_pair("kernel_size", self.kernel_size, 1)
        return Conv2D(2 * height * width * max(1, input_shape[-1]), (height, width))


def _moments(x: Array, size: tuple[int, int]) -> tuple[Moments, Moments]:
    """Mean and covariance of all patches of the images.

    Element by element, and not by a matrix product: that of a library may depend on its threads.
    """
    rows, columns = x.shape[1] - size[0] + 1, x.shape[2] - size[1] + 1
    pixels = itertools.product(range(size[0]), range(size[1]), range(x.shape[3]))
    parts = [x[:, i : i + rows, j : j + columns, c].astype(np.float64).ravel() for i, j, c in pixels]
    mean = np.array([part.mean() for part in parts])
    covariance = np.empty((len(parts), len(parts)))
    for a, b in itertools.combinations_with_replacement(range(len(parts)), 2):
        covariance[a, b] = covariance[b, a] = np.multiply(parts[a] - mean[a], parts[b] - mean[b]).mean()
    return mean, covariance
