"""The objects of an HDF5 file: where the first one is, and what the messages in the header of one say."""

from dataclasses import dataclass, field
from enum import IntEnum

from crmsprop.errors import FileFormatError
from crmsprop.files.hdf5.source import Fields, Source

SIGNATURE = b"\x89HDF\r\n\x1a\n"

#: A flag of a message: what it says stands elsewhere in the file.
_IS_SHARED = 2


class Kind(IntEnum):
    """Kinds of message that matter here; all others, attributes among them, are passed over."""

    DATASPACE = 0x01
    LINK_INFO = 0x02
    DATATYPE = 0x03
    LINK = 0x06
    EXTERNAL_FILES = 0x07
    LAYOUT = 0x08
    FILTERS = 0x0B
    CONTINUATION = 0x10
    SYMBOL_TABLE = 0x11


_KINDS = frozenset(Kind)


@dataclass
class Header:
    """What the header of an object says.

    Attributes
    ----------
    messages : dict of Kind to Fields
        One of each kind; links apart.
    links : list of Fields
        Members of a group that has few of them.
    """

    messages: dict[Kind, Fields] = field(default_factory=dict)
    links: list[Fields] = field(default_factory=list)

    @property
    def is_group(self) -> bool:
        """Whether the object holds others."""
        return bool(self.links or self.messages.keys() & {Kind.SYMBOL_TABLE, Kind.LINK_INFO})

    def note(self, kind: Kind, message: Fields) -> None:
        """Take in one message; FileFormatError where there can be no two of its kind."""
        if kind == Kind.LINK:
            self.links.append(message)
        elif self.messages.setdefault(kind, message) is not message:
            raise message.error(f"says twice what its {kind.name.lower()} is")


def root_of(source: Source) -> int:
    """Return the address of the outermost group."""
    if source.size < len(SIGNATURE) or source.read(0, len(SIGNATURE), "it").data != SIGNATURE:
        raise FileFormatError("it does not begin as HDF5 does")
    version = source.read(8, 1, "its first block").number(1)
    if version > 3:
        raise FileFormatError(f"its first block has version {version}, and versions up to 3 are read")
    block = source.read(9, 67 if version < 2 else 35, "its first block")
    if version < 2:
        block.take(4)
    block.expect(b"\x08\x08", "must have offsets and lengths of 8 bytes")
    block.take((9, 13, 1, 1)[version])
    block.expect(bytes(8), "must begin at the file's first byte")
    block.take(8)
    if block.number() > source.size:
        raise FileFormatError(f"it is truncated: it was longer than {source.size} bytes")
    if version < 2:
        block.take(16)
    return block.number()


def header_of(source: Source, address: int, path: str) -> Header:
    """Return what the header of the object at an address says."""
    what = f"the header of {path!r:.100}"
    if source.read(address, 4, what).data == b"OHDR":
        return _newer_header(source, address, what)
    prefix = source.read(address, 16, what)
    prefix.expect(b"\x01", "does not begin as one does")
    prefix.take(1)
    count = prefix.number(2)
    prefix.take(4)
    found, blocks = Header(), [source.read(address + 16, prefix.number(4), what)]
    for block in blocks:  # which grows
        while len(block) >= 8 and count:
            count -= 1
            kind, n_bytes, flags = block.number(2), block.number(2), block.number(1)
            block.take(3)
            message = _message(kind, block.part(n_bytes), flags, found)
            if message is not None:
                blocks.append(source.read(message.number(), message.number(), what))
    return found


def _newer_header(source: Source, address: int, what: str) -> Header:
    prefix = source.read(address + 4, 2, what)
    prefix.expect(b"\x02", "does not begin as one does")
    flags = prefix.number(1)
    begin, width = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0), 1 << (flags & 3)
    n_bytes = source.read(begin, width, what).number(width)
    found, blocks = Header(), [source.read(begin + width, n_bytes, what)]
    prefix_bytes = 6 if flags & 4 else 4
    for block in blocks:  # which grows
        while len(block) >= prefix_bytes:
            kind, n_bytes, message_flags = block.number(1), block.number(2), block.number(1)
            block.take(prefix_bytes - 4)
            message = _message(kind, block.part(n_bytes), message_flags, found)
            if message is not None:
                blocks.append(_continuation(source, message, what))
    return found


def _continuation(source: Source, message: Fields, what: str) -> Fields:
    block = source.read(message.number(), message.number(), what)
    block.expect(b"OCHK", "does not go on as one does")
    if len(block) < 4:
        raise block.error("ends too early")
    return block.part(len(block) - 4)  # without the checksum


def _message(number: int, message: Fields, flags: int, found: Header) -> Fields | None:
    """Note a message; returns it if it says where others are."""
    if number not in _KINDS:
        return None
    if flags & _IS_SHARED:
        raise message.error("refers to what stands elsewhere, which is not read")
    if number == Kind.CONTINUATION:
        return message
    found.note(Kind(number), message)
    return None
