"""Read the official pickled batches without unpickling them.

`pickle.Unpickler` with a strict `find_class` still lets a file choose its memory and its recursion: a memo index of
2**31 allocates gigabytes in the C version, a key of a million nested tuples overflows the C stack while it is hashed,
and NumPy's own `_reconstruct` and `__setstate__` obey whatever shape and dtype the file states. So nothing of a file is
ever called here. `pickletools.genops`, which only cuts bytes into opcodes, feeds a machine that knows some 30 opcodes
and builds a tree of plain containers; a named function and its arguments become a `_Call`, which is only data. At the
end that tree must be a dictionary with a list of labels and the one expression that means "a C-ordered uint8 array of
shape (n, 3072)", and the array is made by `np.frombuffer` from bytes whose number has been checked.

The opcodes are those of the official files (protocol 2, Python 2 strings) and those with which Python 3 writes the same
dictionary in protocols 2 to 5, because people save subsets that way. Memory is bounded by the size of the file (which
the caller limits), time by `MAX_OPCODES`.
"""

import pickletools
import reprlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmsprop.datasets.batch import IMAGE_BYTES, Batch, check_count, check_labels, refusing
from crmsprop.errors import FileFormatError

# An official batch has some 50,000 opcodes: two for each label and file name, one more to remember each name.
MAX_OPCODES = 100_000
MAX_TEXT = 200

# Each global that may occur and what it is to us. NumPy 2 moved numpy.core to numpy._core.
_GLOBALS = {
    "numpy.ndarray": "ndarray",
    "numpy.dtype": "dtype",
    "numpy.core.multiarray._reconstruct": "_reconstruct",
    "numpy._core.multiarray._reconstruct": "_reconstruct",
    "numpy.core.numeric._frombuffer": "_frombuffer",
    "numpy._core.numeric._frombuffer": "_frombuffer",
    "_codecs.encode": "encode",
}


@dataclass(frozen=True, eq=False, repr=False)
class _Name:
    """A global of `_GLOBALS`: its name, never the thing itself."""

    name: str


@dataclass(eq=False, repr=False)
class _Call:
    """What a file would have had called: recorded, never done."""

    function: str
    args: tuple[Any, ...]
    state: Any = None


@dataclass
class _Machine:
    """The stack, the marks in it, and the memo, as the pickle protocol has them."""

    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self, n: int) -> tuple[Any, ...]:
        start = len(self.stack) - n
        if start < 0:
            raise FileFormatError("the pickle takes more from its stack than it put there")
        items = tuple(self.stack[start:])
        del self.stack[start:]
        return items

    def pop_mark(self) -> tuple[Any, ...]:
        return self.pop(len(self.stack) - self.marks.pop())

    def top(self, kind: type) -> Any:
        if type(self.stack[-1]) is not kind:
            raise FileFormatError(f"the pickle fills a {type(self.stack[-1]).__name__} as if it were a {kind.__name__}")
        return self.stack[-1]

    def extend(self, items: tuple[Any, ...]) -> None:
        self.top(list).extend(items)

    def update(self, items: tuple[Any, ...]) -> None:
        target = self.top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_text(key)] = value

    def find(self, module: Any, name: Any) -> None:
        wanted = f"{_text(module)}.{_text(name)}"
        if wanted not in _GLOBALS:
            raise FileFormatError(f"the pickle asks for the global {wanted!r}, which is refused")
        self.push(_Name(_GLOBALS[wanted]))

    def call(self, function: Any, args: Any) -> None:
        if not isinstance(function, _Name) or type(args) is not tuple:
            raise FileFormatError("the pickle calls something that is not a function with a tuple of arguments")
        self.push(_Call(function.name, args))

    def build(self, state: Any) -> None:
        self.top(_Call).state = state


def _text(value: Any) -> str:
    """Return a key or a name as str. A long one is refused, or 90,000 references to it would be decoded for hours."""
    if not isinstance(value, str | bytes) or len(value) > MAX_TEXT:
        raise FileFormatError(f"the pickle has a {type(value).__name__} where a string of at most {MAX_TEXT} belongs")
    return value if isinstance(value, str) else value.decode("latin-1")


_Handler = Callable[[_Machine, Any], None]

_INTEGERS = ("BININT", "BININT1", "BININT2")
_STRINGS = ("SHORT_BINSTRING", "BINSTRING", "SHORT_BINUNICODE", "BINUNICODE")
_BYTES = ("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8")

_HANDLERS: dict[str, _Handler] = {
    **dict.fromkeys(_INTEGERS + _STRINGS + _BYTES, lambda m, arg: m.push(arg)),
    "PROTO": lambda m, arg: None,
    "FRAME": lambda m, arg: None,
    "STOP": lambda m, arg: None,
    "NONE": lambda m, arg: m.push(None),
    "NEWTRUE": lambda m, arg: m.push(True),
    "NEWFALSE": lambda m, arg: m.push(False),
    "EMPTY_DICT": lambda m, arg: m.push({}),
    "EMPTY_LIST": lambda m, arg: m.push([]),
    "MARK": lambda m, arg: m.marks.append(len(m.stack)),
    "TUPLE": lambda m, arg: m.push(m.pop_mark()),
    "TUPLE1": lambda m, arg: m.push(m.pop(1)),
    "TUPLE2": lambda m, arg: m.push(m.pop(2)),
    "TUPLE3": lambda m, arg: m.push(m.pop(3)),
    "APPEND": lambda m, arg: m.extend(m.pop(1)),
    "APPENDS": lambda m, arg: m.extend(m.pop_mark()),
    "SETITEM": lambda m, arg: m.update(m.pop(2)),
    "SETITEMS": lambda m, arg: m.update(m.pop_mark()),
    "BINPUT": lambda m, arg: m.memo.__setitem__(arg, m.stack[-1]),
    "LONG_BINPUT": lambda m, arg: m.memo.__setitem__(arg, m.stack[-1]),
    "MEMOIZE": lambda m, arg: m.memo.__setitem__(len(m.memo), m.stack[-1]),
    "BINGET": lambda m, arg: m.push(m.memo[arg]),
    "LONG_BINGET": lambda m, arg: m.push(m.memo[arg]),
    "GLOBAL": lambda m, arg: m.find(*arg.split(" ", 1)),
    "STACK_GLOBAL": lambda m, arg: m.find(*m.pop(2)),
    "REDUCE": lambda m, arg: m.call(*m.pop(2)),
    "BUILD": lambda m, arg: m.build(*m.pop(1)),
}


def _tree(data: bytes) -> Any:
    """Return what the pickle describes: containers, numbers, strings, `_Name` and `_Call`."""
    machine = _Machine()
    position = -1
    for count, (opcode, arg, at) in enumerate(pickletools.genops(data)):
        if count >= MAX_OPCODES:
            raise FileFormatError(f"the pickle has more than {MAX_OPCODES} opcodes")
        if opcode.name not in _HANDLERS:
            raise FileFormatError(f"the pickle uses the opcode {opcode.name} at byte {at}, which is refused")
        _HANDLERS[opcode.name](machine, arg)
        position = at or 0
    if position + 1 != len(data) or len(machine.stack) != 1 or machine.marks:
        raise FileFormatError("the pickle has something left over at its end")
    return machine.stack[0]


def decode_pickled(data: bytes, source: str) -> Batch:
    """Return the batch of a pickled file: the entries ``labels`` and ``data`` of one dictionary.

    Raises
    ------
    FileFormatError
        If `data` is anything else; the message names `source` and, if the pickle asks for a global, that global.
    """
    with refusing(source):
        content = _tree(data)
        if type(content) is not dict or not {"labels", "data"} <= content.keys():
            raise FileFormatError("it must hold a dictionary with the entries 'labels' and 'data'")
        labels = _labels(content["labels"])
        return _pixels(content["data"], len(labels)), labels


def _labels(node: Any) -> NDArray[np.int64]:
    if type(node) is not list or any(type(value) is not int for value in node):
        raise FileFormatError("'labels' must be a list of integers")
    check_count(len(node))
    return check_labels(np.array(node, np.int64))


def _pixels(node: Any, n: int) -> NDArray[np.uint8]:
    """Return uint8 rows of shape (n, 3072) if `node` is an expression for exactly that."""
    match node:
        case _Call("_reconstruct", (_Name("ndarray"), (0,), _), (1, shape, dtype, False, raw)):
            pass
        case _Call("_frombuffer", (raw, dtype, shape, "C"), None):
            pass
        case _:
            raise FileFormatError("'data' must be a NumPy array in C order")
    if type(shape) is not tuple or shape != (n, IMAGE_BYTES):
        raise FileFormatError(
            f"'data' must have the shape ({n}, {IMAGE_BYTES}), a row for a label, got {reprlib.repr(shape)}"
        )
    if not _is_uint8(dtype):
        raise FileFormatError("'data' must have the dtype uint8")
    return np.frombuffer(_raw(raw, n * IMAGE_BYTES), np.uint8).reshape(n, IMAGE_BYTES)


def _is_uint8(node: Any) -> bool:
    match node:
        case _Call("dtype", ("u1", 0, 1), (3, "|", None, None, None, -1, -1, 0)):
            return True
    return False


def _raw(node: Any, size: int) -> bytes | bytearray:
    """Return the `size` bytes of `node`: bytes, a Python 2 string, or how Python 3 writes bytes in protocol 2."""
    match node:
        case _Call("encode", (str() as text, "latin1"), None):
            node = text
    if not isinstance(node, bytes | bytearray | str) or len(node) != size:
        raise FileFormatError(f"'data' must come with {size} bytes of pixels")
    return node.encode("latin-1") if isinstance(node, str) else node
