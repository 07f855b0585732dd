"""crmsprop export: files that other programs read, and nothing else touched."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import safetensors.numpy

from crmsprop.cli.export import FORMATS
from crmsprop.datasets import load_digits


@pytest.fixture
def images_of_digits():
    (X, _), _ = load_digits()
    return X[:50].reshape(50, 8, 8, 1)


def test_a_model_in_onnx(run, model_file, trained, images_of_digits):
    ended = run("export", "--to", "onnx", model_file)
    assert (ended.code, ended.err) == (0, "")
    size = Path("model.onnx").stat().st_size
    head = "CNNClassifier for images of 8 x 8 x 1, 10 classes, trained 4 epochs"
    assert ended.out.splitlines() == [head, f"model.onnx: {size:,} bytes"]
    session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    label, probabilities = session.run(["label", "probabilities"], {"X": images_of_digits})
    assert label.tolist() == trained.predict(images_of_digits).tolist()
    np.testing.assert_allclose(probabilities, trained.predict_proba(images_of_digits), rtol=0, atol=1e-5)


def test_weights_in_safetensors(run, model_file, trained, folder):
    ended = run("export", "--to", "safetensors", "--output", "elsewhere.bin", "--quiet", model_file)
    assert ended == (0, f"elsewhere.bin: {Path('elsewhere.bin').stat().st_size:,} bytes\n", "")
    arrays = safetensors.numpy.load_file("elsewhere.bin")
    weight = trained.network_.arena.views["0.weight"]
    assert np.array_equal(arrays["0.weight"], np.einsum("hwio->oihw", weight))
    assert sorted(path.name for path in folder.iterdir()) == ["elsewhere.bin", "model.crms"]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_that_is_there_is_replaced(run, model_file, kind):
    target = Path("model").with_suffix(FORMATS[kind].ending)
    target.write_text("old")
    first = run("export", "--to", kind, model_file)
    data = target.read_bytes()
    assert data != b"old"
    assert run("export", "--to", kind, model_file) == first
    assert target.read_bytes() == data


def test_the_model_itself_is_never_replaced(run, trained):
    trained.save("model.onnx")
    before = Path("model.onnx").read_bytes()
    ended = run("export", "--to", "onnx", "model.onnx")
    assert ended.code == 2
    assert ended.error() == "--output must be another file than the model, got 'model.onnx'"
    assert Path("model.onnx").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model.crms"], 'the following arguments are required: --to (see "crmsprop export --help")'),
        (["--to", "pickle", "model.crms"], "argument --to: invalid choice: 'pickle'"),
        (["--to", "onnx"], "the following arguments are required: MODEL"),
        (["--to", "onnx", "nothing.crms"], "got 'nothing.crms', which does not exist"),
        (["--to", "onnx", "text.crms"], "cannot read text.crms: "),
        (["--to", "onnx", "--output", "no/such/folder", "model.crms"], "No such folder"),
        (["--to", "safetensors", "--output", ".", "model.crms"], "Is a directory"),
    ],
)
def test_errors(run, model_file, folder, arguments, message):
    (folder / "text.crms").write_text("no model, but it is long enough to be taken for one")
    ended = run("export", *arguments)
    assert ended.code == 2
    assert message in ended.error()
    assert sorted(path.name for path in folder.iterdir()) == ["model.crms", "text.crms"]


def test_without_onnx(run, model_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    ended = run("export", "--to", "onnx", model_file)
    assert ended.code == 2
    assert ended.error() == f'a model in ONNX needs onnx: {sys.executable} -m pip install "crmsprop[onnx]"'
