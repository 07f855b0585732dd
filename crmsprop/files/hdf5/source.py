"""The bytes of an HDF5 file, and the numbers in them: nothing beyond an end is read, and not without an end."""

import io
import os

from crmsprop.errors import FileFormatError
from crmsprop.files.header import Entry, read_array
from crmsprop.files.stored import Array

#: Offsets and lengths have 8 bytes in every file of h5py; this one stands for "nowhere".
NOWHERE = 2**64 - 1

#: Bytes of all that a file holds beside its arrays, and what each look at it costs beside its bytes. A network of a
#: thousand layers needs some 5 MB; headers that lead to each other in a circle end here, after a few seconds.
MAX_HEADERS = 128 * 2**20
_LOOK = 64


class Source:
    """An open file, read at addresses that the file itself gives."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file, self._left = file, MAX_HEADERS
        self.size = os.fstat(file.fileno()).st_size

    def read(self, address: int, n_bytes: int, what: str) -> "Fields":
        """Return some bytes that say where things are; `what` names them in errors."""
        if address + n_bytes > self.size:
            raise FileFormatError(f"{what} lies beyond the end of the file: truncated or damaged")
        self._left -= n_bytes + _LOOK
        if self._left < 0:
            raise FileFormatError(f"its headers must have at most {MAX_HEADERS} bytes in all")
        self._file.seek(address)
        return Fields(self._file.read(n_bytes), what)

    def read_array(self, address: int, entry: Entry) -> Array:
        """Return an array of which it is known that the file has its bytes."""
        self._file.seek(address)
        return read_array(self._file, entry)


class Fields:
    """Bytes that are taken from the front, field by field."""

    def __init__(self, data: bytes, what: str) -> None:
        self.data, self.what = data, what
        self._at = 0

    def __len__(self) -> int:
        return len(self.data) - self._at

    def take(self, n_bytes: int) -> bytes:
        """Return the next bytes."""
        if n_bytes > len(self):
            raise self.error("ends too early")
        self._at += n_bytes
        return self.data[self._at - n_bytes : self._at]

    def part(self, n_bytes: int) -> "Fields":
        """Return the next bytes, to be taken from in their turn."""
        return Fields(self.take(n_bytes), self.what)

    def number(self, n_bytes: int = 8) -> int:
        """Return the next number, without a sign and with its lowest byte first; 8 bytes for an address or a length."""
        return int.from_bytes(self.take(n_bytes), "little")

    def last(self) -> int:
        """Return the number in the last 8 bytes."""
        self.take(len(self) - 8)
        return self.number()

    def expect(self, data: bytes, problem: str) -> None:
        """Raise FileFormatError unless the next bytes are these."""
        if self.take(len(data)) != data:
            raise self.error(problem)

    def error(self, problem: str) -> FileFormatError:
        """Return the error that says what is wrong with these bytes."""
        return FileFormatError(f"{self.what} {problem}")
