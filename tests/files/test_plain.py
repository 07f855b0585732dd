"""The configuration: what is not plain, or beyond the limits, is refused at writing and at reading."""

import os
from collections import OrderedDict
from enum import IntEnum

import numpy as np
import pytest
from container_files import join, metadata, refusal

from crmsprop.errors import FileFormatError
from crmsprop.files import read_container, write_container


class Colour(IntEnum):
    RED = 1


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"a": value}
    return value


CYCLE = {}
CYCLE["self"] = CYCLE


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ({"a": {"b": [1, float("nan")]}}, ValueError, r"config\['a'\]\['b'\]\[1\] must be finite, got nan"),
        ({"a": -float("inf")}, ValueError, r"config\['a'\] must be finite"),
        ({"a": (1, 2)}, TypeError, r"config\['a'\] must be a plain .*, got \(1, 2\), a tuple"),
        ({"a": np.float64(1)}, TypeError, r"config\['a'\]"),
        ({"a": [np.int64(1)]}, TypeError, r"config\['a'\]\[0\]"),
        ({"a": Colour.RED}, TypeError, r"config\['a'\]"),
        ({"a": np.str_("x")}, TypeError, r"config\['a'\]"),
        ({"a": OrderedDict()}, TypeError, r"config\['a'\]"),
        ({"a": {1}}, TypeError, r"config\['a'\]"),
        ({"a": b"x"}, TypeError, r"config\['a'\]"),
        ({"a": len}, TypeError, r"config\['a'\]"),
        ({"a": {1: 2}}, TypeError, r"a key of config\['a'\] must be a plain str, got 1"),
        ({None: 2}, TypeError, r"a key of config must be a plain str, got None"),
        ({"a": "\ud800"}, ValueError, r"config\['a'\] must be valid Unicode"),
        ({"\ud800": 1}, ValueError, r"a key of config must be valid Unicode"),
        ({"a": 2**2048}, ValueError, r"config\['a'\] must have at most 2048 bits, got 2049"),
        ({"a": nested(64)}, ValueError, "at most 64 levels deep"),
        (CYCLE, ValueError, "at most 64 levels deep"),
        ({"a": "x" * 2**24}, ValueError, "the header must be at most 16777216 bytes"),
        ({"a": [[]] * 2**20}, ValueError, "the header must have at most 1048576 brackets"),
        ([1], TypeError, "config must be a mapping"),
        (None, TypeError, "config must be a mapping"),
    ],
)
def test_a_configuration_that_is_not_plain_is_refused(path, config, error, message):
    with pytest.raises(error, match=message):
        write_container(path, {}, config, "model")
    assert os.listdir(path.parent) == []


def test_the_limits_themselves_are_within(path):
    config = {"big": 2**2048 - 1, "small": -(2**2048) + 1, "deep": nested(61)}
    write_container(path, {}, config, "model")
    assert read_container(path, "model")[1] == config


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("", "its config is not valid JSON"),
        ("{", "its config is not valid JSON"),
        ("[]", "its config is not a JSON object"),
        ("null", "its config is not a JSON object"),
        ('{"a":1,"a":2}', "'a' stands twice"),
        ('{"a":NaN}', r"config\['a'\] must be finite"),
        ('{"a":[-Infinity]}', r"config\['a'\]\[0\] must be finite"),
        ('{"a":1e999}', r"config\['a'\] must be finite"),
        ('{"a":%s}' % ("9" * 100_000), "an integer has 100000 digits"),
        ('{"a":%s}' % ("9" * 618), "at most 2048 bits"),
        ('{"a":"\\ud800"}', "must be valid Unicode"),
        ('{"\\ud800":1}', "not valid JSON"),
        ('{"a":"\ud800"}', "must be valid Unicode"),
        ('{"a":' * 100 + "1" + "}" * 100, "at most 64 levels deep"),
        ('{"a":' + "[" * 1_000_000 + "]" * 1_000_000 + "}", "not valid JSON"),
    ],
)
def test_hostile_configurations(path, config, message):
    with pytest.raises(FileFormatError, match=message):
        raise FileFormatError(refusal(path, join({"__metadata__": metadata(config=config)}, b"")))
