"""CSVLogger: the lines, appending, and what is left of a training that is killed."""

import csv
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas
import pytest

import crmsprop
from crmsprop.callbacks import Callback, CSVLogger
from crmsprop.estimators import MLPClassifier
from crmsprop.training import COLUMNS

X, Y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.csv"


def fit(*callbacks, validate=False, **parameters):
    model = MLPClassifier((3,), callbacks=list(callbacks), **{"max_epochs": 3, "random_state": 0, **parameters})
    return model.fit(X, Y, X_val=X, y_val=Y) if validate else model.fit(X, Y)


def rows_of(path):
    """What the csv module reads: the header, and the cells as floats, None where empty."""
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    return tuple(header), [[float(cell) if cell else None for cell in row] for row in rows]


@pytest.mark.parametrize("validate", [False, True])
def test_the_file_is_the_history(path, validate):
    history = fit(CSVLogger(path), validate=validate).history_
    header, rows = rows_of(path)
    assert header == COLUMNS
    assert rows == [list(row) for row in zip(*history.values(), strict=True)]  # to the last bit
    assert (rows[0][2] is None) == (not validate)
    frame = pandas.read_csv(path)
    assert frame["epoch"].tolist() == [1, 2, 3]
    assert frame["val_loss"].isna().all() == (not validate)


class Reader(Callback):
    """What the file holds at the end of each epoch."""

    def __init__(self, path):
        self.path = path

    def on_train_begin(self, context):
        self.texts_ = [self.path.read_bytes()]

    def on_epoch_end(self, context):
        self.texts_.append(self.path.read_bytes())


def test_every_line_is_there_when_its_epoch_ends(path):
    reader = Reader(path)
    fit(CSVLogger(path), reader)
    assert [text.count(b"\n") for text in reader.texts_] == [1, 2, 3, 4]
    assert all(text.endswith(b"\n") for text in reader.texts_)
    assert all(after.startswith(before) for before, after in zip(reader.texts_, reader.texts_[1:], strict=False))


def test_a_second_fit_replaces_the_file(path):
    logger = CSVLogger(path)
    fit(logger)
    fit(logger, max_epochs=1)
    assert [row[0] for row in rows_of(path)[1]] == [1]
    assert logger.path_ == str(path)


def test_append_goes_on_with_one_header(path):
    for n_epochs in (2, 1, 3):
        fit(CSVLogger(path, append=True), max_epochs=n_epochs)
    header, rows = rows_of(path)
    assert header == COLUMNS
    assert [row[0] for row in rows] == [1, 2, 1, 1, 2, 3]


def test_append_to_nothing_begins_the_file(path):
    path.write_bytes(b"")
    fit(CSVLogger(path, append=True))
    assert rows_of(path)[0] == COLUMNS


def test_append_takes_the_lines_of_other_writers(path):
    with path.open("w", newline="") as file:
        csv.writer(file).writerow(COLUMNS)
    fit(CSVLogger(path, append=True), max_epochs=1)
    assert [row[0] for row in rows_of(path)[1]] == [1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"epoch,loss\n1,2\n", "path must be a file with the columns of the history to append to it, got '.*log.csv'"),
        (b"\n", "path must be a file with the columns"),
        (b"\x89PNG\r\n" + bytes(5000), "path must be a file with the columns"),
        (",".join(COLUMNS).encode(), "path must end with a whole line to append to it, got '.*log.csv'"),
        (",".join(COLUMNS).encode() + b"\n1,0.5", "path must end with a whole line to append to it"),
    ],
)
def test_what_it_does_not_append_to(path, content, message):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        fit(CSVLogger(path, append=True))
    assert path.read_bytes() == content


@pytest.mark.parametrize("room", [5, 0])
def test_a_full_disk_leaves_whole_lines(path, monkeypatch, room):
    """The system writes a part of the line: it is taken back; or says at once that there is no room."""
    real_open = open

    def nearly_full(name, mode="r", **options):
        file = real_open(name, mode, **options)
        return Partial(file, room) if mode == "ab" and path.stat().st_size > 150 else file

    monkeypatch.setattr("builtins.open", nearly_full)
    with pytest.raises(OSError, match="No space left") as caught:
        fit(CSVLogger(path), max_epochs=9)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    text = path.read_bytes()
    assert text.endswith(b"\n")
    assert text.count(b"\n") >= 2


class Partial:
    """A file on a disk that has room for a few bytes."""

    def __init__(self, file, room):
        self.file, self.room = file, room
        self.tell, self.truncate = file.tell, file.truncate

    def write(self, data):
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(data[: self.room])

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()


PROGRAM = """
import os, signal, sys
from crmsprop import MLPClassifier
from crmsprop.callbacks import Callback, CSVLogger

class Kill(Callback):
    def on_batch_end(self, context):
        if context.epoch == 3:
            os.kill(os.getpid(), signal.SIGKILL)

X, y = [[0.0], [1.0]], [0, 1]
MLPClassifier((3,), max_epochs=9, callbacks=[CSVLogger(sys.argv[1]), Kill()], n_threads=1).fit(X, y)
"""


def test_a_killed_training_leaves_whole_lines(path):
    environment = {**os.environ, "PYTHONPATH": str(Path(crmsprop.__file__).parent.parent)}
    ended = subprocess.run([sys.executable, "-P", "-c", PROGRAM, str(path)], env=environment, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    header, rows = rows_of(path)
    assert header == COLUMNS
    assert [row[0] for row in rows] == [1, 2, 3]
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert path.read_bytes().endswith(b"\n")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"path": None}, "path must be that of a file, got None"),
        ({"path": "log.csv", "append": 1}, "append must be True or False, got 1"),
    ],
)
def test_parameters_of_the_wrong_type(parameters, message):
    with pytest.raises(TypeError, match=message):
        CSVLogger(**parameters)
