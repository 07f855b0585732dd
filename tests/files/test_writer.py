"""The writer: it refuses what a file cannot hold, and writes wholly or not at all."""

import errno
import itertools
import multiprocessing
import os
import resource
import signal
import stat

import numpy as np
import pytest

from crmsprop.files import read_container, write_container

# What is refused at writing


@pytest.mark.parametrize(
    "array",
    [
        np.ones(2, np.float16),
        np.ones(2, complex),
        np.array([None, 1]),
        np.array(["a"]),
        np.array(["2020"], "M8[D]"),
        np.zeros(2, "f4,i4"),
        np.ones(2, np.longdouble),
        np.ma.masked_array([1.0, 2.0], [True, False]),
        [1.0, 2.0],
        np.float64(1.0),
        None,
    ],
)
def test_other_arrays_are_refused_by_name(path, array):
    with pytest.raises(TypeError, match="'odd one'"):
        write_container(path, {"fine": np.ones(1), "odd one": array}, {}, "model")
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize(
    ("arrays", "kind", "error", "message"),
    [
        ({"__metadata__": np.ones(1)}, "model", ValueError, "an array name must not be '__metadata__'"),
        ({1: np.ones(1)}, "model", TypeError, "an array name must be a plain str, got 1"),
        ({"\udfff": np.ones(1)}, "model", ValueError, "an array name must be valid Unicode"),
        ({}, None, TypeError, "kind must be a plain str"),
        ({}, "\ud800", ValueError, "kind must be valid Unicode"),
    ],
)
def test_bad_names_are_refused(path, arrays, kind, error, message):
    with pytest.raises(error, match=message):
        write_container(path, arrays, {}, kind)
    assert os.listdir(path.parent) == []


# Wholly or not at all


class DiskFull(OSError):
    pass


@pytest.mark.parametrize("function", ["replace", "fsync", "chmod"])
@pytest.mark.parametrize("error", [DiskFull(errno.ENOSPC, "full"), KeyboardInterrupt()], ids=["full", "interrupt"])
def test_a_failure_leaves_the_old_file_and_nothing_else(path, small, monkeypatch, function, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(type(error)):
        write_container(path, {"a": np.ones(3)}, {}, "model")
    assert path.read_bytes() == small
    assert os.listdir(path.parent) == [path.name]


def test_a_disk_that_fills_up_leaves_the_old_file(path, small):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # a real write that fails half-way
    try:
        with pytest.raises(OSError) as caught:
            write_container(path, {"a": np.ones(100_000)}, {}, "model")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno == errno.EFBIG
    assert path.read_bytes() == small
    assert os.listdir(path.parent) == [path.name]


def test_the_file_is_synced_before_and_its_folder_after_the_rename(path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append(stat.S_IFMT(os.fstat(fd).st_mode)), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda old, new: (calls.append((os.path.dirname(old), new)), replace(old, new)))
    write_container(path, {"a": np.ones(3)}, {}, "model")
    assert calls == [stat.S_IFREG, (str(path.parent), str(path)), stat.S_IFDIR]


def test_a_folder_that_cannot_be_synced_is_no_error(path, monkeypatch):
    opened = os.open

    def open_no_folder(name, *args, **kwargs):
        if os.path.isdir(name):
            raise OSError(errno.EINVAL, "no such thing here")
        return opened(name, *args, **kwargs)

    monkeypatch.setattr(os, "open", open_no_folder)
    write_container(path, {}, {"a": 1}, "model")
    assert read_container(path, "model") == ({}, {"a": 1})


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000])
def test_permissions_of_a_new_file_are_those_of_open(path, tmp_path, mask):
    old = os.umask(mask)
    try:
        write_container(path, {}, {}, "model")
        (tmp_path / "plain").write_bytes(b"")
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_permissions_of_an_old_file_are_kept(path, small, monkeypatch, mode):
    path.chmod(mode)
    seen, chmod = [], os.chmod
    monkeypatch.setattr(os, "chmod", lambda name, mode: (seen.append(os.stat(name).st_mode), chmod(name, mode)))
    write_container(path, {}, {}, "model")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert [stat.S_IMODE(before) for before in seen] == [0o600]  # the temporary file shows nobody a private one


def test_a_read_only_file_is_not_replaced(path, small, monkeypatch):
    monkeypatch.setattr(os, "access", lambda name, mode: False)  # a test may run as root, who may do anything
    with pytest.raises(PermissionError):
        write_container(path, {}, {}, "model")
    assert path.read_bytes() == small


def test_a_symbolic_link_is_followed(path, tmp_path):
    link = tmp_path / "latest"
    link.symlink_to(path)
    for value in (1, 2):  # dangling at first
        write_container(link, {}, {"a": value}, "model")
        assert link.is_symlink()
        assert read_container(path, "model") == read_container(link, "model") == ({}, {"a": value})


def test_targets_that_are_no_files_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="path must be a regular file"):
        write_container(tmp_path / "pipe", {}, {}, "model")
    with pytest.raises(IsADirectoryError):
        write_container(tmp_path, {}, {}, "model")
    with pytest.raises(FileNotFoundError, match="missing"):
        write_container(tmp_path / "missing" / "file", {}, {}, "model")
    with pytest.raises(NotADirectoryError):
        write_container(os.path.join(__file__, "file"), {}, {}, "model")
    with pytest.raises(TypeError):
        write_container(3, {}, {}, "model")
    assert os.listdir(tmp_path) == ["pipe"]


def write_for_ever(path, started):
    for value in itertools.cycle((1.0, 2.0)):
        started.set()
        write_container(path, {"a": np.full(200_000, value)}, {"value": value}, "model")


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of a fork among threads: the child needs none
def test_a_writer_that_is_killed_leaves_a_whole_file(path):
    write_container(path, {"a": np.full(200_000, 0.0)}, {"value": 0.0}, "model")
    context = multiprocessing.get_context("fork")  # five fresh interpreters would take seconds to import the package
    for delay in np.random.default_rng(0).uniform(0, 0.05, 5):
        started = context.Event()
        writer = context.Process(target=write_for_ever, args=(path, started))
        writer.start()
        assert started.wait(30)
        writer.join(delay)
        writer.kill()
        writer.join()
        assert writer.exitcode == -signal.SIGKILL
        arrays, config = read_container(path, "model")
        assert np.all(arrays["a"] == config["value"])
