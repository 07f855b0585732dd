"""Layers one after another: the plan of their passes, the memory between them, and the two passes themselves."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from crmsprop.nn.arena import aligned_zeros
from crmsprop.nn.fusion import fuse
from crmsprop.nn.layer import Array, Layer, Own, Parameter, Run, Shape, Site, describe_shape


class Step(NamedTuple):
    """One pass: a layer, maybe one that stands for several, and what is its own among the chain's arrays."""

    number: int  # of the layer in its chain; of the first one that it stands for
    stream: int  # fused or not, a layer draws the same random numbers
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    params: slice
    grads: slice

    @property
    def learns(self) -> bool:
        """Whether the step has gradients to fill."""
        return bool(self.grads.start < self.grads.stop)


class Chain:
    """Layers one after another on samples of one shape: what a network is, and what a layer can be made of.

    Like a layer it holds no state: `memory` makes what its passes need, for one running batch.

    Parameters
    ----------
    layers : sequence of Layer
    input_shape : tuple of int
    stream : int, default=0
        Of the first layer; the others follow.
    fused : bool, default=True
        Whether neighbouring layers may run as one pass.
    training : bool, default=True
        False for a chain that only predicts, which has fewer passes still; its parameters are the same.

    Attributes
    ----------
    shapes : list of tuple of int
        Output shape of each layer.
    parameters : tuple of Parameter
        Of all layers, named by index and name, such as ``"0.weight"``.
    steps : tuple of Step
        The passes, in order; layers that only change the shape have none.
    n_learned : int
        How many of the parameters have a gradient.
    largest_array : int
        Elements of the largest array that a pass reads or writes for one sample.
    flops : int
        Floating-point operations of the forward pass of one sample.

    Raises
    ------
    TypeError, ValueError
        If a layer is not a Layer, or does not fit the one before it: says which, what it got and what it needs.
    """

    def __init__(
        self, layers: Sequence[Layer], input_shape: Shape, stream: int = 0, fused: bool = True, training: bool = True
    ) -> None:
        self.input_shape = input_shape
        self.shapes = output_shapes(layers, input_shape)
        inputs = [input_shape, *self.shapes][: len(layers)]
        of_each = [layer.parameters(shape) for layer, shape in zip(layers, inputs, strict=True)]
        self.parameters: tuple[Parameter, ...] = tuple(
            parameter.within(str(i)) for i, parameters in enumerate(of_each) for parameter in parameters
        )
        passes = fuse(layers, training) if fused else [(layer, 1) for layer in layers]
        self.steps = tuple(_plan(passes, inputs, self.shapes, of_each, stream))
        self.n_learned = sum(parameter.learned for parameter in self.parameters)
        self.flops = sum(layer.flops(shape) for layer, shape in zip(layers, inputs, strict=True))
        sizes = [math.prod(input_shape), *(step.layer.largest_array(step.input_shape) for step in self.steps)]
        self.largest_array = max(sizes)
        self._first = next((i for i, step in enumerate(self.steps) if step.learns), len(self.steps))

    @property
    def output_shape(self) -> Shape:
        """Shape of the output of one sample."""
        return self.shapes[-1] if self.shapes else self.input_shape

    def memory(self, site: Site) -> "ChainMemory":
        """Return what the passes need beside their arguments, for batches of up to ``site.batch_size`` samples."""
        return ChainMemory(self, site)

    def forward(self, x: Array, out: Array, own: Own, run: Run, first: int = 0) -> None:
        """Fill `out` from `x`, as a layer does; from step `first` on, where the memory has what the others gave."""
        if not self.steps:
            out[...] = x.reshape(out.shape)
            return
        passes, runs = own.memory.passes(len(x), own), self._runs(run)
        x = passes.activations[first - 1].read if first else _shaped(x, self.steps[0].input_shape)
        steps = passes.forward[first:] if first else passes.forward
        for i, (layer, own_of_step, shape, after) in enumerate(steps, first):
            target = _shaped(out, shape) if after is None else after.written
            layer.forward(x, target, own_of_step, runs[i] if runs else run)
            if after is not None:
                x = after.read

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        """Fill ``own.grads``, and `dx` unless it is None, from `dy`, as a layer does.

        Where nobody needs `dx`, the steps before the first one that learns are left out.
        """
        if not self.steps:
            if dx is not None:
                dx[...] = dy.reshape(dx.shape)
            return
        steps, memory, runs = self.steps, own.memory, self._runs(run)
        first, last = self._first_learning(run) if dx is None else 0, len(steps) - 1
        activations, gradients, owned = memory.passes(len(x), own)[1:]
        for i in range(last, first - 1, -1):
            step_x = activations[i - 1].read if i else _shaped(x, steps[0].input_shape)
            step_dx = None if dx is None else _shaped(dx, steps[0].input_shape)
            if i:
                step_dx = gradients[i - 1].read if i > first else None
            if i < last:
                step_out, step_dy = activations[i].written, gradients[i].written
            else:
                step_out, step_dy = _shaped(out, steps[i].output_shape), _shaped(dy, steps[i].output_shape)
            steps[i].layer.backward(step_x, step_out, step_dy, step_dx, owned[i], runs[i] if runs else run)

    def n_still(self, run: Run) -> int:
        """How many steps at the beginning are frozen; 0 where all are, which leaves nothing behind them."""
        moving = (i for i, step in enumerate(self.steps) if step.number not in run.frozen)
        return next(moving, 0)

    def _runs(self, run: Run) -> list[Run]:
        """The run of each step where some are frozen; where none is, an empty list: all have the chain's."""
        if not run.frozen:
            return []
        moving, still = run.within(), run.still()
        return [still if step.number in run.frozen else moving for step in self.steps]

    def _first_learning(self, run: Run) -> int:
        if not run.frozen:
            return self._first
        learning = (i for i, step in enumerate(self.steps) if step.learns and step.number not in run.frozen)
        return next(learning, len(self.steps))


class Between(NamedTuple):
    """What lies between two steps: the same memory in the shape of the one's output and of the other's input."""

    written: Array
    read: Array


class Passes(NamedTuple):
    """What both passes of a batch of n samples go by: buffers cut to it, and what belongs to each step."""

    forward: list[tuple[Layer, Own, Shape, Between | None]]  # of each step, with what it writes; None for the end
    activations: list[Between]  # one less than steps, as gradients
    gradients: list[Between]
    owned: list[Own]


class ChainMemory:
    """Activations, the gradients between layers, and the layers' own memory, for one running batch.

    In training every activation is kept for the backward pass, and the gradients between layers share two buffers that
    take turns; in prediction activations take turns too.
    """

    def __init__(self, chain: Chain, site: Site) -> None:
        steps = chain.steps
        self._steps = steps
        self._each = [
            step.layer.memory(site._replace(stream=step.stream, input_shape=step.input_shape)) for step in steps
        ]
        sizes = [site.batch_size * math.prod(step.output_shape) for step in steps[:-1]]
        self._turns = [aligned_zeros(max(sizes, default=0), site.dtype) for _ in range(min(len(sizes), 2))]
        self._activations = [
            aligned_zeros(size, site.dtype) if site.training else self._turns[i % 2] for i, size in enumerate(sizes)
        ]
        self._training = site.training
        self._passes: dict[int, Passes] = {}
        # Whose they are. Not the Own: it holds this memory, and the two would live until the garbage collector comes.
        self._arrays: tuple[Any, Any] = None, None

    @property
    def nbytes(self) -> int:
        """Bytes of the buffers, and of what the layers have of their own."""
        buffers = {id(array): array for array in (*self._turns, *self._activations)}
        return sum(array.nbytes for array in buffers.values()) + sum(map(bytes_of, self._each))

    def passes(self, n: int, own: Own) -> Passes:
        """Return what the passes of `n` samples go by, made once for each size of batch."""
        if own.params is not self._arrays[0] or own.grads is not self._arrays[1]:
            self._arrays, self._passes = own[:2], {}
        found = self._passes.get(n)
        if found is None:
            found = self._passes[n] = self._prepare(n, own)
        return found

    def _prepare(self, n: int, own: Own) -> Passes:
        activations = self._cut(self._activations, n)
        gradients = [self._turns[i % 2] for i in range(len(activations))] if self._training else []
        owned = [
            Own(own.params[step.params], own.grads[step.grads], memory)
            for step, memory in zip(self._steps, self._each, strict=True)
        ]
        forward = [
            (step.layer, own_of_step, step.output_shape, after)
            for step, own_of_step, after in zip(self._steps, owned, [*activations, None], strict=True)
        ]
        return Passes(forward, activations, self._cut(gradients, n), owned)

    def _cut(self, buffers: Sequence[Array], n: int) -> list[Between]:
        return [
            Between(cut(buffer, n, before.output_shape), cut(buffer, n, after.input_shape))
            for buffer, before, after in zip(buffers, self._steps, self._steps[1:], strict=False)
        ]


def output_shapes(layers: Sequence[Layer], input_shape: Shape) -> list[Shape]:
    """Return the output shape of each layer of a stack; takes no memory for it.

    Parameters
    ----------
    layers : sequence of Layer
    input_shape : tuple of int
        Of one sample.

    Returns
    -------
    list of tuple of int

    Raises
    ------
    TypeError, ValueError
        If a layer is not a Layer, or does not fit the one before it: says which, what it got and what it needs.

    Examples
    --------
    >>> from crmsprop.nn import Conv2D, Flatten, MaxPool2D, output_shapes
    >>> output_shapes([Conv2D(32, 3), MaxPool2D(2), Flatten()], (32, 32, 3))
    [(30, 30, 32), (15, 15, 32), (7200,)]
    """
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
        if not isinstance(shape, tuple) or not all(isinstance(size, int | np.integer) for size in shape):
            raise TypeError(f"output_shape of layers[{i}], {layer!r}, must be a tuple of integers, got {shape!r:.100}")
        shapes.append(shape)
    return shapes


def cut(buffer: Array, n: int, shape: Shape) -> Array:
    """Return the head of a flat buffer as `n` samples of `shape`."""
    return buffer[: n * math.prod(shape)].reshape(n, *shape)


def bytes_of(memory: Any) -> int:
    """Bytes of the arrays in a layer's memory: an array, what counts its own bytes, or a tuple of such things."""
    nbytes = getattr(memory, "nbytes", None)
    if isinstance(nbytes, int):
        return nbytes
    return sum(map(bytes_of, memory)) if isinstance(memory, tuple) else 0


def _shaped(x: Array, shape: Shape) -> Array:
    return x if x.shape[1:] == shape else x.reshape(len(x), *shape)


def _plan(
    passes: Sequence[tuple[Layer, int]],
    inputs: Sequence[Shape],
    outputs: Sequence[Shape],
    parameters: Sequence[Sequence[Parameter]],
    stream: int,
) -> list[Step]:
    plan, index, param, grad = [], 0, 0, 0
    for layer, count in passes:
        own = [parameter for of_layer in parameters[index : index + count] for parameter in of_layer]
        params = slice(param, param + len(own))
        grads = slice(grad, grad + sum(parameter.learned for parameter in own))
        param, grad = params.stop, grads.stop
        if not layer.is_view:
            plan.append(Step(index, stream + index, layer, inputs[index], outputs[index + count - 1], params, grads))
        index += count
    return plan
