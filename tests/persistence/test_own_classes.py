"""Layers, initializers and losses of the user's: written by name and fields, and read where their class is given."""

import json
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from crmsprop import nn
from crmsprop.errors import FileFormatError
from crmsprop.nn import Dense, Initializer, Layer, Loss, Network, ReLU, Residual
from crmsprop.persistence import (
    known_classes,
    layer_from_config,
    layer_to_config,
    load_network,
    loss_from_config,
    loss_to_config,
    network_to_parts,
    save_network,
)

ZEROS = nn.Zeros()
TWICE = "layers must be of classes with different names to be saved, got two called "


@dataclass(frozen=True)
class Filled(Initializer):
    value: float = 0.5

    def __call__(self, shape, rng):
        return np.full(shape, self.value)


@dataclass(frozen=True)
class Mine(ReLU):
    """A ReLU with parameters of every kind that a file can hold."""

    number: float = 1.0
    count: int = 3
    text: str = "a"
    flag: bool = True
    nothing: Any = None
    pair: tuple[Any, ...] = (1, 2.5)
    initializer: Initializer = ZEROS

    def __post_init__(self):
        if self.count < 0:
            raise ValueError(f"count must be at least 0, got {self.count}")
        1 / self.number  # what a hostile file may bring it to raise is no ValueError


@dataclass(frozen=True)
class MyLoss(Loss):
    power: float = 2.0


def through_json(config):
    return json.loads(json.dumps(config))


MINE = [
    Mine(),
    Mine(0.5, 7, "ä", False, None, ((1, 2), ("x", None)), Filled(2.0)),
    Mine(np.float32(0.5), np.int64(7), flag=np.bool_(True)),
    Dense(3, initializer=Filled()),
    Residual([Dense(4, initializer=Filled(0.1)), Mine(), Dense(4)]),
]


@pytest.mark.parametrize("layer", MINE, ids=repr)
def test_a_layer_comes_back(layer):
    config = through_json(layer_to_config(layer))
    again = layer_from_config(config, known_classes([Mine, Filled]))
    assert type(again) is type(layer)
    assert again == layer
    assert layer_to_config(again) == config


def test_a_loss_comes_back():
    config = through_json(loss_to_config(MyLoss(3.0)))
    assert config == {"class": "MyLoss", "power": 3.0}
    assert loss_from_config(config, known_classes([MyLoss])) == MyLoss(3.0)
    ours = through_json(loss_to_config(nn.Huber(0.25)))
    assert loss_from_config(ours) == nn.Huber(0.25)


def test_a_network_comes_back(tmp_path):
    network = Network([Dense(4, initializer=Filled()), Mine(count=1), Dense(2)], (3,))
    network.initialize(np.random.default_rng(0))
    save_network(tmp_path / "network", network)
    again = load_network(tmp_path / "network", custom_classes=iter([Filled, Mine]))
    assert again.layers == network.layers
    assert again.arena.flat.tobytes() == network.arena.flat.tobytes()


def test_nothing_is_looked_up_for_a_class_that_is_not_given(tmp_path):
    save_network(tmp_path / "network", Network([Mine()], (3,)))
    modules = set(sys.modules)
    for given in ([], [Filled], [MyLoss]):
        with pytest.raises(FileFormatError, match=r"network: the model needs the class 'Mine', which crmsprop lacks: "):
            load_network(tmp_path / "network", custom_classes=given)
    assert set(sys.modules) == modules


@pytest.mark.parametrize(
    "config",
    [
        {"class": "Mine", "count": -1},
        {"class": "Mine", "number": 0},
        {"class": "Mine", "number": "x"},
        {"class": "Mine", "forward": 3},
        {"class": "Mine", "initializer": {"class": "Other"}},
        {"class": "Filled"},
        {"class": "MyLoss"},
        {"class": "SquaredError"},
        {"class": "tests.persistence.test_own_classes:Mine"},
    ],
    ids=repr,
)
def test_a_hostile_layer_is_refused(config):
    with pytest.raises(FileFormatError):
        layer_from_config(config, known_classes([Mine, Filled, MyLoss]))


@pytest.mark.parametrize(
    "config",
    [None, "huber", 5, {}, {"class": "Dense", "units": 3}, {"class": "MyLoss"}, {"class": "Huber", "delta": -1}],
    ids=repr,
)
def test_a_hostile_loss_is_refused(config):
    with pytest.raises(FileFormatError):
        loss_from_config(config)


def test_a_loss_within_a_layer_is_refused():
    for config in (
        {"class": "Residual", "layers": [{"class": "SquaredError"}]},
        {"class": "Dense", "units": 3, "initializer": {"class": "SquaredError"}},
    ):
        with pytest.raises(FileFormatError, match="with bad parameters"):
            layer_from_config(config)


# what is not written


class Plain(Layer):
    """No dataclass."""


@dataclass(frozen=True)
class Doubling(ReLU):
    """Its fields are not what it was made from."""

    size: int = 1

    def __post_init__(self):
        object.__setattr__(self, "size", 2 * self.size)


class Renamed(Mine):
    """A dataclass with an __init__ that does not take its fields."""

    def __init__(self):
        super().__init__(count=4)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Plain(), "layers must be dataclasses to be saved, got <"),
        (Mine(nothing=print), r"nothing of Mine must be a number, .* to be saved, got <built-in function print>"),
        (Mine(nothing=np.ones(2)), r"nothing of Mine must be a number, .* to be saved, got array\(\[1., 1.\]\)"),
        (Mine(nothing=1j), "nothing of Mine must be a number, .* to be saved, got 1j"),
        (Mine(pair=({"a": 1},)), r"pair of Mine must be a number, .* to be saved, got \{'a': 1\}"),
        (Mine(nothing=Plain()), "layers must be dataclasses to be saved"),
        (Residual([Mine(nothing={1})]), r"nothing of Mine must be a number, .* to be saved, got \{1\}"),
        (Doubling(3), r"layers must keep the values of their fields as they are to be saved, got Doubling\(size=6\)"),
        (Renamed(), "layers must take the values of their own fields to be saved, got Renamed"),
        (type("Dense", (Mine,), {})(), f"{TWICE}Dense"),
    ],
)
def test_a_layer_that_a_file_could_not_bring_back(layer, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        layer_to_config(layer)


def test_two_classes_of_one_name():
    network = Network([Mine(), Dense(2), type("Mine", (Mine,), {})()], (3,))
    with pytest.raises(TypeError, match=f"^{TWICE}Mine$"):
        network_to_parts(network)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (
            [Mine, "Filled"],
            r"custom_classes\[1\] must be a dataclass that is a Layer, an Initializer or a Loss, got 'F",
        ),
        ([Mine()], r"custom_classes\[0\] must be a dataclass .*, got Mine"),
        ([Plain], r"custom_classes\[0\] must be a dataclass .*, got <class"),
        ([dict], r"custom_classes\[0\] must be a dataclass .*, got <class 'dict'>"),
        ([Mine, type("Mine", (Mine,), {})], r"custom_classes\[1\] must have a name of its own, got a second Mine"),
        ([type("Dense", (Mine,), {})], r"custom_classes\[0\] must have a name of its own, got a second Dense"),
    ],
)
def test_classes_that_will_not_do(classes, message, tmp_path):
    with pytest.raises(TypeError, match=f"^{message}"):
        load_network(tmp_path / "nowhere", custom_classes=classes)


def test_our_own_classes_may_be_given_as_well():
    assert known_classes([Dense, Mine, Mine])["Mine"] is Mine
