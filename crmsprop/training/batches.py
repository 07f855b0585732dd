"""Turns a data set into batches: shuffled by seed and epoch, gathered and scaled into one reused buffer."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from crmsprop import kernels

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
    target : ndarray of shape (n, ...)
    weights : ndarray of shape (n,)
    total_weight : float
        Sum of `weights`.
    """

    x: Array
    target: Array
    weights: Array
    total_weight: float


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
    """

    def __init__(self, data: DataSet, batch_size: int, dtype: Any, n_threads: int) -> None:
        self.data = data
        self.batch_size = min(batch_size, max(data.n_samples, 1))
        self._n_threads = n_threads
        self._x = np.empty((self.batch_size, *data.x.shape[1:]), dtype)
        self._target = np.empty((self.batch_size, *data.target.shape[1:]), data.target.dtype)
        self._weights = np.ones(self.batch_size, dtype)
        self._cuts: dict[int, _Cut] = {}

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-self.data.n_samples // self.batch_size)

    def shuffled(self, seed: int, epoch: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, in an order that (seed, epoch) alone decides."""
        generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
        return self._cut(generator.permutation(self._rows()))

    def in_order(self) -> Iterator[Batch]:
        """Yield the batches in the order of the data."""
        return self._cut(self._rows())

    def _rows(self) -> Array:
        return np.arange(self.data.n_samples) if self.data.rows is None else self.data.rows

    def _cut(self, order: Array) -> Iterator[Batch]:
        for start in range(0, len(order), self.batch_size):
            yield self._fill(order[start : start + self.batch_size])

    def _fill(self, rows: Array) -> Batch:
        n = len(rows)
        cut = self._cuts.get(n) or self._cut_to(n)
        kernels.gather(self.data.x, rows, cut.x, self.data.scale, self._n_threads)
        self.data.target.take(rows, 0, cut.target, "clip")
        if self.data.weights is None:
            return Batch(*cut, float(n))
        self.data.weights.take(rows, 0, cut.weights, "clip")
        return Batch(*cut, float(np.sum(cut.weights, dtype=np.float64)))

    def _cut_to(self, n: int) -> _Cut:
        self._cuts[n] = cut = _Cut(self._x[:n], self._target[:n], self._weights[:n])
        return cut
