"""Pickles that would run something: they run nothing, and the message names what they asked for."""

import os
import pickle

import pytest
from cifar_files import batch_opcodes, make_images, text, write_py

from crmsprop.datasets import load_cifar10
from crmsprop.datasets.safe_pickle import decode_pickled
from crmsprop.errors import FileFormatError

LABELS = [3, 1, 4]


class Runs:
    """Pickles to a call, as an attacker's object does."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def hostile_calls(sentinel):
    command = f"open({str(sentinel)!r}, 'w').close()"
    return {
        "posix.system": Runs(os.system, f": > {sentinel}"),
        "builtins.eval": Runs(eval, command),
        "builtins.exec": Runs(exec, command),
        "posix.mkdir": Runs(os.mkdir, str(sentinel)),
    }


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("name", ["posix.system", "builtins.eval", "builtins.exec", "posix.mkdir"])
def test_hostile_pickle_runs_nothing(tmp_path, name, protocol):
    sentinel = tmp_path / "sentinel"
    write_py(tmp_path / "home", make_images(2))
    payload = {"labels": [1], "data": hostile_calls(sentinel)[name]}
    data = pickle.dumps(payload, protocol)
    (tmp_path / "home" / "data_batch_2").write_bytes(data)
    with pytest.raises(FileFormatError, match="which is refused") as caught:
        load_cifar10(tmp_path / "home", download=False)
    message = str(caught.value)
    assert "data_batch_2" in message
    assert name.split(".")[1] in message
    assert not sentinel.exists()
    pickle.loads(data)  # the control: it is hostile indeed
    assert sentinel.exists()


@pytest.mark.parametrize(
    ("opcodes", "name"),
    [
        (b"cos\nsystem\n", "os.system"),
        (b"c__builtin__\neval\n", "__builtin__.eval"),
        (b"cnumpy\nload\n", "numpy.load"),
        (b"cnumpy\nfromfile\n", "numpy.fromfile"),
        (b"cnumpy.core.multiarray\nscalar\n", "numpy.core.multiarray.scalar"),
        (b"cnumpy._core.multiarray\nfrombuffer\n", "numpy._core.multiarray.frombuffer"),
        (b"cnumpy\nndarray.__reduce__\n", "numpy.ndarray.__reduce__"),
        (text("os") + text("system") + b"\x93", "os.system"),
        (b"c" + b"o" * 10_000 + b"\nx\n", "a string of at most"),
    ],
)
def test_any_other_global_is_named(opcodes, name):
    with pytest.raises(FileFormatError) as caught:
        decode_pickled(batch_opcodes(LABELS, opcodes + b")R"), "FILE")
    assert name in str(caught.value)
    assert "FILE" in str(caught.value)


@pytest.mark.parametrize(
    "opcodes",
    [
        b"(S'touch x'\nios\nsystem\n",  # INST
        b"(cnumpy\nndarray\no",  # OBJ
        b"cnumpy\nndarray\n)\x81",  # NEWOBJ
        b"cnumpy\nndarray\n)}\x92",  # NEWOBJ_EX
        b"P1\n",  # PERSID
        b"K\x01Q",  # BINPERSID
        b"\x82\x01",  # EXT1
        b"\x97",  # NEXT_BUFFER
        b"I1\n",  # INT
        b"\x8a\x01\x01",  # LONG1
        b"G" + bytes(8),  # BINFLOAT
        b"K\x012",  # DUP
        b"\xff",  # no opcode at all
    ],
)
def test_any_other_opcode_is_refused(opcodes):
    with pytest.raises(FileFormatError, match=r"FILE .*(uses the opcode|opcode .* unknown)"):
        decode_pickled(batch_opcodes(LABELS, opcodes), "FILE")
