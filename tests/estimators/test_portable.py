"""Weights from other libraries into estimators, and estimators to other libraries."""

import copy

import numpy as np
import onnxruntime
import pytest
import safetensors.numpy
from sklearn.exceptions import NotFittedError
from weight_cases import GOLDEN, TORCH

import crmsprop
from crmsprop import CNNClassifier, CNNRegressor, MLPClassifier, NetworkClassifier
from crmsprop.datasets import load_digits
from crmsprop.errors import FileFormatError
from crmsprop.files import write_safetensors
from crmsprop.nn import GELU, BatchNorm, Conv2D, MaxPool2D, Residual

VGG = GOLDEN / "torch_vgg.safetensors"


def vgg(**parameters):
    """The model without its output layer and the Flatten, which are added."""
    return NetworkClassifier(TORCH["vgg"][1][:-1], **parameters)


def frozen():
    with np.load(GOLDEN / "torch_weights.npz") as values:
        return values["vgg_x"].transpose(0, 2, 3, 1), values["vgg_y"]


def softmax(x):
    powers = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_weights_in_place_of_a_training():
    X, y = frozen()
    model = vgg()
    assert model.load_weights(VGG, X[:1], list("abcde")) is model
    np.testing.assert_allclose(model.predict_proba(X), softmax(y), atol=1e-5)
    assert model.predict(X).tolist() == np.array(list("abcde"))[y.argmax(axis=1)].tolist()
    assert (model.n_epochs_, model.n_features_in_, model.image_shape_) == (0, 192, (8, 8, 3))
    assert set(map(len, model.history_.values())) == {0}
    assert "192" not in repr(model.classes_)


def test_classes_in_the_order_of_the_file():
    X, y = frozen()
    classes = np.array(["e", "a", "d", "b", "c"])
    model = vgg().load_weights(VGG, X, classes)
    assert model.classes_.tolist() == list("abcde")
    assert model.predict(X).tolist() == classes[y.argmax(axis=1)].tolist()
    np.testing.assert_allclose(model.predict_proba(X), softmax(y)[:, np.argsort(classes)], atol=1e-5)


@pytest.mark.parametrize("kind", ["float64", "uint8"])
def test_samples_say_what_is_predicted(kind):
    X, _ = frozen()
    pixels = np.random.default_rng(0).integers(0, 256, X.shape).astype(np.uint8)
    model = vgg().load_weights(VGG, X.astype(np.float64) if kind == "float64" else pixels, range(5))
    assert model.network_.dtype == ("float64" if kind == "float64" else "float32")
    scaled = vgg().load_weights(VGG, X, range(5)).predict_proba((pixels / 255).astype(np.float32))
    given = pixels / 255 if kind == "float64" else pixels
    np.testing.assert_allclose(model.predict_proba(given), scaled, atol=1e-5)


def test_what_was_loaded_can_be_saved_and_evaluated(tmp_path):
    X, y = frozen()
    model = vgg().load_weights(VGG, X, range(5))
    model.save(tmp_path / "model.crms")
    again = crmsprop.load(tmp_path / "model.crms")
    assert again.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert model.evaluate(X, y.argmax(axis=1))["accuracy"] == 1.0
    assert "total" in model.summary()


def test_a_fitted_estimator_keeps_its_layers():
    X, y = frozen()
    model = vgg(max_epochs=1, random_state=0).fit(X, [*"abcde", "a"])
    network, history = model.network_, copy.deepcopy(model.history_)
    before = network.arena.flat.copy()
    model.load_weights(VGG)
    np.testing.assert_allclose(model.predict_proba(X), softmax(y), atol=1e-5)
    assert model.history_ == history
    assert np.array_equal(network.arena.flat, before)  # of whoever predicts with it right now


def test_from_one_estimator_to_another(tmp_path):
    (X, y), _ = load_digits()
    X, y = X[:99], y[:99]
    layers = [Residual([Conv2D(3, 3, padding="same"), BatchNorm()], [Conv2D(3, 1)]), GELU(), MaxPool2D(2)]
    model = NetworkClassifier(layers, max_epochs=2, random_state=0).fit(X, y)
    model.export_safetensors(tmp_path / "weights.safetensors")
    other = NetworkClassifier(layers).load_weights(tmp_path / "weights.safetensors", X[:1], model.classes_)
    assert other.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    names = safetensors.numpy.load_file(tmp_path / "weights.safetensors")
    assert {"0.layers.0.weight", "0.layers.1.running_var", "0.shortcut.0.bias", "4.weight"} <= set(names)


def test_an_order_for_names_without_one(tmp_path):
    path = tmp_path / "weights.safetensors"
    eye = {"weight": np.eye(2, dtype=np.float32), "bias": np.zeros(2, np.float32)}
    named = [("x", 2.0), ("y", 3.0), ("head", 1.0)]
    write_safetensors(path, {f"{name}.{key}": factor * array for name, factor in named for key, array in eye.items()})
    X = np.array([[1.0, 2.0]])
    with pytest.raises(FileFormatError, match="give `order`"):
        MLPClassifier((2, 2)).load_weights(path, X, [0, 1])
    model = MLPClassifier((2, 2)).load_weights(path, X, [0, 1], order=["y", "x", "head"])
    assert model.network_.arena.views["0.weight"][0, 0] == 3


def without_network(model):
    return {name: value for name, value in vars(model).items() if name != "network_"}


@pytest.mark.parametrize("is_fitted", [False, True])
def test_a_file_that_does_not_fit_changes_nothing(is_fitted):
    X, _ = frozen()
    model = NetworkClassifier(TORCH["vgg"][1][:-4], max_epochs=1)
    if is_fitted:
        model.fit(X, [*"abcde", "a"])
    before, flat = without_network(model), is_fitted and model.network_.arena.flat.copy()
    with pytest.raises(FileFormatError, match=r"cannot read .*torch_vgg.safetensors: "):
        model.load_weights(VGG, *(() if is_fitted else (X, range(5))))
    assert without_network(model) == before
    assert hasattr(model, "network_") == is_fitted
    assert not is_fitted or np.array_equal(model.network_.arena.flat, flat)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((), NotFittedError, "is not fitted yet"),
        ((np.zeros((1, 8, 8, 3)),), ValueError, "X and classes must be given together"),
        ((None, [0, 1]), ValueError, "X and classes must be given together"),
        ((np.zeros((1, 8, 8, 3)), [0, 1, 2, 3, 3]), ValueError, "classes must be different from each other"),
        ((np.zeros((1, 8, 8, 3)), range(4)), FileFormatError, "needs weight (4, 12), bias (4)"),
        ((np.zeros((1, 8, 12, 3)), range(5)), FileFormatError, "needs weight (12, 36), bias (12)"),
        ((np.full((1, 8, 8, 3), np.nan), range(5)), ValueError, "NaN"),
    ],
)
def test_bad_arguments(arguments, error, message):
    model = vgg()
    with pytest.raises(error) as caught:
        model.load_weights(VGG, *arguments)
    assert message in str(caught.value)
    assert not hasattr(model, "network_")


def test_parameters_are_checked():
    with pytest.raises(ValueError, match=r"rho must be in \[0, 1\), got 2"):
        vgg(rho=2).load_weights(VGG, np.zeros((1, 8, 8, 3)), range(5))


@pytest.mark.parametrize(
    ("X", "classes", "error", "message"),
    [
        (3, [0, 1], TypeError, "X must be an array of samples, got 3"),
        ((row for row in "ab"), [0, 1], TypeError, "X must be an array of samples, got <generator"),
        (np.zeros((1, 8, 8, 3)), 3, ValueError, "classes must be a sequence of labels, got 3"),
        (np.zeros((1, 8, 8, 3)), np.eye(5), ValueError, "classes must be a sequence of labels, got array"),
        (np.zeros((1, 8, 8, 3)), [1, np.nan], ValueError, r"classes must be labels, got \[1, nan\]: .*NaN"),
        (np.zeros((1, 8, 8, 3)), ["a", None], ValueError, "classes must hold strings .* got None for label 1"),
    ],
)
def test_samples_and_classes_that_are_none(X, classes, error, message):
    model = vgg()
    with pytest.raises(error, match=f"^{message}"):
        model.load_weights(VGG, X, classes)
    assert "network_" not in vars(model)


@pytest.mark.parametrize("act", ["export_onnx", "export_safetensors"])
def test_what_is_not_fitted_is_not_exported(tmp_path, act):
    with pytest.raises(NotFittedError):
        getattr(MLPClassifier(), act)(tmp_path / "file")


def run(path, X, *outputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_outputs()] == list(outputs)
    return session.run(list(outputs), {"X": X})


def assert_same_as_onnxruntime(path, model, X):
    model.export_onnx(path)
    label, probabilities = run(path, X, "label", "probabilities")
    np.testing.assert_allclose(probabilities, model.predict_proba(X), rtol=0, atol=1e-5)
    assert label.tolist() == model.predict(X).tolist()
    assert len(np.unique(label)) > 1


@pytest.mark.parametrize(
    "model",
    [
        CNNClassifier((4, 8), dense_units=(16,), max_epochs=2, random_state=0),
        CNNClassifier((4, 8), padding="valid", max_epochs=1, random_state=0),
        NetworkClassifier([Conv2D(4, 3, stride=2, padding=2), BatchNorm(), GELU()], max_epochs=1, random_state=0),
        MLPClassifier((8,), image_shape=(8, 8), max_epochs=2, random_state=0),
    ],
    ids=repr,
)
def test_a_thousand_images_in_onnxruntime(tmp_path, model):
    (X, y), _ = load_digits()
    model.fit(X, np.char.add("digit ", y.astype(str)))
    assert len(X[:1000]) == 1000
    assert_same_as_onnxruntime(tmp_path / "model.onnx", model, X[:1000].reshape(1000, 8, 8, 1))


def test_images_of_floats_in_onnxruntime(tmp_path):
    (X, y), _ = load_digits()
    X = (X / 255).astype(np.float32)
    model = CNNClassifier((4,), dense_units=(8,), max_epochs=1, random_state=0).fit(X, y)
    assert_same_as_onnxruntime(tmp_path / "model.onnx", model, X)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_rows_in_onnxruntime(tmp_path, dtype):
    """Rows of an MLP are not scaled."""
    (X, y), _ = load_digits()
    X = (X.reshape(len(X), -1) // 16).astype(dtype)
    model = MLPClassifier((8,), max_epochs=2, random_state=0).fit(X, y)
    assert_same_as_onnxruntime(tmp_path / "model.onnx", model, X)


@pytest.mark.parametrize("flip_predictions", [False, True])
def test_several_labels_in_onnxruntime(tmp_path, flip_predictions):
    """What a digit is not: even, and above 4."""
    (X, y), _ = load_digits()
    model = CNNClassifier((4,), dense_units=(), max_epochs=1, random_state=0, flip_predictions=flip_predictions)
    model.fit(X, np.stack([y % 2, y < 5], axis=1).astype(int))
    assert_same_as_onnxruntime(tmp_path / "model.onnx", model, X[:200].reshape(200, 8, 8, 1))


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("columns", [1, 2])
def test_numbers_and_counts_in_onnxruntime(tmp_path, loss, columns):
    (X, y), _ = load_digits()
    targets = np.stack([y, 9 - y], axis=1)[:, :columns].squeeze().astype(float)
    model = CNNRegressor((4,), dense_units=(), loss=loss, max_epochs=1, random_state=0).fit(X, targets)
    model.export_onnx(tmp_path / "model.onnx")
    (outputs,) = run(tmp_path / "model.onnx", X.reshape(len(X), 8, 8, 1), "outputs")
    predicted = model.predict(X).reshape(len(X), columns)
    np.testing.assert_allclose(outputs, predicted, rtol=1e-5, atol=1e-5)
    assert np.ptp(outputs) > 1


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_mean_over_mirror_images_in_onnxruntime(tmp_path, dtype):
    (X, y), _ = load_digits()
    X = X[:, :, :7].reshape(len(X), 8, 7, 1).astype(dtype)
    model = CNNClassifier((4,), dense_units=(8,), max_epochs=1, random_state=0, flip_predictions=True).fit(X, y)
    assert_same_as_onnxruntime(tmp_path / "model.onnx", model, X)
    single = model.set_params(flip_predictions=False).predict_proba(X)
    assert np.abs(single - run(tmp_path / "model.onnx", X, "label", "probabilities")[1]).max() > 1e-3
