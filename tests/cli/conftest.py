"""Runs the command line in this process, in an empty folder."""

from typing import NamedTuple

import numpy as np
import pytest

from crmsprop import CNNClassifier
from crmsprop.cli import main
from crmsprop.datasets import load_digits

#: A network that is trained in no time.
SMALL = ("--filters", "4", "--dense-units", "8", "--epochs", "2", "--threads", "1")


class Ended(NamedTuple):
    """What a run left on the terminal."""

    code: int
    out: str
    err: str

    def error(self):
        """Return the one line on standard error, without its head."""
        assert self.out == ""
        (line,) = self.err.splitlines()
        head = "crmsprop: error: "
        assert line.startswith(head)
        return line.removeprefix(head)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Return the current folder, which is empty."""
    path = tmp_path / "here"
    path.mkdir()
    monkeypatch.chdir(path)
    monkeypatch.delenv("CRMSPROP_DATA", raising=False)
    return path


@pytest.fixture
def run(capsys):
    """Return a function that runs ``crmsprop`` with the arguments that it is given."""

    def call(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Ended(code, *capsys.readouterr())

    return call


@pytest.fixture
def train_small(run):
    """Return a function that runs ``crmsprop train`` with a small network."""
    return lambda *arguments: run("train", *SMALL, *arguments)


@pytest.fixture(scope="session")
def trained():
    """Return a network that has learnt the digits a little."""
    (X, y), _ = load_digits()
    return CNNClassifier((4,), dense_units=(8,), max_epochs=4, dropout=0.0, learning_rate=0.01, random_state=0).fit(
        X, y
    )


@pytest.fixture
def model_file(trained, folder):
    """Return the file of `trained`."""
    trained.save(folder / "model.crms")
    return "model.crms"


@pytest.fixture
def images():
    """Return 60 images of two classes that differ in brightness, and their labels."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    return (rng.integers(0, 100, (60, 6, 5, 1)) + 150 * y[:, None, None, None]).astype(np.uint8), y
