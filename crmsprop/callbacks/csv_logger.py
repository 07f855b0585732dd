"""Write the history to a CSV file, a line an epoch, while the network is trained."""

import errno
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crmsprop.callbacks.own_path import OwnPath
from crmsprop.errors import FileFormatError, check_bool
from crmsprop.files import naming, write_file
from crmsprop.training import Callback, Training, check_state

#: What a training teaches it, and the types that a file may give back.
STATE: dict[str, tuple[type, ...]] = {"begin": (int,)}


class CSVLogger(Callback):
    """Write the history to a CSV file: the names of its columns, then a line at the end of each epoch.

    What was not measured is empty. Each line is written at once and the file is not kept open, so that a training that
    is killed leaves whole lines, and any other program can read them meanwhile.

    The instance that you make writes to `path`. A copy of it, as `clone` and a search make them for each of their
    estimators, writes to a file of its own beside that, with a random part before the suffix: ``path_`` says where. A
    training is refused while another instance, here or in another process, writes to the same path.

    Parameters
    ----------
    path : str or path-like
        The file; a folder that is missing is made.
    append : bool, default=False
        Whether to go on behind what the file holds, in place of starting it afresh.

    Attributes
    ----------
    path_ : str
        The file that is written.

    Raises
    ------
    TypeError
        If a parameter has the wrong type.
    ValueError
        When the training begins, if another callback is writing to the path.
    FileFormatError
        When the training begins, if the file to append to has other columns, or a last line that is not whole.

    Examples
    --------
    >>> import os, tempfile
    >>> from crmsprop import MLPClassifier
    >>> from crmsprop.callbacks import CSVLogger
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "history.csv")
    ...     model = MLPClassifier(max_epochs=3, callbacks=[CSVLogger(path)]).fit([[0.0], [1.0]], [0, 1])
    ...     with open(path) as file:
    ...         lines = file.read().splitlines()
    >>> lines[0]
    'epoch,loss,val_loss,accuracy,val_accuracy,learning_rate,seconds'
    >>> [line.split(",")[0] for line in lines[1:]]
    ['1', '2', '3']
    """

    def __init__(self, path: str | os.PathLike[str], append: bool = False) -> None:
        self._own = OwnPath(path)
        self.path = self._own.path
        self.append = check_bool("append", append)

    def on_train_begin(self, context: Training) -> None:
        """Begin the file, or look at the one to append to; that of a training which goes on stays as it is."""
        self._own.claim()
        self.path_ = self._own.made(self.path)
        self._begin = 0
        if context.resumed:
            return
        header = _line(context.history)
        if self.append and os.path.exists(self.path_) and os.path.getsize(self.path_):
            _check_goes_on(self.path_, header)
            self._begin = os.path.getsize(self.path_)
        else:
            write_file(self.path_, header)

    def on_epoch_end(self, context: Training) -> None:
        """Write the last row of the history, or all of it where the file has vanished."""
        if os.path.exists(self.path_):
            _append(self.path_, _row(values[-1] for values in context.history.values()))
        else:
            self._own.made(self.path)
            self._begin = 0
            write_file(self.path_, *_lines(context.history))

    def on_train_close(self, context: Training) -> None:
        """Let others have the path."""
        self._own.release()

    def state_dict(self) -> dict[str, Any]:
        """Return where in the file the lines of this training begin."""
        return {"begin": self._begin}

    def load_state_dict(self, state: Mapping[str, Any], context: Training) -> None:
        """Leave what was in the file before, and the epochs so far; FileFormatError where the former is lost."""
        check_state(self, state, STATE)
        self._begin = state["begin"]
        header, *rows = _lines(context.history)
        write_file(self.path_, _head(self.path_, self._begin) if self._begin else header, *rows)


def _lines(history: Mapping[str, Sequence[float | None]]) -> list[bytes]:
    return [_line(history), *map(_row, zip(*history.values(), strict=True))]


def _row(cells: Iterable[float | None]) -> bytes:
    return _line("" if cell is None else cell for cell in cells)


def _head(path: str, size: int) -> bytes:
    """Return the first `size` bytes of a file; no more memory is taken than the file has bytes."""
    if not os.path.exists(path) or not 0 < size <= os.path.getsize(path):
        rule = f"path must be the file that the training has appended to, of {size} bytes or more"
        raise FileFormatError(f"{rule}, got {path!r}")
    with open(path, "rb") as file:
        return file.read(size)


def _line(cells: Iterable[object]) -> bytes:
    # No cell needs quotes: they are the names of our columns, and numbers.
    return (",".join(map(str, cells)) + "\n").encode()


def _check_goes_on(path: str, header: bytes) -> None:
    with open(path, "rb") as file:
        first = file.readline(1000)
        if first.rstrip(b"\r\n") != header.rstrip(b"\n"):
            raise FileFormatError(f"path must be a file with the columns of the history to append to it, got {path!r}")
        file.seek(-1, os.SEEK_END)
        if file.read() != b"\n":
            raise FileFormatError(f"path must end with a whole line to append to it, got {path!r}")


def _append(path: str, line: bytes) -> None:
    """Add a line in one call of the system, or nothing."""
    with naming(path), open(path, "ab", buffering=0) as file:
        size = file.tell()
        if file.write(line) != len(line):  # the disk is full
            file.truncate(size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
