"""The layout of the file, parsed here by the words of the format, and fixed for ever."""

import hashlib
import json
import struct
from collections import OrderedDict

import numpy as np
from container_files import DTYPES, assert_same, split

from crmsprop.files import read_container, write_container

NAMES = ["BOOL", "U8", "U16", "U32", "U64", "I8", "I16", "I32", "I64", "F32", "F64"]


def test_layout_is_that_of_safetensors(path):
    arrays = {name: np.arange(1, 6).astype(code) for name, code in zip(NAMES, DTYPES, strict=True)}
    write_container(path, arrays, {"a": [1]}, "checkpoint")
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    assert data[8:9] == b"{"
    assert (8 + length) % 64 == 0
    document, buffer = split(data)
    metadata = document.pop("__metadata__")
    assert list(metadata) == ["format", "kind", "format_version", "config", "sha256"]
    assert [metadata[key] for key in ("format", "kind", "format_version")] == ["crmsprop", "checkpoint", "1"]
    assert json.loads(metadata["config"]) == {"a": [1]}
    assert hashlib.sha256(data.replace(metadata["sha256"].encode(), b"0" * 64)).hexdigest() == metadata["sha256"]
    end = 0
    for name, entry in document.items():
        array = arrays[name].astype(arrays[name].dtype.newbyteorder("<"))
        assert entry == {"dtype": name, "shape": [5], "data_offsets": [end, end + array.nbytes]}
        assert buffer[end : end + array.nbytes] == array.tobytes()
        assert end % array.itemsize == 0
        end += array.nbytes
    assert end == len(buffer)


def test_same_content_gives_the_same_bytes(path, tmp_path):
    arrays = {"b": np.ones(3), "a": np.zeros(2, np.float32), "c": np.ones(3)}
    write_container(path, arrays, {"z": 1, "a": 2}, "model")
    other = tmp_path / "other"
    write_container(str(other), OrderedDict(sorted(arrays.items())), OrderedDict(z=1, a=2), "model")
    assert path.read_bytes() == other.read_bytes()
    assert list(read_container(path, "model")[1]) == ["z", "a"]


def test_a_file_of_today_keeps_loading(path):
    """Hold format version 1 fixed: these bytes were written once, and every later version has to read them."""
    text = (
        '{"__metadata__":{"format":"crmsprop","kind":"model","format_version":"1","config":"{\\"a\\":[1,2.5,null]}",'
        '"sha256":"%s"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    )
    header = (text % "6d3d70a154ddf1e364c98d84ebfaf369fef5e0ba33cae69b287f8063a083e1d9").encode()
    header += b" " * (-(8 + len(header)) % 64)
    frozen = struct.pack("<Q", len(header)) + header + struct.pack("<2f", 1.5, -2.0)
    path.write_bytes(frozen)
    arrays, config = read_container(path, "model")
    assert_same(arrays, {"w": np.array([1.5, -2.0], np.float32)})
    assert config == {"a": [1, 2.5, None]}
    write_container(path, arrays, config, "model")
    assert path.read_bytes() == frozen
