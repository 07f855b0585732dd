"""Losses: the value and the gradient of a batch, and what an output means.

What a loss has to do stands in the docstrings of `Loss`; examples/own_loss.py in the source tree shows one.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from crmsprop import kernels
from crmsprop.errors import check_real
from crmsprop.nn.layer import Array


class BatchResult(NamedTuple):
    """Sums over a batch, each row weighted.

    Parameters
    ----------
    loss : float
    hits : float
        Weights of the rows that are right; NaN where the loss knows no right and wrong.

    Examples
    --------
    >>> import math
    >>> from crmsprop.nn import BatchResult
    >>> BatchResult(0.25, hits=math.nan).loss
    0.25
    """

    loss: float
    hits: float


class MixedLabels(NamedTuple):
    """Two labels a row, as mixup makes them.

    Parameters
    ----------
    labels, others : ndarray of shape (n,)
        Class numbers, as int64.
    shares : ndarray of shape (n,)
        Shares of `labels`, in [0, 1], of the dtype of the outputs; `others` have the rest.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import MixedLabels, SoftmaxCrossEntropy
    >>> target = MixedLabels(np.array([0]), np.array([1]), np.array([0.75]))
    >>> loss, outputs = SoftmaxCrossEntropy(), np.array([[0.0, 2.0]])
    >>> found = loss.evaluate(outputs, target, np.ones(1), None, loss.memory(1, outputs.dtype), 1)
    >>> bool(np.isclose(found.loss, 0.75 * np.log(1 + np.exp(2)) + 0.25 * np.log(1 + np.exp(-2))))
    True
    """

    labels: Array
    others: Array
    shares: Array


class Loss:
    """Base of all losses: what one of your own inherits from, and overrides `evaluate` at least.

    A loss is a frozen dataclass, and its fields are its parameters: numbers, text, booleans, None, or tuples of them.
    It is then compared, copied, searched over and written to a file by them, and a training goes on from a checkpoint
    only with the same. It holds no state: arrays that it needs again and again come from `memory`.

    An estimator takes one as its `loss`. Its network has one output for each class, label or column of y, and what
    `evaluate` compares them with is

    ===================================  =================================================================
    a class for each sample              class numbers, int64 of shape (n,); `MixedLabels` under ``Mixup``
    a column of 0 and 1 for each label   these, of shape (n, n_outputs) and the dtype of the outputs
    numbers                              these, of shape (n, n_outputs) and the dtype of the outputs
    ===================================  =================================================================

    `check_gradients` tells whether `evaluate` does what it has to.

    Examples
    --------
    Squares that count an output which is too low ten times:

    >>> import math
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from crmsprop.nn import BatchResult, Loss, check_gradients
    >>> @dataclass(frozen=True)
    ... class LowIsWorse(Loss):
    ...     factor: float = 10.0
    ...     def evaluate(self, output, target, weights, gradient, memory, n_threads):
    ...         error = output - target
    ...         factors = np.where(error < 0, self.factor, 1.0)
    ...         if gradient is not None:
    ...             gradient[...] = 2.0 * factors * error * weights[:, None] / output.shape[1]
    ...         losses = (factors * error**2).mean(axis=1)
    ...         return BatchResult(float(np.sum(weights * losses)), hits=math.nan)
    >>> check_gradients(LowIsWorse(), (2,), target=np.zeros((3, 2))).errors["x"] < 1e-6
    True
    """

    def memory(self, batch_size: int, dtype: np.dtype[Any]) -> Any:
        """Return buffers for batches of up to `batch_size` rows; None, unless it is overridden.

        Parameters
        ----------
        batch_size : int
        dtype : dtype
            Of the outputs, float32 or float64.

        Returns
        -------
        object
            What `evaluate` gets as its `memory`.
        """
        return None

    def evaluate(
        self, output: Array, target: Any, weights: Array, gradient: Array | None, memory: Any, n_threads: int
    ) -> BatchResult:
        """Return the sums of the weighted losses and hits of a batch, and fill `gradient` unless it is None.

        The loss of a row is a function of that row alone. By convention it is a mean over the outputs, not a sum. A row
        of weight 0 adds nothing. What comes out must not depend on `n_threads`.

        Parameters
        ----------
        output : ndarray of shape (n, n_outputs)
            Of the network, without `predict`; not to be changed.
        target : ndarray of shape (n, ...), or MixedLabels
            As in the table above; not to be changed.
        weights : ndarray of shape (n,)
            What the loss, the hits and the gradient of each row are multiplied by, at least 0, of the dtype of
            `output`; not to be changed. In training they are shares, whose sum is 1.
        gradient : ndarray of shape (n, n_outputs) or None
            To be filled with the gradient of the returned sum to `output`.
        memory : object
            What `memory` returned, for at least n rows.
        n_threads : int
            How many threads may be used.

        Returns
        -------
        BatchResult
        """
        raise TypeError(f"{type(self).__name__} must override evaluate")

    def predict(self, output: Array, n_threads: int) -> Array:
        """Turn outputs into what an estimator predicts, in place where that is possible: as they are by default.

        For a classifier these are probabilities, from which the class follows. A row is a function of its outputs
        alone.

        Parameters
        ----------
        output : ndarray of shape (n, n_outputs)
            May be overwritten.
        n_threads : int
            How many threads may be used.

        Returns
        -------
        ndarray of shape (n, n_outputs)
        """
        return output


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
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

    def memory(self, batch_size: int, dtype: np.dtype[Any]) -> Memory:
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
