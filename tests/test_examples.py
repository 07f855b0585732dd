"""The programs in examples/ run as they stand there, and do what they say."""

import re
import runpy
import sys
from pathlib import Path

import pytest
from cifar_files import make_images, write_bin

FOLDER = Path(__file__).resolve().parent.parent / "examples"

#: What each program prints, line by line where it is told here.
PRINTS = {
    "cifar10.py": (
        r"epoch 2/2  loss \d+\.\d{4}  accuracy .*  val_loss .*  learning_rate .*",
        r"test accuracy 0\.\d\d\d",
        r"  airplane: \d+% recognized",
        r"     truck: \d+% recognized",
    ),
    "digits.py": (
        r"1347 images of shape \(8, 8, 1\), uint8",
        r"epoch 30: loss 0\.\d\d\d, validation accuracy (0\.9\d\d|1\.000)",
        r"test accuracy 0\.9[5-9]\d",
        r"the first test image shows a \d, the model gives it (0\.9\d|1\.00)",
        "the same from a file: True",
    ),
    "fine_tuning.py": (
        r"learned the digits 0 to 5 from 8\d\d images",
        r"6 to 9 from 20 images, from scratch: accuracy 0\.\d\d\d",
        r"6 to 9 from 20 images, fine-tuned:   accuracy 0\.[89]\d\d",
        r"classes now: \[6 7 8 9\]",
    ),
    "grid_search.py": (
        r"rho 0\.8   learning rate 0\.001  accuracy 0\.9\d\d",
        r"rho 0\.99  learning rate 0\.003  accuracy 0\.9\d\d",
        r"best: \{'mlpclassifier__learning_rate': .*, 'mlpclassifier__rho': .*\}",
        r"test accuracy of the best 0\.9\d\d",
    ),
    "image_folder.py": (
        r"2\d\d training and \d\d test images of \(32, 32, 3\), classes \['circle', 'square'\]",
        r"test accuracy (0\.[89]\d\d|1\.000)",
        r"the first test images: \[\('circle', '\w+'\), .*\]",
    ),
    "numpy_network.py": (
        r"840 steps, test accuracy 0\.9[5-9]\d",
        "the state comes back: True",
    ),
    "torch_and_onnx.py": (
        "predicts as the torch model does: True",
        r"accuracy after fine-tuning 0\.9\d\d",
        "onnxruntime gives the same labels: True",
        "and probabilities, within 1e-5: True",
    ),
    "own_layer.py": (
        r"largest relative error of a gradient: \de-(09|1\d)",
        r"1 Swish +\(8, 8, 16\) +16 .*",
        r"accuracy 0\.9\d\d",
        "the same from a file: True",
    ),
    "own_loss.py": (
        r"largest relative error of the gradient: \de-(09|1\d)",
        r"0\.1: 0\.(0[5-9]|1[0-5])\d of new samples lie below",
        r"0\.5: 0\.(4[5-9]|5[0-5])\d of new samples lie below",
        r"0\.9: 0\.(8[5-9]|9[0-5])\d of new samples lie below",
        "the same from a file: True",
    ),
}


@pytest.fixture
def arguments(tmp_path_factory):
    """Return a function that returns the arguments of a program: small data, in a folder of their own."""

    def make(name):
        folder = tmp_path_factory.mktemp("given")
        if name == "cifar10.py":
            write_bin(folder, make_images(60))
            return [str(folder), "2"]
        return [str(folder / "scores.png")] if name == "grid_search.py" else []

    return make


def test_every_program_is_here():
    assert {path.name for path in FOLDER.glob("*.py")} == set(PRINTS)


@pytest.mark.parametrize("name", PRINTS)
def test_a_program_runs(name, arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name, *arguments(name)])
    runpy.run_path(str(FOLDER / name), run_name="__main__")
    lines = iter(capsys.readouterr().out.splitlines())
    for pattern in PRINTS[name]:
        assert any(re.fullmatch(pattern, line) for line in lines), pattern
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", PRINTS)
def test_a_program_says_how_it_is_run(name):
    assert f"``python examples/{name}``" in (FOLDER / name).read_text()


def test_programs_are_short():
    assert max(len(path.read_text().splitlines()) for path in FOLDER.glob("*.py")) < 90
