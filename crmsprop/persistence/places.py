"""Every layer of a network that can have parameters, with its place: what an exchange with other libraries goes by."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from crmsprop.nn import Flatten, Layer, Network, Residual, output_shapes
from crmsprop.nn.layer import Shape


class Place(NamedTuple):
    """A layer that is no block, within a network.

    Attributes
    ----------
    name : str
        As in the names of the network's parameters, such as ``"3.layers.0"``.
    layer : Layer
    input_shape : tuple of int
    image : tuple of int or None
        Height, width and channels where the layer gets rows that still are the numbers of images, pixel by pixel:
        behind a Flatten, up to the first Dense. Other libraries have them in another order.
    """

    name: str
    layer: Layer
    input_shape: Shape
    image: Shape | None

    @property
    def within_shortcut(self) -> bool:
        """Whether it is on a way around the layers of a residual block."""
        return "shortcut" in self.name.split(".")

    def __str__(self) -> str:
        return f"layer {self.name}, {self.layer!r:.100}"


def places_of(network: Network, channels_first: bool) -> list[Place]:
    """Return the layers of a network in order, those of a block before those of its shortcut.

    Parameters
    ----------
    network : Network
    channels_first : bool
        Whether the other library has images as (channels, height, width), so that what it flattens has another order.

    Raises
    ------
    TypeError
        If a block adds rows in the order of images to rows in another order: that order is not the other library's.
    """
    return _chain(network.layers, "", network.input_shape, None, channels_first)[0]


def possible_orders(places: Sequence[Place]) -> list[list[Place]]:
    """Return the orders in which another library may have the same layers, ours first.

    They differ in residual blocks alone. The layers of a block may stand before those of its shortcut or behind them;
    or, as Keras sorts a functional model, by how many layers there are up to the end of the block.
    """
    last = _last_of_each_branch(places)
    keys = [_sort_keys(place.name.split("."), last) for place in places]
    orders: list[list[Place]] = []
    for way in range(4):
        order = [places[i] for i in sorted(range(len(places)), key=lambda i: keys[i][way])]
        if order not in orders:
            orders.append(order)
    return orders


def _last_of_each_branch(places: Sequence[Place]) -> dict[tuple[str, ...], int]:
    last: dict[tuple[str, ...], int] = {}
    for place in places:
        parts = tuple(place.name.split("."))
        for depth in range(1, len(parts), 2):
            branch = parts[: depth + 1]
            last[branch] = max(last.get(branch, 0), int(parts[depth + 1]))
    return last


def _sort_keys(parts: list[str], last: dict[tuple[str, ...], int]) -> list[list[tuple[int, int]]]:
    """One key for each way to order: number by number along a place's name."""
    keys = [[(int(parts[0]), 0)] for _ in range(4)]
    for depth in range(1, len(parts), 2):
        is_around, index = int(parts[depth] == "shortcut"), int(parts[depth + 1])
        from_end = index - last[tuple(parts[: depth + 1])]
        for key, step in zip(
            keys, [(is_around, index), (-is_around, index), (from_end, is_around), (from_end, -is_around)], strict=True
        ):
            key.append(step)
    return keys


def _chain(
    layers: Sequence[Layer], prefix: str, shape: Shape, image: Shape | None, channels_first: bool
) -> tuple[list[Place], Shape | None]:
    """Return the places of a chain, and what its output still is, see Place.image."""
    places: list[Place] = []
    shapes = [shape, *output_shapes(layers, shape)]
    for i, layer in enumerate(layers):
        if isinstance(layer, Residual):
            inner, image = _block(layer, f"{prefix}{i}", shapes[i], image, channels_first)
            places += inner
        else:
            places.append(Place(f"{prefix}{i}", layer, shapes[i], image))
            image = _image_after(layer, shapes[i], shapes[i + 1], image) if channels_first else None
    return places, image


def _block(
    block: Residual, name: str, shape: Shape, image: Shape | None, channels_first: bool
) -> tuple[list[Place], Shape | None]:
    main, after = _chain(block.layers, f"{name}.layers.", shape, image, channels_first)
    around, after_around = _chain(block.shortcut, f"{name}.shortcut.", shape, image, channels_first)
    if after != after_around:
        raise TypeError(
            f"layer {name} must not add flattened images to rows of a Dense layer, whose order is ours alone: "
            "put a Dense layer before the block, or one into its shortcut"
        )
    return main + around, after


def _image_after(layer: Layer, before: Shape, after: Shape, image: Shape | None) -> Shape | None:
    """The image that rows still are behind a layer; None where every library has the same order."""
    if isinstance(layer, Flatten) and len(before) == 3:
        return before if before[2] > 1 and math.prod(before[:2]) > 1 else None
    has_matrix = any(len(parameter.shape) > 1 for parameter in layer.parameters(before))
    return None if has_matrix or before != after else image
