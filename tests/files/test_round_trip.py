"""What goes into a container comes out of it, bit by bit."""

import tracemalloc

import numpy as np
import pytest
from container_files import DTYPES, assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from crmsprop.files import read_container, write_container

SHAPES = hnp.array_shapes(min_dims=0, min_side=0, max_side=4)
NUMBERS = st.integers(-(2**200), 2**200) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("code", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (0, 3), (2, 0, 4), (3, 5), (2, 3, 4, 1), (1,) * 64])
def test_every_dtype_and_shape_comes_back(path, code, shape):
    array = np.random.default_rng(0).integers(0, 2, shape).astype(code)
    write_container(path, {"a": array}, {}, "model")
    arrays, config = read_container(path, "model")
    assert_same(arrays, {"a": array})
    assert config == {}


@settings(max_examples=60, deadline=None)
@given(
    arrays=st.dictionaries(
        st.text(max_size=8).filter(lambda name: name != "__metadata__"),
        st.sampled_from(DTYPES).flatmap(lambda code: hnp.arrays(code, SHAPES)),
        max_size=4,
    ),
    config=st.dictionaries(st.text(), PLAIN, max_size=4),
    kind=st.text(max_size=8),
)
def test_any_content_comes_back(tmp_path_factory, arrays, config, kind):
    path = tmp_path_factory.mktemp("any") / "file"
    write_container(path, arrays, config, kind)
    read, read_config = read_container(path, kind)
    assert_same(read, arrays)
    assert repr(read_config) == repr(config)  # repr: -0.0, True against 1, and the order of the keys


@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.arange(24, dtype=np.int32).reshape(4, 6)[::2, ::-3],
        np.arange(5, dtype=">i8"),
        np.arange(6, dtype=">f4").reshape(2, 3).T,
        np.broadcast_to(np.float32(2.5), (3, 2)),
        np.array(1.5, dtype=">f8"),
        np.arange(4, dtype=np.longlong),
        np.frombuffer(b"\0" + np.arange(3.0).tobytes(), np.uint8)[1:].view("f8"),
        np.array([[True, False], [True, True]]).T[::-1],
        np.array([np.nan, np.inf, -0.0, 5e-324]),
    ],
    ids=["fortran", "strided", "big", "big fortran", "broadcast", "0-d", "longlong", "unaligned", "bool", "special"],
)
def test_any_memory_layout_is_stored_in_order(path, array):
    before = array.tobytes()
    write_container(path, {"a": array}, {}, "model")
    assert_same(read_container(path, "model")[0], {"a": array})
    assert array.tobytes() == before


def test_memory_maps_and_odd_booleans_are_stored(path, tmp_path):
    mapped = np.memmap(tmp_path / "map", dtype=np.float64, mode="w+", shape=(3,))
    mapped[:] = [1, 2, 3]
    odd = np.array([0, 1, 2, 255], np.uint8).view(bool)  # the bytes 2 and 255 are true
    write_container(path, {"map": mapped, "odd": odd}, {}, "model")
    arrays, _ = read_container(path, "model")
    assert_same(arrays, {"map": np.array([1.0, 2.0, 3.0]), "odd": np.array([False, True, True, True])})


def test_a_large_array_is_neither_copied_nor_read_twice(path):
    array = np.ones(2**21)
    tracemalloc.start()
    try:
        write_container(path, {"a": array}, {}, "model")
        assert tracemalloc.get_traced_memory()[1] < 2**20
        read = read_container(path, "model")
        assert tracemalloc.get_traced_memory()[1] < array.nbytes + 2**20
    finally:
        tracemalloc.stop()
    assert_same(read[0], {"a": array})
