"""A system without locks on files, and one that takes no open file away, as Windows is: all goes on, unguarded."""

import os
import sys

import pytest
from child_process import in_child, in_new_interpreter

from crmsprop.files import lock_file

#: Takes away what only POSIX has, and refuses to rename or remove a file that this process has open.
LIKE_WINDOWS = """
import os, sys
sys.modules["fcntl"] = None
del os.O_NOFOLLOW, os.O_NONBLOCK

def opened():
    names = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    return {os.path.realpath(name) for name in names if os.path.exists(name)}

def sharing(function):
    def careful(path, *others, **options):
        if os.path.realpath(path) in opened():
            raise PermissionError(13, "the process cannot access the file because it is being used", path)
        return function(path, *others, **options)
    return careful

os.replace, os.unlink, os.remove = sharing(os.replace), sharing(os.unlink), sharing(os.remove)
"""

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="looks for open files in /proc")


def like_windows(code):
    code, out, errors = in_new_interpreter(LIKE_WINDOWS + code)
    assert (code, errors) == (0, "")
    return out


@needs_proc
def test_the_imitation_of_windows_refuses_what_windows_refuses(tmp_path):
    code = f"""
import pathlib
with open({str(tmp_path / "a")!r}, "xb") as file:
    for refused in (lambda: os.replace(file.name, file.name + "b"), pathlib.Path(file.name).unlink):
        try:
            refused()
        except PermissionError:
            print("refused")
os.replace(file.name, file.name + "b")
"""
    assert like_windows(code).split() == ["refused", "refused"]
    assert os.listdir(tmp_path) == ["ab"]


@needs_proc
def test_files_are_replaced_and_claims_hold(tmp_path):
    abandoned = tmp_path / "abandoned"
    code = f"""
from crmsprop.files import Claim, write_file
from crmsprop.files.temporary import hidden_name
folder = {str(tmp_path)!r}
left = hidden_name(folder, "file") + "-0.tmp"
open(left, "wb").close()
for text in (b"first", b"last"):
    write_file(os.path.join(folder, "file"), text)
claims = Claim(folder, "file"), Claim(folder, "file")
for claim in claims:
    claim.release()
os.rename(left, {str(abandoned)!r})
"""
    like_windows(code)
    assert sorted(os.listdir(tmp_path)) == ["abandoned", "file"]
    assert (tmp_path / "file").read_bytes() == b"last"


@needs_proc
def test_a_run_is_killed_and_resumed(tmp_path):
    folder = tmp_path / "run"
    first = f"""
from crmsprop.cli import main
from crmsprop.callbacks import Checkpoint
write = Checkpoint.on_epoch_end
def killed(self, context):
    write(self, context)
    if context.epoch == 2:
        os._exit(0)
Checkpoint.on_epoch_end = killed
main(["train", "--epochs", "3", "--quiet", "--output", {str(folder)!r}])
"""
    like_windows(first)
    assert (folder / "checkpoint.crms").exists()
    like_windows(f"from crmsprop.cli import main\nassert main(['train', '--quiet', '--resume', {str(folder)!r}]) == 0")
    assert sorted(os.listdir(folder)) == ["history.csv", "learning_curves.png", "model.crms"]
    assert len((folder / "history.csv").read_text().splitlines()) == 4


def test_a_lock_is_held_by_one_until_the_file_is_closed(tmp_path):
    def ask():
        with open(tmp_path / "a", "rb") as file:
            lock_file(file.fileno())

    with open(tmp_path / "a", "wb") as file:
        lock_file(file.fileno())
        assert in_child(ask).startswith("BlockingIOError")
    assert in_child(ask) == "None"
