"""Dropout."""

from dataclasses import dataclass

import numpy as np

from crmsprop import kernels
from crmsprop.errors import check_real
from crmsprop.nn.layer import Array, Layer, Own, Run, Shape, Site


@dataclass(frozen=True)
class Dropout(Layer):
    """Zeroes a random fraction of its input in training, and scales the rest up by 1 / (1 - rate) (Srivastava, 2014).

    Which elements depends on the seed, the step and the layer's place in the network alone, so threads change nothing.
    Outside of training it does nothing.

    Parameters
    ----------
    rate : float
        The fraction dropped, in [0, 1).

    Examples
    --------
    >>> from crmsprop import NetworkClassifier
    >>> from crmsprop.nn import Dense, Dropout, ReLU
    >>> model = NetworkClassifier([Dense(128), ReLU(), Dropout(0.5)])
    >>> Dropout(0.5).output_shape((128,))
    (128,)
    """

    rate: float

    def __post_init__(self) -> None:
        check_real("rate", self.rate, "[0, 1)")

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def memory(self, site: Site) -> int:
        return site.stream

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        if run.training and self.rate:
            kernels.dropout(x, out, self.rate, run.key(own.memory), run.n_threads)
        else:
            np.copyto(out, x)

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        if dx is None:
            return
        if run.training and self.rate:
            kernels.dropout(dy, dx, self.rate, run.key(own.memory), run.n_threads)
        else:
            np.copyto(dx, dy)
