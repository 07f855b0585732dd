"""Batch normalization."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from crmsprop import kernels
from crmsprop.errors import check_real
from crmsprop.nn.arena import aligned_zeros
from crmsprop.nn.initializers import Ones, Zeros
from crmsprop.nn.layer import Array, Layer, Own, Parameter, Run, Shape, Site


class BatchNormMemory(NamedTuple):
    """Mean and 1 / deviation of each channel in the running batch, and float64 sums."""

    mean: Array
    scale: Array
    scratch: Array


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Each channel to mean 0 and deviation 1, then times gamma and plus beta, which are learned (Ioffe, Szegedy, 2015).

    For images of shape (height, width, channels), and for rows, where every feature is a channel::

        y = gamma * (x - mean) / sqrt(variance + epsilon) + beta

    In training mean and variance are those of the batch (over samples, height and width; divided by their number). They
    also move running ones: ``running = decay * running + (1 - decay) * batch``. Prediction goes by the running ones.
    A batch of one row has no deviation: its output is beta. L2 leaves gamma and beta alone.

    Parameters
    ----------
    epsilon : float, default=1e-5
        Added to the variance, in (0, inf).
    decay : float, default=0.9
        Of the running statistics, in [0, 1). Keras's ``momentum``; 1 minus torch's.

    Examples
    --------
    >>> from crmsprop import NetworkClassifier
    >>> from crmsprop.nn import BatchNorm, Conv2D, ReLU
    >>> model = NetworkClassifier([Conv2D(32, 3, use_bias=False), BatchNorm(), ReLU()])
    >>> [parameter.name for parameter in BatchNorm().parameters((8, 8, 32))]
    ['gamma', 'beta', 'running_mean', 'running_variance']
    """

    epsilon: float = 1e-5
    decay: float = 0.9

    def __post_init__(self) -> None:
        check_real("epsilon", self.epsilon, "(0, inf)")
        check_real("decay", self.decay, "[0, 1)")

    def output_shape(self, input_shape: Shape) -> Shape:
        if not input_shape:
            raise ValueError("BatchNorm needs samples of at least one number, got shape ()")
        return input_shape

    def parameters(self, input_shape: Shape) -> tuple[Parameter, ...]:
        shape = input_shape[-1:]
        return (
            Parameter("gamma", shape, Ones(), decays=False),
            Parameter("beta", shape, Zeros(), decays=False),
            Parameter("running_mean", shape, Zeros(), learned=False),
            Parameter("running_variance", shape, Ones(), learned=False, minimum=0.0),
        )

    def memory(self, site: Site) -> BatchNormMemory:
        channels = site.input_shape[-1]
        rows = site.batch_size * math.prod(site.input_shape[:-1])
        size = kernels.batch_norm_scratch(rows, channels) if site.training else 0
        return BatchNormMemory(
            aligned_zeros(channels, site.dtype), aligned_zeros(channels, site.dtype), aligned_zeros(size, np.float64)
        )

    def flops(self, input_shape: Shape) -> int:
        return 2 * math.prod(input_shape)

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        (mean, scale, scratch), n = own.memory, run.n_threads
        gamma, beta, *running = own.params
        rows, targets = _rows(x), _rows(out)
        if run.training:
            moved = (running[0], running[1], mean, scale)
            kernels.batch_norm_forward(rows, gamma, beta, *moved, targets, self.epsilon, self.decay, scratch, n)
        else:
            kernels.batch_norm_apply(rows, gamma, beta, running[0], running[1], scale, targets, self.epsilon, n)

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        mean, scale, scratch = own.memory
        (dgamma, dbeta), targets = own.grads, None if dx is None else _rows(dx)
        if not run.training:
            self._backward_of_prediction(_rows(x), _rows(dy), targets, own, run)
            return
        given = (_rows(x), own.params[0], mean, scale, _rows(dy))
        kernels.batch_norm_backward(*given, targets, dgamma, dbeta, scratch, run.n_threads)

    def _backward_of_prediction(self, x: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        """By the running statistics, which are no function of x; `scale` is what `forward` made of them."""
        (zeros, scale, scratch), (gamma, _, mean, variance), n = own.memory, own.params, run.n_threads
        dgamma, dbeta = own.grads
        kernels.batch_norm_backward(x, gamma, mean, scale, dy, None, dgamma, dbeta, scratch, n)
        if dx is not None:
            zeros.fill(0)
            kernels.batch_norm_apply(dy, gamma, zeros, zeros, variance, scale, dx, self.epsilon, n)


def _rows(images: Array) -> Array:
    """Pixels, or samples, as rows of channels."""
    return images.reshape(-1, images.shape[-1]) if images.size else images.reshape(0, images.shape[-1])
