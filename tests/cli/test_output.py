"""The folder of a run: where it is, when it is made, and what a failure leaves."""

import stat

import pytest

import crmsprop
from crmsprop.cli import output
from crmsprop.cli.output import FILES, output_folder, write_table
from crmsprop.cli.resuming import CHECKPOINT, CLAIM


def test_default_folders_are_numbered(train_small, folder):
    for number in (1, 2, 3):
        name = "crmsprop-run" if number == 1 else f"crmsprop-run-{number}"
        assert f"{name}/model.crms  " in train_small().out
        assert sorted(path.name for path in (folder / name).iterdir()) == sorted(FILES)


def test_a_gap_in_the_numbers_is_filled(folder):
    for name in ("crmsprop-run", "crmsprop-run-3"):
        (folder / name).mkdir()
    with output_folder(None) as got:
        assert got.name == "crmsprop-run-2"


def test_a_file_in_the_way_counts(folder):
    (folder / "crmsprop-run").write_text("mine")
    with output_folder(None) as got:
        assert got.name == "crmsprop-run-2"
    assert (folder / "crmsprop-run").read_text() == "mine"


@pytest.mark.parametrize("wanted", ["out", "a/b/out", "with space"])
def test_output_is_made(train_small, folder, wanted):
    assert train_small("--output", wanted).code == 0
    assert sorted(path.name for path in (folder / wanted).iterdir()) == sorted(FILES)


def test_an_empty_folder_is_used(train_small, folder):
    (folder / "out").mkdir()
    assert train_small("--output", "out").code == 0


def refuse(train_small, wanted):
    ended = train_small("--output", wanted)
    assert ended.code == 2
    return ended.error()


def test_a_folder_in_use_is_refused(train_small, folder):
    (folder / "out").mkdir()
    (folder / "out" / "mine").write_text("keep")
    assert refuse(train_small, "out") == "--output must be a new or an empty folder, got 'out'"
    assert [path.name for path in (folder / "out").iterdir()] == ["mine"]


def test_a_file_is_refused(train_small, folder):
    (folder / "out").write_text("keep")
    assert refuse(train_small, "out") == "--output must be a new or an empty folder, got 'out'"
    assert refuse(train_small, "out/below").endswith("Not a directory")
    assert (folder / "out").read_text() == "keep"


def test_a_place_that_cannot_be_written_fails_before_the_training(train_small, folder, monkeypatch):
    def refuse_all(path, exist_ok):
        raise PermissionError(13, "Permission denied", str(path.parent))

    monkeypatch.setattr(output.Path, "touch", refuse_all)
    assert refuse(train_small, "a/out") == "a/out: Permission denied"
    assert list(folder.iterdir()) == []


def test_a_current_folder_that_is_read_only(run, folder, monkeypatch):
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        if _can_write(folder):  # root may
            monkeypatch.setattr(output.Path, "mkdir", _denied)
        ended = run("train", "--epochs", 1)
        assert ended.code == 2
        assert ended.error() == "crmsprop-run: Permission denied"
    finally:
        folder.chmod(stat.S_IRWXU)


def _can_write(folder):
    try:
        (folder / "probe").write_text("")
    except PermissionError:
        return False
    (folder / "probe").unlink()
    return True


def _denied(self, *arguments, **keywords):
    raise PermissionError(13, "Permission denied", str(self))


@pytest.mark.parametrize("failing", ["write_table", "draw_curves"])
@pytest.mark.parametrize("wanted", [None, "a/out", "there"])
def test_a_failure_in_writing_keeps_the_model(train_small, folder, monkeypatch, failing, wanted):
    """Though there is no checkpoint to go on from."""
    (folder / "there").mkdir()
    monkeypatch.setattr(output, failing, find_no_space)
    ended = train_small("--checkpoint", "none", *([] if wanted is None else ["--output", wanted]))
    out = folder / (wanted or "crmsprop-run")
    assert ended.code == 2
    assert ended.err.splitlines()[-1].endswith(
        f"No space left on device; the model is in {out.relative_to(folder)}/model.crms"
    )
    assert sorted(path.name for path in out.iterdir()) == kept_by(failing)
    assert crmsprop.load(out / "model.crms").n_epochs_ == 2


def kept_by(failing):
    """What is written before, in order of names."""
    return ["model.crms"] if failing == "write_table" else ["history.csv", "model.crms"]


def find_no_space(path, history):
    raise OSError(28, "No space left on device", str(path))


@pytest.mark.parametrize("wanted", [None, "a/out", "there"])
def test_a_model_that_cannot_be_written_leaves_nothing(train_small, folder, monkeypatch, wanted):
    (folder / "there").mkdir()
    monkeypatch.setattr(crmsprop.CNNClassifier, "save", lambda self, path: find_no_space(path, None))
    ended = train_small("--checkpoint", "none", *([] if wanted is None else ["--output", wanted]))
    assert ended.code == 2
    assert ended.err.splitlines()[-1].endswith("model.crms: No space left on device")
    assert [path.name for path in folder.rglob("*")] == ["there"]


def press(path, history):
    raise KeyboardInterrupt


SMALL = ("--filters", "4", "--dense-units", "8", "--epochs", "2", "--threads", "1")
COMMANDS = {
    "train": ("train", *SMALL, "--checkpoint", "none"),
    "fine-tune": ("fine-tune", "--epochs", "1", "--threads", "1", "model.crms"),
    "tune": ("tune", *SMALL, "--cv", "2", "--param", "rho=0.8,0.9"),
}
every_command = pytest.mark.parametrize("command", COMMANDS)


@every_command
def test_ctrl_c_while_the_curves_are_drawn_keeps_the_model(run, model_file, folder, monkeypatch, command):
    monkeypatch.setattr(output, "draw_curves", press)
    ended = run(*COMMANDS[command], "--quiet", "--output", "out")
    assert ended.code == 130
    assert ended.err.startswith("crmsprop: error: interrupted; ")
    assert "the model is in out/model.crms" in ended.err
    assert crmsprop.load(folder / "out" / "model.crms").n_epochs_ >= 1


@every_command
@pytest.mark.parametrize(("error", "code"), [(MemoryError("no room"), 1), (ValueError("no test"), 2)], ids=str)
def test_a_test_that_fails_loses_nothing(run, model_file, folder, monkeypatch, command, error, code):
    def fail(self, X, y):
        raise error

    monkeypatch.setattr(crmsprop.CNNClassifier, "evaluate", fail)
    ended = run(*COMMANDS[command], "--quiet", "--output", "out")
    assert ended.code == code
    assert ended.err.splitlines()[-1].startswith(f"crmsprop: error: {error}; ")
    assert "the model is in out/model.crms" in ended.err
    assert {path.name for path in (folder / "out").iterdir()} >= set(FILES)


@pytest.mark.parametrize("failing", ["write_table", "draw_curves"])
def test_a_failure_in_writing_does_not_lose_the_training(train_small, run, folder, monkeypatch, failing):
    train_small("--output", "whole", "--quiet")
    with monkeypatch.context() as patch:
        patch.setattr(output, failing, find_no_space)
        ended = train_small("--output", "out")
    assert ended.code == 2
    line = 'No space left on device; the model is in out/model.crms; "crmsprop train --resume out" goes on'
    assert ended.err.splitlines()[-1].endswith(line)
    assert sorted(path.name for path in (folder / "out").iterdir()) == sorted([CHECKPOINT, CLAIM, *kept_by(failing)])
    assert run("train", "--resume", "out").code == 0
    assert sorted(path.name for path in (folder / "out").iterdir()) == sorted(FILES)
    one, other = (crmsprop.load(folder / name / "model.crms") for name in ("whole", "out"))
    assert one.network_.arena.flat.tobytes() == other.network_.arena.flat.tobytes()


def test_other_peoples_files_stay(folder):
    def work():
        with output_folder(None) as made:
            (made / "history.csv").write_text("half")
            (made / "mine").write_text("keep")
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert [path.name for path in (folder / "crmsprop-run").iterdir()] == ["mine"]


def test_csv(folder):
    history = {"epoch": [1, 2], "loss": [0.1, 1e-300], "val_loss": [None, None]}
    write_table(folder / "h.csv", history)
    assert (folder / "h.csv").read_bytes() == b"epoch,loss,val_loss\r\n1,0.1,\r\n2,1e-300,\r\n"


def test_two_runs_never_share_a_folder(train_small, folder):
    """The second refuses, and a failure of the first removes nothing of anybody else's."""

    def interrupted_run():
        with output_folder(folder / "out"):
            assert "must be a new or an empty folder" in refuse(train_small, "out")
            (folder / "out" / "notes.txt").write_text("mine")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_run()
    assert [path.name for path in (folder / "out").iterdir()] == ["notes.txt"]


def test_a_tilde_is_the_home_folder(train_small, folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder / "home"))
    (folder / "home").mkdir()
    assert train_small("--output", "~/out").code == 0
    assert (folder / "home" / "out" / "model.crms").is_file()
