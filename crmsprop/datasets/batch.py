"""What one CIFAR-10 batch is, whatever file it came from, and how six of them become the data set."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from crmsprop.errors import FileFormatError

BATCH_NAMES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
SIDE, CHANNELS = 32, 3
IMAGE_BYTES = CHANNELS * SIDE * SIDE
MAX_IMAGES = 10_000
N_CLASSES = 10

# One batch: uint8 rows of shape (n, 3072), planes of red, green and blue, and int64 labels of shape (n,).
Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]
# A data set: ((X_train, y_train), (X_test, y_test)), images as (n, height, width, channels).
Part = tuple[NDArray[np.uint8], NDArray[np.int64]]
Split = tuple[Part, Part]


@contextmanager
def refusing(source: str) -> Iterator[None]:
    """Turn whatever goes wrong inside into one FileFormatError that names `source`.

    Decoders of hostile bytes fail in any of a dozen ways, from IndexError to MemoryError; a caller needs only one.

    Raises
    ------
    FileFormatError
        If the block raises any exception, which becomes its cause.
    """
    try:
        yield
    except Exception as error:
        reason = str(error) if isinstance(error, FileFormatError) else f"{type(error).__name__}: {str(error)[:200]}"
        raise FileFormatError(f"{source} is not a CIFAR-10 batch in the official layout: {reason}") from error


def check_count(n: int) -> int:
    """Return `n` if one batch may hold that many images.

    Raises
    ------
    FileFormatError
        If `n` is 0 or more than the 10,000 of the official batches.
    """
    if not 1 <= n <= MAX_IMAGES:
        raise FileFormatError(f"the number of images must be in 1..{MAX_IMAGES}, got {n}")
    return n


def check_labels(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return `labels`, int64 of shape (n,), if each is in 0..9.

    Raises
    ------
    FileFormatError
        If one is not; the message names the first.
    """
    wrong = np.flatnonzero((labels < 0) | (labels >= N_CLASSES))
    if wrong.size:
        i = int(wrong[0])
        raise FileFormatError(f"labels must be in 0..{N_CLASSES - 1}, got {int(labels[i])} for image {i}")
    return labels


def decode_binary(data: bytes, source: str) -> Batch:
    """Return the batch of a binary file: for each image one label byte, then 3,072 pixel bytes.

    Raises
    ------
    FileFormatError
        If `data` is not a whole number of records, or a label is out of range; the message names `source`.
    """
    record = 1 + IMAGE_BYTES
    with refusing(source):
        if len(data) % record:
            raise FileFormatError(f"the size must be a multiple of {record} bytes, got {len(data)}")
        records = np.frombuffer(data, np.uint8).reshape(check_count(len(data) // record), record)
        return records[:, 1:], check_labels(records[:, 0].astype(np.int64))


def assemble(batches: Iterable[tuple[int, str, Batch]]) -> Split:
    """Put six batches, each with its index in `BATCH_NAMES` and the name of its source, into one data set.

    They may come in any order. The planes are interleaved straight into the result, so that at most one batch is in
    memory beside it.

    Raises
    ------
    FileFormatError
        If the batches are not equally long.
    """
    parts: list[Part] = []
    for index, source, (rows, labels) in batches:
        parts = parts or [_empty(5 * len(labels)), _empty(len(labels))]
        n = len(parts[1][1])
        if len(labels) != n:
            raise FileFormatError(
                f"{source} holds {len(labels)} images, the one before it {n}; all six must hold equally many"
            )
        (X, y), start = (parts[0], index * n) if index < 5 else (parts[1], 0)
        X[start : start + n] = rows.reshape(n, CHANNELS, SIDE, SIDE).transpose(0, 2, 3, 1)
        y[start : start + n] = labels
    return parts[0], parts[1]


def _empty(n: int) -> Part:
    return np.empty((n, SIDE, SIDE, CHANNELS), np.uint8), np.empty(n, np.int64)
