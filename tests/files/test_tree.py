"""Trees of state to the parts of a container and back, and what is refused on either way."""

import json
import math

import numpy as np
import pytest

from crmsprop.errors import FileFormatError
from crmsprop.files import read_container, tree_from_parts, tree_to_parts, write_container

TREE = {
    "none": None,
    "numbers": [True, 0, -(2**70), 0.1, math.inf, -math.inf],
    "nested": {"a": {"b": [{"weights": np.arange(6.0).reshape(2, 3)}, np.zeros((0, 2), np.int8)]}, "": "text"},
    "scalars": (np.float64(0.5), np.float32(0.1), np.int16(3), np.bool_(True), np.float32(np.inf)),
    "no axes": np.array(3),
}
BACK = {
    **TREE,
    "scalars": [0.5, float(np.float32(0.1)), 3, True, math.inf],
}


def assert_equal(one, other):
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_equal(*pair)
    else:
        assert one == other


def test_round_trip_through_a_file(path):
    write_container(path, *tree_to_parts(TREE), "tree")
    assert_equal(tree_from_parts(*read_container(path, "tree")), BACK)


def test_nan_comes_back(path):
    write_container(path, *tree_to_parts({"a": [math.nan, np.float32(np.nan)]}), "tree")
    assert all(math.isnan(value) for value in tree_from_parts(*read_container(path, "tree"))["a"])


def test_the_configuration_is_plain_json():
    arrays, config = tree_to_parts(TREE)
    assert json.loads(json.dumps(config, allow_nan=False)) == config
    assert list(arrays) == ["nested/a/b/0/weights", "nested/a/b/1", "no axes"]
    assert config["nested"]["a"]["b"][0] == {"weights": {"$array": "nested/a/b/0/weights"}}
    assert config["numbers"][4:] == [{"$float": "inf"}, {"$float": "-inf"}]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"$array": 1}, r"a key must not begin with a dollar, got '\$array'"),
        ({"a": [{"$x": 1}]}, r"a key must not begin with a dollar, got '\$x'"),
        ({"a": {"b": np.ones(1)}, "a/b": np.ones(1)}, "two arrays must not have one name, got 'a/b'"),
    ],
)
def test_trees_that_are_refused(tree, message):
    with pytest.raises(ValueError, match=message):
        tree_to_parts(tree)


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {3}}, np.datetime64("2020"), 1j])
def test_values_that_a_file_cannot_hold_are_refused_by_the_writer(path, value):
    with pytest.raises(TypeError, match="config"):
        write_container(path, *tree_to_parts({"a": value}), "tree")
    assert list(path.parent.iterdir()) == []


ONE = {"x": np.ones(2)}


@pytest.mark.parametrize(
    ("arrays", "config"),
    [
        (ONE, {}),
        (ONE, {"a": {"$array": "y"}}),
        (ONE, {"a": {"$array": "x"}, "b": {"$array": "x"}}),
        (ONE, {"a": {"$array": ["x"]}}),
        (ONE, {"a": {"$array": "x", "b": 1}}),
        (ONE, {"$array": "x"}),
        ({}, {"a": {"$float": "1.5"}}),
        ({}, {"a": {"$float": 1.5}}),
        ({}, {"a": {"$float": ["inf"]}}),
        ({}, {"a": {"$float": "inf", "b": 1}}),
        ({}, {"a": [{"$code": "1"}]}),
        ({}, {"$float": "inf"}),
    ],
)
def test_parts_that_lie(arrays, config):
    with pytest.raises(FileFormatError, match=r"which stands for nothing|an array that nothing asks for") as error:
        tree_from_parts(arrays, config)
    assert len(str(error.value)) < 300
