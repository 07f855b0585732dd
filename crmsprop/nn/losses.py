"""Losses: the value and the gradient of a batch, and what an output means."""

from typing import Any, NamedTuple, Protocol

import numpy as np

from crmsprop import kernels
from crmsprop.nn.layer import Array


class BatchResult(NamedTuple):
    """Sums over a batch, each row weighted: the loss, and the hits."""

    loss: float
    hits: float


class Loss(Protocol):
    """What the training loop needs of a loss; stateless but for buffers, which it makes with `memory`."""

    def memory(self, batch_size: int, dtype: Any) -> Any:
        """Buffers for batches of up to `batch_size` rows."""

    def evaluate(
        self, output: Array, target: Array, weights: Array, gradient: Array | None, memory: Any, n_threads: int
    ) -> BatchResult:
        """Sum of weighted losses and hits of a batch; fills `gradient`, that of their sum, unless it is None."""

    def predict(self, output: Array, n_threads: int) -> Array:
        """Turn outputs into what an estimator returns, in place."""


class SoftmaxCrossEntropy:
    """Cross-entropy of a softmax over the outputs, for labels 0 to n_classes - 1.

    The loss of a row is ``-log(p[label])``.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import SoftmaxCrossEntropy
    >>> loss = SoftmaxCrossEntropy()
    >>> logits, weights = np.zeros((1, 4)), np.ones(1)
    >>> round(loss.evaluate(logits, np.array([2]), weights, None, loss.memory(1, np.float64), 1).loss, 4)
    1.3863
    """

    class Memory(NamedTuple):
        """A loss and a hit for each row."""

        losses: Array
        hits: Array

    def memory(self, batch_size: int, dtype: Any) -> Memory:
        """Buffers for batches of up to `batch_size` rows."""
        return self.Memory(np.empty(batch_size, dtype), np.empty(batch_size, np.uint8))

    def evaluate(
        self, output: Array, target: Array, weights: Array, gradient: Array | None, memory: Memory, n_threads: int
    ) -> BatchResult:
        """Sum of weighted losses and hits of a batch; fills `gradient`, that of their sum, unless it is None."""
        n = len(output)
        losses, hits = memory.losses[:n], memory.hits[:n]
        return BatchResult(*kernels.cross_entropy(output, target, weights, losses, hits, gradient, n_threads))

    def predict(self, output: Array, n_threads: int) -> Array:
        """Turn logits into probabilities, in place."""
        kernels.softmax(output, output, n_threads)
        return output
