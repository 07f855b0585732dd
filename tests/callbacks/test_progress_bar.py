"""ProgressBar: a line an epoch everywhere, a bar on a terminal only, and no cost worth the name."""

import contextlib
import copy
import io
import pickle
import re
import sys
import time
from types import SimpleNamespace

import pytest

from crmsprop.callbacks import ProgressBar, progress_bar
from crmsprop.errors import MissingExtraError
from crmsprop.estimators import MLPClassifier, MLPRegressor
from crmsprop.training import new_history

X, Y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]


class Terminal(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Return a function that gives a terminal of 100 columns in place of standard error, for a with statement.

    pytest puts its own stream in that place after the fixtures have run.
    """
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "24")
    return lambda: contextlib.redirect_stderr(Terminal())


@pytest.fixture
def eager(monkeypatch):
    """Draw at each batch."""
    monkeypatch.setattr(progress_bar, "INTERVAL", 0)


def fit(callback, **parameters):
    parameters = {"max_epochs": 3, "batch_size": 2, "random_state": 0, "n_threads": 1} | parameters
    return MLPClassifier((3,), callbacks=[callback], **parameters).fit(X, Y)


def test_where_there_is_no_terminal_only_lines(capsys):
    model = fit(ProgressBar())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "\r" not in captured.err
    lines = captured.err.splitlines()
    assert [line.split()[1] for line in lines] == ["1/3", "2/3", "3/3"]
    for line, loss, accuracy in zip(lines, model.history_["loss"], model.history_["accuracy"], strict=True):
        assert f"  loss {loss:.4f}  accuracy {accuracy:.4f}  learning_rate 0.001  " in line


def test_validation_is_in_the_line(capsys):
    model = MLPClassifier((3,), max_epochs=1, callbacks=[ProgressBar()]).fit(X, Y, X_val=X, y_val=Y)
    loss, accuracy = model.history_["val_loss"][0], model.history_["val_accuracy"][0]
    assert f"  val_loss {loss:.4f}  val_accuracy {accuracy:.4f}  " in capsys.readouterr().err


@pytest.mark.usefixtures("eager")
def test_the_bar_shows_loss_and_accuracy_so_far(terminal):
    with terminal() as shown:
        fit(ProgressBar(), max_epochs=1)
    drawn = [part for part in shown.getvalue().split("\r") if part.startswith("epoch 1/1:")]
    assert re.search(r"50%\|.*\| 1/2 \[.*loss \d\.\d{4}, accuracy \d\.\d{4}\]", drawn[1])
    assert re.search(r"100%\|.*\| 2/2 \[.*loss \d\.\d{4}, accuracy \d\.\d{4}\]", drawn[2])


@pytest.mark.usefixtures("eager")
def test_a_finished_epoch_leaves_a_line_and_no_bar(terminal):
    with terminal() as shown:
        fit(ProgressBar())
    screen = [line.rpartition("\r")[2] for line in shown.getvalue().removesuffix("\n").split("\n")]
    assert [line.split()[:2] for line in screen] == [["epoch", "1/3"], ["epoch", "2/3"], ["epoch", "3/3"]]
    assert all("|" not in line for line in screen)


def test_an_epoch_that_is_over_at_once_draws_no_bar(terminal):
    with terminal() as shown:
        fit(ProgressBar())
    assert len(shown.getvalue().splitlines()) == 3
    assert "|" not in shown.getvalue()


def context_of(n_batches):
    plan = SimpleNamespace(max_epochs=1)
    return SimpleNamespace(epoch=0, batch=0, n_batches=n_batches, loss=0.5, accuracy=0.5, plan=plan)


def test_a_regression_has_a_bar_and_no_accuracy(terminal, eager):
    with terminal() as shown:
        MLPRegressor((3,), callbacks=[ProgressBar()], max_epochs=2, batch_size=2, random_state=0).fit(X, Y)
    assert "loss 0." in shown.getvalue()
    assert "accuracy" not in shown.getvalue()
    assert "nan" not in shown.getvalue()


def test_it_is_drawn_a_few_times_a_second(terminal):
    context, callback = context_of(30), ProgressBar()
    with terminal() as shown:
        callback.on_epoch_begin(context)
        start = time.perf_counter()
        for batch in range(context.n_batches):
            time.sleep(0.02)
            context.batch = batch
            callback.on_batch_end(context)
        seconds = time.perf_counter() - start
        callback.close()
    assert 1 <= shown.getvalue().count("loss 0.5000") <= seconds / progress_bar.INTERVAL


def test_most_batches_draw_nothing(terminal):
    """They only look at the clock: a small step takes 30 microseconds, a drawing more."""
    context, callback = context_of(10**6), ProgressBar()
    with terminal() as shown:
        callback.on_epoch_begin(context)
        start = time.perf_counter()
        for _ in range(20_000):
            callback.on_batch_end(context)
        seconds = time.perf_counter() - start
        callback.close()
    assert shown.getvalue().count("loss 0.5000") <= 1 + seconds / progress_bar.INTERVAL


class Failing(ProgressBar):
    """Fails behind the first batch."""

    def on_batch_end(self, context):
        super().on_batch_end(context)
        raise RuntimeError


@pytest.mark.usefixtures("eager")
def test_close_erases_the_bar_of_a_training_that_failed(terminal):
    callback = Failing()
    with terminal() as shown:
        with pytest.raises(RuntimeError):
            fit(callback)
        callback.close()
        callback.close()
    *_, blanks, rest = shown.getvalue().split("\r")
    assert "|" in shown.getvalue()
    assert (blanks.strip(), rest) == ("", "")


def test_it_can_be_used_again_and_copied(capsys):
    callback = ProgressBar()
    fit(callback)
    for again in (callback, copy.deepcopy(callback), pickle.loads(pickle.dumps(callback))):
        capsys.readouterr()
        fit(again)
        assert len(capsys.readouterr().err.splitlines()) == 3


def test_it_changes_no_bit():
    with_bar, without = fit(ProgressBar()), MLPClassifier((3,), max_epochs=3, batch_size=2, random_state=0).fit(X, Y)
    assert with_bar.history_["loss"] == without.history_["loss"]


def test_missing_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(MissingExtraError, match=r'the progress bar needs tqdm: pip install "crmsprop\[cli\]"'):
        ProgressBar().on_train_begin(SimpleNamespace(history=new_history()))


def test_repr():
    assert repr(ProgressBar()) == "ProgressBar()"
