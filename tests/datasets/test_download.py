"""The download, without a network: pooch's own code verifies and moves, only its transfer is replaced."""

import hashlib
import shutil
import sys

import pooch
import pytest
from cifar_files import PY_ARCHIVE, make_images, py_members, write_archive, write_py

from crmsprop.datasets import download, load_cifar10
from crmsprop.errors import FileFormatError, MissingExtraError

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Serve an archive in place of the official one; return its path and the calls."""
    path = tmp_path / "served.tar.gz"
    write_archive(path, py_members(make_images(2)))
    calls = []

    def choose_downloader(url, progressbar=False):
        def transfer(url, output, caller):
            shutil.copy(path, output)

        calls.append((url, progressbar))
        return transfer

    monkeypatch.setattr(pooch.core, "choose_downloader", choose_downloader)
    return path, calls


def _publish(path, monkeypatch):
    monkeypatch.setattr(download, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())


def test_download_is_verified_kept_and_not_repeated(tmp_path, monkeypatch, served):
    path, calls = served
    _publish(path, monkeypatch)
    home = tmp_path / "new" / "home"
    for _ in range(2):
        (X_train, _), _ = load_cifar10(home)
        assert len(X_train) == 10
    assert calls == [(URL, True)]
    assert [entry.name for entry in home.iterdir()] == [PY_ARCHIVE]
    assert (home / PY_ARCHIVE).read_bytes() == path.read_bytes()


def test_another_checksum_is_refused_and_nothing_is_kept(tmp_path, served):
    home = tmp_path / "home"
    with pytest.raises(FileFormatError, match="did not give the file with the published checksum"):
        load_cifar10(home)
    assert not home.exists()


def test_a_folder_that_was_there_before_stays(tmp_path, served):
    home = tmp_path / "home"
    home.mkdir()
    with pytest.raises(FileFormatError):
        load_cifar10(home)
    assert list(home.iterdir()) == []


def test_published_checksum():
    assert download.URL == URL
    assert download.SHA256 == "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"


def test_failed_transfer(tmp_path, monkeypatch):
    def choose_downloader(url, progressbar=False):
        def transfer(url, output, caller):
            with open(output, "wb") as file:
                file.write(b"half")
            raise ConnectionError("the network is down")

        return transfer

    monkeypatch.setattr(pooch.core, "choose_downloader", choose_downloader)
    with pytest.raises(OSError, match=r"failed \(the network is down\); fetch it by other means"):
        load_cifar10(tmp_path / "home")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("package", ["pooch", "tqdm"])
def test_missing_extra(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r'pip install "crmsprop\[cli\]"'):
        load_cifar10(tmp_path / "home")
    assert list(tmp_path.iterdir()) == []


def test_no_extra_is_needed_for_what_is_there(tmp_path, monkeypatch, served):
    monkeypatch.setitem(sys.modules, "pooch", None)
    write_py(tmp_path, make_images(1))
    assert len(load_cifar10(tmp_path)[1][1]) == 1
    assert served[1] == []
