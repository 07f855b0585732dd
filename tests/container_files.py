"""Container files taken apart and put together by the words of the format, without crmsprop's code.

At the root of tests/ and not in tests/files/, for the reason that `cifar_files` gives.
"""

import hashlib
import json
import struct

import pytest

from crmsprop.errors import FileFormatError
from crmsprop.files import read_container

DTYPES = ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"]


def assert_same(read, written):
    assert list(read) == sorted(written)
    for name, array in written.items():
        got = read[name]
        assert got.shape == array.shape
        assert got.dtype == array.dtype.newbyteorder("=")
        assert got.dtype.isnative
        assert got.flags.writeable
        assert got.flags.c_contiguous
        assert got.base is None
        assert got.tobytes() == array.astype(got.dtype).tobytes()  # bytes: NaN and -0.0 count


def split(data):
    """Return the header document and the data of a file, by the words of the format."""
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def metadata(**changes):
    values = {"format": "crmsprop", "kind": "model", "format_version": "1", "config": "{}", "sha256": "a" * 64}
    return {key: value for key, value in (values | changes).items() if value is not None}


def entry(dtype="U8", shape=(4,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def join(document, data, *, sign=True):
    """Build a file with any header document (or its text), with a right digest where there is a place for one."""
    text = document if isinstance(document, str) else json.dumps(document, separators=(",", ":"))
    header = text.encode("utf-8", "surrogatepass")
    prefix = struct.pack("<Q", len(header))
    metadata = document.get("__metadata__") if isinstance(document, dict) else None
    if sign and isinstance(metadata, dict) and isinstance(metadata.get("sha256"), str):
        old = metadata["sha256"].encode()
        digest = hashlib.sha256(prefix + header.replace(old, b"0" * 64) + data).hexdigest()
        header = header.replace(old, digest.encode())
    return prefix + header + data


def refusal(path, data, kind="model"):
    path.write_bytes(data)
    with pytest.raises(FileFormatError) as caught:
        read_container(path, kind)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 1000
    return str(caught.value)
