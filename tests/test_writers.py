"""All that writes a file, where it cannot: what was there stays, nothing is left, and the error names the path."""

import errno
import os
import resource
import shutil
from contextlib import contextmanager

import numpy as np
import pytest
from cli_processes import start

from crmsprop import CNNClassifier
from crmsprop.callbacks import Callback, Checkpoint, CSVLogger, ModelCheckpoint
from crmsprop.cli import main
from crmsprop.datasets import load_digits
from crmsprop.files import temporary
from crmsprop.persistence import save_network

BEFORE = b"what was there before"
SMALL = {"filters": (4,), "dense_units": (8,), "max_epochs": 2, "random_state": 0}


@pytest.fixture(scope="module")
def digits():
    (X, y), _ = load_digits()
    return X[:100], y[:100]


@pytest.fixture(scope="module")
def model(digits, tmp_path_factory):
    """A fitted model, whose file lies elsewhere."""
    fitted = CNNClassifier(**SMALL).fit(*digits)
    fitted.file = tmp_path_factory.mktemp("models") / "model.crms"
    fitted.save(fitted.file)
    return fitted


def fit_with(make):
    return lambda model, path, digits: CNNClassifier(**SMALL, callbacks=[make(path)]).fit(*digits)


def run(*arguments):
    """Run the command line, whose status stands for an error that it has shown."""
    if main(list(map(str, arguments))) != 0:
        raise OSError("see standard error")


#: What writes, or begins to, to a path.
WRITERS = {
    "save": lambda model, path, digits: model.save(path),
    "save_network": lambda model, path, digits: save_network(path, model.network_),
    "export_onnx": lambda model, path, digits: model.export_onnx(path),
    "export_safetensors": lambda model, path, digits: model.export_safetensors(path),
    "Checkpoint": fit_with(Checkpoint),
    "ModelCheckpoint": fit_with(lambda path: ModelCheckpoint(path, "loss")),
    "CSVLogger": fit_with(CSVLogger),
    "export": lambda model, path, digits: run("export", "--to", "onnx", "--output", path, model.file),
    "evaluate": lambda model, path, digits: run("evaluate", "--quiet", "--confusion", path, model.file),
}
every_writer = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


@contextmanager
def room_for(n_bytes):
    """No file can have more bytes than that: a write that goes on fails half-way, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def refused(write, model, path, digits, capsys, named=None):
    """Return what is said of a write that must fail, which names the path."""
    capsys.readouterr()
    with pytest.raises((OSError, ValueError)) as caught:
        write(model, path, digits)
    said = f"{caught.value} {capsys.readouterr().err}"
    assert str(path if named is None else named) in said
    assert ".crmsprop-" not in said
    return said


@pytest.mark.parametrize("old", [None, BEFORE], ids=["new", "old"])
@every_writer
def test_a_full_disk(write, model, tmp_path, digits, capsys, old):
    path = tmp_path / "file.png"
    if old is not None:
        path.write_bytes(old)
    with room_for(25):
        assert os.strerror(errno.EFBIG) in refused(write, model, path, digits, capsys)
    assert {item.name: item.read_bytes() for item in tmp_path.iterdir()} == ({} if old is None else {path.name: old})


@pytest.mark.parametrize("function", ["fsync", "replace"])
@every_writer
def test_a_disk_that_says_so_late(write, model, tmp_path, digits, capsys, monkeypatch, function):
    """As one that keeps what it gets in memory, or is at the other end of a network."""
    path = tmp_path / "file.png"
    path.write_bytes(BEFORE)

    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *arguments[:1], None, *arguments[1:])

    monkeypatch.setattr(os, function, full)
    assert os.strerror(errno.ENOSPC) in refused(write, model, path, digits, capsys)
    assert {item.name: item.read_bytes() for item in tmp_path.iterdir()} == {path.name: BEFORE}


@every_writer
def test_a_folder_that_is_read_only(write, model, tmp_path, digits, capsys, monkeypatch):
    """No new file can be made in it; what the system says is put on, since a test may run as root."""
    path = tmp_path / "file.png"
    path.write_bytes(BEFORE)

    def denied(name, *arguments, **keywords):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)

    monkeypatch.setattr(temporary, "open", denied, raising=False)
    assert os.strerror(errno.EACCES) in refused(write, model, path, digits, capsys)
    assert {item.name: item.read_bytes() for item in tmp_path.iterdir()} == {path.name: BEFORE}


@every_writer
def test_a_path_that_is_a_folder(write, model, tmp_path, digits, capsys):
    path = tmp_path / "file.png"
    (path / "within").mkdir(parents=True)
    refused(write, model, path, digits, capsys)
    assert sorted(item.name for item in tmp_path.rglob("*")) == ["file.png", "within"]


@pytest.mark.parametrize("name", [name for name in WRITERS if not name.endswith(("Checkpoint", "Logger"))])
def test_a_folder_that_has_vanished(name, model, tmp_path, digits, capsys):
    folder = tmp_path / "folder"
    refused(WRITERS[name], model, folder / "file.png", digits, capsys, named=folder)
    assert list(tmp_path.iterdir()) == []


MAKERS = {
    "Checkpoint": Checkpoint,
    "ModelCheckpoint": lambda path: ModelCheckpoint(path, "loss"),
    "CSVLogger": CSVLogger,
}


@pytest.mark.parametrize("name", MAKERS)
def test_callbacks_make_a_folder_that_vanishes_anew(name, tmp_path, digits):
    """And what they would have written there: the log of all epochs, too."""
    path, whole = tmp_path / "folder" / "file", tmp_path / "whole"
    writer = MAKERS[name](path)

    class Vandal(Callback):
        def on_epoch_begin(self, context):
            shutil.rmtree(tmp_path / "folder")

    CNNClassifier(**SMALL, callbacks=[writer, MAKERS[name](whole), Vandal()]).fit(*digits)
    assert [item.name for item in path.parent.iterdir()] == ["file"]
    if name != "Checkpoint":  # which holds the time that it was written
        assert path.read_bytes() == whole.read_bytes()


# the folders of the command line

TRAINING = ("--filters", "4", "--dense-units", "8", "--epochs", "1", "--threads", "1")
COMMANDS = {
    "train": ("train", *TRAINING),
    "train without checkpoints": ("train", *TRAINING, "--checkpoint", "none"),
    "find-lr": ("find-lr", *TRAINING[:4], "--steps", "30", "--threads", "1"),
    "fine-tune": ("fine-tune", "--epochs", "1", "--threads", "1"),
    "tune": ("tune", *TRAINING, "--cv", "2", "--param", "rho=0.8,0.9"),
}


#: What they leave where a file can have 7,000 bytes, and a picture needs more.
LEFT = {
    "train without checkpoints": ["history.csv", "model.crms"],
    "fine-tune": ["history.csv", "model.crms"],
    "tune": ["search.csv"],
}


@pytest.mark.parametrize("n_bytes", [200, 7000])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_on_a_full_disk(name, model, tmp_path, capsys, n_bytes):
    """The first file that is too large ends it: one line says which; what is left is a whole model, or the scores."""
    arguments = [*COMMANDS[name], "--quiet", "--output", str(tmp_path / "out"), *([model.file] * (name == "fine-tune"))]
    with room_for(n_bytes):
        code = main(list(map(str, arguments)))
    *_, line = capsys.readouterr().err.splitlines()
    assert code == 2
    assert line.startswith(f"crmsprop: error: {tmp_path / 'out'}")
    assert os.strerror(errno.EFBIG) in line
    kept = LEFT.get(name, []) if n_bytes > 1000 else []
    assert sorted(item.name for item in tmp_path.rglob("*") if item.is_file()) == kept
    assert (f"the model is in {tmp_path / 'out'}" in line) == ("model.crms" in kept)
    assert (tmp_path / "out").exists() == bool(kept)


def test_a_run_that_finds_the_disk_full_later_can_go_on(tmp_path, capsys):
    """Its checkpoint fitted, and its picture did not."""
    out = tmp_path / "out"
    arguments = ["train", *TRAINING, "--quiet", "--output", str(out)]
    with room_for(22_000):
        assert main(arguments) == 2
    way_on = f'"crmsprop train --resume {out}" goes on'
    assert capsys.readouterr().err.endswith(f"File too large; the model is in {out}/model.crms; {way_on}\n")
    assert main(["train", "--resume", str(out), "--quiet"]) == 0
    assert sorted(item.name for item in out.iterdir()) == ["history.csv", "learning_curves.png", "model.crms"]


def test_what_cannot_be_printed_is_said_once(model, tmp_path):
    """/dev/full is standard output on a full disk; Python would try again at its end, and fail with a traceback."""
    np.save(tmp_path / "X.npy", load_digits()[0][0][:3])
    arguments = ["-m", "crmsprop", "predict", "--quiet", model.file, tmp_path / "X.npy"]
    with open("/dev/full", "w") as full, start(*map(str, arguments), stdout=full) as process:
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (2, "crmsprop: error: standard output: No space left on device\n")
