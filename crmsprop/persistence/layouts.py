"""How other libraries name and lay out the parameters of each layer; reading and writing go by the same tables.

A library is a table from the class of a layer to one small function, which says what the arrays of that layer are
called there, and how their axes go into ours. A layer that is not in the table and has parameters is refused.

What the arrays do not say, and a spec has to: padding ("same" with a stride is not torch's), and what a normalization
adds to the variance. torch's default is ``BatchNorm(epsilon=1e-5, decay=0.9)`` (its momentum is 1 - decay), Keras's
``BatchNorm(epsilon=1e-3, decay=0.99)``.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from crmsprop.nn import BatchNorm, Conv2D, Dense, DepthwiseConv2D, Layer, Whitening2D
from crmsprop.nn.layer import Shape
from crmsprop.persistence.places import Place

Array = np.ndarray[Any, np.dtype[Any]]


class Exchange(NamedTuple):
    """One parameter here and there.

    Attributes
    ----------
    ours, theirs : str
        Its name in the layer.
    shape : tuple of int
        Theirs.
    split : tuple of int
        Their shape, with an axis that flattened images run along cut into those of the images.
    axes : tuple of int
        Which axes of `split` ours are, in order.
    """

    ours: str
    theirs: str
    shape: Shape
    split: Shape
    axes: tuple[int, ...]

    def to_ours(self, array: Array, shape: Shape) -> Array:
        """Return an array of theirs as one of ours, which has `shape`."""
        return array.reshape(self.split).transpose(self.axes).reshape(shape)

    def to_theirs(self, array: Array) -> Array:
        """Return an array of ours as one of theirs."""
        sizes = [self.split[axis] for axis in self.axes]
        return array.reshape(sizes).transpose(np.argsort(self.axes)).reshape(self.shape)


class Library(NamedTuple):
    """What another library makes of layers.

    Attributes
    ----------
    channels_first : bool
        Whether its images are (channels, height, width).
    separator : str
        What stands between the parts of an array's name.
    n_own : int
        How many of the parts, at its end, name the array within its layer.
    unnumbered_is_first : bool
        Whether a name without a number is before one with a number: ``dense``, ``dense_1``, but ``fc1``, ``fc``.
    left_out : pattern
        Names of arrays that have no counterpart here: counters, the state of an optimizer.
    layers : dict
        For each class of layers, the function that says how its parameters are exchanged.
    """

    channels_first: bool
    separator: str
    n_own: int
    unnumbered_is_first: bool
    left_out: re.Pattern[str]
    layers: Mapping[type[Layer], Callable[[Place], Iterable[Exchange]]]

    def split(self, name: str) -> tuple[str, str]:
        """Return the name of a layer, and that of the array within it."""
        parts = name.split(self.separator)
        return self.separator.join(parts[: -self.n_own]), self.separator.join(parts[-self.n_own :])

    def exchanges(self, place: Place) -> list[Exchange]:
        """Return how the parameters of a layer are exchanged; none for a layer without.

        Raises
        ------
        TypeError
            If the layer has parameters and is not in the table.
        """
        parameters = {parameter.name for parameter in place.layer.parameters(place.input_shape)}
        if not parameters:
            return []
        if type(place.layer) not in self.layers:
            known = ", ".join(layer.__name__ for layer in self.layers)
            raise TypeError(f"weights can be exchanged of {known} alone, got {place}")
        return [one for one in self.layers[type(place.layer)](place) if one.ours in parameters]


def _same(ours: str, theirs: str, shape: Shape) -> Exchange:
    return Exchange(ours, theirs, shape, shape, tuple(range(len(shape))))


def _shapes(place: Place) -> dict[str, Shape]:
    return {parameter.name: parameter.shape for parameter in place.layer.parameters(place.input_shape)}


# ---- torch: (out, in, height, width), (out, in), and images as (channels, height, width)


def _torch_conv2d(place: Place) -> Iterable[Exchange]:
    height, width, channels, filters = _shapes(place)["weight"]
    shape = (filters, channels, height, width)
    yield Exchange("weight", "weight", shape, shape, (2, 3, 1, 0))
    yield _same("bias", "bias", (filters,))


def _torch_depthwise(place: Place) -> Iterable[Exchange]:
    height, width, channels = _shapes(place)["weight"]
    yield Exchange("weight", "weight", (channels, 1, height, width), (channels, height, width), (1, 2, 0))
    yield _same("bias", "bias", (channels,))


def _torch_dense(place: Place) -> Iterable[Exchange]:
    n_features, units = _shapes(place)["weight"]
    if place.image is None:
        yield Exchange("weight", "weight", (units, n_features), (units, n_features), (1, 0))
    else:
        height, width, channels = place.image
        yield Exchange("weight", "weight", (units, n_features), (units, channels, height, width), (2, 3, 1, 0))
    yield _same("bias", "bias", (units,))


def _torch_batch_norm(place: Place) -> Iterable[Exchange]:
    names = {"gamma": "weight", "beta": "bias", "running_mean": "running_mean", "running_variance": "running_var"}
    for ours, theirs in names.items():
        shape = _shapes(place)[ours]
        if place.image is None:
            yield _same(ours, theirs, shape)
        else:
            height, width, channels = place.image
            yield Exchange(ours, theirs, shape, (channels, height, width), (1, 2, 0))


TORCH = Library(
    channels_first=True,
    separator=".",
    n_own=1,
    unnumbered_is_first=False,
    left_out=re.compile(r"(^|\.)num_batches_tracked$"),
    layers={
        Conv2D: _torch_conv2d,
        Dense: _torch_dense,
        BatchNorm: _torch_batch_norm,
        DepthwiseConv2D: _torch_depthwise,
        Whitening2D: _torch_conv2d,
    },
)


# ---- Keras: our axes; its arrays have numbers for names


def _keras_numbered(*names: str) -> Callable[[Place], Iterable[Exchange]]:
    def exchanges(place: Place) -> Iterable[Exchange]:
        shapes = _shapes(place)
        for number, name in enumerate(name for name in names if name in shapes):
            yield _same(name, f"vars/{number}", shapes[name])

    return exchanges


def _keras_depthwise(place: Place) -> Iterable[Exchange]:
    shape = _shapes(place)["weight"]
    yield Exchange("weight", "vars/0", (*shape, 1), shape, (0, 1, 2))
    yield _same("bias", "vars/1", shape[2:])


KERAS = Library(
    channels_first=False,
    separator="/",
    n_own=2,
    unnumbered_is_first=True,
    left_out=re.compile(r"^optimizer/|(^|/)seed_generator(_\d+)?/"),
    layers={
        Conv2D: _keras_numbered("weight", "bias"),
        Dense: _keras_numbered("weight", "bias"),
        DepthwiseConv2D: _keras_depthwise,
        Whitening2D: _keras_numbered("weight", "bias"),
        BatchNorm: _keras_numbered("gamma", "beta", "running_mean", "running_variance"),
    },
)
