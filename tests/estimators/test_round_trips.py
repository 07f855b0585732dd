"""Every model of nn.models comes from torch and Keras and goes to torch and ONNX: the same predictions within 1e-5.

The files are as the libraries write them, under the names and shapes that golden/models.npz has from them, and the
logits there are theirs. tests/round_trips.py does the same with live libraries and 1,000 images of CIFAR-10.
"""

import json
from typing import NamedTuple

import h5py
import numpy as np
import onnxruntime
import pytest
import safetensors.numpy
from peer_models import CLASSES, LIBRARIES, MODELS, images, weights
from weight_cases import GOLDEN

from crmsprop import NetworkClassifier
from crmsprop.nn import models
from crmsprop.persistence import export_onnx

#: How many images onnxruntime gets: of the others as many as take a second.
N_IMAGES = {"reference_cnn": 1000, "reference_cnn_norm": 1000, "resnet20": 100, "fast_cnn": 20}


class Loaded(NamedTuple):
    """The arrays of a library's file, what the library makes of four images, and an estimator that has read it."""

    name: str
    arrays: dict[str, np.ndarray]
    logits: np.ndarray
    model: NetworkClassifier


@pytest.fixture(scope="module")
def loaded(request, tmp_path_factory):
    library, name = request.param
    with np.load(GOLDEN / "models.npz") as values:
        shapes, logits = json.loads(str(values[f"{library}/{name}/shapes"])), values[f"{library}/{name}/logits"]
    arrays = weights(library, shapes)
    path = WRITERS[library](tmp_path_factory.mktemp("weights"), arrays)
    model = NetworkClassifier(MODELS[name]).load_weights(path, images(1), CLASSES)
    path.unlink()
    return Loaded(name, arrays, logits, model)


def write_torch(folder, arrays):
    safetensors.numpy.save_file(arrays, folder / "model.safetensors")
    return folder / "model.safetensors"


def write_keras(folder, arrays):
    with h5py.File(folder / "model.weights.h5", "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return folder / "model.weights.h5"


WRITERS = {"torch": write_torch, "keras": write_keras}


def every_model(*libraries):
    cases = [(library, name) for name in MODELS for library in libraries]
    return pytest.mark.parametrize("loaded", cases, ids="-".join, indirect=True)


def softmax(logits):
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def assert_same(logits, expected):
    """Within 1e-5; of the number itself, where it is above 1."""
    np.testing.assert_array_less(np.abs(logits - expected), 1e-5 * np.maximum(1, np.abs(expected)))


def test_every_model_is_here():
    made = {name for name, value in vars(models).items() if getattr(value, "__module__", "") == models.__name__}
    assert {name for name in made if not name.startswith("_")} == {name.removesuffix("_norm") for name in MODELS}


@every_model(*LIBRARIES)
def test_the_predictions_are_those_of_the_library(loaded):
    X = images(4)
    assert_same(loaded.model.decision_function(X), loaded.logits)
    np.testing.assert_allclose(loaded.model.predict_proba(X), softmax(loaded.logits), rtol=0, atol=1e-5)
    assert loaded.logits.std(axis=0).max() > 0.01  # they depend on the image


@every_model("torch")
def test_what_goes_out_is_what_came_from_torch(loaded, tmp_path):
    loaded.model.export_safetensors(tmp_path / "out.safetensors")
    written = safetensors.numpy.load_file(tmp_path / "out.safetensors")
    assert set(written) == set(loaded.arrays)
    for key, array in loaded.arrays.items():
        assert (written[key].dtype, written[key].shape) == (array.dtype, array.shape), key
        assert written[key].tobytes() == array.tobytes(), key


def run_onnx(path, output, X):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run([output], {"X": X})[0]


@every_model("torch")
def test_onnxruntime_predicts_the_same(loaded, tmp_path):
    model, X = loaded.model, images(N_IMAGES.get(loaded.name, 4), seed=2)
    model.export_onnx(tmp_path / "model.onnx")
    got = run_onnx(tmp_path / "model.onnx", "probabilities", X)
    np.testing.assert_allclose(got, model.predict_proba(X), rtol=0, atol=1e-5)
    export_onnx(model.network_, tmp_path / "model.onnx", input_dtype="uint8", scale=1 / 255)
    assert_same(run_onnx(tmp_path / "model.onnx", "outputs", X[:20]), model.decision_function(X[:20]))
