"""Arrays of strangers: their headers are checked against their bytes before memory is taken."""

import zipfile

import numpy as np
import pytest

from crmsprop.cli import npy
from crmsprop.cli.npy import read_npy
from crmsprop.cli.npz import read_arrays
from crmsprop.errors import FileFormatError


def written(path, dtype, shape, content=b""):
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content)
    return path


@pytest.mark.parametrize(
    "array", [np.arange(6.0).reshape(2, 3), np.ones((3, 2), ">i2", "F"), np.zeros((0, 4)), np.array("é")]
)
def test_arrays_are_read(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(read_npy(tmp_path / "a.npy"), array, strict=True)


@pytest.mark.parametrize(
    ("dtype", "shape", "message"),
    [
        *(("<f8", shape, "bytes by its shape") for shape in ("(3,)", "(1,)", "(1152921504606846976,)", "(0, 2)")),
        *(("<U0", shape, "impossible shape") for shape in ("(2,)", "(1099511627776,)")),
        *(("<f8", "(-1,)", "impossible shape"), ("|O", "(2,)", "holds Python objects")),
        *(("<U100000000", "(1,)", "bytes by its shape"), ("|V2147483647", "(1,)", "bytes by its shape")),
    ],
)
def test_headers_that_lie(tmp_path, dtype, shape, message):
    with pytest.raises(FileFormatError, match=message):
        read_npy(written(tmp_path / "a.npy", dtype, shape, bytes(16)))


@pytest.mark.parametrize("code", [0x110000, 0xFFFFFFFF, 0xD800])
def test_text_that_is_none(tmp_path, code):
    """Python ends with a SystemError where it is to make a string of it."""
    with pytest.raises(FileFormatError, match="holds text that is not Unicode"):
        read_npy(written(tmp_path / "a.npy", "<U1", "(1,)", code.to_bytes(4, "little")))


def test_a_header_of_gigabytes(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x02\x00" + b"\xff\xff\xff\xff" + bytes(100))
    with pytest.raises(FileFormatError, match=r"version 2\.0 of the format, and 1\.0 is read"):
        read_npy(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "shape",
    ["(3L,)", "(", "1_", "'", "\0", pytest.param("(" * 5000, id="deep"), pytest.param(f"({' ' * 20000})", id="long")],
)
def test_a_header_that_is_no_literal(tmp_path, shape, monkeypatch):
    """NumPy's tokenizer, which can look for other files, does not see it."""
    monkeypatch.setattr(np.lib.format, "read_array", None)
    with pytest.raises(FileFormatError, match="has a header that cannot be read, got b"):
        read_npy(written(tmp_path / "a.npy", "<f8", shape, bytes(24)))


def test_an_archive_of_zeros(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", X=np.zeros((1000, 1000)))
    assert read_arrays(tmp_path / "a.npz", ["X"])[0]["X"].shape == (1000, 1000)
    monkeypatch.setattr(npy, "MAX_INFLATED", 10**6)
    with pytest.raises(FileFormatError, match=r"must not inflate to more than 100 times its size"):
        read_arrays(tmp_path / "a.npz", ["X"])


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archives_that_numpy_does_not_write(tmp_path, method):
    np.save(tmp_path / "a.npy", np.zeros(3))
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.write(tmp_path / "a.npy", "X.npy")
    with pytest.raises(FileFormatError, match="compressed in another way"):
        read_arrays(tmp_path / "a.npz", ["X"])
