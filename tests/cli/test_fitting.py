"""What train and fine-tune have in common: what is shown of a fit, and what Ctrl-C leaves of it."""

import argparse
import signal

import numpy as np
import pytest

import crmsprop
from crmsprop import MLPClassifier
from crmsprop.callbacks import Callback
from crmsprop.cli import fitting
from crmsprop.cli.data import Data
from crmsprop.cli.fitting import print_results, report_interruption, watched_fit
from crmsprop.cli.output import FILES

X, Y = np.random.default_rng(0).normal(size=(40, 4)), np.arange(40) % 2
DATA = Data("mine", X, Y, X[:9], Y[:9])
OPTIONS = {"data": "mine", "shape_of_rows": None, "data_home": None, "skip_broken": False}


class Press(Callback):
    """Presses Ctrl-C in an epoch, counted from 0."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, context):
        if context.epoch == self.epoch:
            signal.raise_signal(signal.SIGINT)


@pytest.fixture
def model():
    return MLPClassifier((3,), max_epochs=4, random_state=0, n_threads=1)


def test_a_fit_is_shown(model, capsys):
    assert watched_fit(model, lambda: model.fit(X, Y), DATA, quiet=False) is False
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[:2] == [DATA.describe(), "23 parameters, float64, threads: 1"]
    assert [line.split()[1] for line in err.splitlines()[2:]] == ["1/4", "2/4", "3/4", "4/4"]


def test_quiet_shows_nothing_and_leaves_the_other_callbacks(model, capsys):
    press = Press(99)
    assert watched_fit(model, lambda: model.fit(X, Y), DATA, quiet=True, more=[press]) is False
    assert capsys.readouterr() == ("", "")
    assert model.callbacks == [press]


@pytest.mark.parametrize("quiet", [True, False])
def test_ctrl_c_leaves_the_whole_epochs(model, capsys, quiet):
    assert watched_fit(model, lambda: model.fit(X, Y), DATA, quiet, [Press(2)]) is True
    capsys.readouterr()
    assert report_interruption(model, "out") == 130
    line = "crmsprop: interrupted after 2 of 4 epochs, whose results are in out"
    assert capsys.readouterr() == ("", f"{line}\n")
    assert report_interruption(model, "out", "go on") == 130
    assert capsys.readouterr() == ("", f"{line}; go on\n")
    expected = MLPClassifier((3,), max_epochs=2, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(model.network_.arena.flat, expected.network_.arena.flat)


def test_ctrl_c_in_the_first_epoch_leaves_nothing(model):
    with pytest.raises(KeyboardInterrupt):
        watched_fit(model, lambda: model.fit(X, Y), DATA, True, [Press(0)])


def test_other_errors_close_the_bar_and_come_through(model, monkeypatch):
    closed = []
    monkeypatch.setattr(fitting.ProgressBar, "close", lambda self: closed.append(True))
    with pytest.raises(ZeroDivisionError):
        watched_fit(model, lambda: 1 / 0, DATA, quiet=False)
    assert closed


@pytest.mark.parametrize("terminals", [(), ("stdout",), ("stderr",), ("stdout", "stderr")])
def test_the_table_is_printed_where_its_lines_were_not(model, folder, capsys, monkeypatch, terminals):
    model.fit(X, Y)
    for name in terminals:
        monkeypatch.setattr(f"sys.{name}.isatty", lambda: True)
    print_results(model, {"loss": 0.5, "accuracy": 0.75}, DATA, folder, argparse.Namespace(**OPTIONS, quiet=False))
    lines = capsys.readouterr().out.splitlines()
    result = lines.index("test loss 0.5000, test accuracy 0.7500 on 9 samples")
    assert lines[result - 1].startswith("trained 4 epochs in ")
    assert result == (1 if len(terminals) == 2 else 6)
    assert [line.split()[0] for line in lines[result + 1 : -1]] == [str(folder / name) for name in FILES]
    assert lines[-1] == f"then: crmsprop evaluate {folder}/model.crms --data mine"
    print_results(model, {"loss": 0.5, "accuracy": 0.75}, DATA, folder, argparse.Namespace(**OPTIONS, quiet=True))
    assert capsys.readouterr().out.splitlines() == lines[result:-1]


def test_a_training_that_was_too_long_ends_with_a_hint(model, folder, capsys):
    model.set_params(max_epochs=6).fit(X, Y)
    model.history_["val_loss"] = [0.5, 0.5, 0.5, 0.6, 0.6, 0.7]
    good, bad = {"loss": 0.1, "accuracy": 0.9}, {"loss": 2.0, "accuracy": 0.1}
    for score, quiet, n in ((good, False, 1), (good, True, 0), (bad, False, 0)):
        print_results(model, score, DATA, folder, argparse.Namespace(**OPTIONS, quiet=quiet))
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("hint: val_loss was lowest")]
        assert len(lines) == n


# fine-tune; test_resume.py has what concerns train


@pytest.fixture
def press_in(monkeypatch):
    """Return a function that makes the next training press Ctrl-C in an epoch."""
    return lambda epoch: monkeypatch.setattr(fitting, "Announcement", lambda data: Press(epoch))


def test_fine_tune_keeps_the_epochs_that_it_has(run, model_file, folder, press_in):
    press_in(1)
    ended = run("fine-tune", "--epochs", 3, "--threads", 1, model_file)
    assert ended.code == 130
    line = "crmsprop: interrupted after 1 of 3 epochs, whose results are in crmsprop-fine-tuned"
    assert ended.err.splitlines()[-1] == line
    assert "test accuracy" in ended.out
    assert sorted(path.name for path in (folder / "crmsprop-fine-tuned").iterdir()) == sorted(FILES)
    assert crmsprop.load(folder / "crmsprop-fine-tuned" / "model.crms").n_epochs_ == 1


def test_fine_tune_leaves_nothing_where_it_has_no_epoch(run, model_file, folder, press_in):
    press_in(0)
    ended = run("fine-tune", "--epochs", 3, "--threads", 1, model_file)
    assert (ended.code, ended.out) == (130, "")
    assert ended.err.splitlines()[-1] == "crmsprop: error: interrupted, nothing was kept"
    assert [path.name for path in folder.iterdir()] == [model_file]
