"""The reader: damaged, truncated, foreign and lying files are refused, in bounded memory."""

import json
import os
import struct
import tracemalloc

import numpy as np
import pytest
from container_files import entry, join, metadata, refusal, split

from crmsprop.errors import FileFormatError
from crmsprop.files import read_container, write_container


def test_missing_files_and_folders_keep_their_errors(path, tmp_path):
    with pytest.raises(FileNotFoundError):
        read_container(path, "model")
    with pytest.raises(IsADirectoryError):
        read_container(tmp_path, "model")
    with pytest.raises(TypeError):
        read_container(3, "model")


def test_pipes_and_devices_do_not_hang(path):
    os.mkfifo(path)
    with pytest.raises(FileFormatError, match="must be a regular file"):
        read_container(path, "model")
    with pytest.raises(FileFormatError, match="must be a regular file"):
        read_container("/dev/zero", "model")


def test_another_kind_is_refused(path, small):
    assert "it holds a 'model', not a 'checkpoint'" in refusal(path, small, kind="checkpoint")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 7,
        b"\0" * 8,
        b"\0" * 100,
        b"\xff" * 100,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 3) + b"{}",
        b"PK\x03\x04 a zip archive",
        b"\x89HDF\r\n\x1a\n and the rest",
        b"\x80\x04\x95 a pickle that must not run",
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'}",
    ],
)
def test_other_files_are_refused(path, data):
    assert "no crmsprop file" in refusal(path, data)


def test_every_truncation_is_refused(path, small):
    for length in range(len(small)):
        refusal(path, small[:length])


def test_every_flipped_bit_is_refused(path):
    write_container(path, {"a": np.array([1.5, 2.5], np.float32)}, {"b": 1}, "model")  # smaller: 8 reads for each byte
    small = path.read_bytes()
    for position in range(len(small)):
        for bit in range(8):
            damaged = bytearray(small)
            damaged[position] ^= 1 << bit
            refusal(path, bytes(damaged))


def test_random_damage_is_refused(path, small):
    random = np.random.default_rng(0)
    for _ in range(500):
        damaged = bytearray(small)
        begin, end = sorted(random.integers(0, len(small) + 1, 2))
        piece = random.bytes(int(random.integers(0, 40))) if random.random() < 0.5 else damaged[begin:end]
        where = int(random.integers(0, len(small) + 1))
        damaged[where : where + int(random.integers(0, 40))] = piece
        if damaged != small:
            refusal(path, bytes(damaged))


def test_random_headers_with_a_right_digest_are_read_or_refused(path, small):
    random = np.random.default_rng(0)
    values = [-1, 0, 1, 2, 2**31, 2**53, 2**63, 2**64, 1e300, 0.0, True, None, "F32", "", [], {}, [0, 0], "model"]
    document, data = split(small)
    for _ in range(500):
        mutant = json.loads(json.dumps(document))
        for _ in range(random.integers(1, 3)):
            entry = mutant[random.choice(list(document))]
            key = random.choice(list(entry))
            if isinstance(entry[key], list) and entry[key]:
                entry[key][random.integers(len(entry[key]))] = values[random.integers(len(values))]
            else:
                entry[key] = values[random.integers(len(values))]
        path.write_bytes(join(mutant, data))
        try:
            arrays, _ = read_container(path, "model")
        except FileFormatError:
            continue
        assert sum(array.nbytes for array in arrays.values()) == len(data)


def test_a_wrong_digest_is_refused(path):
    message = refusal(path, join({"__metadata__": metadata(), "a": entry()}, bytes(4), sign=False))
    assert "SHA-256 does not match" in message


def test_no_memory_is_taken_for_a_number_in_the_header(path):
    claims = [
        join({"__metadata__": metadata(), "a": entry("F64", [2**47], [0, 2**50])}, b"\0" * 8),
        join({"__metadata__": metadata(), "a": entry("F64", [2**30, 1], [0, 8])}, b"\0" * 8),
        struct.pack("<Q", 2**50) + b"{}",
        join({"__metadata__": metadata(), **{f"{i}": entry("U8", [2**50], [0, 2**50]) for i in range(100)}}, b""),
    ]
    tracemalloc.start()
    try:
        for data in claims:
            refusal(path, data)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_header_over_the_limit_is_refused_unread(path):
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 2**33) + b"{")
        file.truncate(2**33 + 8)  # a sparse file: 8 GiB that take no disk
    tracemalloc.start()
    try:
        with pytest.raises(FileFormatError, match="more than the 16777216"):
            read_container(path, "model")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_file_that_shrinks_while_it_is_read_is_refused(path, monkeypatch):
    write_container(path, {"a": np.ones(100_000)}, {}, "model")
    empty = np.empty

    def shrink(*args, **kwargs):
        os.truncate(path, 100_000)
        return empty(*args, **kwargs)

    monkeypatch.setattr(np, "empty", shrink)
    with pytest.raises(FileFormatError, match="became shorter"):
        read_container(path, "model")
