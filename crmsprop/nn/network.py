"""A stack of layers: shapes, parameters, the forward pass and the backward pass."""

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from crmsprop.nn.arena import Arena
from crmsprop.nn.chain import Between, Chain
from crmsprop.nn.layer import Array, Layer, Run, Shape, Site
from crmsprop.nn.workspace import Workspace

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
        Whether neighbouring layers may run as one pass, within blocks too.

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
        if not self.layers:
            raise ValueError("layers must hold at least one layer, got none")
        self.input_shape = tuple(int(size) for size in input_shape)
        self.dtype = np.dtype(dtype)
        self.fused = fused
        self._chain = Chain(self.layers, self.input_shape, fused=fused)
        self._predicting = Chain(self.layers, self.input_shape, fused=fused, training=False)
        self.shapes, self.largest_array = self._chain.shapes, self._chain.largest_array
        self.parameters = {parameter.name: parameter for parameter in self._chain.parameters}
        self.arena = Arena({name: parameter.shape for name, parameter in self.parameters.items()}, dtype)
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

    @property
    def adapts(self) -> bool:
        """Whether a layer wants to see training samples before training begins."""
        return any(layer.adapts for layer in self.layers)

    def adapt(self, x: Array) -> None:
        """Show samples to the layers that want to see some before training begins, each as they come to it.

        Parameters
        ----------
        x : ndarray of shape (n, *input_shape)
            C-contiguous, of the network's dtype.
        """
        for i, layer in enumerate(self.layers):
            if layer.adapts:
                own = [view for name, view in self.arena.views.items() if name.startswith(f"{i}.")]
                layer.adapt(self._before(i, x), own)

    def _before(self, i: int, x: Array) -> Array:
        """What comes to layer `i`, in prediction."""
        if i == 0:
            return x
        head = Network(self.layers[:i], self.input_shape, self.dtype)
        for name, view in head.arena.views.items():
            view[...] = self.arena.views[name]
        return head.forward(x, head.workspace(len(x)))

    def workspace(self, batch_size: int, n_threads: int = 1, training: bool = False) -> Workspace:
        """Return memory for batches of up to `batch_size` samples on `n_threads` threads."""
        shapes = {name: view.shape for name, view in self.learned.items()}
        gradients = Arena(shapes, self.dtype) if training else None
        site = Site(0, self.input_shape, batch_size, self.dtype, n_threads, training, self.fused)
        return Workspace(self._chain_for(training), list(self.arena.views.values()), gradients, site)

    def borrow_workspace(self, batch_size: int, n_threads: int) -> Workspace:
        """Return a workspace for prediction that nobody else uses now: a spare one where one fits, else a new one."""
        with contextlib.suppress(IndexError):
            spare = self._spare.pop()  # atomic, as append is: callers may be threads
            if spare.batch_size >= batch_size and spare.n_threads == n_threads:
                return spare
        return self.workspace(batch_size, n_threads)

    def return_workspace(self, workspace: Workspace) -> None:
        """Take back what `borrow_workspace` gave, for the next call; large ones are dropped."""
        workspace.x = None  # or a spare one would keep the user's array alive
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

        Raises
        ------
        ValueError
            If `run` is training, and `workspace` is for prediction.
        """
        return self._forward(x, workspace, run or workspace.run, 0)

    def still_output(self, n: int, workspace: Workspace, run: Run) -> Array | None:
        """Return where the frozen layers at the beginning leave their output, in a workspace for training.

        It is the same for a sample in every pass and every batch, to the bit, as long as their parameters are.

        Parameters
        ----------
        n : int
            Samples in the batch.
        workspace : Workspace
        run : Run

        Returns
        -------
        ndarray of shape (n, *output_shape), or None
            What `forward` has filled; None where the first layer is not frozen, or all are.
        """
        n_still = self._chain.n_still(run)
        activations: Sequence[Between] = workspace.own.memory.passes(n, workspace.own).activations
        return activations[n_still - 1].written if n_still else None

    def forward_behind(self, x: Array, workspace: Workspace, run: Run) -> Array:
        """As `forward`, but without the frozen layers at the beginning: `still_output` already holds what they give.

        Parameters
        ----------
        x : ndarray of shape (n, *input_shape)
            As for `forward`.
        workspace : Workspace
            For training.
        run : Run

        Returns
        -------
        ndarray of shape (n, *output_shape)
            As of `forward`.
        """
        return self._forward(x, workspace, run, self._chain.n_still(run))

    def _forward(self, x: Array, workspace: Workspace, run: Run, first: int) -> Array:
        if run.training and not workspace.training:  # its layers are folded: they would predict, and not say so
            raise ValueError("workspace must be for training where run is training, got one for prediction")
        workspace.x = x
        out = workspace.output(len(x))
        self._chain_for(workspace.training).forward(x, out, workspace.own, run, first)
        return out

    def _chain_for(self, training: bool) -> Chain:
        return self._chain if training else self._predicting

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
        x = workspace.x
        assert x is not None
        n = len(x)
        self._chain.backward(x, workspace.output(n), workspace.output_gradient(n), None, workspace.own, run)


def _rebuilt(layers: Sequence[Layer], input_shape: Shape, dtype: Any, fused: bool, flat: Array) -> Network:
    network = Network(layers, input_shape, dtype, fused)
    network.arena.flat[:] = flat
    return network
