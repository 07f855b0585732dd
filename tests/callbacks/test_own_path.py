"""OwnPath: the maker's path as it is, and no two copies with the same."""

import copy
import os
import pickle
import re
from pathlib import Path

import pytest
from child_process import in_child

from crmsprop.callbacks.own_path import OwnPath


def test_the_maker_has_the_path_itself(tmp_path):
    own = OwnPath(tmp_path / "log.csv")
    assert own.path == own.made(own.path) == str(tmp_path / "log.csv")


def test_every_copy_and_every_copy_of_a_copy_has_another(tmp_path):
    own = OwnPath(str(tmp_path / "a.b" / "log.csv"))
    copies = [own, *(make(own) for make in (copy.copy, copy.deepcopy, pickled) for _ in range(3))]
    copies += [copy.deepcopy(one) for one in copies]
    paths = [Path(one.made(one.path)) for one in copies]
    assert len(set(paths)) == len(copies) == 20
    assert {path.parent for path in paths} == {tmp_path / "a.b"}
    assert all(re.fullmatch(r"log-[0-9a-f]{16}\.csv", path.name) for path in paths[1:])
    assert [one.made(one.path) for one in copies] == list(map(str, paths))  # always the same of one copy


def pickled(own):
    return pickle.loads(pickle.dumps(own))


def test_a_process_that_was_forked_has_another(tmp_path, monkeypatch):
    """Nothing copies the object there but the system."""
    own = OwnPath(str(tmp_path / "log.csv"))
    parent = os.getpid()
    monkeypatch.setattr("os.getpid", lambda: parent + 1)
    path = Path(own.made(own.path))
    assert re.fullmatch(r"log-[0-9a-f]{16}\.csv", path.name)
    assert own.made(own.path) == str(path)


def claimed(own):
    """Whether it gets its path for itself, for a moment."""
    try:
        own.claim()
    except ValueError:
        return False
    own.release()
    return True


@pytest.mark.parametrize("name", ["log.csv", "{epoch}.crms", "{epoch}/a-{loss:.3f}.crms", "b/c/log.csv"])
def test_of_two_that_were_made_one_has_the_path_at_a_time(tmp_path, name):
    one, other = OwnPath(tmp_path / name), OwnPath(str(tmp_path / "there" / ".." / name))
    (tmp_path / "there").mkdir()
    one.claim()
    one.claim()  # its next training, whatever became of the one before
    with pytest.raises(ValueError, match=rf"path must not be one that .*, got '{re.escape(other.path)}': "):
        other.claim()
    assert in_child(lambda: claimed(OwnPath(tmp_path / name))) == "False"
    one.release()
    one.release()
    assert claimed(other)
    assert claimed(one)
    assert "{" not in "".join(os.listdir(tmp_path))  # no folder is made of a placeholder


def test_a_link_is_the_file_that_it_leads_to(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "log.csv")
    one = OwnPath(tmp_path / "log.csv")
    one.claim()
    assert not claimed(OwnPath(tmp_path / "link"))


def test_copies_need_no_claim(tmp_path):
    """Nobody else has their paths; and what the original has is not theirs to give away."""
    own = OwnPath(tmp_path / "log.csv")
    own.claim()
    before = os.listdir(tmp_path)
    for make in (copy.copy, copy.deepcopy, pickled):
        assert claimed(make(own))
    assert os.listdir(tmp_path) == before
    assert not claimed(OwnPath(tmp_path / "log.csv"))
    assert in_child(lambda: (claimed(own), own.release())) == "(True, None)"  # it is another one there
    assert os.listdir(tmp_path) == before


def test_folders_are_made(tmp_path):
    own = OwnPath(tmp_path / "a" / "b" / "log")
    assert not (tmp_path / "a").exists()
    assert own.made(own.path) == str(tmp_path / "a" / "b" / "log")
    assert (tmp_path / "a" / "b").is_dir()
    assert copy.copy(own).made(own.path).startswith(str(tmp_path / "a" / "b" / "log-"))


def test_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert OwnPath("log").made("log") == "log"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", [None, 3, b"log", "", "folder/", ["log"]])
def test_what_is_no_path_of_a_file(path):
    with pytest.raises(TypeError, match="path must be that of a file, got "):
        OwnPath(path)
