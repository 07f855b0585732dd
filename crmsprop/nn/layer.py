"""What a layer is: a small immutable spec that knows its shapes, its parameters, and its two passes.

A layer holds no state. Parameters live in the network's arena, activations and scratch in a workspace; the network
hands both in, so that one spec can serve any number of networks and threads. To write a layer of your own, make a
frozen dataclass that inherits from Layer and override what it needs: `output_shape`, `forward` and `backward` at
least.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from crmsprop.errors import check_integer
from crmsprop.kernels.counters import key_of
from crmsprop.nn.initializers import Initializer

Array = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Parameter:
    """One array that a layer has in the network's arena: what it learns, or counts for itself, such as a running mean.

    Parameters
    ----------
    name : str
        Unique within the layer, such as ``"weight"``.
    shape : tuple of int
    initializer : Initializer
    decays : bool, default=True
        Whether the L2 penalty applies: False for biases and the parameters of a normalization.
    l2 : float or None, default=None
        The layer's own penalty; None for the optimizer's.
    learned : bool, default=True
        Whether it has a gradient and the optimizer moves it; False for what the layer's forward pass moves in training.
    minimum : float, default=-inf
        What no element is ever below; a file with one that is will not be read.
    """

    name: str
    shape: Shape
    initializer: Initializer
    decays: bool = True
    l2: float | None = None
    learned: bool = True
    minimum: float = -math.inf

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    def within(self, part: str) -> "Parameter":
        """Return it under the name that it has in what the layer is a part of: ``"0.weight"``."""
        return replace(self, name=f"{part}.{self.name}")


class Site(NamedTuple):
    """Where a layer works within one workspace: asked for its memory there.

    `stream` tells the layers of a network apart where they draw random numbers.
    """

    stream: int
    input_shape: Shape
    batch_size: int
    dtype: np.dtype[Any]
    n_threads: int
    training: bool


class Own(NamedTuple):
    """What is a layer's own in both passes.

    `params` and `grads` are in the order of `Layer.parameters`, views into the network's arena and its gradients; what
    is not learned has no gradient. `memory` is what `Layer.memory` returned for this workspace.
    """

    params: Sequence[Array]
    grads: Sequence[Array]
    memory: Any


@dataclass(slots=True)
class Run:
    """One pass over one batch.

    Attributes
    ----------
    training : bool
        Whether dropout drops and statistics are those of the batch.
    n_threads : int
    seed, step : int
        What random numbers are drawn from: the same pair gives the same numbers.
    frozen : frozenset of int
        Layers of the chain that gets this run which work as in prediction, and whose parameters need no gradient.
    """

    training: bool = False
    n_threads: int = 1
    seed: int = 0
    step: int = 0
    frozen: frozenset[int] = frozenset()

    def within(self) -> "Run":
        """Return the run for a layer that is not frozen: its own parts are none of this chain's layers."""
        return replace(self, frozen=frozenset()) if self.frozen else self

    def still(self) -> "Run":
        """Return the run for a layer that is frozen."""
        return replace(self, training=False, frozen=frozenset())

    def key(self, stream: int) -> int:
        """Key of a stream of random numbers for this pass: 64 mixed bits of (seed, step, stream)."""
        return key_of(self.seed, self.step, stream)


class Layer:
    """Base of all layers: no parameters, no memory, and a clear refusal of what is not overridden.

    Shapes here are of one sample, without the batch axis; arrays in the two passes have the batch axis first.
    """

    #: True for a layer whose output is its input in another shape: it has no passes, and its buffers are views.
    is_view: ClassVar[bool] = False

    #: True for a layer that `adapt` sets up from the training samples before training begins.
    adapts: ClassVar[bool] = False

    def output_shape(self, input_shape: Shape) -> Shape:
        """Shape of the output for inputs of `input_shape`.

        Raises
        ------
        ValueError
            If the layer cannot take `input_shape`: says what it needs and what it got.
        """
        raise TypeError(f"{type(self).__name__} must override output_shape")

    def parameters(self, input_shape: Shape) -> tuple[Parameter, ...]:
        """What both passes get, in order: what the layer learns, and what `forward` itself moves in training."""
        return ()

    def memory(self, site: Site) -> Any:
        """Arrays that the passes need beside their arguments, for batches of up to ``site.batch_size`` samples."""
        return None

    def adapt(self, x: Array, params: Sequence[Array]) -> None:
        """Set `params` from samples as they come to this layer; called where `adapts` is True.

        Parameters
        ----------
        x : ndarray of shape (n, *input_shape)
        params : sequence of ndarray
            In the order of `parameters`, to be written.
        """

    def largest_array(self, input_shape: Shape) -> int:
        """Elements of the largest array that the passes read or write for one sample."""
        return max(math.prod(input_shape), math.prod(self.output_shape(input_shape)))

    def flops(self, input_shape: Shape) -> int:
        """Floating-point operations of the forward pass of one sample: 2 a multiply-add."""
        return 0

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        """Fill `out` from `x`.

        Parameters
        ----------
        x : ndarray of shape (n, *input_shape)
        out : ndarray of shape (n, *output_shape)
        own : Own
        run : Run
        """
        raise TypeError(f"{type(self).__name__} must override forward")

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        """Fill ``own.grads``, and `dx` unless it is None, from `dy`.

        Parameters
        ----------
        x, out : ndarray
            What `forward` read and wrote; not to be changed.
        dy : ndarray of shape (n, *output_shape)
            Gradient to `out`; may be overwritten.
        dx : ndarray of shape (n, *input_shape) or None
            Gradient to `x`, where somebody needs it.
        own : Own
        run : Run
            The one that `forward` got.
        """
        raise TypeError(f"{type(self).__name__} must override backward")


def describe_shape(shape: Shape) -> str:
    """How messages write a shape: ``(32, 32, 3)``."""
    return "(" + ", ".join(map(str, shape)) + ")"


def check_image(layer: str, shape: Shape) -> tuple[int, int, int]:
    """Return `shape` as (height, width, channels); ValueError where it is not an image's."""
    if len(shape) != 3:
        raise ValueError(f"{layer} needs images of shape (height, width, channels), got {describe_shape(shape)}")
    return shape


def check_pair(name: str, value: Any, minimum: int) -> tuple[int, int]:
    """Return an int, or a pair of them, as a pair; TypeError or ValueError where it is neither or too small."""
    pair = value if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2:
        raise ValueError(f"{name} must be an integer or a pair of them, got {value!r}")
    return check_integer(name, pair[0], minimum), check_integer(name, pair[1], minimum)


def freeze_pair(layer: Layer, name: str) -> None:
    """Make a tuple of a pair that was given as a list: a spec is immutable and hashable."""
    if isinstance(getattr(layer, name), list):
        object.__setattr__(layer, name, tuple(getattr(layer, name)))
