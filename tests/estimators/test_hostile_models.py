"""Model files that lie, with a right digest: FileFormatError that names the file, and nothing else happens."""

import sys
import tracemalloc

import numpy as np
import pytest
from container_files import join, split
from model_files import put, refusal, some_models, with_config

import crmsprop

FEW_MODULES = ("antigravity", "this", "turtle", "cProfile", "xmlrpc")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.crms"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return some_models(tmp_path_factory.mktemp("models"))


def test_the_helper_makes_files_that_load(path, files):
    for data, X in files.values():
        path.write_bytes(with_config(data, lambda config: None))
        crmsprop.load(path).predict(X)


CHANGES = {
    "unknown estimator": put("estimator", value="SVC"),
    "estimator by module": put("estimator", value="sklearn.svm.SVC"),
    "no estimator": put("estimator", value=None),
    "estimator is a list": put("estimator", value=["MLPClassifier"]),
    "base class": put("estimator", value="NetworkClassifierBase"),
    "no network": put("network", value=None),
    "unknown layer": put("network", "layers", 0, value={"class": "os.system", "command": "true"}),
    "unhashable class of a layer": put("network", "layers", 0, "class", value=["Dense"]),
    "layer without values": put("network", "layers", 0, value={"class": "Dense"}),
    "a layer less": lambda config: config["network"]["layers"].pop(),
    "a layer more": lambda config: config["network"]["layers"].append({"class": "ReLU", "x": 1}),
    "unknown initializer": put("network", "layers", 0, "initializer", value={"class": "builtins.eval"}),
    "another dtype": put("network", "dtype", value="float32"),
    "another input shape": put("network", "input_shape", value=[4]),
    "parameters are none": put("parameters", value=None),
    "parameters are a list": put("parameters", value=[]),
    "a parameter less": lambda config: config["parameters"].pop("rho"),
    "a parameter more": put("parameters", "alpha", value=1),
    "callbacks": put("parameters", "callbacks", value=None),
    "self": put("parameters", "self", value=None),
    "unknown schedule": put("parameters", "schedule", value={"class": "Exec"}),
    "bad values of a schedule": put("parameters", "schedule", value={"class": "StepDecay", "factor": "x", "every": 0}),
    "unknown augmentation": put("parameters", "augmentation", value={"class": "Exec"}),
    "bad values of an augmentation": put("parameters", "augmentation", value={"class": "Rotation", "degrees": "x"}),
    "augmentation is text": put("parameters", "augmentation", value="Flip"),
    "augmentation is a list": put("parameters", "augmentation", value=[{"class": "Flip", "rate": 0.5}]),
    "label smoothing is too much": put("parameters", "label_smoothing", value=1.0),
    "label smoothing is text": put("parameters", "label_smoothing", value="0"),
    "schedule is text": put("parameters", "schedule", value="StepDecay"),
    "name of a function is none": put("parameters", "schedule", value={"function": None}),
    "threads are text": put("parameters", "n_threads", value="many"),
    "threads are negative": put("parameters", "n_threads", value=-1),
    "batch size is text": put("parameters", "batch_size", value="many"),
    "no classes": put("classes", value=None),
    "classes of an unknown kind": put("classes", "kind", value="pickle"),
    "labels that are none": put("classes", "labels", value=None),
    "labels that are numbers": put("classes", "labels", value=[1, 2, 3]),
    "labels that are mixed": put("classes", "labels", value=["a", "b", None]),
    "a label less": put("classes", "labels", value=["a", "b"]),
    "a label more": put("classes", "labels", value=["a", "b", "c", "d"]),
    "no labels": put("classes", "labels", value=[]),
    "a label twice": put("classes", "labels", value=["a", "b", "b"]),
    "labels that NumPy cuts to the same": put("classes", "labels", value=["a", "b", "b\0"]),
    "labels out of order": put("classes", "labels", value=["c", "b", "a"]),
    "classes that are no array": put("classes", value={"kind": "array"}),
    "history is none": put("history", value=None),
    "history is a number": put("history", value=5),
    "history is true": put("history", value=True),
    "history is a list of columns": lambda config: config.update(history=list(config["history"])),
    "a column less": lambda config: config["history"].pop("loss"),
    "columns in another order": lambda config: config["history"].update(epoch=config["history"].pop("epoch")),
    "a column more": lambda config: config["history"].update(x=[1, 2]),
    "columns of unequal lengths": put("history", "loss", value=[0.5]),
    "a column that is none": put("history", "loss", value=None),
    "a column of text": put("history", "loss", value=["0.5", "0.5"]),
    "a column of lists": put("history", "loss", value=[[0.5], [0.5]]),
    "fitted is none": put("fitted", value=None),
    "a fitted value less": lambda config: config["fitted"].pop("best_epoch"),
    "a fitted value more": put("fitted", "classes", value=1),
    "features are text": put("fitted", "n_features_in", value="3"),
    "features are true": put("fitted", "n_features_in", value=True),
    "another number of features": put("fitted", "n_features_in", value=4),
    "uint8 is a number": put("fitted", "fitted_on_uint8", value=0),
    "uint8 is none": put("fitted", "fitted_on_uint8", value=None),
    "best epoch is text": put("fitted", "best_epoch", value="1"),
    "another image shape": put("fitted", "image_shape", value=[1, 3, 1]),
    "an image shape of floats": put("fitted", "image_shape", value=[3.0]),
    "an image shape of one": put("fitted", "image_shape", value=[3]),
    "an empty image shape": put("fitted", "image_shape", value=[]),
    "image shape is text": put("fitted", "image_shape", value="3"),
    "names of features are numbers": put("fitted", "feature_names_in", value=[1, 2, 3]),
    "a name of a feature less": put("fitted", "feature_names_in", value=["a", "b"]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_configuration_that_lies(path, files, change):
    refusal(path, with_config(files["mlp"][0], change))


IMAGE_CHANGES = {
    "no image shape": put("fitted", "image_shape", value=None),
    "an image shape of two": put("fitted", "image_shape", value=[4, 4]),
    "an image shape of floats": put("fitted", "image_shape", value=[4.0, 4.0, 1.0]),
    "an image shape with true": put("fitted", "image_shape", value=[4, 4, True]),
    "another image shape": put("fitted", "image_shape", value=[4, 2, 2]),
    "another number of features": put("fitted", "n_features_in", value=15),
}


@pytest.mark.parametrize("change", IMAGE_CHANGES.values(), ids=IMAGE_CHANGES)
def test_images_that_lie(path, files, change):
    refusal(path, with_config(files["cnn"][0], change))


ARRAYS = {
    "no classes": {"classes": None},
    "classes out of order": {"classes": ("I64", np.array([2, 1, 0]))},
    "a class twice": {"classes": ("I64", np.array([0, 1, 1]))},
    "a class less": {"classes": ("I64", np.array([0, 1]))},
    "no class": {"classes": ("I64", np.array([], np.int64))},
    "classes in two rows": {"classes": ("I64", np.array([[0, 1, 2]]))},
    "classes without a dimension": {"classes": ("I64", np.array(0))},
    "classes that are no numbers": {"classes": ("F64", np.array([0, 1, np.nan]))},
    "infinite classes": {"classes": ("F64", np.array([0, 1, np.inf]))},
    "a weight less": {"parameters.0.weight": None},
    "a weight of another shape": {"parameters.0.weight": ("F32", np.zeros((3, 6, 1, 1), np.float32))},
    "a weight of another dtype": {"parameters.0.weight": ("F64", np.zeros((3, 3, 1, 2)))},
    "a weight of another size": {"parameters.0.bias": ("F32", np.zeros(3, np.float32))},
    "a parameter more": {"parameters.9.bias": ("F32", np.zeros(2, np.float32))},
    "a parameter of nothing more": {"parameters.9.bias": ("F32", np.zeros(0, np.float32))},
}


@pytest.mark.parametrize("arrays", ARRAYS.values(), ids=ARRAYS)
def test_arrays_that_lie(path, files, arrays):
    refusal(path, with_config(files["cnn"][0], lambda config: None, arrays))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite(path, files, number):
    document, body = split(files["mlp"][0])
    text = document["__metadata__"]["config"]
    document["__metadata__"]["config"] = text.replace('"rho":0.9', f'"rho":{number}')
    assert document["__metadata__"]["config"] != text
    refusal(path, join(document, body))


@pytest.mark.parametrize("name", FEW_MODULES)
def test_nothing_that_a_file_names_is_imported(path, files, name):
    """Each of these is a module of the standard library that nobody has imported yet, or only by chance."""
    before = set(sys.modules)
    data = with_config(files["mlp"][0], put("parameters", "schedule", value={"function": f"{name}:main"}))
    path.write_bytes(data)
    with pytest.warns(UserWarning, match=f"{name}:main"):
        assert crmsprop.load(path).schedule is None
    for keys in [("estimator",), ("network", "layers", 0, "class"), ("network", "layers", 0, "initializer", "class")]:
        refusal(path, with_config(files["mlp"][0], put(*keys, value=f"{name}.main")))
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    "layer",
    [
        {"class": "Dense", "units": 2**40},
        {"class": "Dense", "units": 2**62, "use_bias": False},
        {"class": "Dense", "units": 10**300},
    ],
)
def test_huge_sizes_take_no_memory(path, files, layer):
    data = with_config(files["mlp"][0], put("network", "layers", 0, value=layer))
    tracemalloc.start()
    try:
        refusal(path, data)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
