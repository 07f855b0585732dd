"""Going on from a fitted network: to new classes, with all of its layers or only the last ones."""

from collections.abc import Callable

from crmsprop.callbacks import Callback
from crmsprop.errors import check_bool, check_integer
from crmsprop.nn import Conv2D, Dense, Layer, Network
from crmsprop.training import Training

#: Which layers stay as they are: the features, so many from the first on, or those that a function picks.
Freeze = str | int | Callable[[int, Layer], bool] | None


def frozen_layers(freeze: Freeze, layers: tuple[Layer, ...]) -> frozenset[int]:
    """Return the numbers of the layers that `freeze` means.

    Raises
    ------
    TypeError, ValueError
        If it means nothing, or leaves no layer to learn.
    """
    frozen = frozenset(_picked(freeze, layers))
    if len(layers) - 1 in frozen:
        raise ValueError("freeze must leave the output layer to learn, got one that freezes it")
    return frozen


def _picked(freeze: Freeze, layers: tuple[Layer, ...]) -> list[int]:
    if freeze is None:
        return []
    if isinstance(freeze, str):
        if freeze != "features":
            raise ValueError(f"freeze must be 'features', a number of layers, a function or None, got {freeze!r:.100}")
        return list(range(_n_features(layers)))
    if callable(freeze):
        return [i for i, layer in enumerate(layers) if check_bool("freeze(i, layer)", freeze(i, layer))]
    return list(range(check_integer("freeze", freeze, 0, len(layers) - 1)))


def _n_features(layers: tuple[Layer, ...]) -> int:
    """All layers before the first dense one; where there are no others, all before the output."""
    first = next(i for i, layer in enumerate(layers) if isinstance(layer, Dense))
    return first if first and any(isinstance(layer, Conv2D) for layer in layers[:first]) else len(layers) - 1


class Unfreeze(Callback):
    """Lets every layer learn after so many epochs."""

    def __init__(self, after: int) -> None:
        self.after = after

    def on_epoch_begin(self, context: Training) -> None:
        if context.epoch == self.after:
            context.frozen = frozenset()
            for group in range(len(context.network.learned)):
                context.optimizer.set_group(group, frozen=False)


def copy_weights(source: Network, target: Network, but_last: bool) -> None:
    """Copy every parameter, or all but those of the last layer, from a network of the same layers."""
    head = f"{len(target.layers) - 1}."
    for name, view in target.arena.views.items():
        if not (but_last and name.startswith(head)):
            view[...] = source.arena.views[name]
