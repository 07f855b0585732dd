"""Losses: the value and the gradient of a batch, and what an output means."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from crmsprop import kernels
from crmsprop.errors import check_real
from crmsprop.nn.layer import Array


class BatchResult(NamedTuple):
    """Sums over a batch, each row weighted: the loss, and the hits; NaN where the loss knows no right and wrong."""

    loss: float
    hits: float


class MixedLabels(NamedTuple):
    """Two labels a row, as mixup makes them.

    Attributes
    ----------
    labels, others : ndarray of shape (n,)
        Class numbers, as int64.
    shares : ndarray of shape (n,)
        Shares of `labels`, in [0, 1], of the dtype of the outputs; `others` have the rest.
    """

    labels: Array
    others: Array
    shares: Array


class Loss(Protocol):
    """What the training loop needs of a loss; stateless but for buffers, which it makes with `memory`."""

    def memory(self, batch_size: int, dtype: Any) -> Any:
        """Buffers for batches of up to `batch_size` rows."""

    def evaluate(
        self, output: Array, target: Any, weights: Array, gradient: Array | None, memory: Any, n_threads: int
    ) -> BatchResult:
        """Sum of weighted losses and hits of a batch; fills `gradient`, that of their sum, unless it is None."""

    def predict(self, output: Array, n_threads: int) -> Array:
        """Turn outputs into what an estimator returns, in place where that is possible."""


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """Cross-entropy of a softmax over the outputs, for labels 0 to n_classes - 1.

    The loss of a row is ``-log(p[label])``; with smoothing (Szegedy et al., 2016), ``-sum(q * log(p))`` for the target
    ``q = (1 - label_smoothing) * one_hot(label) + label_smoothing / n_classes``. For `MixedLabels` it is the mean of
    the losses for both labels, each by its share. A hit is a row whose largest output is that of the label, or of the
    one with the larger share.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        In [0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import SoftmaxCrossEntropy
    >>> loss = SoftmaxCrossEntropy()
    >>> logits, weights = np.zeros((1, 4)), np.ones(1)
    >>> round(loss.evaluate(logits, np.array([2]), weights, None, loss.memory(1, np.float64), 1).loss, 4)
    1.3863
    """

    label_smoothing: float = 0.0

    class Memory(NamedTuple):
        """A loss and a hit for each row."""

        losses: Array
        hits: Array

    def __post_init__(self) -> None:
        check_real("label_smoothing", self.label_smoothing, "[0, 1)")

    def memory(self, batch_size: int, dtype: Any) -> Memory:
        """Buffers for batches of up to `batch_size` rows."""
        return self.Memory(np.empty(batch_size, dtype), np.empty(batch_size, np.uint8))

    def evaluate(
        self,
        output: Array,
        target: Array | MixedLabels,
        weights: Array,
        gradient: Array | None,
        memory: Memory,
        n_threads: int,
    ) -> BatchResult:
        """Sum of weighted losses and hits of a batch; fills `gradient`, that of their sum, unless it is None."""
        n = len(output)
        labels, others, shares = target if isinstance(target, MixedLabels) else (target, None, None)
        found = weights, memory.losses[:n], memory.hits[:n], gradient, n_threads
        return BatchResult(*kernels.cross_entropy(output, labels, *found, others, shares, self.label_smoothing))

    def predict(self, output: Array, n_threads: int) -> Array:
        """Turn logits into probabilities, in place."""
        kernels.softmax(output, output, n_threads)
        return output
