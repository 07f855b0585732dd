"""The reader of archives: what the official ones cannot have is refused, in bounded memory, and nothing is written."""

import gzip
import io
import os
import tarfile
import tracemalloc
import zlib

import numpy as np
import pytest
from cifar_files import (
    BATCHES,
    BIN,
    BIN_ARCHIVE,
    PY,
    PY_ARCHIVE,
    bin_members,
    make_images,
    member,
    official_batch,
    py_members,
    tar_bytes,
    write_archive,
)

from crmsprop.datasets import archive, load_cifar10
from crmsprop.errors import FileFormatError

IMAGES = make_images(2)
TARGET = f"{PY}/data_batch_3"


@pytest.fixture
def home(tmp_path):
    """A folder for the archive, in a folder in which any other entry is an escape."""
    folder = tmp_path / "home"
    folder.mkdir()
    yield folder
    assert sorted(tmp_path.rglob("*")) == sorted([folder, *folder.glob("*.tar.gz")])


def load(home, members=None, data=None):
    if members is not None:
        data = gzip.compress(tar_bytes(members), compresslevel=1)
    (home / PY_ARCHIVE).write_bytes(data)
    return load_cifar10(home, download=False)


def refused(home, members=None, data=None):
    """Return the message with which the archive is refused."""
    with pytest.raises(FileFormatError) as caught:
        load(home, members, data)
    assert str(home / PY_ARCHIVE) in str(caught.value)
    return str(caught.value)


def replaced(*new):
    """Return the official members with `new` in place of TARGET."""
    members = py_members(IMAGES)
    at = [info.name for info, _ in members].index(TARGET)
    return [*members[:at], *new, *members[at + 1 :]]


def test_well_formed(home):
    (X_train, _), (X_test, _) = load(home, py_members(IMAGES))
    assert (len(X_train), len(X_test)) == (10, 2)


def test_leading_dot_and_long_names(home):
    members = [member(f"./{info.name}", data) for info, data in py_members(IMAGES) if data]
    with tarfile.open(home / PY_ARCHIVE, "w:gz", format=tarfile.GNU_FORMAT) as tar:
        for info, data in [member("x" * 300, b"long"), *members]:
            tar.addfile(info, io.BytesIO(data))
    assert len(load_cifar10(home, download=False)[1][1]) == 2


@pytest.mark.parametrize("kind", ["SYMTYPE", "LNKTYPE", "CHRTYPE", "BLKTYPE", "FIFOTYPE", "GNUTYPE_SPARSE", "CONTTYPE"])
@pytest.mark.parametrize("name", [TARGET, f"{PY}/other"])
def test_special_members(home, kind, name):
    special = member(name, type=getattr(tarfile, kind), linkname="/etc/passwd")
    message = refused(home, replaced(special))
    assert name in message
    assert "links, devices and other special members are refused" in message


def test_a_link_to_another_batch(home):
    message = refused(home, replaced(member(TARGET, type=tarfile.SYMTYPE, linkname="data_batch_1")))
    assert TARGET in message


@pytest.mark.parametrize(
    "name", ["/tmp/crmsprop_escape", "../escape", f"{PY}/../../escape", "..", f"/{TARGET}", f"../{TARGET}"]
)
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE])
def test_names_that_leave_the_folder(home, name, kind):
    message = refused(home, [*py_members(IMAGES), member(name, type=kind)])
    assert name in message
    assert "absolute names and '..' are refused" in message
    assert not os.path.exists("/tmp/crmsprop_escape")


@pytest.mark.parametrize("name", BATCHES)
def test_missing_member(home, name):
    members = [m for m in py_members(IMAGES) if m[0].name != f"{PY}/{name}"]
    assert f"has no member '{PY}/{name}'" in refused(home, members)


def test_a_folder_in_place_of_a_member(home):
    assert f"has no member '{TARGET}'" in refused(home, replaced(member(TARGET, type=tarfile.DIRTYPE)))


@pytest.mark.parametrize("members", [[], [member("readme", b"x")]])
def test_no_batches_at_all(home, members):
    assert "has no member" in refused(home, members)


def test_duplicate_member(home):
    message = refused(home, [*py_members(IMAGES), member(TARGET, official_batch(*IMAGES[2]))])
    assert TARGET in message
    assert "twice" in message


@pytest.mark.parametrize("name", [TARGET, f"{PY}/other"])
@pytest.mark.parametrize("size", [64_000_001, 8 * 2**30 - 1, 2**60, -1])
def test_oversize_member(home, name, size):
    info, _ = member(name, size=max(size, 0))
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    if size < 0:
        header[124:136] = b"\xff" * 12  # base 256, negative
        header[148:156] = b"%06o\0 " % tarfile.calc_chksums(header)[0]
    message = refused(home, data=gzip.compress(bytes(header) + bytes(10_240)))
    assert name in message
    assert f"its size must be in 0..64000000 bytes, got {size}" in message


def test_oversize_binary_member(tmp_path):
    write_archive(tmp_path / BIN_ARCHIVE, [member(f"{BIN}/test_batch.bin", size=30_730_001), *bin_members(IMAGES)])
    with pytest.raises(FileFormatError, match=r"test_batch\.bin.*0\.\.30730000 bytes, got 30730001"):
        load_cifar10(tmp_path, download=False)


def test_truncated_member(home):
    """The tar ends within a member, but the gzip stream around it is whole."""
    whole = tar_bytes(py_members(IMAGES))
    at = whole.index(TARGET.encode()) + 512 + 1000
    message = refused(home, data=gzip.compress(whole[:at], compresslevel=1))
    size = len(official_batch(*IMAGES[2]))
    assert f"at member '{TARGET}': the archive is truncated: {size} bytes announced, 1000 there" in message


def test_truncated_pickle_in_a_member(home):
    message = refused(home, replaced(member(TARGET, official_batch(*IMAGES[2])[:-100])))
    assert f"member {TARGET} is not a CIFAR-10 batch" in message


def test_truncated_gzip(home):
    whole = gzip.compress(tar_bytes(py_members(IMAGES)), compresslevel=1)
    for length in [0, 1, 5, 10, 500, len(whole) // 2, len(whole) - 9, len(whole) - 8, len(whole) - 1]:
        assert "truncated" in refused(home, data=whole[:length]), length


def test_truncated_header(home):
    whole = tar_bytes(py_members(IMAGES))
    assert "the tar header after it is damaged" in refused(home, data=gzip.compress(whole[: 512 * 3 + 100]))


def test_checksum_of_the_gzip_stream(home):
    whole = bytearray(gzip.compress(tar_bytes(py_members(IMAGES)), compresslevel=1))
    whole[-8] ^= 1
    assert "gzip data are damaged" in refused(home, data=bytes(whole))


@pytest.mark.parametrize("data", [b"PK\x03\x04 a zip", tar_bytes(py_members(IMAGES)), b"<html>404</html>"])
def test_not_gzip(home, data):
    assert "gzip data are damaged" in refused(home, data=data)


def bomb(prefix, n_mebibytes):
    """Return a gzip stream of `prefix` and then many zeros: one deflated mebibyte, repeated."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = squeeze.compress(prefix) + squeeze.flush(zlib.Z_FULL_FLUSH)
    mebibyte = squeeze.compress(bytes(2**20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return head + mebibyte * n_mebibytes


@pytest.mark.parametrize(
    "prefix",
    [
        pytest.param(tar_bytes(py_members(IMAGES)), id="after the end"),
        pytest.param(member(TARGET, size=60_000_000)[0].tobuf(), id="in a batch"),
        pytest.param(member("other", size=60_000_000)[0].tobuf(), id="in another member"),
        pytest.param(member("pax", size=60_000_000, type=tarfile.XHDTYPE)[0].tobuf(), id="in an extended header"),
        pytest.param(member("pax", size=2**33 - 1, type=tarfile.XHDTYPE)[0].tobuf(), id="in an enormous one"),
    ],
)
def test_gzip_bomb_takes_bounded_memory(home, monkeypatch, prefix):
    monkeypatch.setattr(archive, "MAX_INFLATED", 128 * 2**20)  # a quarter of the real bound, for a quicker test
    data = bomb(prefix, 2000)
    assert len(data) < 2**22
    tracemalloc.start()
    message = refused(home, data=data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * 2**20, message


def test_bound_on_the_whole(home):
    data = bomb(tar_bytes(py_members(IMAGES)), 600)
    assert "inflates to more than 536870912 bytes" in refused(home, data=data)


def test_bound_on_the_number_of_members(home):
    members = [member(f"{i}") for i in range(100)]
    assert "more than 100 members" in refused(home, [*members, *py_members(IMAGES)])


def test_a_pipe_in_place_of_the_archive(tmp_path):
    os.mkfifo(tmp_path / PY_ARCHIVE)
    with pytest.raises(FileFormatError, match="must be a regular file"):
        load_cifar10(tmp_path, download=False)


def test_mutations_of_the_archive_reader(home):
    """Half of them within the tar, in its headers mostly, half in the gzip stream around it."""
    rng = np.random.default_rng(0)
    tar = tar_bytes(py_members(IMAGES))
    heads = [at for at in range(0, len(tar), 512) if tar[at + 257 : at + 262] == b"ustar"]
    refusals = 0
    for i in range(400):
        inner = bytearray(tar)
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.choice(heads)) + int(rng.integers(512)) if rng.random() < 0.8 else int(rng.integers(len(tar)))
            inner[at] = rng.integers(256)
            if i % 4 == 0 and at in range(heads[-1]):  # a header that is changed and yet consistent
                head = max(h for h in heads if h <= at)
                inner[head + 148 : head + 156] = b"%06o\0 " % tarfile.calc_chksums(inner[head : head + 512])[0]
        outer = bytearray(gzip.compress(inner, compresslevel=1))
        if i % 2:
            outer[int(rng.integers(len(outer)))] ^= 1 << int(rng.integers(8))
        try:
            data = load(home, data=bytes(outer))
        except FileFormatError as error:
            refusals += str(home) in str(error)
        else:
            assert [X.shape for X, _ in data] == [(10, 32, 32, 3), (2, 32, 32, 3)]
    assert refusals > 200
