"""Model files taken apart, changed and signed again.

At the root of tests/ and not in tests/estimators/, for the reason that `cifar_files` gives.
"""

import json
import sys

import numpy as np
import pytest
from container_files import join, split

import crmsprop
from crmsprop.errors import FileFormatError


def some_models(folder):
    """The bytes of saved models, with data that each predicts: of rows and images, classes, numbers and labels."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 3
    images = rng.integers(0, 256, (40, 4, 4, 1)).astype(np.uint8)
    mlp = crmsprop.MLPClassifier((4,), max_epochs=2, random_state=0, early_stopping=True)
    cnn = crmsprop.CNNClassifier((2,), dense_units=(3,), max_epochs=2, random_state=0)
    mlp.fit(X, np.array(["a", "b", "c"])[y]).save(folder / "mlp")
    cnn.fit(images, y).save(folder / "cnn")
    regressor = crmsprop.MLPRegressor((4,), loss="poisson", max_epochs=2, random_state=0, validation_fraction=0.2)
    regressor.set_params(scoring="r2").fit(X, np.abs(X)).save(folder / "regressor")
    several = crmsprop.MLPClassifier((4,), max_epochs=2, random_state=0).fit(X, (X > 0).astype(int))
    several.save(folder / "several")
    samples = {"mlp": X, "cnn": images, "regressor": X, "several": X}
    return {name: ((folder / name).read_bytes(), data) for name, data in samples.items()}


def with_config(data, change, arrays=None):
    """The file with `change` applied to its configuration and a right digest; `arrays` adds or removes arrays."""
    document, body = split(data)
    config = json.loads(document["__metadata__"]["config"])
    change(config)
    document["__metadata__"]["config"] = json.dumps(config)
    for name, array in (arrays or {}).items():
        document, body = _without(document, body, name)
        if array is not None:
            entry = {"dtype": array[0], "shape": list(array[1].shape)}
            document[name] = entry | {"data_offsets": [len(body), len(body) + array[1].nbytes]}
            body += array[1].tobytes()
    return join(document, body)


def _without(document, body, name):
    """Take one array out; the others move up."""
    kept, new = {"__metadata__": document["__metadata__"]}, b""
    for key, entry in document.items():
        if key not in ("__metadata__", name):
            begin, end = entry["data_offsets"]
            kept[key] = entry | {"data_offsets": [len(new), len(new) + end - begin]}
            new += body[begin:end]
    return kept, new


def put(*keys, value):
    """A change that sets one value of the configuration."""

    def change(config):
        target = config
        for key in keys[:-1]:
            target = target[key]
        target[keys[-1]] = value

    return change


def refusal(path, data):
    path.write_bytes(data)
    modules = set(sys.modules)
    with pytest.raises(FileFormatError) as error:
        crmsprop.load(path)
    assert str(path) in str(error.value)
    assert len(str(error.value)) < 1500
    assert set(sys.modules) == modules
    return str(error.value)
