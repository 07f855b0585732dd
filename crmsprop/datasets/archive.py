"""Read the batches of an official ``.tar.gz`` in memory. Nothing is ever unpacked to disk.

`tarfile.open` would follow extended headers and sparse maps, which the official archives do not have and in which a
hostile one can claim any size. Here the archive is a stream that is inflated piece by piece, `MAX_INFLATED` bytes at
most; the standard library parses one header block of 512 bytes at a time, and a member is taken into memory only after
its name, its kind and its size have been found to be those of a batch. Links, devices, absolute names and ``..`` are
refused in any member, wanted or not: the official archives have none.
"""

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from crmsprop.datasets.layouts import Layout, RawBatch, open_bounded
from crmsprop.errors import FileFormatError

# The official archives inflate to 186 MB and have 8 or 9 members; a repacked one may have an extended header for each.
MAX_INFLATED = 512 * 2**20
MAX_MEMBERS = 100
_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 2**16
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)
# Extended headers (of pax and GNU tar) are skipped unread: the batches' names and sizes need none.
_SKIPPED = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME)


class _Inflated:
    """The bytes inside a gzip file, from front to back, never more in memory than one read asks for."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._zlib = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self._left = MAX_INFLATED
        self._path = path
        self.member = "the first header"

    def refuse(self, reason: str) -> FileFormatError:
        """Return the error that names the archive, the member and the `reason`."""
        return FileFormatError(f"{self._path}, at {self.member}: {reason}")

    def _piece(self, size: int) -> bytes:
        """Return 1 to `size` bytes, or none at the end of the gzip stream, whose checksum zlib has then verified."""
        while not self._zlib.eof:
            packed = self._zlib.unconsumed_tail or self._file.read(_CHUNK)
            try:
                piece = self._zlib.decompress(packed, size)
            except zlib.error as error:
                raise self.refuse(f"the gzip data are damaged ({error})") from error
            if piece:
                return self._counted(piece)
            if not packed:
                raise self.refuse("the archive is truncated")
        return b""

    def _counted(self, piece: bytes) -> bytes:
        self._left -= len(piece)
        if self._left < 0:
            raise self.refuse(f"the archive inflates to more than {MAX_INFLATED} bytes")
        return piece

    def read(self, size: int) -> bytes:
        """Return `size` bytes, or fewer if the stream ends before."""
        pieces: list[bytes] = []
        while size and (piece := self._piece(min(size, 16 * _CHUNK))):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def read_exactly(self, size: int) -> bytes:
        """Return `size` bytes."""
        data = self.read(size)
        if len(data) != size:
            raise self.refuse(f"the archive is truncated: {size} bytes announced, {len(data)} there")
        return data

    def skip(self, size: int) -> None:
        """Pass over `size` bytes."""
        for start in range(0, size, _CHUNK):
            self.read_exactly(min(_CHUNK, size - start))

    def finish(self) -> None:
        """Inflate what is left, so that the checksum of the whole is verified."""
        while self._piece(_CHUNK):
            pass


def _next_header(stream: _Inflated) -> tarfile.TarInfo | None:
    """Return the next header, or None at the end of the archive."""
    block = stream.read(_BLOCK)
    if not block or block == bytes(_BLOCK):
        return None
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError) as error:
        raise stream.refuse(f"the tar header after it is damaged ({error})") from error


def _check_header(header: tarfile.TarInfo, stream: _Inflated, max_bytes: int) -> None:
    """Refuse a member that the official archives cannot have."""
    if header.type not in (*_FILES, *_SKIPPED, tarfile.DIRTYPE):
        raise stream.refuse("links, devices and other special members are refused")
    if header.name.startswith("/") or ".." in header.name.split("/"):
        raise stream.refuse("absolute names and '..' are refused")
    if not 0 <= header.size <= max_bytes:
        raise stream.refuse(f"its size must be in 0..{max_bytes} bytes, got {header.size}")


def _members(stream: _Inflated, max_bytes: int) -> Iterator[tarfile.TarInfo]:
    """Yield the header of each regular file, with `stream` at its data, which the caller takes or skips."""
    for _ in range(MAX_MEMBERS):
        header = _next_header(stream)
        if header is None:
            return
        stream.member = f"member {header.name!r}"
        _check_header(header, stream, max_bytes)
        if header.type in _FILES:
            yield header
        elif header.type in _SKIPPED:
            stream.skip(header.size + -header.size % _BLOCK)
    raise stream.refuse(f"the archive has more than {MAX_MEMBERS} members")


def read_archive(path: Path, layout: Layout) -> Iterator[RawBatch]:
    """Yield the six batches of the archive at `path` in the order in which they come, one in memory at a time.

    Raises
    ------
    FileFormatError
        If the archive is damaged or truncated, inflates to too much, or has a link, a device, an absolute name, ``..``,
        a member that is too large, a batch twice or not at all; the message names the archive and the member.
    """
    missing = {f"{layout.folder}/{name}": index for index, name in enumerate(layout.files)}
    wanted = tuple(missing)
    with open_bounded(path, MAX_INFLATED) as file:
        stream = _Inflated(file, path)
        for header in _members(stream, layout.max_bytes):
            name, padding = header.name.removeprefix("./"), -header.size % _BLOCK
            if name not in wanted:
                stream.skip(header.size + padding)
                continue
            if name not in missing:
                raise stream.refuse("the archive has this member twice")
            yield missing.pop(name), f"{path}, member {name}", stream.read_exactly(header.size)
            stream.skip(padding)
        stream.finish()
    if missing:
        raise FileFormatError(f"{path} has no member {', '.join(map(repr, missing))}")
