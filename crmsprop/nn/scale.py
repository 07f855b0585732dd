"""Multiplication by a number."""

from dataclasses import dataclass

import numpy as np

from crmsprop.errors import check_fits, check_real
from crmsprop.nn.layer import Array, Layer, Own, Run, Shape, Site


@dataclass(frozen=True)
class Scale(Layer):
    """``out = factor * x``: before the last Dense it makes a network begin with even predictions.

    Parameters
    ----------
    factor : float
        In (0, inf).

    Examples
    --------
    >>> from crmsprop.nn import Scale
    >>> Scale(1 / 9).output_shape((128,))
    (128,)
    """

    factor: float

    def __post_init__(self) -> None:
        check_real("factor", self.factor, "(0, inf)")

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def memory(self, site: Site) -> None:
        check_fits("factor", self.factor, site.dtype)

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        np.multiply(x, out.dtype.type(self.factor), out=out)

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        if dx is not None:
            np.multiply(dy, dx.dtype.type(self.factor), out=dx)
