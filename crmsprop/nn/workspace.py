"""Activations, gradients between layers and scratch for one running batch."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from crmsprop.nn.arena import Arena, aligned_zeros
from crmsprop.nn.layer import Array, Layer, Own, Shape, Site


class Operation(NamedTuple):
    """One pass of the network: a layer, maybe fused, at its place."""

    stream: int  # its first layer's index: fused or not, a layer draws the same random numbers
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    params: dict[str, Array]  # views into the arena by name, in the layer's order
    learned: list[str]  # the names of those that have a gradient


class Buffers(NamedTuple):
    """Views for a batch of n samples: what each operation writes, and the gradient to what it reads and to the end."""

    outputs: list[Array | None]  # None for a view
    gradients: list[Array]  # one more than operations: [i] is the gradient to operation i's input


class Workspace:
    """Memory for one running batch of up to `batch_size` samples; made once, used for every batch.

    In training every activation is kept for the backward pass, and the gradients between layers share two buffers
    that take turns; in prediction activations take turns too. A workspace serves one call at a time.
    """

    def __init__(
        self, operations: Sequence[Operation], batch_size: int, dtype: Any, n_threads: int, training: bool
    ) -> None:
        self.batch_size = batch_size
        self.training = training
        self.n_threads = n_threads
        self._operations = operations
        self._dtype = np.dtype(dtype)
        #: Gradients by the names of what is learned; None outside of training.
        self.gradients = _gradient_arena(operations, dtype) if training else None
        self.owned = [self._own(operation) for operation in operations]
        sizes = [math.prod(operation.output_shape) for operation in operations]
        largest = max([math.prod(operations[0].input_shape), *sizes]) if operations else 0
        self._turns = [aligned_zeros(batch_size * largest, dtype) for _ in range(2)]
        self._outputs = [
            aligned_zeros(batch_size * size, dtype) if training and not operation.layer.is_view else None
            for operation, size in zip(operations, sizes, strict=True)
        ]
        #: Bytes of a prediction's buffers and of what the layers have of their own.
        self.nbytes = _nbytes((*self._turns, *(own.memory for own in self.owned)))
        self._views: dict[int, Buffers] = {}
        #: What each operation read in the last forward pass: the backward pass reads it again.
        self.inputs: list[Array] = []

    def buffers(self, n: int) -> Buffers:
        """Return the buffers, cut to the first `n` samples."""
        if n not in self._views:
            self._views[n] = Buffers(self._output_views(n), self._gradient_views(n) if self.training else [])
        return self._views[n]

    def output_gradient(self, n: int) -> Array:
        """Return where the loss writes the gradient to the network's output, for a batch of `n` samples."""
        return self.buffers(n).gradients[-1]

    def _own(self, operation: Operation) -> Own:
        """What the operation's layer gets in both passes."""
        site = Site(
            operation.stream, operation.input_shape, self.batch_size, self._dtype, self.n_threads, self.training
        )
        grads = [] if self.gradients is None else [self.gradients.views[name] for name in operation.learned]
        return Own(list(operation.params.values()), grads, operation.layer.memory(site))

    def _output_views(self, n: int) -> list[Array | None]:
        views: list[Array | None] = []
        turn = 0
        for operation, own in zip(self._operations, self._outputs, strict=True):
            if operation.layer.is_view:
                views.append(None)
                continue
            views.append(_view(self._turns[turn] if own is None else own, n, operation.output_shape))
            turn = 1 - turn
        return views

    def _gradient_views(self, n: int) -> list[Array]:
        """Back to front: a view shares the buffer of the gradient behind it, anything else takes the other one."""
        turn = 0
        views = [_view(self._turns[turn], n, self._operations[-1].output_shape)]
        for operation in reversed(self._operations):
            turn = turn if operation.layer.is_view else 1 - turn
            views.append(_view(self._turns[turn], n, operation.input_shape))
        return views[::-1]


def _gradient_arena(operations: Sequence[Operation], dtype: Any) -> Arena:
    shapes = {name: operation.params[name].shape for operation in operations for name in operation.learned}
    return Arena(shapes, dtype)


def _view(flat: Array, n: int, shape: Shape) -> Array:
    return flat[: n * math.prod(shape)].reshape(n, *shape)


def _nbytes(memory: Any) -> int:
    """Bytes of the arrays in a layer's memory: an array, or a tuple of such things."""
    if isinstance(memory, tuple):
        return sum(_nbytes(part) for part in memory)
    return memory.nbytes if isinstance(memory, np.ndarray) else 0
