"""What is opened to be read: regular files, and no pipe, whoever puts it there and when."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from crmsprop import CNNClassifier
from crmsprop.cli.npy import read_npy
from crmsprop.cli.npz import read_arrays
from crmsprop.datasets.archive import read_archive
from crmsprop.datasets.layouts import BINARY, PICKLED, read_folder
from crmsprop.datasets.pictures import read_picture
from crmsprop.errors import FileFormatError
from crmsprop.files import open_hdf5, open_safetensors, read_container, regular_only


def entered(context):
    with context as value:
        return value


def load_weights(path):
    images = np.zeros((2, 6, 6, 1), np.uint8)
    return CNNClassifier((2,), dense_units=(), max_epochs=1).fit(images, [0, 1]).load_weights(path)


READERS = {
    "a model": lambda path: read_container(path, "model"),
    "safetensors": lambda path: entered(open_safetensors(path)),
    "HDF5": lambda path: entered(open_hdf5(path)),
    "weights": load_weights,
    "a picture": lambda path: read_picture(path, (4, 4, 3)),
    "npy": read_npy,
    "npz": lambda path: read_arrays(path, ["X"]),
    "a batch of CIFAR-10": lambda path: list(read_folder(path.parent, BINARY)),
    "an archive": lambda path: list(read_archive(path, PICKLED)),
}


@pytest.fixture
def pipe(tmp_path, monkeypatch):
    """Return a pipe that a look at it takes for a file, as if it came after the look; who waits for it fails."""
    path = tmp_path / "data_batch_1.bin"
    os.mkfifo(path)
    of_a_file, real = os.stat(__file__), os.stat
    monkeypatch.setattr(os, "stat", lambda at, **how: of_a_file if Path(at) == path else real(at, **how))

    def give_up(*_):
        raise AssertionError("it waits for the pipe")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(20)
    yield path
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_pipe_that_comes_after_a_look_is_not_waited_for(pipe, read):
    with pytest.raises(FileFormatError, match=r"data_batch_1\.bin must be a regular file$"):
        read(pipe)


def test_what_is_opened_and_what_is_not(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"hello")
    with open(path, "rb", opener=regular_only) as file:
        assert file.read() == b"hello"
    with pytest.raises(IsADirectoryError), open(tmp_path, "rb", opener=regular_only):
        pass
    with pytest.raises(FileNotFoundError), open(tmp_path / "none", "rb", opener=regular_only):
        pass
    with (
        pytest.raises(FileFormatError, match=r"^/dev/zero must be a regular file$"),
        open("/dev/zero", "rb", opener=regular_only),
    ):
        pass


def test_what_is_refused_is_closed(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    n_open = len(os.listdir("/proc/self/fd"))
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises((FileFormatError, IsADirectoryError)), open(path, "rb", opener=regular_only):
            pass
    assert len(os.listdir("/proc/self/fd")) == n_open
