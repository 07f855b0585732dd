"""Dropout of whole channels."""

from dataclasses import dataclass

import numpy as np

from crmsprop import kernels
from crmsprop.errors import check_real
from crmsprop.nn.layer import Array, Layer, Own, Run, Shape, Site, check_image


@dataclass(frozen=True)
class SpatialDropout2D(Layer):
    """Zeroes a random fraction of an image's channels in training, and scales the rest by 1 / (1 - rate).

    Neighbouring pixels of a channel say much the same, so that Dropout hides little of it from a convolution; here a
    channel is dropped with all of its pixels or kept (Tompson et al., 2015), as in Keras's layer of this name. Which
    ones depends on the seed, the step, the layer's place in the network and the image's place in the batch alone, so
    threads change nothing. Outside of training it does nothing.

    Parameters
    ----------
    rate : float
        The fraction dropped, in [0, 1).

    Examples
    --------
    >>> from crmsprop.nn import SpatialDropout2D
    >>> SpatialDropout2D(0.25).output_shape((15, 15, 64))
    (15, 15, 64)
    """

    rate: float

    def __post_init__(self) -> None:
        check_real("rate", self.rate, "[0, 1)")

    def output_shape(self, input_shape: Shape) -> Shape:
        return check_image("SpatialDropout2D", input_shape)

    def memory(self, site: Site) -> int:
        return site.stream

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        self._pass(x, out, own, run)

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        if dx is not None:
            self._pass(dy, dx, own, run)

    def _pass(self, source: Array, target: Array, own: Own, run: Run) -> None:
        """Both ways the same: what is dropped has no gradient, what is kept has as much more as it counts."""
        if run.training and self.rate:
            kernels.dropout_channels(source, target, self.rate, run.key(own.memory), run.n_threads)
        else:
            np.copyto(target, source)
