"""Model files with any value in any place, with very many layers, and with random damage."""

import contextlib
import copy
import json
import random
import struct
import warnings

import pytest
from container_files import join, split
from model_files import put, some_models, with_config

import crmsprop
from crmsprop.errors import FileFormatError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.crms"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return some_models(tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize(("count", "allowed"), [(990, True), (1001, False), (200_000, False)])
def test_a_file_cannot_bring_any_number_of_layers(path, files, count, allowed):
    """A header may have 16 MB: 200,000 layers and more, each of which costs time."""
    more = [{"class": "ReLU"}] * count
    path.write_bytes(with_config(files["mlp"][0], lambda config: config["network"]["layers"].extend(more)))
    if allowed:
        crmsprop.load(path)
    else:
        with pytest.raises(FileFormatError, match="at most 1000 layers"):
            crmsprop.load(path)


def test_300_mutations_of_a_file_are_refused_or_change_nothing(path, files):
    data, X = files["cnn"]
    path.write_bytes(data)
    expected = crmsprop.load(path).predict_proba(X).tobytes()
    rng = random.Random(0)
    for _ in range(300):
        path.write_bytes(mutated(data, rng))
        with contextlib.suppress(FileFormatError):
            assert crmsprop.load(path).predict_proba(X).tobytes() == expected


def mutated(data, rng):
    """Flip bits, cut, insert, repeat, or lie about the length of the header."""
    new, kind = bytearray(data), rng.randrange(5)
    at = rng.randrange(len(new))
    if kind == 0:
        for _ in range(rng.choice([1, 1, 2, 10])):
            new[rng.randrange(len(new))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del new[at : at + rng.choice([1, 8, 64, len(new)])]
    elif kind == 2:
        new[at:at] = rng.randbytes(rng.choice([1, 8, 64]))
    elif kind == 3:
        new[at:at] = new[at : at + 50]
    else:
        new[:8] = struct.pack("<Q", rng.choice([0, 1, len(data) - 8, len(data), 2**32, 2**63, 2**64 - 1]))
    return bytes(new)


VALUES = [None, True, -1, 2**70, 0.5, "x", [], {}, {"class": "Dense"}, ["a", 1]]


def places(value, keys=()):
    """Every place in a configuration whose value a model cannot do without.

    What the parameters may be is for `fit` to say; and a model of floats that says it is one of uint8 is a good one.
    """
    if keys and keys[-1] != "fitted_on_uint8":
        yield keys
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if keys[:1] != ("parameters",):
            yield from places(item, (*keys, key))


@pytest.mark.parametrize("kind", ["mlp", "cnn", "regressor", "several"])
def test_any_value_in_any_place_is_refused_or_makes_a_model_that_works(path, files, kind):
    data, X = files[kind]
    document, body = split(data)
    config = json.loads(document["__metadata__"]["config"])
    wrong = []
    for keys in places(config):
        for value in VALUES:
            changed = copy.deepcopy(config)
            put(*keys, value=value)(changed)
            document["__metadata__"]["config"] = json.dumps(changed)
            path.write_bytes(join(document, body))
            outcome = outcome_of(path, X)
            if outcome is not None:
                wrong.append((keys, value, outcome))
    assert not wrong


def outcome_of(path, X):
    """None where a file is refused, or its model works; else what went wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = crmsprop.load(path)
        except FileFormatError:
            return None
        except Exception as error:
            return f"load: {error!r}"
        try:
            model.evaluate(X, model.predict(X))
            model.summary()
        except Exception as error:
            return f"then: {error!r}"
    return None
