"""The two official layouts of CIFAR-10, and the reading of either from a folder."""

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from crmsprop.datasets.batch import BATCH_NAMES, IMAGE_BYTES, MAX_IMAGES, Batch, decode_binary
from crmsprop.datasets.safe_pickle import decode_pickled
from crmsprop.errors import FileFormatError

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


def check_file(path: Path, max_bytes: int) -> None:
    """Raise unless `path` is a regular file of at most `max_bytes` (a pipe would hang, a device never end).

    Raises
    ------
    FileFormatError
        If it is not, or if there is no such file.
    """
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise FileFormatError(f"{path} is missing; CIFAR-10 needs all of {', '.join(BATCH_NAMES)}") from error
    if not stat.S_ISREG(status.st_mode):
        raise FileFormatError(f"{path} must be a regular file")
    if status.st_size > max_bytes:
        raise FileFormatError(f"{path} must have at most {max_bytes} bytes, got {status.st_size}")


def read_folder(folder: Path, layout: Layout) -> Iterator[RawBatch]:
    """Yield the six files of `folder`, one in memory at a time.

    Raises
    ------
    FileFormatError
        If one is missing, not a regular file, or too large.
    """
    for index, name in enumerate(layout.files):
        path = folder / name
        check_file(path, layout.max_bytes)
        yield index, str(path), path.read_bytes()
