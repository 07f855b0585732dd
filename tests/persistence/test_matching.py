"""Which layer of a file is which of ours: names of many kinds, and those that leave it open."""

import numpy as np
import pytest

from crmsprop.errors import FileFormatError
from crmsprop.nn import BatchNorm, Conv2D, Dense, Layer, Network, ReLU, Residual
from crmsprop.persistence.layouts import KERAS, TORCH, Library
from crmsprop.persistence.matching import Module, Needed, match
from crmsprop.persistence.places import places_of, possible_orders


def matched(layers, names, input_shape=(4, 4, 4), library=TORCH):
    """Match a file whose layers have these names, in the order of ours; return what each of ours became."""
    network = Network(layers, input_shape)
    places = places_of(network, library.channels_first)
    shapes = {place.name: {one.theirs: one.shape for one in library.exchanges(place)} for place in places}
    needed = [place.name for place in places if shapes[place.name]]
    orders = [
        [Needed(place, shapes[place.name]) for place in order if shapes[place.name]]
        for order in possible_orders(places)
    ]
    modules = [Module(name, shapes[place]) for name, place in zip(names, needed, strict=True)]
    modules = [modules[i] for i in np.random.default_rng(0).permutation(len(modules))]
    return [match(modules, orders, library)[place].name for place in needed]


CONV, NORM, DENSE = Conv2D(4, 3, padding=1), BatchNorm(), Dense(4)
BLOCK = Residual([CONV, NORM, ReLU(), CONV, NORM])
DOWN = Residual([CONV, NORM, ReLU(), CONV, NORM], [Conv2D(4, 1), NORM])
BOTTLENECK = Residual([Conv2D(4, 1), NORM, CONV, NORM, Conv2D(4, 1), NORM], [Conv2D(4, 1), NORM])


@pytest.mark.parametrize(
    ("layers", "names"),
    [
        ([CONV] * 12, [f"features.{i}" for i in range(12)]),
        ([CONV] * 12, [f"conv{i}" for i in range(1, 13)]),
        ([CONV, NORM] * 3, [f"{name}{i}" for i in range(3) for name in ("conv", "bn")]),
        ([CONV, NORM] * 3, [f"{name}.{i}" for i in range(3) for name in ("convs", "norms")]),
        ([Conv2D(4, 1), NORM, CONV, NORM], ["stem.conv", "stem.norm", "body.0.conv", "body.0.norm"]),
        ([NORM, CONV, BLOCK], ["bn1", "conv1", "b.conv1", "b.bn1", "b.conv2", "b.bn2"]),
        ([BLOCK, BLOCK], [f"layer1.{i}.{name}{k}" for i in range(2) for k in (1, 2) for name in ("conv", "bn")]),
        ([DOWN], ["conv1", "bn1", "conv2", "bn2", "downsample.0", "downsample.1"]),
        ([BOTTLENECK], ["conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "shortcut.0", "shortcut.1"]),
        ([DOWN], ["0.layers.0", "0.layers.1", "0.layers.3", "0.layers.4", "0.shortcut.0", "0.shortcut.1"]),
        ([BLOCK] * 40, [f"{k}.layers.{i}" for k in range(40) for i in (0, 1, 3, 4)]),
    ],
)
def test_names_of_torch(layers, names):
    assert matched(layers, names) == names


@pytest.mark.parametrize("names", [["fc1", "fc2", "fc"], ["fc_1", "fc_2", "out"], ["a.0", "a.1", "b"]])
def test_rows(names):
    assert matched([DENSE, DENSE, Dense(2)], names, (4,)) == names


@pytest.mark.parametrize(
    ("layers", "names"),
    [
        ([CONV] * 12, ["conv2d", *(f"conv2d_{i}" for i in range(1, 12))]),
        ([CONV, NORM] * 2, ["conv2d", "batch_normalization", "conv2d_1", "batch_normalization_1"]),
        ([CONV, CONV, NORM], ["sequential/layers/conv2d", "sequential/layers/conv2d_1", "batch_normalization"]),
        ([DOWN], ["conv2d", "norm", "conv2d_1", "norm_1", "conv2d_2", "norm_2"]),
        ([DOWN], ["conv2d", "norm", "conv2d_2", "norm_2", "conv2d_1", "norm_1"]),
        ([DOWN], ["conv2d_1", "norm_1", "conv2d_2", "norm_2", "conv2d", "norm"]),
    ],
)
def test_names_of_keras(layers, names):
    names = [f"layers/{name}" for name in names]
    assert matched(layers, names, library=KERAS) == names


@pytest.mark.parametrize(
    ("layers", "names", "library"),
    [
        ([CONV, CONV], ["a", "b"], TORCH),
        ([CONV, CONV], ["conv", "conv1"], TORCH),
        ([CONV, NORM, CONV, NORM], ["stem.conv", "stem.norm", "body.0.conv", "body.0.norm"], TORCH),
        ([NORM, CONV, NORM], ["bn", "conv", "norm"], TORCH),
        ([BOTTLENECK], [f"{name}{i}" for i in ("", "_1", "_2", "_3") for name in ("conv2d", "norm")], KERAS),
    ],
)
def test_names_that_leave_it_open(layers, names, library):
    with pytest.raises(FileFormatError, match="by order and shape: give `order`"):
        matched(layers, names, library=library)


def test_numbers_that_are_not_in_the_order_of_the_layers():
    with pytest.raises(FileFormatError, match=r"layer 0, Conv2D.* needs .*; next in the file is '1' with"):
        matched([CONV, Conv2D(3, 3)], ["2", "1"])


def test_the_search_has_an_end():
    """Thirty names without a number, and a layer at the end that is not there: no way, and too many to try."""
    shapes = {"weight": (4, 4), "bias": (4,)}
    modules = [Module(f"{chr(97 + i)}x", shapes) for i in range(25)]
    network = Network([Dense(4)] * 24 + [Dense(3)], (4,))
    needed = [Needed(place, {"weight": (4, 4), "bias": (4,)}) for place in places_of(network, True)][:24]
    last = Needed(places_of(network, True)[24], {"weight": (3, 4), "bias": (3,)})
    with pytest.raises(FileFormatError, match="too many orders open: give `order`"):
        match(modules, [[*needed, last]], TORCH)


def test_every_layer_of_a_library_is_one():
    for library in (TORCH, KERAS):
        assert isinstance(library, Library)
        assert all(issubclass(layer, Layer) for layer in library.layers)
