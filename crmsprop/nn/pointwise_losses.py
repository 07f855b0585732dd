"""Losses of outputs that have a target each: those of numbers, and the cross-entropy of labels that do not exclude
each other. A row's loss is the mean over its outputs, as in scikit-learn's metrics and in Keras."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from crmsprop import kernels
from crmsprop.errors import check_real
from crmsprop.nn.layer import Array
from crmsprop.nn.losses import BatchResult, Loss


class PointwiseLoss(Loss):
    """Base of these losses: one function of output and target, of `crmsprop.kernels.pointwise_losses`."""

    #: Which one.
    kind: ClassVar[str]
    #: Whether there is a right and a wrong, so that hits can be counted.
    counts_hits: ClassVar[bool] = False

    class Memory(NamedTuple):
        """A loss for each row, and a hit where hits are counted."""

        losses: Array
        hits: Array | None

    def memory(self, batch_size: int, dtype: np.dtype[Any]) -> Memory:
        """Buffers for batches of up to `batch_size` rows."""
        return self.Memory(np.empty(batch_size, dtype), np.empty(batch_size, np.uint8) if self.counts_hits else None)

    def evaluate(
        self, output: Array, target: Array, weights: Array, gradient: Array | None, memory: Memory, n_threads: int
    ) -> BatchResult:
        """Sum of weighted losses and hits of a batch; fills `gradient`, that of their sum, unless it is None."""
        n = len(output)
        hits = None if memory.hits is None else memory.hits[:n]
        found = weights, memory.losses[:n], hits, gradient
        loss, right = kernels.pointwise_loss(output, target, *found, self.kind, self._parameter, n_threads)
        return BatchResult(loss, math.nan if hits is None else right)

    @property
    def _parameter(self) -> float:
        return 0.0


@dataclass(frozen=True)
class SquaredError(PointwiseLoss):
    """``(output - target)**2``, without a half: its mean is `sklearn.metrics.mean_squared_error`.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import SquaredError
    >>> loss = SquaredError()
    >>> output, target = np.array([[3.0]]), np.array([[1.0]])
    >>> loss.evaluate(output, target, np.ones(1), None, loss.memory(1, np.float64), 1).loss
    4.0
    """

    kind: ClassVar[str] = "squared_error"


@dataclass(frozen=True)
class AbsoluteError(PointwiseLoss):
    """``abs(output - target)``; its slope at 0 is 0. Its mean is `sklearn.metrics.mean_absolute_error`.

    Examples
    --------
    >>> from crmsprop.nn import AbsoluteError
    >>> AbsoluteError().kind
    'absolute_error'
    """

    kind: ClassVar[str] = "absolute_error"


@dataclass(frozen=True)
class Huber(PointwiseLoss):
    """``error**2 / 2`` for errors up to `delta`, ``delta * (abs(error) - delta / 2)`` beyond (Huber, 1964).

    As Keras's and PyTorch's, and scikit-learn's ``HuberLoss``.

    Parameters
    ----------
    delta : float, default=1.0
        In (0, inf).

    Examples
    --------
    >>> from crmsprop.nn import Huber
    >>> Huber(delta=0.5)
    Huber(delta=0.5)
    """

    kind: ClassVar[str] = "huber"

    delta: float = 1.0

    def __post_init__(self) -> None:
        check_real("delta", self.delta, "(0, inf)")

    @property
    def _parameter(self) -> float:
        return self.delta


@dataclass(frozen=True)
class PoissonDeviance(PointwiseLoss):
    """``2 * (target * log(target / mean) - target + mean)``, where the output is the logarithm of the mean.

    Targets are at least 0; the first term of 0 is 0. Its mean is `sklearn.metrics.mean_poisson_deviance`, twice the
    loss that scikit-learn's own regressors call "poisson".

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import PoissonDeviance
    >>> PoissonDeviance().predict(np.zeros((1, 1)), 1)
    array([[1.]])
    """

    kind: ClassVar[str] = "poisson_deviance"

    def predict(self, output: Array, n_threads: int) -> Array:
        """Turn logarithms into means, in place."""
        with np.errstate(over="ignore", under="ignore"):
            np.exp(output, out=output)
        return output


@dataclass(frozen=True)
class BinaryCrossEntropy(PointwiseLoss):
    """``-target * log(p) - (1 - target) * log(1 - p)``, where p is the sigmoid of the output, for targets in [0, 1].

    A hit is a row all of whose labels are right: p above a half where the target is at least a half, and nowhere else.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        In [0, 1): the target is ``(1 - label_smoothing) * target + label_smoothing / 2``, as Keras's.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import BinaryCrossEntropy
    >>> BinaryCrossEntropy().predict(np.zeros((1, 2)), 1)
    array([[0.5, 0.5]])
    """

    kind: ClassVar[str] = "binary_cross_entropy"
    counts_hits: ClassVar[bool] = True

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_real("label_smoothing", self.label_smoothing, "[0, 1)")

    def predict(self, output: Array, n_threads: int) -> Array:
        """Turn logits into probabilities."""
        probabilities = np.empty_like(output)
        kernels.activation_forward(output, probabilities, "sigmoid", 0.0, n_threads)
        return probabilities

    @property
    def _parameter(self) -> float:
        return self.label_smoothing
