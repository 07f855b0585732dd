"""HDF5 files: plain arrays are read, and nothing else that the format can do."""

import contextlib
import os
import sys

import h5py
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from crmsprop.errors import FileFormatError
from crmsprop.files import open_hdf5


def load_all(path):
    with open_hdf5(path) as arrays:
        return {name: stored.load() for name, stored in arrays.items()}


@pytest.mark.parametrize("dtype", [">f4", "<f8", "f2", "u1", "i8", "?"])
def test_arrays_and_their_paths(path, dtype):
    arrays = {"a": np.arange(6).reshape(2, 3), "g/b": np.arange(0), "g/h/c": np.array(1), "g/h/d": np.zeros((2, 0))}
    with h5py.File(path, "w") as file:
        file.create_group("g/empty").attrs["name"] = "nothing"
        for name, array in arrays.items():
            file[name] = array.astype(dtype)
    read = load_all(path)
    assert list(read) == sorted(arrays)
    for name, array in arrays.items():
        assert read[name].dtype.isnative
        assert np.array_equal(read[name], array.astype(dtype))
        assert read[name].shape == array.shape


def test_bfloat16_as_keras_stores_it(path):
    values = np.array([1.0, -2.5, 0.0, 1e30], np.float32)
    with h5py.File(path, "w") as file:
        file["a"] = (values.view(np.uint32) >> 16).astype("<u2").view("V2")
    (read,) = load_all(path).values()
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, values, rtol=2**-7)


def link_soft(file):
    file["link"] = h5py.SoftLink("/elsewhere")


def link_external(file):
    file["group/link"] = h5py.ExternalLink("/etc/passwd", "/")


def link_twice(file):
    file["a"] = np.zeros(3)
    file["b"] = file["a"]


def a_cycle(file):
    group = file.create_group("group")
    group["again"] = group


def the_root_again(file):
    file["group/root"] = file["/"]


def compressed(file):
    file.create_dataset("bomb", (1 << 30,), "f4", compression="gzip")


def chunked(file):
    file.create_dataset("bomb", (1 << 30,), "f4", chunks=(1 << 20,))


def never_written(file):
    file.create_dataset("bomb", (1 << 40,), "f4", fillvalue=1.0)


def external_storage(file):
    file.create_dataset("a", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def virtual(file):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/elsewhere.h5", "a", (4,))
    file.create_virtual_dataset("a", layout)


def references(file):
    file["a"] = np.zeros(3)
    file["b"] = np.array([file["a"].ref], dtype=h5py.ref_dtype)


def strings(file):
    file["a"] = ["x", "y"]


def compound(file):
    file["a"] = np.zeros(3, [("x", "f4"), ("y", "f4")])


def opaque(file):
    file["a"] = np.zeros(3, "V3")


def no_space(file):
    file["a"] = h5py.Empty("f4")


def a_type(file):
    file["a"] = np.dtype("f4")


def deep(file):
    file.create_group("/".join("g" * 80))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        *((link_soft, "is a link to elsewhere"), (link_external, "is a link to elsewhere")),
        *((link_twice, "also there under another name"), (a_cycle, "also there under another name")),
        *((the_root_again, "also there under another name"), (deep, "at most 64 deep")),
        *((compressed, "compressed or not in one piece"), (chunked, "compressed or not in one piece")),
        *((never_written, "by its shape and 0 in the file"), (external_storage, "lies in other files")),
        *((virtual, "lies in other files"), (references, "must hold numbers"), (strings, "must hold numbers")),
        *((compound, "must hold numbers"), (opaque, "must hold numbers"), (no_space, "must hold numbers")),
        *((a_type, "is no array"),),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_refused(path, make, message):
    with h5py.File(path, "w") as file:
        make(file)
    with pytest.raises(FileFormatError) as caught:
        load_all(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"cannot read {path}: ")
    assert len(str(caught.value)) < 1000


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=9)
SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)


# Without shrinking, which takes minutes.
@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    libver=st.sampled_from(["earliest", "v108", "v110", "latest"]),
    paths=st.lists(st.lists(NAMES.filter(lambda name: name != "."), min_size=1, max_size=4).map("/".join), max_size=30),
    arrays=st.lists(st.tuples(st.sampled_from(["<f4", ">f8", "<f2", "?", "|u1", ">u4", "<i8"]), SHAPES), min_size=30),
)
def test_any_tree_is_read_as_h5py_reads_it(tmp_path_factory, libver, paths, arrays):
    path, rng = tmp_path_factory.mktemp("h5") / "tree.h5", np.random.default_rng(0)
    with h5py.File(path, "w", libver=libver) as file:
        for name, (dtype, shape) in zip(paths, arrays, strict=False):
            with contextlib.suppress(ValueError, OSError):  # there is an array or a group of this name
                file[name] = rng.integers(0, 2, shape).astype(dtype)
    expected = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: expected.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    read = load_all(path)
    assert list(read) == sorted(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(read[name], array.astype(array.dtype.newbyteorder("=")), strict=True)


@pytest.mark.parametrize("count", [9, 400, 6000])
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_a_group_of_many_members(path, libver, count):
    """Their trees have several levels, and the heap of the newer layout has blocks of addresses."""
    with h5py.File(path, "w", libver=libver) as file:
        for i in range(count):
            file[f"layers/dense_{i}"] = np.float32(i)
    with open_hdf5(path) as arrays:
        assert len(arrays) == count
        assert all(arrays[f"layers/dense_{i}"].load() == i for i in range(0, count, 7))


def test_members_that_were_removed_are_not_there(path):
    with h5py.File(path, "w", libver="latest") as file:
        for i in range(100):
            file[f"layers/dense_{i}"] = np.float32(i)
        for i in range(0, 100, 3):
            del file[f"layers/dense_{i}"]
    assert set(load_all(path)) == {f"layers/dense_{i}" for i in range(100) if i % 3}


@pytest.mark.parametrize("track_order", [False, True])
def test_layouts_in_one_file(path, track_order):
    """A name that is not ASCII makes h5py write its group in the newer layout, even where the others are older."""
    with h5py.File(path, "w", track_order=track_order) as file:
        file["layers/größe/vars/0"] = np.arange(3.0)
        file["layers/dense/vars/0"] = np.arange(4.0)
        for i in range(20):
            file[f"größen/größe_{i}"] = np.float32(i)
    assert len(load_all(path)) == 22


@pytest.mark.parametrize("data", [b"", b"\x89HDF", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(200), b"PK" * 99])
def test_no_hdf5(path, data):
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=r"beyond the end of the file|does not begin as HDF5 does|first block"):
        load_all(path)


def test_every_truncation(path):
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.arange(6.0)
    data = path.read_bytes()
    for length in range(0, len(data), 37):
        path.write_bytes(data[:length])
        with pytest.raises(FileFormatError):
            load_all(path)


def test_what_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileFormatError, match="must be a regular file"):
        load_all(tmp_path / "pipe")
    with pytest.raises(IsADirectoryError):
        load_all(tmp_path)


def test_h5py_is_not_needed(path, monkeypatch):
    with h5py.File(path, "w") as file:
        file["a"] = np.arange(3.0)
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert load_all(path)["a"].tolist() == [0, 1, 2]


def test_damage_anywhere(path):
    """Attributes too, which are not read."""
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.arange(6.0)
        file["layers/dense/vars"].attrs["name"] = "dense"
    data = path.read_bytes()
    messages = []
    for position in range(0, len(data), 29):
        path.write_bytes(data[:position] + b"\xff" + data[position + 1 :])
        try:
            assert all(array.size == 6 for array in load_all(path).values())
        except FileFormatError as error:
            messages.append(str(error))
    assert len(messages) > 10
    assert max(map(len, messages)) < 1000
