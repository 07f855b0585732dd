"""A convolution for prediction, with the batch normalization behind it folded into its filters and biases."""

from dataclasses import dataclass
from typing import NamedTuple

from crmsprop import kernels
from crmsprop.nn.arena import aligned_zeros
from crmsprop.nn.conv2d import ConvMemory, FusedConv2D
from crmsprop.nn.layer import Array, Own, Run, Site


class FoldedMemory(NamedTuple):
    """What the convolution needs; and scale and shift, all that the running statistics do to a channel."""

    conv: ConvMemory
    scale: Array
    shift: Array


@dataclass(frozen=True)
class FoldedConv2D(FusedConv2D):
    """Conv2D, BatchNorm by its running statistics, ReLU, max-pool, in one pass: what fusion makes for prediction.

    The kernel multiplies the filters by ``gamma / sqrt(variance + epsilon)`` while it packs them, in every call: no
    second set of filters is kept that could be of yesterday. There is no backward pass.
    """

    epsilon: float = 1e-5

    def memory(self, site: Site) -> FoldedMemory:  # type: ignore[override]
        scale, shift = (aligned_zeros(self.filters, site.dtype) for _ in range(2))
        return FoldedMemory(super().memory(site), scale, shift)

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        weight, *bias, gamma, beta, mean, variance = own.params
        (conv, scale, shift), n = own.memory, run.n_threads
        kernels.batch_norm_fold(gamma, beta, mean, variance, bias[0] if bias else None, scale, shift, self.epsilon)
        kernels.conv2d_forward(x, weight, shift, out, None, conv.geometry, conv.scratch, n, scale)

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        raise TypeError("a convolution with a folded normalization is for prediction alone")
