"""Headers that lie about one thing, with a right digest: each is refused for that thing."""

import hashlib
import json
import struct
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
from container_files import assert_same, entry, join, metadata, refusal

from crmsprop.errors import FileFormatError
from crmsprop.files import header, read_container
from crmsprop.files.layout import MAX_CONTAINERS, MAX_HEADER


def test_the_hostile_headers_below_are_fine_but_for_one_thing(path):
    path.write_bytes(join({"__metadata__": metadata(), "a": entry()}, b"\1\2\3\4"))
    arrays, config = read_container(path, "model")
    assert_same(arrays, {"a": np.array([1, 2, 3, 4], np.uint8)})
    assert config == {}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (entry(dtype="F16"), "unknown dtype 'F16'"),
        (entry(dtype="u8"), "unknown dtype"),
        (entry(dtype="|O"), "unknown dtype"),
        (entry(dtype=["U8"]), "unknown dtype"),
        (entry(dtype=None), "unknown dtype"),
        (entry(dtype="BOOL"), "booleans other than 0 and 1"),
        (entry(shape=[-4]), "bad shape"),
        (entry(shape=[-2, -2]), "bad shape"),
        (entry(shape=[4.0]), "bad shape"),
        (entry(shape=["4"]), "bad shape"),
        (entry(shape=[True, 4]), "bad shape"),
        (entry(shape=[None]), "bad shape"),
        (entry() | {"shape": {"4": 1}}, "bad shape"),
        (entry() | {"shape": 4}, "bad shape"),
        (entry() | {"shape": "4"}, "bad shape"),
        (entry(shape=[1] * 64 + [4]), "bad shape"),
        (entry(shape=[1] * 100_000), "bad shape"),
        (entry(shape=[2**63, 2**63]), "impossible shape"),
        (entry(shape=[2**64 + 4]), "impossible shape"),
        (entry(shape=[2**32, 2**32], offsets=[0, 0]), "impossible shape"),
        (entry(shape=[0, 2**63], offsets=[0, 0]), "impossible shape"),
        (entry("F64", [0, 2**60], offsets=[0, 0]), "impossible shape"),
        (entry(shape=[10**600]), "impossible shape"),
        (entry(shape=[2**50], offsets=[0, 2**50]), "take 1125899906842624 bytes, and 4 follow"),
        (entry(shape=[5]), r"data_offsets \[0, 4\], not \[0, 5\]"),
        (entry(dtype="F32"), r"data_offsets \[0, 4\], not \[0, 16\]"),
        (entry(shape=[]), r"data_offsets \[0, 4\], not \[0, 1\]"),
        (entry(offsets=[1, 5]), "data_offsets"),
        (entry(offsets=[4, 0]), "data_offsets"),
        (entry(offsets=[-4, 0]), "data_offsets"),
        (entry(offsets=[0, 4, 8]), "data_offsets"),
        (entry(offsets=[]), "data_offsets"),
        (entry(offsets=[0.0, 4.0]), "data_offsets"),
        (entry(offsets=[False, 4]), "data_offsets"),
        (entry(offsets=[2**64, 2**64 + 4]), "data_offsets"),
        (entry() | {"data_offsets": "04"}, "data_offsets"),
        (entry() | {"data_offsets": None}, "data_offsets"),
        (entry(shape=[3], offsets=[0, 3]), "take 3 bytes, and 4 follow"),
        (entry(shape=[0], offsets=[0, 0]), "take 0 bytes, and 4 follow"),
        (entry() | {"more": 1}, "must have a dtype, shape and data_offsets"),
        ({"dtype": "U8", "shape": [4]}, "must have a dtype, shape and data_offsets"),
        ([], "must have a dtype, shape and data_offsets"),
        (None, "must have a dtype, shape and data_offsets"),
        ("a" * 100_000, "must have a dtype, shape and data_offsets"),
    ],
)
def test_hostile_arrays(path, bad, message):
    with pytest.raises(FileFormatError, match=message):
        raise FileFormatError(refusal(path, join({"__metadata__": metadata(), "a": bad}, b"\1\2\3\4")))


@pytest.mark.parametrize(
    "second", [entry(offsets=[0, 4]), entry(offsets=[2, 6]), entry(offsets=[5, 9]), entry(offsets=[8, 12])]
)
def test_arrays_that_overlap_or_leave_a_gap(path, second):
    document = {"__metadata__": metadata(), "a": entry(), "b": second}
    assert "not [4, 8]" in refusal(path, join(document, bytes(8)))
    assert "array 'b'" in refusal(path, join(document, bytes(12)))


def test_arrays_out_of_order(path):
    document = {"__metadata__": metadata(), "b": entry(offsets=[4, 8]), "a": entry()}
    assert "array 'b' has the data_offsets [4, 8], not [0, 4]" in refusal(path, join(document, bytes(8)))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (None, "no crmsprop file"),
        ([], "no crmsprop file"),
        ("crmsprop", "no crmsprop file"),
        ({}, "no crmsprop file"),
        ({"format": "pt"}, "no crmsprop file"),
        (metadata(format=["crmsprop"]), "no crmsprop file"),
        (metadata(kind=None), "lacks a kind"),
        (metadata(kind=["model"]), "lacks a kind"),
        (metadata(config=None), "lacks a kind"),
        (metadata(config={}), "lacks a kind"),
        (metadata(sha256=None), "lacks a kind"),
        (metadata(format_version=None), "lacks a kind"),
        (metadata(format_version=1), "lacks a kind"),
        (metadata(kind="checkpoint"), "it holds a 'checkpoint', not a 'model'"),
        (metadata(kind="x" * 10**6), "it holds a 'xxxxx"),
        (metadata(kind="\x1b[2J\n"), r"it holds a '\\x1b\[2J\\n'"),
        (metadata(format_version="2"), "format version 2, and this crmsprop reads up to 1: upgrade"),
        (metadata(format_version="0"), "format_version must be a positive integer"),
        (metadata(format_version="-1"), "format_version must be a positive integer"),
        (metadata(format_version="1.0"), "format_version must be a positive integer"),
        (metadata(format_version="1\n"), "format_version must be a positive integer"),
        (metadata(format_version="\u0661"), "format_version must be a positive integer"),
        (metadata(format_version="9" * 5000), "format_version must be a positive integer"),
        (metadata(sha256=""), "sha256 is malformed"),
        (metadata(sha256="A" * 64), "sha256 is malformed"),
        (metadata(sha256="a" * 63), "sha256 is malformed"),
        (metadata(sha256="é" * 64), "sha256 is malformed"),
        (metadata(more="a" * 64), "sha256 is malformed"),
    ],
)
def test_hostile_metadata(path, bad, message):
    with pytest.raises(FileFormatError, match=message):
        raise FileFormatError(refusal(path, join({"__metadata__": bad}, b"", sign=False)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no crmsprop file"),
        (" {}", "no crmsprop file"),
        ("[]", "no crmsprop file"),
        ("\ufeff{}", "no crmsprop file"),
        ("{", "its header is not valid JSON"),
        ("{} x", "its header is not valid JSON"),
        ("{\ud800}", "its header is not valid JSON"),
        ('{"\\ud800":1}', "its header is not valid JSON"),
        ('{"a":1,"a":1}', "'a' stands twice"),
        ('{"__metadata__":{},"__metadata__":{}}', "stands twice"),
        ('{"a":%s}' % ("9" * 100_000), "an integer has 100000 digits"),
        ('{"a":' * 100_000, "its header is not valid JSON"),
        ('{"a":' + "[" * 1_000_000 + "]" * 1_000_000 + "}", "its header is not valid JSON"),
        ("{" + json.dumps("x" * 10**6) * 2 + "}", "its header is not valid JSON"),
    ],
)
def test_hostile_header_texts(path, text, message):
    with pytest.raises(FileFormatError, match=message):
        raise FileFormatError(refusal(path, join(text, b"")))


def test_utf_16_is_refused(path):
    header = "{}".encode("utf-16-le")
    assert "not valid JSON" in refusal(path, struct.pack("<Q", len(header)) + header)


def repeated(unit, size):
    """A list of as many units as fit into so many bytes."""
    return f"[{','.join([unit] * (size // (len(unit) + 1)))}]"


#: Texts that become as many objects as they can, and letters that take four bytes each in memory.
HEAVY = {
    "dicts": lambda size: repeated('{"":0}', size),
    "empty dicts": lambda size: repeated("{}", size),
    "empty lists": lambda size: repeated("[]", size),
    "floats": lambda size: repeated("1.5", size),
    "integers": lambda size: repeated("999", size),
    "keys": lambda size: f"{{{','.join(f'{chr(34)}{i:x}{chr(34)}:0' for i in range(size // 10))}}}",
    "dicts of floats": lambda size: repeated('{"":1.5,"a":2.5}', size),
    "lists of floats": lambda size: repeated("[1.5,1.5,1.5]", size),
    "nested lists of floats": lambda size: repeated("[1.5,1.5,1.5," * 60 + "0" + "]" * 60, size),
    "nested": lambda size: repeated("[" * 60 + "]" * 60, size),
    "deep": lambda size: "[" * (size // 2) + "]" * (size // 2),
    "a wide text": lambda size: f'"\U0001f600{"a" * size}"',
    "wide texts": lambda size: repeated('"\U0001f600"', size),
}


@pytest.mark.parametrize("place", ["header", "config"])
def test_more_brackets_than_any_file_needs_are_refused(path, place):
    """Escaped, the header has none of those of the config."""
    text = f"[{'[],' * MAX_CONTAINERS}[]]"
    document = {"__metadata__": metadata(), "a": entry()}
    if place == "config":
        document["__metadata__"] = metadata(config=f'{{"a":{text}}}')
        written = json.dumps(document).replace("[]", "\\u005b]")
    else:
        written = f'{json.dumps(document)[:-1]},"b":{text}}}'
    data = join(written, bytes(4))
    digest = hashlib.sha256(data.replace(b"a" * 64, b"0" * 64)).hexdigest()
    assert f"its {place} has 10485" in refusal(path, data.replace(b"a" * 64, digest.encode()))


@pytest.mark.parametrize("place", ["header", "config"])
@pytest.mark.parametrize("heavy", HEAVY)
def test_the_heaviest_headers_take_less_than_a_gigabyte(path, heavy, place, monkeypatch):
    """Measured on one of a 256th of the largest: memory is in proportion, and tracemalloc sees all of it."""
    monkeypatch.setattr(header, "MAX_CONTAINERS", MAX_CONTAINERS // 256)
    text = HEAVY[heavy](MAX_HEADER // 256)
    if place == "config":
        path.write_bytes(join({"__metadata__": metadata(config=f'{{"a":{text}}}'), "a": entry()}, bytes(4)))
    else:
        document = json.dumps({"__metadata__": metadata(), "a": entry()})
        path.write_bytes(join(f'{document[:-1]},"b":{text}}}', bytes(4)))
    tracemalloc.start()
    try:
        with suppress(FileFormatError):
            read_container(path, "model")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak * 256 < 800e6
