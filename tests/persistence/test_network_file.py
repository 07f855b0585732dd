"""A network alone in a file: the same bits back, and nothing else is taken for one."""

import numpy as np
import pytest

import crmsprop
from crmsprop.errors import FileFormatError
from crmsprop.files import read_container, write_container
from crmsprop.nn import BatchNorm, Conv2D, Dense, Flatten, Network, ReLU
from crmsprop.persistence import load_network, network_to_parts, save_network


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.crms"


def made(dtype=np.float32):
    network = Network([Conv2D(3, 2), BatchNorm(), ReLU(), Flatten(), Dense(4, l2=0.5)], (5, 4, 2), dtype)
    network.initialize(np.random.default_rng(0))
    return network


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip(path, dtype):
    before = made(dtype)
    save_network(path, before)
    again = load_network(str(path))
    assert (again.layers, again.input_shape, again.dtype) == (before.layers, before.input_shape, before.dtype)
    assert again.arena.flat.tobytes() == before.arena.flat.tobytes()
    x = np.random.default_rng(1).normal(size=(3, 5, 4, 2)).astype(dtype)
    assert again.forward(x, again.workspace(3)).tobytes() == before.forward(x, before.workspace(3)).tobytes()


def test_the_same_network_makes_the_same_bytes(path, tmp_path):
    save_network(path, made())
    save_network(tmp_path / "again", load_network(path))
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_damage_is_found(path):
    save_network(path, made())
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=r"cannot read .*network\.crms: .*SHA-256"):
        load_network(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays, config: config.pop("layers"), "the model's network must have a list of layers"),
        (lambda arrays, config: config.update(dtype="float16"), "dtype must be float32 or float64"),
        (lambda arrays, config: config["layers"][0].update(filters=5), "layers need .* numbers, and the file holds"),
        (lambda arrays, config: arrays.popitem(), "layers need .* numbers, and the file holds"),
        (lambda arrays, config: arrays.update(more=np.ones(2)), "it must hold the arrays of its network alone, got 9"),
        (lambda arrays, config: next(iter(arrays.values())).fill(np.nan), "must be finite"),
    ],
)
def test_hostile_files_are_refused(path, change, message):
    arrays, config = network_to_parts(made())
    arrays = {name: array.copy() for name, array in arrays.items()}
    change(arrays, config)
    write_container(path, arrays, config, "network")
    with pytest.raises(FileFormatError, match=f"cannot read .*network.crms: .*({message})"):
        load_network(path)


def test_a_file_says_which_version_has_written_it(path):
    save_network(path, made())
    config = read_container(path, "network")[1]
    assert config == {"version": crmsprop.__version__, **network_to_parts(made())[1]}


@pytest.mark.parametrize(
    ("writer", "end"),
    [
        ({"version": "12.3"}, f" (crmsprop '12.3' has written it, this is {crmsprop.__version__})"),
        ({"version": crmsprop.__version__}, ""),
        ({}, ""),  # files said nothing before
    ],
)
def test_a_file_that_cannot_be_read_names_another_version(path, writer, end):
    arrays, config = network_to_parts(made())
    write_container(path, arrays, {**writer, **config, "dtype": "float16"}, "network")
    with pytest.raises(FileFormatError, match="dtype must be float32 or float64, got 'float16'") as caught:
        load_network(path)
    assert str(caught.value).endswith(f"got 'float16'{end}")


def test_another_kind_of_file_is_refused(path):
    write_container(path, *network_to_parts(made()), "model")
    with pytest.raises(FileFormatError, match="it holds a 'model', not a 'network'"):
        load_network(path)
    save_network(path, made())  # replaces it
    assert read_container(path, "network")[1]["dtype"] == "float32"


def test_a_missing_file(path):
    with pytest.raises(FileNotFoundError):
        load_network(path)
