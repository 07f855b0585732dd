"""HDF5 files whose headers lie: each is refused, and no memory is taken for what they say."""

import struct
import tracemalloc

import h5py
import numpy as np
import pytest

from crmsprop.errors import FileFormatError
from crmsprop.files import open_hdf5
from crmsprop.files.hdf5 import dense, groups, opening, source


@pytest.fixture
def old():
    """The bytes of a file in the older layout, with two groups of an array each."""
    return made("earliest")


@pytest.fixture
def new():
    """The same in the newer layout, with so many arrays that they have a tree and a heap."""
    return made("latest", 20)


def made(libver, count=1):
    with h5py.File.in_memory(libver=libver) as file:
        for group in "ab":
            for i in range(count):
                file[f"{group}/array_{i}"] = np.arange(6.0)
        file.flush()
        return file.id.get_file_image()


def load_all(path):
    with open_hdf5(path) as arrays:
        for stored in arrays.values():
            stored.load()


def refusal(path, data):
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(FileFormatError) as caught:
        load_all(path)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
    assert str(caught.value).startswith(f"cannot read {path}: ")
    assert len(str(caught.value)) < 1000
    return str(caught.value)


def patched(data, at, *numbers, form="Q"):
    """The bytes with other numbers from a place on."""
    new = struct.pack(f"<{len(numbers)}{form}", *numbers)
    return data[:at] + new + data[at + len(new) :]


def find(data, signature, number=0):
    at = -1
    for _ in range(number + 1):
        at = data.index(signature, at + 1)
    return at


def test_a_tree_that_leads_to_itself(path, old):
    at = find(old, b"TREE")
    assert "down a level at a time" in refusal(path, patched(patched(old, at + 5, 3, form="B"), at + 32, at))


def test_a_tree_of_many_nodes(path, old, monkeypatch):
    """Each of the nodes of each level has the same children, and the last ones lead to a table without members."""
    monkeypatch.setattr(groups, "_MAX_NODES", 1000)
    data, below = bytearray(old), len(old)
    data += b"SNOD\x01\0\0\0"
    for level in range(8):
        data += b"TREE\0" + struct.pack("<BH16x", level, 20) + struct.pack("<QQ", 0, below) * 20
        below = len(data) - 24 - 16 * 20
    root = old[80:96]  # where the tree of the outermost group is, and its heap
    changed = bytes(data).replace(root, struct.pack("<Q", below) + root[8:])
    assert "at most 1000 nodes" in refusal(path, changed)


@pytest.mark.parametrize(
    ("signature", "offset", "number", "message"),
    [
        (b"TREE", 32, 2**64 - 2, "beyond the end of the file"),
        (b"TREE", 32, 0, "does not lead to tables"),
        (b"HEAP", 8, 2**63, "beyond the end of the file"),
        (b"HEAP", 24, 2**64 - 1, "beyond the end of the file"),
        (b"HEAP", 8, 0, "beyond the end of its heap"),
        (b"SNOD", 8, 2**40, "beyond the end of its heap"),
        (b"SNOD", 16, 2**64 - 1, "beyond the end of the file"),
        (b"SNOD", 16, 96, "also there under another name"),
        (b"SNOD", 24, 2, "is a link to elsewhere"),
    ],
)
def test_numbers_of_the_older_layout(path, old, signature, offset, number, message):
    assert message in refusal(path, patched(old, find(old, signature) + offset, number))


@pytest.mark.parametrize("count", [3, 65535])
def test_more_members_than_a_table_has(path, old, count):
    message = refusal(path, patched(old, find(old, b"SNOD") + 6, count, form="H"))
    assert "beyond the end" in message or "must be one of a member" in message


@pytest.mark.parametrize(
    ("signature", "offset", "form", "number", "message"),
    [
        (b"FRHP", 7, "H", 8, "is compressed"),
        *((b"FRHP", 110, "H", width, "impossible sizes") for width in (0, 3, 65535)),
        *((b"FRHP", 112, "Q", size, "") for size in (0, 2**63, 2**64 - 1)),
        (b"FRHP", 132, "Q", 2**64 - 1, "beyond the end of the file"),
        (b"FRHP", 140, "H", 65535, "impossible sizes"),
        (b"FRHP", 140, "H", 64, "a block that does not begin as one does"),
        (b"BTHD", 6, "I", 2**32 - 1, "beyond the end of the file"),
        *((b"BTHD", 6, "I", size, "impossible sizes") for size in (0, 10, 21)),
        (b"BTHD", 10, "H", 0, "impossible sizes"),
        (b"BTHD", 12, "H", 65535, "impossible sizes"),
        (b"BTHD", 12, "H", 1, "does not begin as one does"),
        (b"BTHD", 24, "H", 65535, "ends too early"),
        (b"BTLF", 10, "B", 0x10, "too long to be read"),
        (b"BTLF", 11, "I", 2**32 - 1, "beyond the blocks of its heap"),
    ],
)
def test_numbers_of_the_newer_layout(path, new, signature, offset, form, number, message):
    assert message in refusal(path, patched(new, find(new, signature) + offset, number, form=form))


def test_blocks_of_addresses_that_lead_to_themselves(path, monkeypatch):
    monkeypatch.setattr(dense, "_MAX_NODES", 1000)
    data = made("latest", 3000)
    at = find(data, b"FHIB")
    n_rows = int.from_bytes(data[find(data, b"FRHP") + 140 :][:2], "little")
    assert n_rows > 1
    refusal(path, patched(data, at + 17, *[at] * 4 * n_rows))


def test_a_header_that_goes_on_in_itself(path, old, monkeypatch):
    monkeypatch.setattr(source, "MAX_HEADERS", 2**20)
    root = 96
    message = struct.pack("<HHB3xQQ", 0x10, 16, 0, root + 16, 24)
    data = patched(old, root + 2, 65535, form="H")
    data = data[: root + 16] + message + data[root + 40 :]
    assert "must have at most 1048576 bytes in all" in refusal(path, data)


@pytest.mark.parametrize("shape", [(2**64 - 1,), (2**32, 2**32), (0, 2**63), (7,), (5,)])
def test_shapes_that_the_file_has_no_bytes_for(path, shape):
    with h5py.File(path, "w") as file:
        file["a"] = np.arange(6.0).reshape((6,) + (1,) * (len(shape) - 1))
    data = path.read_bytes()
    at = data.index(struct.pack("<Q", 6) + struct.pack("<Q", 1) * (len(shape) - 1))
    message = refusal(path, patched(data, at, *shape))
    assert "impossible shape" in message or "bytes by its shape and 48 in the file" in message


@pytest.mark.parametrize("address", [2**64 - 2, 2**63, "size"])
def test_an_array_beyond_the_end(path, address):
    with h5py.File(path, "w") as file:
        file["a"] = np.arange(6.0)
        begin = file["a"].id.get_offset()
    data = path.read_bytes()
    changed = patched(data, data.index(struct.pack("<QQ", begin, 48)), len(data) - 47 if address == "size" else address)
    assert "ends beyond it" in refusal(path, changed)


def test_names_that_would_become_gigabytes(path):
    with h5py.File(path, "w") as file:
        file["/".join(["n" * 300] * 4)] = np.arange(3.0)
    assert "paths of 1000 characters" in refusal(path, path.read_bytes())


def test_more_objects_than_a_file_may_have(path, monkeypatch):
    monkeypatch.setattr(opening, "MAX_OBJECTS", 40)
    assert "at most 40 groups and arrays" in refusal(path, made("latest", 30))


@pytest.mark.parametrize("name", [b"a\xffb\0", b"a/b\0", b"\0\0\0\0", b"b\0\0\0"])
def test_names_that_are_none(path, name):
    with h5py.File(path, "w") as file:
        file["a__"], file["b"] = np.zeros(3), np.zeros(3)
    data = path.read_bytes()
    message = refusal(path, data.replace(b"a__\0", name))
    assert any(part in message for part in ("no UTF-8", "must be one of a member", "is twice in"))
