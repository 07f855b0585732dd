"""Models in ONNX, run by onnxruntime: the same numbers as the network's, for every layer of ours."""

import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from weight_cases import KERAS, TORCH, network, outputs

from crmsprop import nn
from crmsprop.errors import MissingExtraError
from crmsprop.nn import BatchNorm, Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D, Network, ReLU, Residual
from crmsprop.persistence import export_onnx
from crmsprop.persistence.layers import LAYERS
from crmsprop.persistence.layouts import KERAS as KERAS_LAYOUTS
from crmsprop.persistence.layouts import TORCH as TORCH_LAYOUTS
from crmsprop.persistence.onnx_layers import NODES


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def disturbed(layers, input_shape, dtype=np.float32):
    """A network in which no parameter has its first value."""
    made, rng = Network(layers, input_shape, dtype), np.random.default_rng(0)
    made.initialize(rng)
    for view in made.arena.views.values():
        view += rng.uniform(0, 0.3, view.shape)
    return made


def assert_same(path, made, n=7):
    x = np.random.default_rng(1).normal(size=(n, *made.input_shape)).astype(np.float32)
    (got,) = session(path).run(["outputs"], {"X": x})
    expected = outputs(made, x)
    assert got.dtype == np.float32
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


IMAGE_LAYERS = [
    *(Conv2D(3, (2, 3)), Conv2D(3, 3, padding="same", use_bias=False), Conv2D(2, 4, stride=3, padding="same")),
    *(Conv2D(3, (3, 1), stride=(1, 2), padding=(2, 0)), Conv2D(3, 2, stride=2, padding="same")),
    *(MaxPool2D(2), MaxPool2D((2, 3), stride=(1, 2)), MaxPool2D(3, stride=1)),
    *(BatchNorm(), BatchNorm(epsilon=0.1), Dropout(0.5), ReLU(), nn.LeakyReLU(0.2), nn.ELU(0.5), nn.GELU()),
    *(nn.Scale(0.3), nn.Whitening2D(2), nn.GlobalAveragePool2D(), nn.SpatialDropout2D(0.3)),
    *(nn.AveragePool2D(2), nn.AveragePool2D((2, 3), stride=(1, 2)), nn.DepthwiseConv2D(3, padding="same")),
    nn.DepthwiseConv2D((2, 3), stride=(2, 1), padding=(1, 0), use_bias=False),
    *(nn.SiLU(), nn.Tanh(), nn.Sigmoid(), Flatten(), Residual([ReLU()]), Residual([ReLU()], [BatchNorm()])),
]
ROW_LAYERS = [
    *(Dense(4), Dense(3, use_bias=False), BatchNorm(), Dropout(0.1), Flatten(), ReLU(), nn.LeakyReLU(), nn.ELU()),
    *(nn.GELU(), nn.SiLU(), nn.Tanh(), nn.Sigmoid(), Residual([Dense(5)]), Residual([Dense(2)], [Dense(2)])),
]


@pytest.mark.parametrize("layer", IMAGE_LAYERS, ids=repr)
@pytest.mark.parametrize("shape", [(7, 6, 3), (8, 9, 1)])
def test_layers_of_images(path, layer, shape):
    made = disturbed([layer], shape)
    export_onnx(made, path)
    assert_same(path, made)


@pytest.mark.parametrize("layer", ROW_LAYERS, ids=repr)
def test_layers_of_rows(path, layer):
    made = disturbed([layer], (5,))
    export_onnx(made, path)
    assert_same(path, made)


@pytest.mark.parametrize("layer", [BatchNorm(), ReLU(), Flatten()], ids=repr)
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4, 2)])
def test_samples_that_are_neither_images_nor_rows(path, layer, shape):
    made = disturbed([layer], shape)
    export_onnx(made, path)
    assert_same(path, made)


def test_every_layer_of_ours_has_its_nodes():
    """A new layer needs a line in the table, and one above; one with parameters also a layout of torch and Keras."""
    assert set(NODES) == set(LAYERS)
    assert {type(layer) for layer in (*IMAGE_LAYERS, *ROW_LAYERS)} == set(LAYERS)
    with_parameters = {
        type(layer)
        for layers, shape in ((IMAGE_LAYERS, (7, 6, 3)), (ROW_LAYERS, (5,)))
        for layer in layers
        if layer.parameters(shape)
    } - {Residual}
    assert set(TORCH_LAYOUTS.layers) == set(KERAS_LAYOUTS.layers) == with_parameters


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", [*TORCH.values(), *KERAS.values()], ids=[*TORCH, *(f"keras_{name}" for name in KERAS)])
def test_whole_networks(path, case, dtype):
    made = network(case, dtype)
    made.initialize(np.random.default_rng(0))
    export_onnx(made, path)
    for n in (0, 1, 9):
        assert_same(path, made, n)


def test_what_the_file_says(path):
    export_onnx(network(TORCH["vgg"]), path, classes=list("abcde"), input_dtype="uint8", scale=1 / 255)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert model.producer_name == "crmsprop"
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    run = session(path)
    assert [(one.name, one.type, one.shape) for one in run.get_inputs()] == [("X", "tensor(uint8)", ["n", 8, 8, 3])]
    expected = [("label", "tensor(string)", ["n"]), ("probabilities", "tensor(float)", ["n", 5])]
    assert [(one.name, one.type, one.shape) for one in run.get_outputs()] == expected


def softmax(x):
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("classes", "dtype"),
    [
        (["a", "b", "Ü"], object),
        (np.array(["a", "b", "c"], dtype=object), object),
        (np.array(["a", "b", "a\0b"], dtype=object), object),
        ([3, 5, 9], np.int64),
        (np.array([-3, 5, 9], np.int8), np.int64),
        (np.array([3, 5, 2**62], np.uint64), np.int64),
        ([0.1, 0.25, 1e300], np.float64),
        (np.array([0.5, 1, 2], np.float32), np.float64),
        (np.array([1, 2, 3], dtype=object), np.int64),
    ],
)
def test_labels_and_probabilities(path, classes, dtype):
    made = disturbed([Dense(3)], (4,))
    export_onnx(made, path, classes=classes)
    x = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    label, probabilities = session(path).run(["label", "probabilities"], {"X": x})
    raw = x.astype(np.float64) @ made.arena.views["0.weight"] + made.arena.views["0.bias"]
    np.testing.assert_allclose(probabilities, softmax(raw), atol=1e-6)
    assert label.dtype == dtype
    assert label.tolist() == np.asarray(classes)[raw.argmax(axis=1)].tolist()
    assert len(set(label.tolist())) > 1


def test_labels_that_end_in_nothing_are_whole_in_the_file(path):
    """What onnxruntime makes of them in Python is without it."""
    export_onnx(disturbed([Dense(2)], (4,)), path, classes=np.array(["a", "a\0"], object))
    (labels,) = (one for one in onnx.load(path).graph.initializer if one.name == "classes")
    assert list(labels.string_data) == [b"a", b"a\0"]


def test_labels_that_are_true_or_false(path):
    export_onnx(disturbed([Dense(2)], (4,)), path, classes=[False, True])
    label, _ = session(path).run(None, {"X": np.eye(4, dtype=np.float32)})
    assert label.dtype == np.bool_


def test_links(path):
    made = disturbed([Dense(2)], (4,))
    x = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    raw = outputs(made, x)
    export_onnx(made, path, link="exp")
    np.testing.assert_allclose(session(path).run(["outputs"], {"X": x})[0], np.exp(raw), rtol=1e-5)
    export_onnx(made, path, link="sigmoid")
    label, probabilities = session(path).run(["label", "probabilities"], {"X": x})
    np.testing.assert_allclose(probabilities, 1 / (1 + np.exp(-raw)), atol=1e-6)
    np.testing.assert_array_equal(label, (raw > 0).astype(np.int64), strict=True)


@pytest.mark.parametrize("layers", [[Conv2D(2, 3), Flatten(), Dense(3)], [Conv2D(2, 3)]])
def test_the_mean_over_an_image_and_its_mirror_image(path, layers):
    made = disturbed(layers, (4, 5, 2))
    export_onnx(made, path, flip=True)
    x = np.random.default_rng(1).normal(size=(6, 4, 5, 2)).astype(np.float32)
    (got,) = session(path).run(None, {"X": x})
    np.testing.assert_allclose(got, (outputs(made, x) + outputs(made, x[:, :, ::-1].copy())) / 2, atol=1e-5)


@pytest.mark.parametrize("input_dtype", ["uint8", "float32"])
def test_scaled_input(path, input_dtype):
    made = disturbed([Dense(2)], (4,))
    export_onnx(made, path, input_dtype=input_dtype, scale=1 / 255)
    x = np.random.default_rng(1).integers(0, 256, (5, 4)).astype(input_dtype)
    (got,) = session(path).run(None, {"X": x})
    np.testing.assert_allclose(got, outputs(made, x / 255), atol=1e-6)


class Own(Layer):
    def output_shape(self, input_shape):
        return input_shape


class OwnDense(Dense):
    pass


@pytest.mark.parametrize("layers", [[Own()], [Dense(2), OwnDense(2)], [Residual([Own()])]])
def test_layers_of_ones_own(path, layers):
    with pytest.raises(TypeError, match="layers must be of crmsprop's own classes to be exported, got"):
        export_onnx(Network(layers, (2,)), path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"input_dtype": "int8"}, ValueError, "input_dtype must be one of 'float32', 'uint8', got 'int8'"),
        ({"scale": 0}, ValueError, "scale must be in (0, inf), got 0"),
        ({"scale": "1"}, TypeError, "scale must be a number in (0, inf), got '1'"),
        ({"link": "softmax"}, ValueError, "link must be one of 'sigmoid', 'exp', got 'softmax'"),
        (
            {"link": "exp", "classes": ["a", "b"]},
            ValueError,
            "link must be None where there are classes, whose link is the softmax, got 'exp'",
        ),
        ({"flip": 1}, TypeError, "flip must be True or False, got 1"),
        ({"flip": True}, ValueError, "flip must be False unless samples are images, got True for the shape (2,)"),
        ({"classes": ["a"]}, ValueError, "classes must have a label for each output, shape (2,), got (1,)"),
        ({"classes": [["a", "b"]]}, ValueError, "classes must have a label for each output, shape (2,), got (1, 2)"),
        ({"classes": [1j, 2]}, TypeError, "classes must be text, booleans, floats or integers below 2**63"),
        (
            {"classes": np.array([1, 2**63], np.uint64)},
            TypeError,
            "classes must be text, booleans, floats or integers below 2**63",
        ),
        (
            {"classes": np.array(["a", "\ud800"])},
            ValueError,
            "classes must be valid Unicode to be exported, got '\\ud800'",
        ),
        ({"classes": [None, "a"]}, TypeError, "classes must be text, booleans, floats or integers below 2**63"),
    ],
)
def test_bad_arguments(path, keywords, error, message):
    with pytest.raises(error) as caught:
        export_onnx(Network([Dense(2)], (2,)), path, **keywords)
    assert message in str(caught.value)
    assert not path.exists()


def test_weights_beyond_float32(path):
    made = Network([Dense(2)], (2,), np.float64)
    made.arena.views["0.bias"][1] = 1e300
    with pytest.raises(ValueError, match=r"0\.bias must be finite in float32, which the exported model computes in"):
        export_onnx(made, path)


def test_a_model_that_no_file_can_hold(path, monkeypatch):
    monkeypatch.setattr("crmsprop.persistence.onnx_graph.MAX_BYTES", 23)
    with pytest.raises(ValueError, match="must have at most 23 bytes of weights, got 24"):
        export_onnx(Network([Dense(2)], (2,)), path)


def test_without_onnx(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r'a model in ONNX needs onnx: pip install "crmsprop\[onnx\]"'):
        export_onnx(Network([Dense(2)], (2,)), path)
