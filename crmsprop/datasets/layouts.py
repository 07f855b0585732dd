"""The two official layouts of CIFAR-10, and the reading of either from a folder."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from crmsprop.datasets.batch import BATCH_NAMES, IMAGE_BYTES, MAX_IMAGES, Batch, decode_binary
from crmsprop.datasets.safe_pickle import decode_pickled
from crmsprop.errors import FileFormatError
from crmsprop.files import regular_only

# A file as it is read: its index in BATCH_NAMES, what to call it in an error, and its bytes.
RawBatch = tuple[int, str, bytes]


@dataclass(frozen=True)
class Layout:
    """Where one official layout keeps its six batches, how large they may be, and how to read one."""

    folder: str
    suffix: str
    archive: str
    max_bytes: int
    decode: Callable[[bytes, str], Batch]

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the six batches within the folder, in the order of `BATCH_NAMES`."""
        return tuple(name + self.suffix for name in BATCH_NAMES)


# A pickled image comes with a label and a file name (30 bytes), and Python 3 in protocol 2 writes half of its pixels
# as two bytes of UTF-8. The official files have 31.0 MB.
PICKLED = Layout(
    "cifar-10-batches-py", "", "cifar-10-python.tar.gz", MAX_IMAGES * (2 * IMAGE_BYTES + 256), decode_pickled
)
BINARY = Layout("cifar-10-batches-bin", ".bin", "cifar-10-binary.tar.gz", MAX_IMAGES * (1 + IMAGE_BYTES), decode_binary)
LAYOUTS = (PICKLED, BINARY)


@contextmanager
def open_bounded(path: Path, max_bytes: int) -> Iterator[BinaryIO]:
    """Let the block read a regular file of at most `max_bytes` (a pipe would hang, a device never end).

    Raises
    ------
    FileFormatError
        If it is not, or if there is no such file.
    OSError
        If it is a folder, or cannot be read.
    """
    with open(path, "rb", opener=_present) as file:
        if (n_bytes := os.fstat(file.fileno()).st_size) > max_bytes:
            raise FileFormatError(f"{path} must have at most {max_bytes} bytes, got {n_bytes}")
        yield file


def _present(path: str, flags: int) -> int:
    try:
        return regular_only(path, flags)
    except FileNotFoundError as error:
        raise FileFormatError(f"{path} is missing; CIFAR-10 needs all of {', '.join(BATCH_NAMES)}") from error


def read_folder(folder: Path, layout: Layout) -> Iterator[RawBatch]:
    """Yield the six files of `folder`, one in memory at a time.

    Raises
    ------
    FileFormatError
        If one is missing, not a regular file, or too large.
    OSError
        If one is a folder, or cannot be read.
    """
    for index, name in enumerate(layout.files):
        path = folder / name
        with open_bounded(path, layout.max_bytes) as file:
            data = file.read()
        yield index, str(path), data
