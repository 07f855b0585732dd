"""The reader of pickled batches: it reads the official ones, refuses everything else, and never runs anything."""

import pickle
import pickletools
import struct
import tracemalloc

import numpy as np
import pytest
from cifar_files import DTYPE, RECONSTRUCT, array_opcodes, batch_opcodes, make_images, official_batch, text

from crmsprop.datasets.safe_pickle import MAX_OPCODES, decode_pickled
from crmsprop.errors import FileFormatError

ROWS, LABELS = make_images(3)[0]


def decode(data):
    return decode_pickled(data, "FILE")


def with_array(array):
    return batch_opcodes(LABELS, array)


def memoized(data):
    """Return an official batch as cPickle wrote it: BINPUT or LONG_BINPUT after each string, container and call."""
    out, memo = bytearray(), 0
    for opcode, at, end in _opcode_spans(data):
        out += data[at:end]
        if opcode.name in ("EMPTY_DICT", "EMPTY_LIST", "SHORT_BINSTRING", "GLOBAL", "REDUCE", "TUPLE3"):
            out += b"q" + bytes([memo]) if memo < 256 else b"r" + struct.pack("<I", memo)
            memo += 1
    return bytes(out)


def _opcode_spans(data):
    found = list(pickletools.genops(data))
    ends = [at for _, _, at in found[1:]] + [len(data)]
    return [(opcode, at, end) for (opcode, _, at), end in zip(found, ends, strict=True)]


def assert_read(data, rows=ROWS, labels=LABELS):
    got_rows, got_labels = decode(data)
    np.testing.assert_array_equal(got_rows, rows)
    np.testing.assert_array_equal(got_labels, labels)
    assert (got_rows.dtype, got_labels.dtype) == (np.uint8, np.int64)


def test_official_opcodes():
    assert_read(official_batch(ROWS, LABELS))


def test_official_opcodes_with_memo():
    rows, labels = make_images(300)[0]
    data = memoized(official_batch(rows, labels))
    assert b"r\x00\x01\x00\x00" in data
    assert pickle.loads(data, encoding="latin1")["labels"] == labels.tolist()
    assert_read(data, rows, labels)


def test_lists_appended_in_portions():
    data = official_batch(ROWS, LABELS)
    first, second = (b"K" + bytes([int(v)]) for v in LABELS[:2])
    assert_read(data.replace(b"](" + first + second, b"](" + first + b"e(" + second, 1))


# Not bytes as keys in protocol 2: Python 3 writes them as calls, and a call is no key.
@pytest.mark.parametrize(("protocol", "key"), [(2, str), *((p, key) for p in (3, 4, 5) for key in (str, str.encode))])
@pytest.mark.parametrize("n", [1, 3])
def test_subsets_saved_by_python_3(protocol, key, n):
    content = {key("labels"): LABELS[:n].tolist(), key("data"): ROWS[:n], key("filenames"): ["a.png"] * n}
    assert_read(pickle.dumps(content, protocol), ROWS[:n], LABELS[:n])


def _dtype(code, state=b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"):
    return b"cnumpy\ndtype\n" + text(code) + b"K\x00K\x01\x87R" + state


HUGE = b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"
BAD_ARRAYS = {
    "object dtype": {"dtype": _dtype("O8")},
    "other dtype": {"dtype": _dtype("f4")},
    "dtype without state": {"dtype": _dtype("u1", b"")},
    "dtype with fields": {"dtype": _dtype("u1", b"(K\x03U\x01|NU\x01a}J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb")},
    "dtype with an object's flags": {
        "dtype": _dtype("u1", b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb"),
    },
    "dtype not called": {"dtype": b"cnumpy\ndtype\n"},
    "Fortran order": {"fortran": b"\x88"},
    "number in place of the order": {"fortran": b"K\x00"},
    "huge shape": {"shape": HUGE},
    "negative shape": {"shape": b"J\xff\xff\xff\xffM\x00\x0c\x86"},
    "flat shape": {"shape": b"M\x00\x24\x85"},
    "transposed shape": {"shape": b"M\x00\x0cK\x03\x86"},
    "other shape of as many bytes": {"shape": b"K\x03M\x00\x06K\x02\x87"},
    "other width": {"shape": b"K\x03M\x00\x0b\x86"},
    "list as shape": {"shape": b"](K\x03M\x00\x0ce"},
    "one row less": {"shape": b"K\x02M\x00\x0c\x86"},
    "bytes too few": {"raw": b"U\x03abc"},
    "bytes too many": {"raw": b"T" + struct.pack("<i", ROWS.size + 1) + bytes(ROWS.size + 1)},
    "bytes announced only": {"raw": b"T" + struct.pack("<i", 2**31 - 1) + ROWS.tobytes()},
    "negative bytes": {"raw": b"T" + struct.pack("<i", -1) + ROWS.tobytes()},
    "bytes of 2**63 - 1": {"raw": b"\x8e" + struct.pack("<Q", 2**63 - 1) + ROWS.tobytes()},
    "text of 2**63 - 1": {"raw": b"X" + struct.pack("<I", 2**32 - 1) + ROWS.tobytes()},
    "text beyond Latin-1": {"raw": b"X" + struct.pack("<I", 2 * ROWS.size) + "\u0153".encode() * ROWS.size},
    "list of objects": {"raw": b"]"},
    "an array as bytes": {"raw": b"cnumpy\nndarray\n"},
    "reconstruct of another type": {"reconstruct": RECONSTRUCT.replace(b"\nndarray\n", b"\ndtype\n")},
    "reconstruct of a huge array": {"reconstruct": RECONSTRUCT.replace(b"K\x00\x85", b"J\xff\xff\xff\x7f\x85")},
    "ndarray called": {"reconstruct": b"cnumpy\nndarray\n" + HUGE + b"\x85R"},
    "reconstruct without arguments": {"reconstruct": b"cnumpy.core.multiarray\n_reconstruct\n(tR"},
    "reconstruct with a list": {"reconstruct": b"cnumpy.core.multiarray\n_reconstruct\n]R"},
    "call of a string": {"reconstruct": text("os.system") + b"(tR"},
    "call of a result": {"reconstruct": RECONSTRUCT + b"(tR"},
    "state of a string": {"reconstruct": text("x")},
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_odd_arguments_of_allowed_names(case):
    data = with_array(array_opcodes(ROWS, **BAD_ARRAYS[case]))
    tracemalloc.start()
    with pytest.raises(FileFormatError, match="FILE is not a CIFAR-10 batch"):
        decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_frombuffer_in_fortran_order():
    data = pickle.dumps({"labels": LABELS.tolist(), "data": np.asfortranarray(ROWS)}, 5)
    with pytest.raises(FileFormatError, match="C order"):
        decode(data)


def nest(opcodes, n):
    return batch_opcodes(LABELS, b"]" + opcodes * n)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x80\x02N.", id="None"),
        pytest.param(b"\x80\x02].", id="list"),
        pytest.param(b"\x80\x02}.", id="empty dict"),
        pytest.param(b"\x80\x02}}.", id="two things"),
        pytest.param(b"\x80\x02}(.", id="open mark"),
        pytest.param(b"\x80\x02t.", id="no mark"),
        pytest.param(b"\x80\x02}(K\x01K\x02K\x03u.", id="odd items"),
        pytest.param(b"\x80\x02}K\x01K\x02s.", id="integer key"),
        pytest.param(b"\x80\x02}](e]s.", id="unhashable key"),
        pytest.param(b"\x80\x02h\x05.", id="unknown memo"),
        pytest.param(b"\x80\x02q\x05.", id="memo of nothing"),
        pytest.param(b"\x80\x02Na.", id="append to None"),
        pytest.param(b"\x80\x02]r\xff\xff\xff\xff.", id="memo at 2**32"),
        pytest.param(b"\x80\x02X\x02\x00\x00\x00\xff\xff.", id="bad UTF-8"),
        pytest.param(b"\x80\x02\x8a\xff" + bytes(255) + b".", id="long number"),
        pytest.param(b"\x80\x02L" + b"9" * 10_000 + b"L\n.", id="long decimal"),
        pytest.param(nest(b"(", MAX_OPCODES), id="marks"),
        pytest.param(nest(b"\x85", MAX_OPCODES - 40), id="nested tuples"),
        pytest.param(b"\x80\x02}N" + b"\x85" * 90_000 + b"K\x01s.", id="nested tuple as key"),
        pytest.param(nest(b"q\x000h\x00", 1000), id="pop"),
        pytest.param(nest(b"q\x00h\x00a", 1000), id="list in itself"),
        pytest.param(nest(b"q\x00h\x00\x86", 30_000), id="tuples that double"),
        pytest.param(b"\x80\x02" + b"cnumpy\ndtype\n)" * 1 + b"\x85R" * 40_000 + b".", id="nested calls"),
    ],
)
def test_broken_pickles(data):
    with pytest.raises(FileFormatError, match="FILE is not a CIFAR-10 batch"):
        decode(data)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (official_batch(ROWS, LABELS) + b"more", "left over at its end"),
        (b"N" + official_batch(ROWS, LABELS), "left over at its end"),
        (b"(" + official_batch(ROWS, LABELS), "left over at its end"),
        (official_batch(ROWS, LABELS)[:-1] + b"\x85.", "must hold a dictionary"),
        (b"\x80\x02K\x01\x86.", "more from its stack than it put there"),
        (nest(b"\x85", 2 * MAX_OPCODES), "more than 100000 opcodes"),
    ],
)
def test_broken_pickles_by_rule(data, rule):
    with pytest.raises(FileFormatError, match=rule):
        decode(data)


def test_doubling_tuples_as_shape_are_not_spelled_out():
    shape = b"N" + b"q\x00h\x00\x86" * 60  # its repr would have 2**60 words
    with pytest.raises(FileFormatError, match="must have the shape") as caught:
        decode(with_array(array_opcodes(ROWS, shape=shape)))
    assert len(str(caught.value)) < 2000


def test_a_long_key_is_not_decoded_again_and_again():
    key = b"B" + struct.pack("<I", 10**7) + bytes(10**7) + b"q\x00"
    with pytest.raises(FileFormatError, match="a bytes where a string of at most"):
        decode(b"\x80\x03}(" + key + b"N" + b"h\x00N" * 40_000 + b"u.")


@pytest.mark.parametrize(
    "labels", [b"N", b"]", b"](\x88\x88\x88e", b"](U\x01aU\x01bU\x01ce", b"K\x03", b"(K\x01K\x02K\x03t"]
)
def test_labels_that_are_no_list_of_integers(labels):
    data = b"\x80\x02}(" + text("labels") + labels + text("data") + array_opcodes(ROWS) + b"u."
    with pytest.raises(FileFormatError, match=r"'labels' must be a list|number of images must be in"):
        decode(data)


@pytest.mark.parametrize("value", [-1, 10, 255, 2**31 - 1])
def test_label_out_of_range(value):
    data = b"\x80\x02}(" + text("labels") + b"](K\x01K\x02J" + struct.pack("<i", value) + b"e" + text("data")
    with pytest.raises(FileFormatError, match=rf"labels must be in 0\.\.9, got {value} for image 2"):
        decode(data + array_opcodes(ROWS) + b"u.")


@pytest.mark.parametrize("entry", ["labels", "data"])
def test_missing_entry(entry):
    data = official_batch(ROWS, LABELS).replace(text(entry), text("x" * len(entry)))
    with pytest.raises(FileFormatError, match="the entries 'labels' and 'data'"):
        decode(data)


def mutate(data, rng):
    """Return `data` with one byte changed, a slice doubled, dropped or overwritten, or the end cut off.

    Half of the positions are near the two ends, where the opcodes are, and not in the pixels.
    """
    at = int(rng.integers(len(data)) if rng.random() < 0.5 else rng.integers(-120, 300) % len(data))
    size = int(rng.integers(1, 9))
    new = rng.integers(0, 256, size, np.uint8).tobytes()
    kind = rng.integers(5)
    if kind == 0:
        return data[:at]
    middle = [b"", new, data[at : at + size] * 2, bytes([data[at] ^ (1 << int(rng.integers(8)))])][kind - 1]
    return data[:at] + middle + data[at + (1 if kind == 4 else size) :]


def test_mutations_of_the_pickled_reader():
    rng = np.random.default_rng(0)
    originals = [official_batch(ROWS, LABELS), memoized(official_batch(ROWS, LABELS))]
    originals += [pickle.dumps({"labels": LABELS.tolist(), "data": ROWS}, p) for p in (2, 4, 5)]
    refused = 0
    for i in range(1000):
        try:
            rows, labels = decode(mutate(originals[i % len(originals)], rng))
        except FileFormatError as error:
            refused += "FILE" in str(error)
        else:
            assert rows.shape == (len(labels), 3072)
            assert labels.min() >= 0
            assert labels.max() <= 9
    assert refused > 500


def test_dtype_opcodes_are_those_of_numpy():
    array = pickle.loads(b"\x80\x02" + array_opcodes(ROWS) + b".", encoding="latin1")
    np.testing.assert_array_equal(array, ROWS)
    assert pickle.loads(b"\x80\x02" + DTYPE + b".") == np.uint8
