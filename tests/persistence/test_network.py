"""A network to plain parts and back: every layer, every refusal, and no memory for what a file only claims."""

import json
import tracemalloc

import numpy as np
import pytest

from crmsprop import nn
from crmsprop.errors import FileFormatError
from crmsprop.nn import Conv2D, Dense, Dropout, Flatten, Initializer, Layer, Loss, MaxPool2D, Network, ReLU, Zeros
from crmsprop.persistence import layer_from_config, layer_to_config, network_from_parts, network_to_parts
from crmsprop.persistence.layers import KNOWN, MAX_PARTS

LAYERS = [
    Conv2D(4, (3, 2), stride=(1, 2), padding="same", l2=0.1),
    ReLU(),
    MaxPool2D((2, 1), stride=1),
    Conv2D(3, 2, padding=(1, 0), use_bias=False, initializer=Zeros()),
    Dropout(0.25),
    Flatten(),
    Dense(7, l2=0.0),
    ReLU(),
    Dense(3, use_bias=False),
    *(nn.BatchNorm(0.1, 0.5), nn.GELU(), nn.ELU(0.5), nn.LeakyReLU(0.2), nn.SiLU(), nn.Tanh(), nn.Sigmoid()),
    *(Dense(5, initializer=one) for one in (nn.HeNormal(), nn.HeUniform(), nn.GlorotNormal(), nn.LeCunNormal())),
    *(Dense(5, initializer=one) for one in (nn.Dirac(), nn.Ones())),
    nn.Scale(0.5),
    nn.Residual([Dense(9), nn.BatchNorm(), nn.Residual([ReLU()])], shortcut=[Dense(9)]),
]
SEPARABLE = [
    nn.SpatialDropout2D(0.25),
    nn.DepthwiseConv2D((2, 3), stride=(2, 1), padding=(1, 0), use_bias=False, l2=0.2, initializer=nn.HeNormal()),
    nn.DepthwiseConv2D(3, padding="same"),
    nn.AveragePool2D((2, 1), stride=1),
    nn.GlobalAveragePool2D(),
]


def network(dtype=np.float32, layers=LAYERS):
    made = Network(layers, (8, 8, 2), dtype)
    made.initialize(np.random.default_rng(0))
    return made


def parts(dtype=np.float32, layers=LAYERS):
    """The parts, the configuration through JSON as a file would bring it."""
    arrays, config = network_to_parts(network(dtype, layers))
    return {name: array.copy() for name, array in arrays.items()}, json.loads(json.dumps(config))


@pytest.mark.parametrize("layers", [LAYERS, SEPARABLE], ids=["plain", "separable"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip(dtype, layers):
    before, again = network(dtype, layers), network_from_parts(*parts(dtype, layers))
    assert again.layers == before.layers
    assert (again.input_shape, again.dtype, again.shapes) == (before.input_shape, before.dtype, before.shapes)
    assert again.arena.flat.tobytes() == before.arena.flat.tobytes()
    x = np.random.default_rng(1).normal(size=(3, 8, 8, 2)).astype(dtype)
    assert again.forward(x, again.workspace(3)).tobytes() == before.forward(x, before.workspace(3)).tobytes()


def test_the_parts_are_plain():
    arrays, config = network_to_parts(network())
    assert json.loads(json.dumps(config)) == config
    assert list(arrays) == [f"parameters.{name}" for name in network().parameters]
    assert config["dtype"] == "float32"
    assert config["layers"][6] == {
        "class": "Dense",
        "units": 7,
        "use_bias": True,
        "l2": 0.0,
        "initializer": {"class": "GlorotUniform"},
    }


@pytest.mark.parametrize(
    "layer",
    [
        *LAYERS,
        *SEPARABLE,
        MaxPool2D(np.int64(2)),
        Dropout(np.float32(0.5)),
        Dense(np.int32(3)),
    ],
    ids=repr,
)
def test_every_layer_of_ours_comes_back(layer):
    config = layer_to_config(layer)
    again = layer_from_config(json.loads(json.dumps(config)))
    assert type(again) is type(layer)
    assert again == layer


@pytest.mark.parametrize("layer", [object(), "Dense", None, Dense, Zeros(), nn.SquaredError()])
def test_what_is_no_layer_is_not_written(layer):
    with pytest.raises(TypeError, match=r"^layers must be Layers to be saved, got"):
        layer_to_config(layer)


def test_a_boolean_of_numpy_is_a_boolean():
    layer = Dense(3, use_bias=np.bool_(False))
    assert layer_from_config(json.loads(json.dumps(layer_to_config(layer)))) == layer


BAD_LAYERS = [
    None,
    [],
    "Dense",
    5,
    {},
    {"units": 3},
    {"class": None},
    {"class": "Layer"},
    {"class": "Network"},
    {"class": "os.system"},
    {"class": "FusedConv2D", "filters": 3, "kernel_size": 3},
    {"class": "FusedDense", "units": 3},
    {"class": "GlorotUniform"},
    {"class": "Zeros"},
    {"class": ["Dense"], "units": 3},
    {"class": {"class": "Dense"}, "units": 3},
    {"class": "Dense"},
    {"class": "Dense", "units": 0},
    {"class": "Dense", "units": -5},
    {"class": "Dense", "units": 3.0},
    {"class": "Dense", "units": "3"},
    {"class": "Dense", "units": True},
    {"class": "Dense", "units": [3]},
    {"class": "Dense", "units": None},
    {"class": "Dense", "units": {"class": "Dense", "units": 3}},
    {"class": "Dense", "units": 3, "filters": 3},
    {"class": "Dense", "units": 3, "__class__": "x"},
    {"class": "Dense", "units": 3, "l2": -1},
    {"class": "Dense", "units": 3, "l2": "0"},
    {"class": "Dense", "units": 3, "use_bias": "yes"},
    {"class": "Dense", "units": 3, "initializer": "zeros"},
    {"class": "Dense", "units": 3, "initializer": None},
    {"class": "Dense", "units": 3, "initializer": [1]},
    {"class": "Dense", "units": 3, "initializer": {"class": "os.system"}},
    {"class": "Dense", "units": 3, "initializer": {"class": "ReLU"}},
    {"class": "Conv2D", "filters": 3},
    {"class": "Conv2D", "filters": 3, "kernel_size": [3, 3, 3]},
    {"class": "Conv2D", "filters": 3, "kernel_size": [[3], 3]},
    {"class": "Conv2D", "filters": 3, "kernel_size": 3, "padding": "full"},
    {"class": "Conv2D", "filters": 3, "kernel_size": 3, "padding": -1},
    {"class": "Conv2D", "filters": 3, "kernel_size": 3, "stride": [0, 1]},
    {"class": "MaxPool2D", "pool_size": 10**9},
    {"class": "Dropout"},
    {"class": "Dropout", "rate": 1},
    {"class": "Dropout", "rate": None},
    {"class": "Flatten", "is_view": False},
    {"class": "ReLU", "forward": "x"},
]


@pytest.mark.parametrize("config", BAD_LAYERS, ids=repr)
def test_a_hostile_layer_is_refused(config):
    with pytest.raises(FileFormatError):
        layer_from_config(config)


@pytest.mark.parametrize("layer", [layer for layer in BAD_LAYERS if isinstance(layer, dict)], ids=repr)
def test_a_hostile_layer_in_a_network_is_refused(layer):
    arrays, config = parts()
    with pytest.raises(FileFormatError):
        network_from_parts(arrays, config | {"layers": [*config["layers"], layer]})


@pytest.mark.parametrize(
    "change",
    [
        {"layers": None},
        {"layers": []},
        {"layers": {}},
        {"layers": "Dense"},
        {"layers": [None]},
        {"input_shape": None},
        {"input_shape": "882"},
        {"input_shape": []},
        {"input_shape": [8, 8]},
        {"input_shape": [8, 8, 3]},
        {"input_shape": [8, 8, 2, 1]},
        {"input_shape": [8.0, 8, 2]},
        {"input_shape": [True, 8, 2]},
        {"input_shape": [-8, -8, 2]},
        {"input_shape": [0, 8, 2]},
        {"input_shape": [2**31, 8, 2]},
        {"input_shape": [2**31 - 1, 2**31 - 1, 2]},
        {"input_shape": [None, 8, 2]},
        {"input_shape": {"8": 8}},
        {"dtype": None},
        {"dtype": "float16"},
        {"dtype": "object"},
        {"dtype": "<f4"},
        {"dtype": ["float32"]},
        {"dtype": 32},
        {"dtype": "float64"},
    ],
    ids=repr,
)
def test_a_hostile_configuration_is_refused(change):
    arrays, config = parts()
    with pytest.raises(FileFormatError):
        network_from_parts(arrays, config | change)


@pytest.mark.parametrize("config", [None, [], "x", 5, {}, {"layers": []}])
def test_a_configuration_that_is_none_is_refused(config):
    with pytest.raises(FileFormatError):
        network_from_parts(parts()[0], config)


@pytest.mark.parametrize(
    "change",
    [
        {"parameters.6.bias": None},
        {"parameters.0.weight": None},
        {"parameters.6.bias": np.zeros(8, np.float32)},
        {"parameters.6.bias": np.zeros((7, 1), np.float32)},
        {"parameters.6.bias": np.zeros(7, np.float64)},
        {"parameters.6.bias": np.zeros(7, np.int32)},
        {"parameters.6.bias": np.zeros(7, np.bool_)},
        {"parameters.8.bias": np.zeros(3, np.float32)},
        {"parameters.": np.zeros(0, np.float32)},
        {"parameters.6.bias": None, "parameters.6.offset": np.zeros(7, np.float32)},
        {"parameters.6.bias": None, "parameters.1.bias": np.zeros(7, np.float32)},
    ],
    ids=lambda change: " ".join(change),
)
def test_arrays_that_do_not_fit_are_refused(change):
    arrays, config = parts()
    arrays = {name: array for name, array in (arrays | change).items() if array is not None}
    with pytest.raises(FileFormatError, match=r"parameter|numbers"):
        network_from_parts(arrays, config)


def test_a_transposed_weight_is_refused():
    arrays, config = parts()
    arrays["parameters.8.weight"] = np.ascontiguousarray(arrays["parameters.8.weight"].T)
    with pytest.raises(FileFormatError, match=r"parameter 8\.weight"):
        network_from_parts(arrays, config)


LARGEST = 2**31 - 1
HUGE = [
    [{"class": "Dense", "units": LARGEST}],
    [{"class": "Dense", "units": 2**30, "use_bias": False}] * 17,  # 2**64 + 2**37, which 64 bits take for 2**37
    [{"class": "Dense", "units": LARGEST}, {"class": "Dense", "units": LARGEST}],
]
HUGE_IMAGES = [
    [{"class": "Conv2D", "filters": LARGEST, "kernel_size": 1}],
    [{"class": "Conv2D", "filters": 1, "kernel_size": [2**14, 2**14], "padding": 2**13}],
    [{"class": "Conv2D", "filters": LARGEST, "kernel_size": 2**12, "padding": "same"}],
]
BEYOND = [
    ({"class": "Dense", "units": 2**31}, "units"),
    ({"class": "Dense", "units": 2**62, "use_bias": False}, "units"),
    ({"class": "Dense", "units": 10**300}, "units"),
    ({"class": "Conv2D", "filters": 2**40, "kernel_size": 1}, "filters"),
    ({"class": "Conv2D", "filters": 1, "kernel_size": [1, 2**40], "padding": 2**41}, "kernel_size"),
]


@pytest.mark.parametrize(
    ("layers", "shape"), [(layers, [128]) for layers in HUGE] + [(layers, [8, 8, 2]) for layers in HUGE_IMAGES]
)
@pytest.mark.parametrize("arrays", [{}, {"parameters.0.weight": np.zeros(128, np.float32)}], ids=["none", "one"])
def test_huge_sizes_take_no_memory(layers, shape, arrays):
    tracemalloc.start()
    try:
        with pytest.raises(FileFormatError, match=r"need .* numbers, and the file holds"):
            network_from_parts(arrays, {"layers": layers, "input_shape": shape, "dtype": "float32"})
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("layer", "name"), BEYOND)
def test_sizes_that_no_kernel_counts(layer, name):
    with pytest.raises(FileFormatError, match=rf"{name} must be at most {LARGEST}, got "):
        network_from_parts({}, {"layers": [layer], "input_shape": [8, 8, 2], "dtype": "float32"})


def test_every_public_layer_initializer_and_loss_can_be_stored():
    public = [getattr(nn, name) for name in nn.__all__]
    kinds = {kind for kind in public if isinstance(kind, type) and issubclass(kind, (Layer, Initializer, Loss))}
    assert kinds - {Layer, Initializer, Loss} == set(KNOWN.values())


def test_a_negative_variance_is_refused():
    arrays, config = parts()
    name = next(name for name in arrays if name.endswith("running_variance"))
    arrays[name][1] = -1e-9
    with pytest.raises(FileFormatError, match=r"running_variance of the model must be at least 0\.0$"):
        network_from_parts(arrays, config)


def nested(parts):
    """A configuration of a residual block with so many layers in it."""
    return {"class": "Residual", "layers": [{"class": "ReLU"}] * parts, "shortcut": []}


def test_the_parts_of_a_layer_are_counted_before_they_are_built():
    assert len(layer_from_config(nested(MAX_PARTS - 1)).layers) == MAX_PARTS - 1
    with pytest.raises(FileFormatError, match=f"a layer of the model must have at most {MAX_PARTS} parts, got"):
        layer_from_config(nested(MAX_PARTS))


@pytest.mark.parametrize("deep", [5, 20])
def test_blocks_that_are_too_deep(deep):
    config = {"class": "ReLU"}
    for _ in range(deep):
        config = {"class": "Residual", "layers": [config], "shortcut": []}
    with pytest.raises(FileFormatError, match="at most 4 deep"):
        layer_from_config(config)
