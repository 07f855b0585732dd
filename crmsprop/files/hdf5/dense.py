"""The members of a group of the newer layout that has many: records in a tree lead to links in a heap of blocks.

The checksums of this layout are not verified: the older one has none, and no reader may rely on them against malice.
"""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from crmsprop.files.hdf5.source import NOWHERE, Fields, Source

#: Records of names: the only ones that a group needs.
_OF_NAMES = 5

#: Nodes of one tree, and blocks of one heap: far more than a group of as many members as a file may have needs.
_MAX_NODES = 100_000


def dense_links(source: Source, heap: int, index: int, what: str) -> Iterator[Fields]:
    """Yield the link of each member."""
    blocks = _Heap(source, heap, f"the heap of {what}")
    for record in _records(source, index, f"the tree of {what}"):
        record.take(4)
        yield blocks.link(record)


# ---- the heap


class _Block(NamedTuple):
    """Bytes that lie together: where they are in the heap, where in the file, and how many."""

    offset: int
    address: int
    n_bytes: int


class _Heap:
    """A heap of blocks that double in size from row to row."""

    def __init__(self, source: Source, address: int, what: str) -> None:
        self._source, self._what = source, what
        fields = source.read(address, 142, what)
        fields.expect(b"FRHP\x00", "does not begin as one does")
        fields.take(2)
        if fields.number(2):
            raise fields.error("is compressed, and those are not read")
        fields.take(1)
        longest = fields.number(4)
        fields.take(96)
        self._width, self._first, self._largest = fields.number(2), fields.number(), fields.number()
        self._offset_bytes = (fields.number(2) + 7) // 8
        fields.take(2)
        root, n_rows = fields.number(), fields.number(2)
        sizes = (self._width, self._first, self._largest)
        if not all(_is_power_of_2(size) for size in sizes) or self._first > self._largest or n_rows > 64:
            raise fields.error("has impossible sizes")
        self._length_bytes = min((self._largest.bit_length() + 6) // 8, _n_bytes_for(longest))
        blocks = self._rows(root, 0, n_rows) if n_rows else iter([_Block(0, root, self._first)])
        self._blocks = list(islice(blocks, _MAX_NODES))
        self._offsets = [block.offset for block in self._blocks]

    def link(self, record: Fields) -> Fields:
        """Return the bytes that an identifier in a record stands for."""
        record.expect(b"\x00", "has a name that is too long to be read")
        offset, n_bytes = record.number(self._offset_bytes), record.number(self._length_bytes)
        number = bisect_right(self._offsets, offset) - 1
        if number < 0 or offset + n_bytes > self._offsets[number] + self._blocks[number].n_bytes:
            raise record.error("leads beyond the blocks of its heap")
        block = self._blocks[number]
        return self._source.read(block.address + offset - block.offset, n_bytes, self._what)

    def _rows(self, address: int, offset: int, n_rows: int) -> Iterator[_Block]:
        """Yield the blocks that a block of addresses leads to, in the order of the heap."""
        begin = address + 13 + self._offset_bytes
        self._source.read(address, 5, self._what).expect(b"FHIB\x00", "has a block that does not begin as one does")
        addresses = self._source.read(begin, 8 * self._width * n_rows, self._what)
        for row in range(n_rows):
            n_bytes = self._first << max(row - 1, 0)
            for _ in range(self._width):
                child = addresses.number()
                if child != NOWHERE and n_bytes <= self._largest:
                    yield _Block(offset, child, n_bytes)
                elif child != NOWHERE:
                    yield from self._rows(child, offset, (n_bytes // (self._first * self._width)).bit_length())
                offset += n_bytes


def _is_power_of_2(number: int) -> bool:
    return number > 0 and number.bit_count() == 1


# ---- the tree


class _Node(NamedTuple):
    """A node that is still to be read: how many records it has, and how many levels there are below it."""

    address: int
    depth: int
    n_records: int


def _records(source: Source, address: int, what: str) -> Iterator[Fields]:
    fields = source.read(address, 38, what)
    fields.expect(b"BTHD\x00" + bytes([_OF_NAMES]), "does not begin as one of names does")
    node_bytes, record_bytes, depth = fields.number(4), fields.number(2), fields.number(2)
    fields.take(2)
    waiting, n_nodes = [_Node(fields.number(), depth, fields.number(2))], 0
    widths = _widths(node_bytes, record_bytes, depth, fields)
    while waiting:
        node = waiting.pop()
        n_nodes += 1
        if n_nodes + len(waiting) > _MAX_NODES:
            raise fields.error(f"must have at most {_MAX_NODES} nodes")
        if node.address == NOWHERE:  # the tree of a group without members
            continue
        content = source.read(node.address, node_bytes, what)
        content.expect(b"BTIN\x00" if node.depth else b"BTLF\x00", "has a node that does not begin as one does")
        content.take(1)
        yield from [content.part(record_bytes) for _ in range(node.n_records)]
        if node.depth:
            waiting += [_child(content, node.depth - 1, widths) for _ in range(node.n_records + 1)]


def _child(content: Fields, depth: int, widths: list[int]) -> _Node:
    address, n_records = content.number(), content.number(widths[0])
    content.take(widths[depth] if depth else 0)  # the records of all nodes below it
    return _Node(address, depth, n_records)


def _widths(node_bytes: int, record_bytes: int, depth: int, fields: Fields) -> list[int]:
    """Return the bytes in which the records of a node are counted, and of all below nodes of each level above 0."""
    if record_bytes < 1 or node_bytes <= 10 + record_bytes or depth > 8:
        raise fields.error("has impossible sizes")
    below = (node_bytes - 10) // record_bytes
    widths = [_n_bytes_for(below)]
    for level in range(1, depth):
        pointer = 8 + widths[0] + (widths[level - 1] if level > 1 else 0)
        n_records = (node_bytes - 10 - pointer) // (record_bytes + pointer)
        below = (n_records + 1) * below + n_records
        widths.append(_n_bytes_for(max(below, 0)))
    return widths


def _n_bytes_for(number: int) -> int:
    return max(number.bit_length() - 1, 0) // 8 + 1
