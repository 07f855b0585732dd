"""crmsprop train --resume on a folder that a stranger has made, or that somebody has had their hands in."""

import json
import os
import re
import signal
import time

import numpy as np
import pytest
from cli_processes import start
from container_files import join, split

import crmsprop
from crmsprop.cli import main, output
from crmsprop.cli.output import FILES
from crmsprop.cli.resuming import CHECKPOINT, CLAIM
from crmsprop.datasets import cifar10

SMALL = ["--filters", "4", "--dense-units", "8", "--epochs", "2", "--threads", "1", "--quiet"]


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """What a run leaves whose picture could not be drawn: the bytes of its claim and its checkpoint."""
    folder = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    images = (rng.integers(0, 100, (60, 6, 5, 1)) + 150 * y[:, None, None, None]).astype(np.uint8)
    np.savez(folder / "data.npz", X=images, y=y)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output, "draw_curves", lambda path, history: os.stat(folder / "missing"))
        assert main(["train", "--data", str(folder / "data.npz"), *SMALL, "--output", str(folder / "out")]) == 2
    return {name: (folder / "out" / name).read_bytes() for name in (CLAIM, CHECKPOINT)}


@pytest.fixture
def out(folder, left):
    """A folder that can be resumed."""
    (folder / "out").mkdir()
    for name, data in left.items():
        (folder / "out" / name).write_bytes(data)
    return folder / "out"


@pytest.fixture
def no_download(folder, monkeypatch):
    """A home without data, and no way to the network."""
    monkeypatch.setenv("HOME", str(folder / "home"))

    def fetch(home):
        raise AssertionError(f"a download to {home}")

    monkeypatch.setattr(cifar10, "fetch_archive", fetch)


def contents(path):
    """Everything below a folder: bytes of files, targets of links."""
    return {
        str(item.relative_to(path)): os.readlink(item) if item.is_symlink() else item.is_file() and item.read_bytes()
        for item in path.rglob("*")
    }


def refused(run, folder, out, *arguments):
    """Return the one line of an error, before which nothing was changed anywhere."""
    before = contents(folder)
    ended = run("train", "--resume", out, "--quiet", *arguments)
    assert ended.code == 2
    assert contents(folder) == before
    return ended.error()


def test_the_folder_below_is_fine(run, out):
    assert run("train", "--resume", out, "--quiet").code == 0
    assert sorted(item.name for item in out.iterdir()) == sorted(FILES)


@pytest.mark.parametrize("name", [*FILES, CHECKPOINT, CLAIM])
@pytest.mark.parametrize("target", ["there", "missing"])
def test_links_that_lead_out_of_it(run, folder, out, name, target):
    """What a link leads to would be replaced with a model or a picture."""
    (folder / "there").write_bytes(b"a file of mine")
    (out / name).unlink(missing_ok=True)
    (out / name).symlink_to(folder / target)
    rule = "--resume must be a folder without symbolic links"
    assert refused(run, folder, out) == f"{rule}, got {str(out / name)!r}"


@pytest.mark.parametrize("name", FILES)
def test_links_that_appear_in_the_training(run, folder, out, monkeypatch, name):
    (folder / "there").write_bytes(b"a file of mine")
    fit = crmsprop.CNNClassifier.fit

    def fit_slowly(self, *arguments, **keywords):
        (out / name).symlink_to(folder / "there")
        return fit(self, *arguments, **keywords)

    monkeypatch.setattr(crmsprop.CNNClassifier, "fit", fit_slowly)
    ended = run("train", "--resume", out, "--quiet")
    assert ended.code == 2
    assert "without symbolic links" in ended.error()
    assert (folder / "there").read_bytes() == b"a file of mine"
    (out / name).unlink()
    monkeypatch.setattr(crmsprop.CNNClassifier, "fit", fit)
    assert run("train", "--resume", out, "--quiet").code == 0


@pytest.mark.parametrize("name", [CHECKPOINT, CLAIM])
def test_what_is_no_file(run, folder, out, name):
    (out / name).unlink()
    os.mkfifo(out / name)
    message = refused(run, folder, out)
    assert ("must be a regular file" in message) if name == CHECKPOINT else ("killed or interrupted" in message)


def test_a_result_that_is_a_folder(run, folder, out):
    (out / "model.crms" / "within").mkdir(parents=True)
    ended = run("train", "--resume", out, "--quiet")
    assert ended.code == 2
    assert ended.error() == f'{out}/model.crms: Is a directory; "crmsprop train --resume {out}" goes on'
    assert (out / "model.crms" / "within").is_dir()
    assert (out / CHECKPOINT).exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", *SMALL, "--data", "digits"], r"classes_ must be \[0, 1\]"),
        (["train", *SMALL, "--rho", "0.5"], "rho must be 0.9, as in the training that"),
        (["train", *SMALL, "--model", "mlp"], "--filters"),
        (["train", *SMALL, "--data", "missing.npz"], r"missing\.npz"),
        (["train", "\x1b[2J"], r"\\x1b\[2J"),
        (["train", "--resume", "elsewhere", "--frobnicate"], "--frobnicate"),
        (["train", "--schedule", "os:system"], "schedule"),
        (["predict", "x"], "must be the folder of a training"),
        (["train", *SMALL, "--data", "cifar10"], "give --data-home again"),
        (["train", *SMALL, "--data", "cifar10", "--data-home", "victim/dir"], "give --data-home again"),
    ],
    ids=str,
)
def test_arguments_that_lie(run, folder, out, left, no_download, arguments, message):
    data = json.loads(left[CLAIM])[2]
    arguments = [*arguments[:1], "--data", data, *arguments[1:]]
    (out / CLAIM).write_text(json.dumps(arguments))
    assert re.search(message, refused(run, folder, out))


def test_a_download_that_is_asked_for_on_this_command_line(run, folder, out, monkeypatch):
    def fetch(home):
        raise OSError(f"asked for {home}")

    monkeypatch.setattr(cifar10, "fetch_archive", fetch)
    (out / CLAIM).write_text(json.dumps(["train", *SMALL, "--data", "cifar10", "--no-download"]))
    assert refused(run, folder, out, "--data-home", "mine") == "asked for mine"
    message = refused(run, folder, out, "--data-home", "mine", "--no-download")
    assert "no CIFAR-10 in --data-home 'mine'" in message


def test_the_checkpoint_is_read_before_the_data(run, folder, out, no_download):
    """Which somebody else has named."""
    (out / CLAIM).write_text(json.dumps(["train", *SMALL, "--data", "missing.npz"]))
    (out / CHECKPOINT).write_bytes(b"no checkpoint")
    assert refused(run, folder, out).startswith(f"cannot read {out / CHECKPOINT}: ")


def test_the_results_go_nowhere_else(run, folder, out, left):
    """Whatever the stored arguments say."""
    (out / CLAIM).write_text(json.dumps([*json.loads(left[CLAIM]), "--output", "elsewhere", "--resume", "elsewhere"]))
    assert run("train", "--resume", out, "--quiet").code == 0
    assert [item.name for item in folder.iterdir()] == ["out"]


def test_other_data_under_the_same_name(run, folder, out, left):
    arguments = json.loads(left[CLAIM])
    with np.load(arguments[2]) as old:
        X, y = old["X"], old["y"]
    np.savez(folder / "other.npz", X=X ^ 1, y=y)
    message = refused(run, folder, out, "--data", "other.npz")
    assert message.startswith("X must be '")
    assert f"as in the training that {out / CHECKPOINT} holds" in message


def test_a_checkpoint_of_a_newer_version(run, folder, out, left):
    document, data = split(left[CHECKPOINT])
    document["__metadata__"]["format_version"] = "2"
    (out / CHECKPOINT).write_bytes(join(document, data))
    assert "it has format version 2, and this crmsprop reads up to 1: upgrade" in refused(run, folder, out)


def test_a_model_in_place_of_the_checkpoint(run, folder, out):
    crmsprop.MLPClassifier(max_epochs=1).fit([[0.0], [1.0]], [0, 1]).save(out / CHECKPOINT)
    assert "it holds a 'model', not a 'training'" in refused(run, folder, out)


def test_a_process_that_is_told_to_end_can_go_on(run, folder):
    """As by a batch system: it ends at once, as one that is killed."""
    arguments = ["--filters", "4", "--dense-units", "8", "--epochs", "20", "--threads", "1", "--quiet"]
    with start("-m", "crmsprop", "train", *arguments, "--output", "out") as process:
        while not (folder / "out" / CHECKPOINT).exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM
    assert not (folder / "out" / "model.crms").exists()
    assert run("train", "--resume", "out", "--quiet").code == 0
    assert crmsprop.load("out/model.crms").n_epochs_ == 20
