"""Turns a data set into batches: shuffled by seed and epoch, gathered, augmented and scaled into one reused buffer."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from crmsprop import kernels
from crmsprop.augment import Augmentation
from crmsprop.augment.batches import BLOCK, Augmenter, Drawn
from crmsprop.nn import MixedLabels

Array = np.ndarray[Any, np.dtype[Any]]


class DataSet(NamedTuple):
    """Samples as the user gave them, and what the loss needs of each.

    Attributes
    ----------
    x : ndarray of shape (n, *input_shape)
        uint8, float32 or float64; never copied as a whole.
    target : ndarray of shape (n, ...)
        Encoded targets, such as class numbers as int64.
    weights : ndarray of shape (n,) or None
        Weight of each sample in the loss; None for 1.
    scale : float
        Factor on x, applied batch by batch: 1/255 for uint8 images.
    rows : ndarray of shape (m,) or None
        Numbers of the samples that belong, as int64; None for all: a part of a data set needs no copy of it.
    """

    x: Array
    target: Array
    weights: Array | None = None
    scale: float = 1.0
    rows: Array | None = None

    @property
    def n_samples(self) -> int:
        """Samples that belong."""
        return len(self.x) if self.rows is None else len(self.rows)


class Batch(NamedTuple):
    """A batch, in buffers that the next batch overwrites.

    Attributes
    ----------
    x : ndarray of shape (n, *input_shape)
    target : ndarray of shape (n, ...), or MixedLabels
    weights : ndarray of shape (n,)
    total_weight : float
        Sum of `weights`.
    rows : ndarray of shape (n,)
        Numbers of the samples in the data set, as int64; of the first of each two that are mixed.
    """

    x: Array
    target: Any
    weights: Array
    total_weight: float
    rows: Array


class _Cut(NamedTuple):
    """The buffers' first rows, as many as a batch has: made once for each size of batch."""

    x: Array
    target: Array
    weights: Array


class Batches:
    """Cuts a data set into batches of `batch_size`; the last one of an epoch may be smaller.

    Parameters
    ----------
    data : DataSet
    batch_size : int
    dtype : {float32, float64}
        Of the batches.
    n_threads : int
    augmentation : Augmentation or None, default=None
        What `shuffled` does to images; `in_order` leaves them as they are.
    """

    def __init__(
        self, data: DataSet, batch_size: int, dtype: Any, n_threads: int, augmentation: Augmentation | None = None
    ) -> None:
        self.data = data
        self.batch_size = min(batch_size, max(data.n_samples, 1))
        self._n_threads = n_threads
        self._x = np.empty((self.batch_size, *data.x.shape[1:]), dtype)
        self._target = np.empty((self.batch_size, *data.target.shape[1:]), data.target.dtype)
        self._weights = np.ones(self.batch_size, dtype)
        self._cuts: dict[int, _Cut] = {}
        self._augmenter = None
        if augmentation is not None:
            self._augmenter = Augmenter(augmentation, data.x, data.rows, data.scale, dtype, n_threads)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-self.data.n_samples // self.batch_size)

    def shuffled(self, seed: int, epoch: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, in an order that (seed, epoch) alone decides."""
        generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
        order = generator.permutation(self._rows())
        return self._cut(order) if self._augmenter is None else self._augmented(self._augmenter, order, seed, epoch)

    def in_order(self) -> Iterator[Batch]:
        """Yield the batches in the order of the data."""
        return self._cut(self._rows())

    def _rows(self) -> Array:
        return np.arange(self.data.n_samples) if self.data.rows is None else self.data.rows

    def _cut(self, order: Array) -> Iterator[Batch]:
        for start in range(0, len(order), self.batch_size):
            yield self._fill(order[start : start + self.batch_size])

    def _augmented(self, augmenter: Augmenter, order: Array, seed: int, epoch: int) -> Iterator[Batch]:
        at_once = -(-BLOCK // self.batch_size) * self.batch_size
        for start in range(0, len(order), at_once):
            drawn = augmenter.draw(order[start : start + at_once], seed, epoch)
            for first in range(0, len(drawn.rows), self.batch_size):
                part = drawn.part(first, first + self.batch_size)
                x = self._x[: len(part.rows)]
                augmenter.fill(part, x)
                yield self._with_targets(x, part.rows) if part.other is None else self._with_mixed_targets(x, part)

    def _fill(self, rows: Array) -> Batch:
        x = self._cut_to(len(rows)).x
        kernels.gather(self.data.x, rows, x, self.data.scale, self._n_threads)
        return self._with_targets(x, rows)

    def _with_targets(self, x: Array, rows: Array) -> Batch:
        n = len(rows)
        _, target, weights = self._cut_to(n)
        self.data.target.take(rows, 0, target, "clip")
        if self.data.weights is None:
            return Batch(x, target, weights, float(n), rows)
        self.data.weights.take(rows, 0, weights, "clip")
        return Batch(x, target, weights, float(np.sum(weights, dtype=np.float64)), rows)

    def _cut_to(self, n: int) -> _Cut:
        cut = self._cuts.get(n)
        if cut is None:
            cut = self._cuts[n] = _Cut(self._x[:n], self._target[:n], self._weights[:n])
        return cut

    def _with_mixed_targets(self, x: Array, drawn: Drawn) -> Batch:
        """Both labels of each sample with their shares, or the mean of both numbers; and the mean weight."""
        assert drawn.other is not None
        assert drawn.shares is not None
        n, rows, others, shares = len(x), drawn.rows, drawn.other.rows, drawn.shares
        target, other = self.data.target[rows], self.data.target[others]
        weights, total = self._weights[:n], float(n)
        if self.data.weights is not None:
            weights[...] = shares * self.data.weights[rows] + (1.0 - shares) * self.data.weights[others]
            total = float(np.sum(weights, dtype=np.float64))
        if target.dtype.kind == "f":
            share = shares.reshape(-1, *[1] * (target.ndim - 1))
            return Batch(x, (share * target + (1.0 - share) * other).astype(target.dtype), weights, total, rows)
        return Batch(x, MixedLabels(target, other, self._label_shares(rows, others, shares)), weights, total, rows)

    def _label_shares(self, rows: Array, others: Array, shares: Array) -> Array:
        """Share of the first label in the loss: by the share of its image times the weight of its sample."""
        found = shares.astype(self._x.dtype)
        if self.data.weights is not None:
            first, second = shares * self.data.weights[rows], (1.0 - shares) * self.data.weights[others]
            np.divide(first, first + second, out=found, where=first + second > 0, casting="same_kind")
        return found
