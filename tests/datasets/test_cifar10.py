"""load_cifar10: every place it looks in gives the same arrays, and what is wrong there is named."""

import os
from pathlib import Path

import numpy as np
import pytest
from cifar_files import (
    BATCHES,
    BIN,
    BIN_ARCHIVE,
    PY,
    PY_ARCHIVE,
    bin_members,
    binary_batch,
    decode_naively,
    make_images,
    official_batch,
    py_members,
    write_archive,
    write_bin,
    write_py,
)

from crmsprop.datasets import CIFAR10_CLASSES, load_cifar10
from crmsprop.errors import FileFormatError

N = 4
IMAGES = make_images(N)
ROWS = np.concatenate([rows for rows, _ in IMAGES])
LABELS = np.concatenate([labels for _, labels in IMAGES])

SOURCES = {
    "pickled": lambda home: write_py(home / PY, IMAGES),
    "pickled itself": lambda home: write_py(home, IMAGES),
    "binary": lambda home: write_bin(home / BIN, IMAGES),
    "binary itself": lambda home: write_bin(home, IMAGES),
    "pickled archive": lambda home: write_archive(home / PY_ARCHIVE, py_members(IMAGES)),
    "pickled archive, pax": lambda home: write_archive(home / PY_ARCHIVE, _with_times(py_members(IMAGES)), pax=True),
    "binary archive": lambda home: write_archive(home / BIN_ARCHIVE, bin_members(IMAGES)),
}


def _with_times(members):
    """As Python's own TarFile.add does: a fractional time, which takes an extended header before each member."""
    for info, data in members:
        info.mtime = 1234567890.5
        yield info, data


def load(home):
    return load_cifar10(home, download=False)


def assert_same(got, expected):
    for (X, y), (X_expected, y_expected) in zip(got, expected, strict=True):
        np.testing.assert_array_equal(X, X_expected)
        np.testing.assert_array_equal(y, y_expected)


@pytest.mark.parametrize("source", SOURCES)
def test_each_source_gives_the_same_arrays(tmp_path, source):
    SOURCES[source](tmp_path)
    before = sorted(tmp_path.rglob("*"))
    (X_train, y_train), (X_test, y_test) = load(tmp_path)
    X, y = np.concatenate([X_train, X_test]), np.concatenate([y_train, y_test])
    for i in range(6 * N):
        for c in range(3):
            np.testing.assert_array_equal(X[i, :, :, c].ravel(), ROWS[i, c * 1024 : (c + 1) * 1024])
    np.testing.assert_array_equal(y, LABELS)
    assert len(X_train) == len(y_train) == 5 * N
    assert sorted(tmp_path.rglob("*")) == before


def test_arrays_are_contiguous_owned_and_writable(tmp_path):
    write_py(tmp_path, IMAGES)
    for X, y in load(tmp_path):
        assert (X.dtype, y.dtype) == (np.uint8, np.int64)
        for array in (X, y):
            assert array.flags.c_contiguous
            assert array.flags.owndata
            assert array.flags.writeable


@pytest.fixture(params=[PY, BIN])
def copy(request, tmp_path):
    """A folder in one layout: of the copy in CRMSPROP_TEST_CIFAR10, or else of a small one."""
    home = os.environ.get("CRMSPROP_TEST_CIFAR10")
    if home is None:
        home = tmp_path
        write_py(home / PY, make_images(60, seed=1))
        write_bin(home / BIN, make_images(60, seed=1))
    return Path(home) / request.param


def test_a_whole_copy_as_an_independent_decoder_reads_it(copy):
    data = load(copy)
    assert_same(data, decode_naively(copy))
    assert {X.shape[1:] for X, _ in data} == {(32, 32, 3)}
    assert len(data[0][0]) == 5 * len(data[1][0])


def test_a_folder_comes_before_an_archive_and_pickled_before_binary(tmp_path):
    other = make_images(1, seed=2)
    write_archive(tmp_path / PY_ARCHIVE, py_members(other))
    write_bin(tmp_path / BIN, other)
    write_py(tmp_path / PY, IMAGES)
    assert len(load(tmp_path)[1][1]) == N


def test_an_empty_folder_does_not_hide_the_archive(tmp_path):
    (tmp_path / PY).mkdir()
    write_archive(tmp_path / BIN_ARCHIVE, bin_members(IMAGES))
    assert len(load(tmp_path)[1][1]) == N


def test_environment_variable_names_the_default(tmp_path, monkeypatch):
    write_py(tmp_path / PY, IMAGES)
    monkeypatch.setenv("CRMSPROP_DATA", str(tmp_path))
    assert len(load(None)[1][1]) == N


def test_default_is_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("CRMSPROP_DATA", raising=False)
    write_py(tmp_path / "crmsprop_data", IMAGES)
    assert len(load(None)[1][1]) == N
    assert len(load("~/crmsprop_data")[1][1]) == N


@pytest.mark.parametrize("exists", [True, False])
def test_nothing_there(tmp_path, exists):
    home = tmp_path if exists else tmp_path / "nowhere"
    with pytest.raises(FileNotFoundError) as caught:
        load(home)
    for part in (str(home), PY, BIN, PY_ARCHIVE, BIN_ARCHIVE, "download=True"):
        assert part in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_bad_arguments(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="data_home must be a folder, got"):
        load(tmp_path / "file")
    with pytest.raises(TypeError, match="data_home must be a path or None, got 3"):
        load(3)
    with pytest.raises(TypeError, match="download must be True or False, got 'no'"):
        load_cifar10(tmp_path, download="no")


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("layout", [PY, BIN])
def test_a_missing_batch_is_named(tmp_path, layout, name):
    (write_py if layout == PY else write_bin)(tmp_path / layout, IMAGES)
    gone = tmp_path / layout / (name if layout == PY else name + ".bin")
    gone.unlink()
    with pytest.raises(FileFormatError, match="is missing") as caught:
        load(tmp_path)
    assert str(gone) in str(caught.value)


@pytest.mark.parametrize(
    ("layout", "write", "encode"), [(PY, write_py, official_batch), (BIN, write_bin, binary_batch)]
)
def test_a_batch_of_another_length_is_named(tmp_path, layout, write, encode):
    write(tmp_path / layout, IMAGES)
    short = sorted((tmp_path / layout).iterdir())[2]
    rows, labels = IMAGES[2]
    short.write_bytes(encode(rows[:-1], labels[:-1]))
    with pytest.raises(FileFormatError, match="holds 3 images, the one before it 4") as caught:
        load(tmp_path)
    assert str(short) in str(caught.value)


@pytest.mark.parametrize("n", [0, 10_001])
def test_a_batch_holds_1_to_10000_images(tmp_path, n):
    write_bin(tmp_path, IMAGES)
    (tmp_path / "data_batch_1.bin").write_bytes(bytes(3073 * n))
    with pytest.raises(FileFormatError, match=r"1\.\.10000, got 0|at most 30730000 bytes"):
        load(tmp_path)


@pytest.mark.parametrize("change", [-1, 1, -3072])
def test_a_binary_batch_is_a_whole_number_of_records(tmp_path, change):
    write_bin(tmp_path, IMAGES)
    path = tmp_path / "data_batch_5.bin"
    path.write_bytes((path.read_bytes() + b"\0")[: N * 3073 + change])
    with pytest.raises(FileFormatError, match=r"data_batch_5\.bin .*multiple of 3073 bytes"):
        load(tmp_path)


@pytest.mark.parametrize("write", [write_py, write_bin])
def test_a_label_out_of_range(tmp_path, write):
    images = make_images(3)
    images[5][1][2] = 10
    write(tmp_path, images)
    with pytest.raises(FileFormatError, match=r"test_batch.* labels must be in 0\.\.9, got 10 for image 2"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (os.mkdir, IsADirectoryError, "data_batch_4"),
        (os.mkfifo, FileFormatError, "data_batch_4 must be a regular file"),
    ],
)
def test_a_folder_or_a_pipe_in_place_of_a_batch(tmp_path, make, error, message):
    write_py(tmp_path, IMAGES)
    (tmp_path / "data_batch_4").unlink()
    make(tmp_path / "data_batch_4")
    with pytest.raises(error, match=message):
        load(tmp_path)


def test_a_file_too_large_is_not_read(tmp_path):
    write_py(tmp_path, IMAGES)
    with (tmp_path / "data_batch_1").open("wb") as file:
        file.truncate(10**12)  # sparse: takes no room on the disk, and would take a terabyte of memory
    with pytest.raises(FileFormatError, match="data_batch_1 must have at most 64000000 bytes, got 1000000000000"):
        load(tmp_path)


def test_class_names():
    assert len(set(CIFAR10_CLASSES)) == 10
    assert CIFAR10_CLASSES[::3] == ("airplane", "cat", "frog", "truck")
