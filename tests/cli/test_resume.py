"""crmsprop train --resume, and what Ctrl-C leaves of a run."""

import json
import os
import signal
import time

import numpy as np
import pytest
from cifar_files import BIN, make_images, write_bin
from cli_processes import start

import crmsprop
from crmsprop.callbacks import Checkpoint
from crmsprop.cli import fitting
from crmsprop.cli.output import FILES
from crmsprop.cli.resuming import CHECKPOINT, CLAIM


def names(path):
    return sorted(item.name for item in path.iterdir())


def model_in(path):
    return crmsprop.load(path / "model.crms")


def assert_same(folder, one, other):
    one, other = model_in(folder / one), model_in(folder / other)
    assert one.network_.arena.flat.tobytes() == other.network_.arena.flat.tobytes()
    for column in list(one.history_)[:-1]:
        assert one.history_[column] == other.history_[column]


@pytest.fixture
def interrupt(monkeypatch):
    """Return a function that makes the next run press Ctrl-C in a hook of an epoch, or raise what it is told."""

    def prepare(hook="on_batch_end", epoch=2, error=KeyboardInterrupt):
        struck = []

        def strike(self, context):
            if context.epoch == epoch and not struck:
                struck.append(True)
                raise error

        monkeypatch.setattr(fitting.Announcement, hook, strike, raising=False)

    return prepare


def test_ctrl_c_keeps_the_results_so_far_and_the_way_on(train_small, run, folder, interrupt):
    train_small("--epochs", 5, "--output", "whole", "--quiet")
    interrupt()
    ended = train_small("--epochs", 5)
    assert ended.code == 130
    line = 'interrupted after 2 of 5 epochs, whose results are in crmsprop-run; "crmsprop train --resume crmsprop-run"'
    assert ended.err.splitlines()[-1] == f"crmsprop: {line} goes on"
    assert names(folder / "crmsprop-run") == sorted([*FILES, CHECKPOINT, CLAIM])
    model = model_in(folder / "crmsprop-run")
    assert model.n_epochs_ == 2
    assert "test accuracy" in ended.out
    ended = run("train", "--resume", "crmsprop-run", "--threads", 2)
    assert ended.code == 0
    assert names(folder / "crmsprop-run") == sorted(FILES)
    assert [line.split()[1] for line in ended.err.splitlines()[2:]] == ["3/5", "4/5", "5/5"]
    assert_same(folder, "whole", "crmsprop-run")


def test_ctrl_c_without_checkpoints(train_small, folder, interrupt):
    interrupt("on_epoch_end", epoch=0)
    ended = train_small("--checkpoint", "none")
    assert ended.code == 130
    line = "crmsprop: interrupted after 1 of 2 epochs, whose results are in crmsprop-run"
    assert ended.err.splitlines()[-1] == line
    assert names(folder / "crmsprop-run") == sorted(FILES)


def test_a_second_ctrl_c_keeps_the_way_on(train_small, folder, monkeypatch):
    def press(path, history):
        raise KeyboardInterrupt

    monkeypatch.setattr("crmsprop.cli.output.draw_curves", press)
    ended = train_small("--epochs", 5)
    assert ended.code == 130
    model = "the model is in crmsprop-run/model.crms"
    line = f'crmsprop: error: interrupted; {model}; "crmsprop train --resume crmsprop-run" goes on'
    assert ended.err.splitlines()[-1] == line
    assert names(folder / "crmsprop-run") == sorted([CHECKPOINT, CLAIM, "history.csv", "model.crms"])


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device", "x"), MemoryError("no room"), ValueError("v")]
)
def test_a_run_that_fails_can_go_on(train_small, run, folder, interrupt, error):
    train_small("--output", "whole", "--epochs", 4)
    interrupt(error=error)
    ended = train_small("--output", "out", "--epochs", 4)
    assert ended.code in (1, 2)
    assert ended.err.splitlines()[-1].endswith('; "crmsprop train --resume out" goes on')
    assert names(folder / "out") == sorted([CHECKPOINT, CLAIM])
    assert run("train", "--resume", "out").code == 0
    assert_same(folder, "whole", "out")


def test_a_resumed_run_that_fails_again_loses_nothing(train_small, run, folder, interrupt):
    interrupt()
    train_small("--output", "out", "--epochs", 4)
    before = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    interrupt("on_train_begin", error=OSError("x"))
    assert run("train", "--resume", "out").code == 2
    assert {path.name: path.read_bytes() for path in (folder / "out").iterdir()} == before


def test_checkpoints_every_few_epochs(train_small, folder, interrupt):
    interrupt(epoch=3)
    train_small("--output", "out", "--epochs", 5, "--checkpoint", 2)
    state = Checkpoint(folder / "out" / CHECKPOINT, resume=True).saved()
    assert state.tree["progress"]["epoch"] == 2


def test_data_that_moved(train_small, run, folder, images, interrupt):
    X, y = images
    np.savez(folder / "data.npz", X=X, y=y)
    interrupt()
    assert train_small("--output", "out", "--epochs", 4, "--data", "data.npz").code == 130
    os.rename("data.npz", "moved.npz")
    assert "got 'data.npz', which does not exist" in run("train", "--resume", "out").error()
    assert run("train", "--resume", "out", "--data", "moved.npz").code == 0
    assert names(folder / "out") == sorted(FILES)


def test_cifar10_in_the_folder_that_was_given(train_small, run, folder, tmp_path, interrupt):
    write_bin(tmp_path / "data" / BIN, make_images(20))
    interrupt()
    data = ("--data", "cifar10", "--data-home", tmp_path / "data")
    assert train_small("--output", "out", "--epochs", 4, *data).code == 130
    assert names(folder / "out") == sorted([*FILES, CHECKPOINT, CLAIM])
    os.rename(tmp_path / "data", tmp_path / "moved")
    message = run("train", "--resume", "out", "--quiet").error()
    assert message.startswith("give --data-home again, for --resume to find CIFAR-10 elsewhere or to download it: ")
    assert f"no CIFAR-10 in --data-home '{tmp_path / 'data'}'" in message
    assert not (tmp_path / "data").exists()
    os.rename(tmp_path / "moved", tmp_path / "data")
    assert run("train", "--resume", "out", "--quiet").code == 0
    assert names(folder / "out") == sorted(FILES)


def test_other_options_are_refused(train_small, run, folder, interrupt):
    interrupt()
    train_small("--output", "out", "--epochs", 4)
    ended = run("train", "--resume", "out", "--epochs", 9, "--quiet")
    assert ended.code == 2
    assert ended.error().startswith(f"--epochs must be 4, as in the training that out/{CHECKPOINT} holds, got 9; ")


def test_a_checkpoint_that_is_damaged(train_small, run, folder, interrupt):
    interrupt()
    train_small("--output", "out", "--epochs", 4)
    (folder / "out" / CHECKPOINT).write_bytes(b"x" * 1000)
    ended = run("train", "--resume", "out", "--quiet")
    assert (ended.code, ended.out) == (2, "")
    assert ended.error().startswith(f"cannot read out/{CHECKPOINT}: ")


def with_claim(folder, text):
    (folder / "out").mkdir()
    (folder / "out" / CLAIM).write_text(text)


def test_a_run_that_was_killed_before_its_first_checkpoint(run, folder):
    with_claim(folder, json.dumps(["train", "--filters", "4", "--dense-units", "8", "--epochs", "1", "--threads", "1"]))
    assert run("train", "--resume", "out").code == 0
    assert names(folder / "out") == sorted(FILES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "out/.crmsprop-running must hold the arguments of a run, got b''"),
        ("{}", "out/.crmsprop-running must hold the arguments of a run, got b'{}'"),
        ('["train", 3]', "out/.crmsprop-running must hold the arguments of a run"),
        ("[" * 100_000, "out/.crmsprop-running must hold the arguments of a run"),
        ('"train"', "out/.crmsprop-running must hold the arguments of a run"),
        ("[]", "--resume must be the folder of a training, got 'out'"),
        ('["find-lr"]', "--resume must be the folder of a training, got 'out'"),
        ('["train", "digits"]', "unrecognized arguments: digits"),
        ('["train", "--rho", "2"]', "--rho must be in [0, 1), got 2.0"),
    ],
)
def test_a_claim_that_is_no_list_of_arguments(run, folder, text, message):
    with_claim(folder, text)
    ended = run("train", "--resume", "out", "--quiet")
    assert ended.code == 2
    assert message in ended.error()
    assert names(folder / "out") == [CLAIM]


def test_folders_that_hold_no_run(train_small, run, folder):
    train_small("--output", "done")
    (folder / "empty").mkdir()
    for name in ("done", "empty", "missing"):
        ended = run("train", "--resume", name)
        assert ended.code == 2
        assert ended.error() == f"--resume must be the folder of a run that was killed or interrupted, got {name!r}"
    ended = run("train", "--resume", "empty", "--output", "x")
    assert ended.error() == "--output does nothing with --resume: the results go to the folder of the run"
    assert run("train", "--checkpoint", "0").error() == "--checkpoint must be at least 1, got 0"
    assert list((folder / "empty").iterdir()) == []


def test_a_killed_process_goes_on_and_a_living_one_is_left_alone(train_small, run, folder):
    """Killed by the system once the first checkpoint is there; the claim is free from then on, and not before."""
    arguments = ["--filters", "4", "--dense-units", "8", "--epochs", "40", "--threads", "1", "--seed", "5"]
    with start("-m", "crmsprop", "train", *arguments, "--output", "out", "--quiet") as process:
        while not (folder / "out" / CHECKPOINT).exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGSTOP)
        refused = run("train", "--resume", "out")
        process.kill()
        process.wait()
    assert refused.error() == "--resume must be the folder of a run that has ended, got 'out'"
    assert set(names(folder / "out")) >= {CHECKPOINT, CLAIM}
    assert run("train", "--resume", "out", "--quiet").code == 0
    assert names(folder / "out") == sorted(FILES)
    assert run("train", *arguments, "--output", "whole", "--quiet").code == 0
    assert_same(folder, "whole", "out")


def test_ctrl_c_in_the_terminal(folder):
    """The signal of the system to a process of its own."""
    with start("-m", "crmsprop", "train", "--epochs", "5000", "--threads", "1", "--output", "out") as process:
        while not (folder / "out" / CHECKPOINT).exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("crmsprop: interrupted after ")
    assert "Traceback" not in err
    assert names(folder / "out") == sorted([*FILES, CHECKPOINT, CLAIM])
