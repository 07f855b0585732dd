"""The smooth activations: one class each, all around one kernel."""

from dataclasses import dataclass
from typing import ClassVar

from crmsprop import kernels
from crmsprop.errors import check_fits, check_real
from crmsprop.nn.layer import Array, Layer, Own, Run, Shape, Site


class Activation(Layer):
    """Base of the layers that apply one function to every element."""

    #: One of `crmsprop.kernels.activations.KINDS`.
    kind: ClassVar[str]

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def memory(self, site: Site) -> None:
        check_fits(f"the slope of {self!r}", self._slope, site.dtype)

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        kernels.activation_forward(x, out, self.kind, self._slope, run.n_threads)

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        if dx is not None:
            kernels.activation_backward(x, out, dy, dx, self.kind, self._slope, run.n_threads)

    @property
    def _slope(self) -> float:
        return 0.0


@dataclass(frozen=True)
class GELU(Activation):
    """``x`` times the share of the standard normal distribution below x: exact, by erf (Hendrycks and Gimpel, 2016).

    Examples
    --------
    >>> from crmsprop.nn import GELU
    >>> GELU().output_shape((128,))
    (128,)
    """

    kind: ClassVar[str] = "gelu"


@dataclass(frozen=True)
class ELU(Activation):
    """``x`` where positive, else ``alpha * (exp(x) - 1)`` (Clevert, Unterthiner and Hochreiter, 2015).

    Parameters
    ----------
    alpha : float, default=1.0
        In [0, inf).

    Examples
    --------
    >>> from crmsprop.nn import ELU
    >>> ELU(0.5).output_shape((128,))
    (128,)
    """

    alpha: float = 1.0

    kind: ClassVar[str] = "elu"

    def __post_init__(self) -> None:
        check_real("alpha", self.alpha, "[0, inf)")

    @property
    def _slope(self) -> float:
        return self.alpha


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """``x`` where positive, else ``slope * x`` (Maas, Hannun and Ng, 2013).

    Parameters
    ----------
    slope : float, default=0.01
        In [0, 1).

    Examples
    --------
    >>> from crmsprop.nn import LeakyReLU
    >>> LeakyReLU(0.1).output_shape((128,))
    (128,)
    """

    slope: float = 0.01

    kind: ClassVar[str] = "leaky_relu"

    def __post_init__(self) -> None:
        check_real("slope", self.slope, "[0, 1)")

    @property
    def _slope(self) -> float:
        return self.slope


@dataclass(frozen=True)
class SiLU(Activation):
    """``x / (1 + exp(-x))``, also called swish (Elfwing, Uchibe and Doya, 2018).

    Examples
    --------
    >>> from crmsprop.nn import SiLU
    >>> SiLU().output_shape((128,))
    (128,)
    """

    kind: ClassVar[str] = "silu"


@dataclass(frozen=True)
class Tanh(Activation):
    """The hyperbolic tangent.

    Examples
    --------
    >>> from crmsprop.nn import Tanh
    >>> Tanh().output_shape((128,))
    (128,)
    """

    kind: ClassVar[str] = "tanh"


@dataclass(frozen=True)
class Sigmoid(Activation):
    """``1 / (1 + exp(-x))``.

    Examples
    --------
    >>> from crmsprop.nn import Sigmoid
    >>> Sigmoid().output_shape((128,))
    (128,)
    """

    kind: ClassVar[str] = "sigmoid"
