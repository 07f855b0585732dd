"""The residual block."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from crmsprop import kernels
from crmsprop.nn.arena import aligned_zeros
from crmsprop.nn.chain import Chain, cut, output_shapes
from crmsprop.nn.layer import Array, Layer, Own, Parameter, Run, Shape, Site, describe_shape

#: Blocks within blocks: a file could hold any number, and each level doubles the work of planning.
MAX_DEPTH = 4

#: Streams of random numbers that belong to a block: half for its layers, half for its shortcut.
STREAMS = 1 << 12


@dataclass(frozen=True)
class Residual(Layer):
    """``out = layers(x) + shortcut(x)``: what the layers learn is the difference to their input (He et al., 2016).

    Parameters
    ----------
    layers : sequence of Layer
        At least one.
    shortcut : sequence of Layer, default=()
        What x goes through on its way around `layers`; nothing where both have one shape, else often a 1 x 1
        convolution with the strides of `layers`.

    Examples
    --------
    >>> from crmsprop.nn import BatchNorm, Conv2D, ReLU, Residual
    >>> conv = Conv2D(16, 3, padding="same", use_bias=False)
    >>> Residual([conv, BatchNorm(), ReLU(), conv, BatchNorm()]).output_shape((8, 8, 16))
    (8, 8, 16)
    >>> down = Conv2D(32, 3, stride=2, padding="same", use_bias=False)
    >>> Residual([down, BatchNorm()], shortcut=[Conv2D(32, 1, stride=2)]).output_shape((8, 8, 16))
    (4, 4, 32)
    """

    layers: Sequence[Layer]
    shortcut: Sequence[Layer] = ()

    def __post_init__(self) -> None:
        for name in ("layers", "shortcut"):
            object.__setattr__(self, name, _checked(name, getattr(self, name)))
        for layer in (*self.layers, *self.shortcut):
            if layer.adapts:
                raise ValueError(f"a layer that is set up from the data must not be within a block, got {layer!r}")
        if not self.layers:
            raise ValueError("layers must hold at least one layer, got none")
        if (depth := _depth(self)) > MAX_DEPTH:
            raise ValueError(f"residual blocks must be at most {MAX_DEPTH} deep in each other, got {depth}")

    def output_shape(self, input_shape: Shape) -> Shape:
        main, around = ([input_shape, *output_shapes(part, input_shape)][-1] for part in (self.layers, self.shortcut))
        if main != around:
            raise ValueError(
                f"Residual needs layers and shortcut that end in one shape, got {describe_shape(main)} and "
                f"{describe_shape(around)}"
            )
        return main

    def parameters(self, input_shape: Shape) -> tuple[Parameter, ...]:
        main, around = self._chains(input_shape, 0)
        return (
            *(parameter.within("layers") for parameter in main.parameters),
            *(parameter.within("shortcut") for parameter in around.parameters),
        )

    def memory(self, site: Site) -> "ResidualMemory":
        main, around = self._chains(site.input_shape, (site.stream + 1) * STREAMS, site.training, site.fused)
        shape = main.output_shape
        sizes = [site.batch_size * math.prod(size) for size in (shape, site.input_shape)]
        is_open = not around.steps  # x itself is added

        def buffer(size: int, wanted: bool) -> Array:
            return aligned_zeros(size if wanted else 0, site.dtype)

        return ResidualMemory(
            Branch(main, site, 0, 0),
            Branch(around, site, len(main.parameters), main.n_learned),
            buffer(sizes[0], site.training),
            buffer(sizes[0], not is_open),
            buffer(sizes[0], site.training and not is_open),
            buffer(sizes[1], site.training),
        )

    def largest_array(self, input_shape: Shape) -> int:
        return max(chain.largest_array for chain in self._chains(input_shape, 0))

    def flops(self, input_shape: Shape) -> int:
        added = math.prod(self.output_shape(input_shape))
        return added + sum(chain.flops for chain in self._chains(input_shape, 0))

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        memory, n = own.memory, len(x)
        # In training the backward pass reads what the last layer wrote, and not the sum.
        main = _like(memory.main_out, out, n) if memory.main_out.size else out
        memory.main.chain.forward(x, main, memory.main.own(own), run)
        kernels.add(main, self._around(x, out, own, run), out, run.n_threads)

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        memory, n = own.memory, len(x)
        main, around = memory.main, memory.around
        around_out = _like(memory.around_out, out, n) if around.chain.steps else x
        if around.chain.steps:
            around_dy = _like(memory.around_dy, out, n)
            around_dy[...] = dy
            around.chain.backward(x, around_out, around_dy, dx, around.own(own), run)
        elif dx is not None:
            dx[...] = dy.reshape(dx.shape)
        if dx is None:
            main.chain.backward(x, _like(memory.main_out, out, n), dy, None, main.own(own), run)
            return
        main_dx = _like(memory.main_dx, dx, n)
        main.chain.backward(x, _like(memory.main_out, out, n), dy, main_dx, main.own(own), run)
        kernels.add(dx, main_dx, dx, run.n_threads)

    def _around(self, x: Array, out: Array, own: Own, run: Run) -> Array:
        """What the shortcut makes of x."""
        memory = own.memory
        if not memory.around.chain.steps:
            return x.reshape(out.shape)
        around = _like(memory.around_out, out, len(x))
        memory.around.chain.forward(x, around, memory.around.own(own), run)
        return around

    def _chains(
        self, input_shape: Shape, stream: int, training: bool = True, fused: bool = True
    ) -> tuple[Chain, Chain]:
        return (
            Chain(self.layers, input_shape, stream, fused, training),
            Chain(self.shortcut, input_shape, stream + STREAMS // 2, fused, training),
        )


class Branch:
    """One of the two ways through a block, with its memory and its share of the block's parameters."""

    def __init__(self, chain: Chain, site: Site, first_param: int, first_grad: int) -> None:
        self.chain, self.memory = chain, chain.memory(site)
        self._params = slice(first_param, first_param + len(chain.parameters))
        self._grads = slice(first_grad, first_grad + chain.n_learned)
        self._of: tuple[Any, Any] = None, None  # the block's arrays; its Own would be a cycle, see ChainMemory
        self._own: Own | None = None

    def own(self, own: Own) -> Own:
        """Return what belongs to the branch, of what belongs to the block: the same object at every call."""
        if self._own is None or own.params is not self._of[0] or own.grads is not self._of[1]:
            self._of, self._own = own[:2], Own(own.params[self._params], own.grads[self._grads], self.memory)
        return self._own


class ResidualMemory(NamedTuple):
    """Both branches, and flat buffers; those that nothing needs are empty."""

    main: Branch
    around: Branch
    main_out: Array
    around_out: Array
    around_dy: Array
    main_dx: Array

    @property
    def nbytes(self) -> int:
        """Bytes of the buffers, and of what the branches have of their own."""
        return self.main.memory.nbytes + self.around.memory.nbytes + sum(buffer.nbytes for buffer in self[2:])


def _like(buffer: Array, array: Array, n: int) -> Array:
    return cut(buffer, n, array.shape[1:])


def _checked(name: str, layers: Any) -> tuple[Layer, ...]:
    if not isinstance(layers, Sequence) or isinstance(layers, str | bytes):
        raise TypeError(f"{name} must be a sequence of layers, got {layers!r:.100}")
    for i, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            raise TypeError(f"{name}[{i}] must be a Layer, got {layer!r:.100}")
    return tuple(layers)


def _depth(block: Residual) -> int:
    inner = [_depth(layer) for layer in (*block.layers, *block.shortcut) if isinstance(layer, Residual)]
    return 1 + max(inner, default=0)
