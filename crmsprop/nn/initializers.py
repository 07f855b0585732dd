"""How parameters start: small frozen objects, called with a shape and a generator."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class Initializer:
    """Base of all initializers: what one of your own inherits from, a frozen dataclass as well.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from crmsprop.nn import Dense, Initializer
    >>> @dataclass(frozen=True)
    ... class Small(Initializer):
    ...     size: float = 0.01
    ...     def __call__(self, shape, rng):
    ...         return rng.normal(0.0, self.size, shape)
    >>> Dense(3, initializer=Small()).parameters((4,))[0].initializer
    Small(size=0.01)
    """

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Return how a parameter starts.

        Parameters
        ----------
        shape : tuple of int
            For weights the last two axes are (inputs, outputs), the ones before a kernel's.
        rng : Generator
            Where random numbers come from.

        Returns
        -------
        ndarray of float64
            Of `shape`.
        """
        raise TypeError(f"{type(self).__name__} must override __call__")


def check_initializer(value: Any) -> None:
    """TypeError unless `value` is an Initializer."""
    if not isinstance(value, Initializer):
        raise TypeError(f"initializer must be an Initializer, such as GlorotUniform(), got {value!r}")


@dataclass(frozen=True)
class Zeros(Initializer):
    """All zeros: how biases start.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import Zeros
    >>> Zeros()((2,), np.random.default_rng(0))
    array([0., 0.])
    """

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return np.zeros(shape)


@dataclass(frozen=True)
class Ones(Initializer):
    """All ones: how the factors of a normalization start.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import Ones
    >>> Ones()((2,), np.random.default_rng(0))
    array([1., 1.])
    """

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return np.ones(shape)


@dataclass(frozen=True)
class GlorotUniform(Initializer):
    """Uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010): how weights start, as in Keras.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import GlorotUniform
    >>> weights = GlorotUniform()((3, 3, 3, 32), np.random.default_rng(0))
    >>> bool(np.abs(weights).max() <= np.sqrt(6 / (27 + 288)))
    True
    """

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        fan_in, fan_out = fans(shape)
        limit = math.sqrt(6.0 / (fan_in + fan_out))
        return rng.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class GlorotNormal(Initializer):
    """Normal, not truncated, of deviation sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010).

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import GlorotNormal
    >>> GlorotNormal()((100, 50), np.random.default_rng(0)).shape
    (100, 50)
    """

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.normal(0.0, math.sqrt(2.0 / max(sum(fans(shape)), 1)), shape)


@dataclass(frozen=True)
class HeNormal(Initializer):
    """Normal, not truncated, of deviation sqrt(2 / fan_in), for layers before a ReLU (He, Zhang, Ren and Sun, 2015).

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import HeNormal
    >>> HeNormal()((100, 50), np.random.default_rng(0)).shape
    (100, 50)
    """

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.normal(0.0, math.sqrt(2.0 / max(fans(shape)[0], 1)), shape)


@dataclass(frozen=True)
class HeUniform(Initializer):
    """Uniform in +-sqrt(6 / fan_in), for layers before a ReLU (He, Zhang, Ren and Sun, 2015).

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import HeUniform
    >>> HeUniform()((100, 50), np.random.default_rng(0)).shape
    (100, 50)
    """

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        limit = math.sqrt(6.0 / max(fans(shape)[0], 1))
        return rng.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class LeCunNormal(Initializer):
    """Normal, not truncated, of deviation sqrt(1 / fan_in) (LeCun, Bottou, Orr and Müller, 1998).

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import LeCunNormal
    >>> LeCunNormal()((100, 50), np.random.default_rng(0)).shape
    (100, 50)
    """

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.normal(0.0, math.sqrt(1.0 / max(fans(shape)[0], 1)), shape)


@dataclass(frozen=True)
class Dirac(Initializer):
    """Passes inputs on unchanged, the first to the first output and so on: a 1 in the middle of the kernel, else 0.

    With stride 1, ``padding="same"`` and no bias a convolution then begins as the identity.

    Parameters
    ----------
    rest : Initializer, default=Zeros()
        Of the outputs beyond the number of inputs. Those that begin as zeros stay so for long behind a normalization.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import Dirac
    >>> Dirac()((3, 3, 2, 5), np.random.default_rng(0))[1, 1]
    array([[1., 0., 0., 0., 0.],
           [0., 1., 0., 0., 0.]])
    """

    rest: Initializer = Zeros()

    def __post_init__(self) -> None:
        if not isinstance(self.rest, Initializer) or isinstance(self.rest, Dirac):
            raise TypeError(f"rest must be an Initializer other than Dirac, got {self.rest!r:.100}")

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        if len(shape) < 2:
            raise ValueError(f"Dirac needs an array of at least two axes, the last two inputs and outputs, got {shape}")
        values = self.rest(shape, rng)
        values[..., : shape[-2]] = 0.0
        middle = tuple((size - 1) // 2 for size in shape[:-2])  # of an even size "same" pads the far side
        values[middle][..., : shape[-2]] = np.eye(shape[-2], min(shape[-2:]))
        return values


#: The default of every layer's weights.
GLOROT_UNIFORM = GlorotUniform()


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Inputs and outputs that one output and one input of a weight array of `shape` meet."""
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]
