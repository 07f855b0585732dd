"""Files that older versions wrote keep loading, and predict what they predicted then: golden/saved holds them.

A file says the values of all parameters that there were when it was written. A parameter that is added later needs a
default for them, in ADDED of estimators/loading.py, or as that of a field where it is one of a layer: without it no
file here would load, and the classes that a file can name all have one here.
"""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
from container_files import split
from model_files import put, with_config

import crmsprop
from crmsprop.augment import config as augmentations
from crmsprop.errors import FileFormatError
from crmsprop.estimators import loading
from crmsprop.persistence import load_network
from crmsprop.persistence.layers import KNOWN
from crmsprop.schedules import config as schedules

SAVED = Path(__file__).resolve().parent.parent / "golden" / "saved"
MODELS = sorted(path for path in SAVED.glob("*.crms") if path.with_suffix(".npz").exists())
every_model = pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)


#: The one that was written before files said which version has written them.
WITHOUT_VERSION = "0.1-without_version"


def config_of(path):
    return json.loads(split(path.read_bytes())[0]["__metadata__"]["config"])


def outputs(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@every_model
def test_it_has_the_format_of_the_version_that_it_is_named_after(path):
    config = config_of(path)
    if path.stem == WITHOUT_VERSION:
        assert "version" not in config
    else:
        assert f"{config['version']}.".startswith(f"{path.stem.split('-')[0]}.")


def test_one_is_older_than_that():
    assert WITHOUT_VERSION in {path.stem for path in MODELS}


@every_model
def test_it_predicts_what_it_predicted(path):
    model = crmsprop.load(path)
    with np.load(path.with_suffix(".npz")) as then:
        X, expected, labels = then["X"], then["outputs"], then["predict"]
    np.testing.assert_allclose(outputs(model, X), expected, rtol=1e-5, atol=1e-5)
    assert np.ptp(expected, axis=0).max() > 1e-4, "they depend on the sample"
    if labels.dtype.kind == "f":
        np.testing.assert_allclose(model.predict(X), labels, rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_array_equal(model.predict(X), labels)


@every_model
def test_it_is_as_good_as_one_of_today(path, tmp_path):
    """It is saved again, and trains again with the parameters that it had."""
    model = crmsprop.load(path)
    with np.load(path.with_suffix(".npz")) as then:
        X, y = then["X"], then["predict"]
    model.save(tmp_path / "again")
    again = crmsprop.load(tmp_path / "again")
    assert outputs(again, X).tobytes() == outputs(model, X).tobytes()
    assert repr(again.get_params()) == repr(model.get_params())
    untied = {"validation_fraction": None, "early_stopping": False, "scoring": None, "class_weight": None}
    again.set_params(**{name: untied[name] for name in untied.keys() & again.get_params().keys()}).fit(X, y)
    assert np.isfinite(outputs(again, X)).all()


def test_a_network_of_a_model_checkpoint():
    """It is that of one of the models."""
    (path,) = SAVED.glob("*-network.crms")
    network, model = load_network(path), crmsprop.load(path.with_stem(f"{path.stem}_classifier"))
    assert network.layers == model.network_.layers
    assert network.arena.flat.tobytes() == model.network_.arena.flat.tobytes()


def test_every_class_that_a_file_can_name_is_in_one():
    """Who adds one adds a file: make_saved.py writes it."""
    named = set()
    for path in SAVED.glob("*.crms"):
        config = split(path.read_bytes())[0]["__metadata__"]["config"]
        named |= set(re.findall(r'"(?:class|estimator)":"(\w+)"', config))
    known = {*loading.ESTIMATORS, *KNOWN, *schedules._CLASSES, *augmentations._OPERATIONS}
    assert known <= named


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class OfTheFuture(crmsprop.MLPClassifier):
    """An estimator that has got a parameter more."""

    sharpness: float = 1.0


def test_a_parameter_that_was_added_needs_its_default_and_gets_it(monkeypatch):
    path = next(path for path in MODELS if path.stem.endswith("mlp_classifier"))
    monkeypatch.setitem(loading.ESTIMATORS, "MLPClassifier", OfTheFuture)
    with pytest.raises(FileFormatError, match="they differ in 'sharpness'"):
        crmsprop.load(path)
    monkeypatch.setitem(loading.ADDED, "sharpness", 0.0)
    assert crmsprop.load(path).sharpness == 0.0
    cnn = next(path for path in MODELS if path.stem.endswith("cnn_classifier"))
    assert "sharpness" not in crmsprop.load(cnn).get_params()  # what only one of them has got


def test_a_file_without_the_average(tmp_path):
    """As the first ones were."""
    path = next(path for path in MODELS if path.stem.endswith("mlp_classifier"))
    older = with_config(path.read_bytes(), lambda config: config["parameters"].pop("ema"))
    (tmp_path / "older").write_bytes(older)
    model = crmsprop.load(tmp_path / "older")
    assert model.ema is None
    assert model.get_params() == crmsprop.load(path).get_params()


def test_a_file_of_a_newer_version_says_so(tmp_path):
    path = next(path for path in MODELS if path.stem.endswith("mlp_classifier"))
    newer = with_config(path.read_bytes(), lambda config: config.update(version="12.3"), None)
    (tmp_path / "newer").write_bytes(newer)
    crmsprop.load(tmp_path / "newer")  # as long as there is nothing in it that is not known
    (tmp_path / "newer").write_bytes(with_config(newer, put("parameters", "sharpness", value=1.0)))
    said = (
        rf"they differ in 'sharpness' \(crmsprop '12\.3' has written it, this is {re.escape(crmsprop.__version__)}\)$"
    )
    with pytest.raises(FileFormatError, match=said):
        crmsprop.load(tmp_path / "newer")


def test_a_file_says_which_version_has_written_it(tmp_path):
    crmsprop.load(MODELS[0]).save(tmp_path / "model")
    assert config_of(tmp_path / "model")["version"] == crmsprop.__version__
