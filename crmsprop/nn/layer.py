"""What a layer is: a small immutable spec that knows its shapes, its parameters, and its two passes.

A layer holds no state. Parameters live in the network's arena, activations and scratch in a workspace; the network
hands both in, so that one spec can serve any number of networks and threads. What a layer of your own has to do stands
in the docstrings of `Layer`; examples/own_layer.py in the source tree shows one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from crmsprop.errors import check_integer, shown
from crmsprop.kernels.counters import key_of
from crmsprop.nn.initializers import Initializer

Array = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, ...]

#: As far as the kernels count.
MOST = 2**31 - 1


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

    Examples
    --------
    >>> from crmsprop.nn import Ones, Parameter
    >>> Parameter("factor", (3, 3), Ones(), decays=False).size
    9
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

    Parameters
    ----------
    stream : int
        Tells the layers of a network apart where they draw random numbers.
    input_shape : tuple of int
        Of one sample.
    batch_size : int
        The largest batch.
    dtype : dtype
        What the network computes in, float32 or float64.
    n_threads : int
    training : bool
        Whether there will be backward passes.
    fused : bool, default=True
        Whether neighbouring layers may run as one pass, for a layer that is made of others.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import Dropout, Site
    >>> Dropout(0.5).memory(Site(7, (100,), 32, np.dtype("f4"), 1, training=True))
    7
    """

    stream: int
    input_shape: Shape
    batch_size: int
    dtype: np.dtype[Any]
    n_threads: int
    training: bool
    fused: bool = True


class Own(NamedTuple):
    """What is a layer's own in both passes.

    Parameters
    ----------
    params : sequence of ndarray
        In the order of `Layer.parameters`: views into the network's arena.
    grads : sequence of ndarray
        The gradients of those that are learned, in the same order; of what is not learned there is none.
    memory : object
        What `Layer.memory` returned for this workspace.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import Own, Run, Scale
    >>> x, out = np.ones((2, 3)), np.empty((2, 3))
    >>> Scale(0.5).forward(x, out, Own([], [], None), Run())
    >>> out[0]
    array([0.5, 0.5, 0.5])
    """

    params: Sequence[Array]
    grads: Sequence[Array]
    memory: Any


@dataclass(slots=True)
class Run:
    """One pass over one batch.

    Parameters
    ----------
    training : bool, default=False
        Whether dropout drops and statistics are those of the batch.
    n_threads : int, default=1
    seed, step : int, default=0
        What random numbers are drawn from: the same pair gives the same numbers.
    frozen : frozenset of int, default=frozenset()
        Layers of the chain that gets this run which work as in prediction, and whose parameters need no gradient.

    Examples
    --------
    >>> from crmsprop.nn import Run
    >>> Run(training=True, seed=3, step=10).key(stream=0) == Run(training=True, seed=3, step=11).key(stream=0)
    False
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
    """Base of all layers: what one of your own inherits from, and overrides.

    A layer is a frozen dataclass, and its fields are its parameters: numbers, text, booleans, None, initializers, other
    layers, or tuples of them. It is then compared, copied, searched over and written to a file by them, and a training
    goes on from a checkpoint only with the same. What it is told wrong it refuses in ``__post_init__``.

    `output_shape`, `forward` and `backward` have to be overridden; `parameters`, if it learns; the others only for what
    they say. Shapes are of one sample, without the batch axis; arrays have the batch axis first.

    What makes the promises of the package hold, and `check_gradients` tells in part whether it does:

    - It holds no state. Several networks and threads can use one layer at a time, each with its `Own`.
    - It computes in the dtype of its arrays, float32 or float64.
    - Outside of training, the output for a sample does not depend on the other samples of the batch, to the bit: true
      of what goes element by element, or over one sample; not of ``x @ weight``, for which the libraries behind NumPy
      choose another way for another number of rows.
    - What it computes does not depend on ``run.n_threads``.
    - Random numbers come from ``run.key(stream)`` and nothing else, such as ``np.random.Philox(key=...)``, with the
      stream that `memory` was told.

    Examples
    --------
    Numbers that are added, one for each element of a sample:

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from crmsprop.nn import Layer, Parameter, Zeros, check_gradients
    >>> @dataclass(frozen=True)
    ... class Shift(Layer):
    ...     def output_shape(self, input_shape):
    ...         return input_shape
    ...     def parameters(self, input_shape):
    ...         return (Parameter("shift", input_shape, Zeros(), decays=False),)
    ...     def forward(self, x, out, own, run):
    ...         np.add(x, own.params[0], out=out)
    ...     def backward(self, x, out, dy, dx, own, run):
    ...         np.sum(dy, axis=0, out=own.grads[0])
    ...         if dx is not None:
    ...             np.copyto(dx, dy)
    >>> max(check_gradients(Shift(), (4, 4, 2)).errors.values()) < 1e-6
    True
    """

    #: True for a layer whose output is its input in another shape: it has no passes, and its buffers are views.
    is_view: ClassVar[bool] = False

    #: True for a layer that `adapt` sets up from the training samples before training begins.
    adapts: ClassVar[bool] = False

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output for inputs of `input_shape`.

        Parameters
        ----------
        input_shape : tuple of int

        Returns
        -------
        tuple of int

        Raises
        ------
        ValueError
            If the layer cannot take `input_shape`: says what it needs and what it got.
        """
        raise TypeError(f"{type(self).__name__} must override output_shape")

    def parameters(self, input_shape: Shape) -> tuple[Parameter, ...]:
        """Return what both passes get, in order: what the layer learns, and what `forward` itself moves in training.

        Parameters
        ----------
        input_shape : tuple of int

        Returns
        -------
        tuple of Parameter
            Empty, unless it is overridden.
        """
        return ()

    def memory(self, site: Site) -> Any:
        """Return what the passes need beside their arguments, such as scratch that would else be made at each step.

        Parameters
        ----------
        site : Site
            Where it works, with the number of samples that there has to be room for; batches can be smaller.

        Returns
        -------
        object
            What the passes get as ``own.memory``; None, unless it is overridden. The passes may write to it.
        """
        return None

    def adapt(self, x: Array, params: Sequence[Array]) -> None:
        """Set `params` from samples as they come to this layer; called where `adapts` is True.

        Parameters
        ----------
        x : ndarray of shape (n, *input_shape)
            Some of the samples that train.
        params : sequence of ndarray
            In the order of `parameters`, to be written.
        """

    def largest_array(self, input_shape: Shape) -> int:
        """Return the elements of the largest array that the passes read or write for one sample.

        Predictions choose their batches by it; a layer that needs more than its input and output says so.

        Parameters
        ----------
        input_shape : tuple of int
        """
        return max(math.prod(input_shape), math.prod(self.output_shape(input_shape)))

    def flops(self, input_shape: Shape) -> int:
        """Return the floating-point operations of the forward pass of one sample, 2 a multiply-add, for `summary`.

        Parameters
        ----------
        input_shape : tuple of int
        """
        return 0

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        """Fill `out` from `x`.

        Parameters
        ----------
        x : ndarray of shape (n, *input_shape)
            C-contiguous; not to be changed.
        out : ndarray of shape (n, *output_shape)
            C-contiguous; holds anything.
        own : Own
            Of its parameters only those that are not learned may be changed, and only in training.
        run : Run
            Whether it is training, how many threads there are, and what random numbers are drawn from.
        """
        raise TypeError(f"{type(self).__name__} must override forward")

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        """Fill ``own.grads``, and `dx` unless it is None, from `dy`.

        It follows a `forward` for the same batch with the same memory, before any other. A frozen layer gets a run that
        is not training in both passes.

        Parameters
        ----------
        x, out : ndarray
            What `forward` read and wrote; not to be changed.
        dy : ndarray of shape (n, *output_shape)
            Gradient to `out`; may be overwritten.
        dx : ndarray of shape (n, *input_shape) or None
            To be filled with the gradient to `x`, where somebody needs it; holds anything.
        own : Own
            Whose gradients are to be filled; they hold anything, so that nothing may be added to them.
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
    """Return an int, or a pair of them, as a pair; TypeError or ValueError where it is neither, or out of range."""
    pair = value if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2:
        raise ValueError(f"{name} must be an integer or a pair of them, got {shown(value)}")
    first, second = (check_integer(name, number, minimum, MOST) for number in pair)
    return first, second


def freeze_pair(layer: Layer, name: str) -> None:
    """Make a tuple of a pair that was given as a list: a spec is immutable and hashable."""
    if isinstance(getattr(layer, name), list):
        object.__setattr__(layer, name, tuple(getattr(layer, name)))
