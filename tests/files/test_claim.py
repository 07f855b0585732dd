"""Claims: one holder of a path at a time, whatever becomes of its process."""

import errno
import fcntl
import gc
import os
import signal
import threading

import pytest
from child_process import in_child

from crmsprop.files import Claim


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path)


def hidden(folder):
    return sorted(os.listdir(folder))


def test_nobody_else_has_it_meanwhile(folder):
    claim = Claim(folder, "log.csv")
    for _ in range(2):
        with pytest.raises(BlockingIOError):
            Claim(folder, "log.csv")
    assert in_child(lambda: Claim(folder, "log.csv")).startswith("BlockingIOError")
    claim.release()
    claim.release()
    Claim(folder, "log.csv").release()


def test_other_paths_are_others(folder, tmp_path):
    (tmp_path / "b").mkdir()
    claims = [Claim(folder, name) for name in ("log.csv", "log", "b/log.csv")] + [Claim(f"{folder}/b", "log.csv")]
    assert (len(hidden(folder)), len(hidden(f"{folder}/b"))) == (4, 1)
    for claim in claims:
        claim.release()


def test_nothing_is_left(folder):
    claim = Claim(folder, "log.csv")
    (name,) = hidden(folder)
    assert name.startswith(".crmsprop-")
    claim.release()
    assert hidden(folder) == []


def test_it_ends_with_the_object(folder):
    Claim(folder, "log.csv")
    gc.collect()
    assert hidden(folder) == []


def test_it_ends_with_a_process_that_is_killed(folder):
    held = []
    answer = in_child(lambda: (held.append(Claim(folder, "log.csv")), os.kill(os.getpid(), signal.SIGKILL)))
    assert answer == "killed by SIGKILL"
    assert len(hidden(folder)) == 1
    Claim(folder, "log.csv").release()
    assert hidden(folder) == []


def test_a_forked_child_cannot_let_go_of_it(folder):
    claim = Claim(folder, "log.csv")
    assert in_child(claim.release) == "None"
    with pytest.raises(BlockingIOError):
        Claim(folder, "log.csv")
    claim.release()


def test_one_of_many_who_ask_at_once_has_it(folder):
    """Each holds it for a moment only, so that many meet the one that lets go."""
    alone, together, failed, inside = threading.Lock(), [], [], []

    def ask():
        for _ in range(50):
            try:
                claim = Claim(folder, "log.csv")
            except BlockingIOError:
                failed.append(1)
                continue
            if alone.acquire(blocking=False):
                inside.append(hidden(folder))
                alone.release()
            else:
                together.append(1)
            claim.release()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == []
    assert len(inside) + len(failed) == 200
    assert {len(names) for names in inside} == {1}
    assert hidden(folder) == []


def test_a_folder_that_cannot_be_written_to_is_no_affair_of_it(folder, monkeypatch):
    def denied(*arguments):
        raise PermissionError(errno.EACCES, "denied")

    monkeypatch.setattr(os, "open", denied)
    first, second = Claim(folder, "log.csv"), Claim(folder, "log.csv")
    first.release()
    second.release()


def test_a_file_system_without_locks(folder, monkeypatch):
    def unsupported(descriptor, operation):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    open_files = len(os.listdir("/dev/fd"))
    first, second = Claim(folder, "log.csv"), Claim(folder, "log.csv")
    assert len(os.listdir("/dev/fd")) == open_files
    first.release()
    second.release()


def test_no_link_is_followed(folder, tmp_path):
    """Somebody else's link in the place of the hidden file: the file that it leads to stays as it is."""
    claim = Claim(folder, "log.csv")
    (name,) = hidden(folder)
    claim.release()
    (tmp_path / name).symlink_to(tmp_path / "target")
    Claim(folder, "log.csv").release()
    assert not (tmp_path / "target").exists()


def test_who_asks_while_it_is_let_go_has_a_file_with_a_name(folder, monkeypatch):
    """Between the open and the lock of one, the other removes the file: a lock without a name keeps nobody away."""
    first, flock, release = Claim(folder, "log.csv"), fcntl.flock, []

    def late(descriptor, operation):
        if not release:
            release.append(first.release())
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    second = Claim(folder, "log.csv")
    with pytest.raises(BlockingIOError):
        Claim(folder, "log.csv")
    second.release()
    assert hidden(folder) == []
