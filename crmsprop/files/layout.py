"""What the writer and the reader agree on: names, limits and dtypes of the format, and the header as bytes."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = 1
METADATA = "__metadata__"
NO_DIGEST = "0" * 64
_ALIGNMENT = 64
# Parsed JSON takes up to 30 times its text, and lists and objects up to 50 times: with no more of them than this, which
# arrays of the shortest names would fill a header with, a hostile header costs less than half a gigabyte.
MAX_HEADER = 16 * 2**20
MAX_CONTAINERS = 2**20

DTYPES = {
    name: np.dtype(code)
    for name, code in {
        "F64": "<f8",
        "F32": "<f4",
        "I64": "<i8",
        "I32": "<i4",
        "I16": "<i2",
        "I8": "|i1",
        "U64": "<u8",
        "U32": "<u4",
        "U16": "<u2",
        "U8": "|u1",
        "BOOL": "|b1",
    }.items()
}
DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def header_bytes(table: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """Return the first bytes of a file that holds `table`, in its order: the length of the header, and the header."""
    document: dict[str, Any] = {METADATA: metadata}
    begin = 0
    for name, array in table.items():
        end = begin + array.nbytes
        shape = list(array.shape)
        document[name] = {"dtype": DTYPE_NAMES[array.dtype], "shape": shape, "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % _ALIGNMENT)
    if len(text) > MAX_HEADER:
        raise ValueError(f"the header must be at most {MAX_HEADER} bytes, config and array names make {len(text)}")
    if (containers := text.count(b"[") + text.count(b"{")) > MAX_CONTAINERS:
        raise ValueError(f"the header must have at most {MAX_CONTAINERS} brackets, config and arrays make {containers}")
    return len(text).to_bytes(8, "little") + text
