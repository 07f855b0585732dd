"""A stack of layers: shapes, parameters, the forward pass and the backward pass."""

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from crmsprop.nn.arena import Arena
from crmsprop.nn.fusion import fuse
from crmsprop.nn.layer import Array, Layer, Parameter, Run, Shape, describe_shape
from crmsprop.nn.workspace import Operation, Workspace

#: A network keeps so many workspaces of at most so many bytes between predictions: to make one costs more than a row.
SPARES = 8
SPARE_BYTES = 1 << 22


class Network:
    """A stack of layers on inputs of one shape, with its parameters in one arena.

    Parameters
    ----------
    layers : sequence of Layer
        From the input to the output; an empty stack is refused.
    input_shape : tuple of int
        Of one sample.
    dtype : {float32, float64}
    fused : bool, default=True
        Whether neighbouring layers may run as one pass.

    Attributes
    ----------
    shapes : list of tuple of int
        Output shape of each layer.
    parameters : dict of str to Parameter
        Keyed by the layer's index and the parameter's name, such as ``"0.weight"``.
    largest_array : int
        Elements of the largest array that a pass reads or writes for one sample.
    arena : Arena
        Their values, views keyed alike; the workspace of a training has the gradients of what is learned.

    Raises
    ------
    TypeError, ValueError
        If a layer is not a Layer, or does not fit the one before it: says which, what it got and what it needs.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import Dense, Network, ReLU
    >>> network = Network([Dense(8), ReLU(), Dense(3)], (4,))
    >>> network.initialize(np.random.default_rng(0))
    >>> list(network.parameters)
    ['0.weight', '0.bias', '2.weight', '2.bias']
    >>> network.forward(np.ones((5, 4), np.float32), network.workspace(5)).shape
    (5, 3)
    """

    def __init__(
        self, layers: Sequence[Layer], input_shape: Shape, dtype: Any = np.float32, fused: bool = True
    ) -> None:
        self.layers = tuple(layers)
        self.input_shape = tuple(int(size) for size in input_shape)
        self.dtype = np.dtype(dtype)
        self.fused = fused
        self.shapes = output_shapes(self.layers, self.input_shape)
        inputs = [self.input_shape, *self.shapes[:-1]]
        self.parameters: dict[str, Parameter] = {
            f"{i}.{parameter.name}": parameter
            for i, (layer, shape) in enumerate(zip(self.layers, inputs, strict=True))
            for parameter in layer.parameters(shape)
        }
        self.arena = Arena({name: parameter.shape for name, parameter in self.parameters.items()}, dtype)
        self._operations = self._plan(fused)
        learning = (i for i, operation in enumerate(self._operations) if operation.learned)
        self._first = next(learning, len(self._operations))
        shapes = (self.input_shape, *(operation.output_shape for operation in self._operations))
        self.largest_array = max(math.prod(shape) for shape in shapes)
        self._spare: list[Workspace] = []

    def __reduce__(self) -> tuple[Any, ...]:
        # The parameters once, and every view made anew: a view that is copied by itself no longer belongs to the arena.
        return _rebuilt, (self.layers, self.input_shape, self.dtype, self.fused, self.arena.flat)

    @property
    def output_shape(self) -> Shape:
        """Shape of the output of one sample."""
        return self.shapes[-1]

    @property
    def n_parameters(self) -> int:
        """Number of numbers that the network learns."""
        return sum(view.size for view in self.learned.values())

    @property
    def learned(self) -> dict[str, Array]:
        """The views that have a gradient, in the order of the gradients: what an optimizer moves."""
        return {name: view for name, view in self.arena.views.items() if self.parameters[name].learned}

    def initialize(self, rng: np.random.Generator) -> None:
        """Draw every parameter afresh, in order."""
        for name, parameter in self.parameters.items():
            self.arena.views[name][...] = parameter.initializer(parameter.shape, rng)

    def workspace(self, batch_size: int, n_threads: int = 1, training: bool = False) -> Workspace:
        """Return memory for batches of up to `batch_size` samples on `n_threads` threads."""
        return Workspace(self._operations, batch_size, self.dtype, n_threads, training)

    def borrow_workspace(self, batch_size: int, n_threads: int) -> Workspace:
        """Return a workspace for prediction that nobody else uses now: a spare one where one fits, else a new one."""
        with contextlib.suppress(IndexError):
            spare = self._spare.pop()  # atomic, as append is: callers may be threads
            if spare.batch_size >= batch_size and spare.n_threads == n_threads:
                return spare
        return self.workspace(batch_size, n_threads)

    def return_workspace(self, workspace: Workspace) -> None:
        """Take back what `borrow_workspace` gave, for the next call; large ones are dropped."""
        workspace.inputs = []  # or a spare one would keep the user's array alive
        if workspace.nbytes <= SPARE_BYTES and len(self._spare) < SPARES:
            self._spare.append(workspace)

    def forward(self, x: Array, workspace: Workspace, run: Run | None = None) -> Array:
        """Return the output for a batch, a view into the workspace that the next batch overwrites.

        Parameters
        ----------
        x : ndarray of shape (n, *input_shape)
            C-contiguous, of the network's dtype; read again by `backward`.
        workspace : Workspace
        run : Run or None, default=None
            None for prediction on as many threads as the workspace was made for.

        Returns
        -------
        ndarray of shape (n, *output_shape)
        """
        run = run or Run(n_threads=workspace.n_threads)
        outputs = workspace.buffers(len(x)).outputs
        workspace.inputs = []
        for operation, out, own in zip(self._operations, outputs, workspace.owned, strict=True):
            workspace.inputs.append(x)
            if out is None:
                x = x.reshape(len(x), *operation.output_shape)
            else:
                operation.layer.forward(x, out, own, run)
                x = out
        return x

    def backward(self, workspace: Workspace, run: Run) -> None:
        """Fill ``workspace.gradients`` for the batch that `forward` last saw in this workspace.

        The gradient to the output is read from ``workspace.output_gradient(n)``, which the loss has filled.

        Parameters
        ----------
        workspace : Workspace
            For training.
        run : Run
            The one that `forward` got.
        """
        n = len(workspace.inputs[0])
        outputs, gradients = workspace.buffers(n)
        for i in range(len(self._operations) - 1, self._first - 1, -1):
            out, dx = outputs[i], gradients[i] if i > self._first else None
            if out is not None:
                layer, own = self._operations[i].layer, workspace.owned[i]
                layer.backward(workspace.inputs[i], out, gradients[i + 1], dx, own, run)

    def _plan(self, fused: bool) -> list[Operation]:
        layers = fuse(self.layers) if fused else [(layer, 1) for layer in self.layers]
        names_of: dict[int, list[str]] = {}
        for name in self.parameters:
            names_of.setdefault(int(name.split(".")[0]), []).append(name)
        plan, index, shape = [], 0, self.input_shape
        for layer, count in layers:
            names = [name for i in range(index, index + count) for name in names_of.get(i, [])]
            params = {name: self.arena.views[name] for name in names}
            learned = [name for name in names if self.parameters[name].learned]
            plan.append(Operation(index, layer, shape, self.shapes[index + count - 1], params, learned))
            index += count
            shape = plan[-1].output_shape
        return plan


def _rebuilt(layers: Sequence[Layer], input_shape: Shape, dtype: Any, fused: bool, flat: Array) -> Network:
    network = Network(layers, input_shape, dtype, fused)
    network.arena.flat[:] = flat
    return network


def output_shapes(layers: Sequence[Layer], input_shape: Shape) -> list[Shape]:
    """Return the output shape of each layer of a stack; takes no memory for it.

    Raises
    ------
    TypeError, ValueError
        If a layer is not a Layer, or does not fit the one before it: says which, what it got and what it needs.
    """
    if not layers:
        raise ValueError("layers must hold at least one layer, got none")
    shapes, shape = [], input_shape
    for i, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            raise TypeError(f"layers[{i}] must be a Layer, got {layer!r:.100}")
        try:
            shape = layer.output_shape(shape)
        except ValueError as error:
            raise ValueError(
                f"layers[{i}], {layer!r}, does not fit the shape {describe_shape(shape)}: {error}"
            ) from None
        shapes.append(shape)
    return shapes
