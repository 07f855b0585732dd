"""What a writer that is killed leaves, and that nobody takes away what another one is writing."""

import fcntl
import os
import signal

import numpy as np
import pytest
from child_process import in_child

from crmsprop.files import read_container, write_container, write_file


def kill_at_the_rename(path):
    """A writer that dies between the flush and the rename: what it leaves has every byte and the wrong name."""

    def write():
        os.replace = lambda old, new: os.kill(os.getpid(), signal.SIGKILL)
        write_container(path, {"a": np.ones(1000)}, {}, "model")

    assert in_child(write) == "killed by SIGKILL"


def litter(folder):
    return sorted(name for name in os.listdir(folder) if name.startswith(".crmsprop-"))


def test_the_next_write_of_a_file_removes_what_a_killed_one_left(path, small):
    for _ in range(3):
        kill_at_the_rename(path)
        assert len(litter(path.parent)) == 1  # each removes the one before
        assert path.read_bytes() == small
    write_container(path, {}, {"a": 1}, "model")
    assert os.listdir(path.parent) == [path.name]
    assert read_container(path, "model") == ({}, {"a": 1})


def test_a_write_of_another_file_removes_nothing(path):
    kill_at_the_rename(path)
    left = litter(path.parent)
    write_file(path.with_name("other"), b"text")
    write_file(path.with_name(path.name[:-1]), b"text")
    assert litter(path.parent) == left
    assert len(left) == 1


def test_a_failed_write_removes_it_too(path, small, monkeypatch):
    kill_at_the_rename(path)
    monkeypatch.setattr(os, "fsync", lambda descriptor: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_file(path, b"text")
    assert os.listdir(path.parent) == [path.name]
    assert path.read_bytes() == small


def test_what_another_writer_is_writing_stays(path, monkeypatch):
    """One writes while the other is about to rename: both are done, and the last one wins."""
    replace, seen = os.replace, []

    def write_meanwhile(old, new):
        monkeypatch.setattr(os, "replace", replace)
        write_file(path, b"first")
        seen.extend([os.path.exists(old), path.read_bytes()])
        replace(old, new)

    monkeypatch.setattr(os, "replace", write_meanwhile)
    write_file(path, b"last")
    assert seen == [True, b"first"]
    assert path.read_bytes() == b"last"
    assert os.listdir(path.parent) == [path.name]


def test_a_file_that_is_taken_before_it_is_locked_is_made_again(path, monkeypatch):
    """Between its creation and its lock another writer holds a temporary file for abandoned, and removes it."""
    flock, calls = fcntl.flock, []

    def taken_once(descriptor, how):
        calls.append(how)
        if len(calls) == 1:
            (name,) = litter(path.parent)
            os.unlink(path.parent / name)
        if len(calls) == 2:
            raise BlockingIOError
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", taken_once)
    write_file(path, b"text")
    assert len(calls) == 3
    assert path.read_bytes() == b"text"
    assert os.listdir(path.parent) == [path.name]


def test_a_file_system_without_locks(path, monkeypatch):
    def refuse(descriptor, how):
        raise OSError(95, "Operation not supported")

    kill_at_the_rename(path)
    monkeypatch.setattr(fcntl, "flock", refuse)
    write_file(path, b"text")
    assert path.read_bytes() == b"text"
    assert len(litter(path.parent)) == 1  # nobody can say whether its writer lives


def test_names_as_long_as_a_name_can_be_and_links_are_not_followed(tmp_path):
    long = tmp_path / ("x" * 255)
    write_file(long, b"text")
    kill_at_the_rename(long)
    (name,) = litter(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / "precious").write_text("keep")
    (tmp_path / name).symlink_to(tmp_path / "precious")
    write_file(long, b"more")
    assert (tmp_path / "precious").read_text() == "keep"
    assert (tmp_path / name).is_symlink()


def test_a_text_file_is_written_wholly_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "text"
    write_file(target, b"one ", b"two")
    assert target.read_bytes() == b"one two"
    monkeypatch.setattr(os, "replace", lambda old, new: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_file(target, b"three")
    assert target.read_bytes() == b"one two"
    with pytest.raises(IsADirectoryError):
        write_file(tmp_path, b"")
