"""Plain safetensors files: what the library writes is read, what it does not write is refused."""

import os
import tracemalloc

import numpy as np
import pytest
import safetensors.numpy
from container_files import DTYPES, entry, join

from crmsprop.errors import FileFormatError
from crmsprop.files import open_safetensors, write_safetensors


def load_all(path):
    with open_safetensors(path) as arrays:
        return {name: stored.load() for name, stored in arrays.items()}


def refusal(path, data):
    path.write_bytes(data)
    with pytest.raises(FileFormatError) as caught:
        load_all(path)
    assert str(caught.value).startswith(f"cannot read {path}: ")
    assert len(str(caught.value)) < 1000
    return str(caught.value)


def arrays_of(seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(), (0,), (3,), (2, 0, 3), (2, 3, 4), (1,) * 8]
    of_all = [*DTYPES, "f2"]
    return {f"{code}.{shape}": rng.integers(0, 2, shape).astype(code) for code in of_all for shape in shapes}


def assert_equal(read, written):
    assert set(read) == set(written)
    for name, array in written.items():
        assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape)
        assert read[name].tobytes() == array.tobytes()


def test_what_the_library_writes(path):
    safetensors.numpy.save_file(arrays_of(), path, {"format": "pt", "note": "more"})
    assert_equal(load_all(path), arrays_of())


def test_what_the_library_reads(path):
    arrays = {name: array for name, array in arrays_of().items() if array.dtype != np.float16}
    write_safetensors(path, arrays)
    assert_equal(safetensors.numpy.load_file(path), arrays)
    assert_equal(load_all(path), arrays)


def test_bfloat16_is_the_upper_half_of_float32(path):
    values = np.array([1.0, -2.5, 0.0, np.inf, 1e30], np.float32)
    upper = (values.view(np.uint32) >> 16).astype("<u2")
    path.write_bytes(join({"a": entry("BF16", [5], [0, 10])}, upper.tobytes()))
    (read,) = load_all(path).values()
    assert (read.dtype, read.shape) == (np.float32, (5,))
    np.testing.assert_allclose(read, values, rtol=2**-7)


def test_shapes_cost_no_memory_and_arrays_are_read_when_asked_for(path):
    size = 1 << 24
    write_safetensors(path, {"large": np.zeros(size, np.uint8), "small": np.arange(3.0)})
    tracemalloc.start()
    with open_safetensors(path) as arrays:
        assert {name: stored.shape for name, stored in arrays.items()} == {"large": (size,), "small": (3,)}
        assert arrays["small"].load().tolist() == [0, 1, 2]
        assert arrays["small"].load().tolist() == [0, 1, 2]
        assert tracemalloc.get_traced_memory()[1] < size / 4
    tracemalloc.stop()


def test_the_header_may_have_another_order_than_the_bytes(path):
    path.write_bytes(join({"b": entry(offsets=[4, 8]), "a": entry()}, bytes(range(8))))
    assert {name: array.tolist() for name, array in load_all(path).items()} == {"a": [0, 1, 2, 3], "b": [4, 5, 6, 7]}


@pytest.mark.parametrize("second", [[0, 4], [2, 6], [5, 9], [8, 12], [4, 7], [4, 2**70], [4], ["4", "8"], None, [8, 4]])
def test_arrays_that_overlap_or_leave_a_gap(path, second):
    assert "data_offsets" in refusal(path, join({"b": entry() | {"data_offsets": second}, "a": entry()}, bytes(8)))


@pytest.mark.parametrize(
    ("document", "data", "message"),
    [
        ({"a": entry("F8_E4M3", [4])}, bytes(4), "unknown dtype 'F8_E4M3'"),
        ({"a": entry("BF16", [2**62, 2])}, bytes(4), "impossible shape"),
        ({"a": entry("F32", [2**40], [0, 2**42])}, bytes(4), "take 4398046511104 bytes, and 4 follow its header"),
        ({"a": entry()}, bytes(5), "take 4 bytes, and 5 follow its header"),
        ({"a": entry()}, bytes(3), "take 4 bytes, and 3 follow its header"),
        ({"a": entry("BOOL")}, b"\0\1\2\1", "booleans other than 0 and 1"),
        ({"a": [entry()]}, bytes(4), "must have a dtype, shape and data_offsets"),
        ('{"a":{},"a":{}}', b"", "stands twice"),
        ('{"a":' * 500_000 + "1" + "}" * 500_000, b"", "not valid JSON"),
        ("[]", b"", "does not begin with a brace"),
    ],
)
def test_hostile_headers(path, document, data, message):
    assert message in refusal(path, join(document, data))


@pytest.mark.parametrize("data", [b"", b"\0" * 7, b"\xff" * 8, b"\xff" * 100, b"PK\x03\x04" * 9, b"\x80\x02}q\0." * 9])
def test_no_safetensors(path, data):
    assert "truncated or no safetensors file" in refusal(path, data)


def test_every_truncation_and_every_damaged_byte_of_the_header(path):
    write_safetensors(path, {"a": np.arange(4.0), "b": np.arange(2, dtype=np.int8)})
    data = path.read_bytes()
    for length in range(len(data)):
        assert refusal(path, data[:length])
    end = 8 + int.from_bytes(data[:8], "little")
    for position in range(end):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0x40]) + data[position + 1 :])
        try:
            read = load_all(path)
        except FileFormatError:
            continue
        assert {array.shape for array in read.values()} == {(4,), (2,)}  # a name, or metadata, is another


def test_a_file_that_shrinks_while_it_is_read(path):
    def shrink_and_load():
        with open_safetensors(path) as arrays:
            os.truncate(path, path.stat().st_size - 1)
            arrays["a"].load()

    write_safetensors(path, {"a": np.zeros(1 << 20)})
    with pytest.raises(FileFormatError, match=r"cannot read .* became shorter while array 'a' was read"):
        shrink_and_load()


def test_what_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileFormatError, match="must be a regular file"):
        load_all(tmp_path / "pipe")
    with pytest.raises(IsADirectoryError):
        load_all(tmp_path)
    with pytest.raises(FileNotFoundError):
        load_all(tmp_path / "nothing")


def test_what_cannot_be_written(path):
    with pytest.raises(TypeError, match="has dtype complex128"):
        write_safetensors(path, {"a": np.zeros(3, complex)})
    assert not path.exists()
