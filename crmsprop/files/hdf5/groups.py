"""The members of a group, by name: in its header, or in the trees of the older or the newer layout."""

from collections.abc import Iterator
from typing import NamedTuple

from crmsprop.errors import FileFormatError
from crmsprop.files.hdf5.dense import dense_links
from crmsprop.files.hdf5.objects import Header, Kind
from crmsprop.files.hdf5.source import NOWHERE, Fields, Source

#: What a symbol of the older layout is that stands for a path and not for an object.
_SOFT_LINK = 2

#: Nodes of one tree: far more than a group of as many members as a file may have needs.
_MAX_NODES = 100_000


class _Symbol(NamedTuple):
    """A member in the older layout: where its name is in the heap of the group, and where itself is in the file."""

    position: int
    address: int
    is_path: bool


def members_of(source: Source, header: Header, path: str) -> Iterator[tuple[str, int]]:
    """Yield the name and the address of each member, no name twice."""
    seen: set[str] = set()
    for raw, address in _raw_members(source, header, f"group {path!r:.100}"):
        name = _checked_name(raw, path)
        if address is None:
            raise FileFormatError(f"{name!r:.100} in {path!r:.100} is a link to elsewhere, and those are not followed")
        if name in seen:
            raise FileFormatError(f"{name!r:.100} is twice in {path!r:.100}")
        seen.add(name)
        yield name, address


def _checked_name(raw: bytes, path: str) -> str:
    try:
        name = raw.decode()
    except UnicodeDecodeError as error:
        raise FileFormatError(f"a name in {path!r:.100} is no UTF-8") from error
    if not name or "/" in name or "\0" in name:
        raise FileFormatError(f"a name in {path!r:.100} must be one of a member, got {name!r:.60}")
    return name


def _raw_members(source: Source, header: Header, what: str) -> Iterator[tuple[bytes, int | None]]:
    """Yield every member, with None where an address would be elsewhere."""
    yield from map(_link, header.links)
    info, table = (header.messages.get(kind) for kind in (Kind.LINK_INFO, Kind.SYMBOL_TABLE))
    if info is not None:
        info.take(1)
        info.take(8 if info.number(1) & 1 else 0)
        heap, index = info.number(), info.number()
        if heap != NOWHERE:
            yield from map(_link, dense_links(source, heap, index, what))
    if table is not None:
        tree, heap = table.number(), table.number()
        names = _heap(source, heap, f"the heap of {what}")
        for symbol in _symbols(source, tree, f"the tree of {what}"):
            yield _name(names, symbol.position, what), None if symbol.is_path else symbol.address


# ---- the newer layout: links that hold name and address


def _link(message: Fields) -> tuple[bytes, int | None]:
    message.expect(b"\x01", "has a link of an unknown version")
    flags = message.number(1)
    kind = message.number(1) if flags & 0x08 else 0
    message.take((8 if flags & 0x04 else 0) + (1 if flags & 0x10 else 0))
    name = message.take(message.number(1 << (flags & 3)))
    return name, message.number() if kind == 0 else None


# ---- the older layout: a tree of tables of symbols, and their names in a heap


def _heap(source: Source, address: int, what: str) -> bytes:
    fields = source.read(address, 32, what)
    fields.expect(b"HEAP\x00", "does not begin as one does")
    fields.take(3)
    n_bytes = fields.number()
    fields.take(8)
    return source.read(fields.number(), n_bytes, what).data


def _name(names: bytes, position: int, what: str) -> bytes:
    end = names.find(b"\0", position)
    if position >= len(names) or end < 0:
        raise FileFormatError(f"a name in {what} lies beyond the end of its heap")
    return names[position:end]


def _symbols(source: Source, root: int, what: str) -> Iterator[_Symbol]:
    waiting, n_nodes = [(root, -1)], 0
    while waiting:
        address, level = waiting.pop()
        n_nodes += 1
        if n_nodes + len(waiting) > _MAX_NODES:
            raise FileFormatError(f"{what} must have at most {_MAX_NODES} nodes")
        if level == 0:
            yield from _table(source, address, what)
            continue
        found, children = _node(source, address, what)
        if level > 0 and found != level - 1:
            raise FileFormatError(f"{what} must go down a level at a time, got {found} below {level}")
        waiting += [(child, found) for child in children]


def _node(source: Source, address: int, what: str) -> tuple[int, list[int]]:
    """Return the level of a node of a tree, and the addresses of what is below it."""
    fields = source.read(address, 24, what)
    fields.expect(b"TREE\x00", "does not begin as one of a group does")
    level, count = fields.number(1), fields.number(2)
    pairs = source.read(address + 24, 16 * count, what)  # each child behind the key that bounds it
    return level, [pairs.part(16).last() for _ in range(count)]


def _table(source: Source, address: int, what: str) -> Iterator[_Symbol]:
    fields = source.read(address, 8, what)
    fields.expect(b"SNOD\x01", "does not lead to tables as they begin")
    fields.take(1)
    count = fields.number(2)
    entries = source.read(address + 8, 40 * count, what)
    for _ in range(count):
        position, member, kind = entries.number(), entries.number(), entries.number(4)
        entries.take(20)
        yield _Symbol(position, member, kind == _SOFT_LINK)
