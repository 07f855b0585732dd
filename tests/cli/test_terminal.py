"""What is printed: no name of a file, label or text of a stranger's steers the terminal."""

import io
import os
import re
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from model_files import put, with_config

import crmsprop
from crmsprop.cli import terminal
from crmsprop.cli.terminal import harmless, printable, show, shown_together

ESCAPES = "\x1b[2J\x1b]0;title\x07"
NASTY = f"a{ESCAPES}\x9b31m\u202eb\r"
TRAINING = ("--filters", "4", "--dense-units", "8", "--epochs", "1", "--threads", "1")


def assert_harmless(ended):
    """Nothing but letters and ends of lines, and somewhere the escape as text."""
    text = ended.out + ended.err
    controls = {letter for letter in text if unicodedata.category(letter)[0] == "C"}
    assert controls == {"\n"}
    assert r"\x1b[2J" in text


def test_nothing_is_printed_past_it():
    for path in Path(terminal.__file__).parent.glob("*.py"):
        assert path.name == "terminal.py" or not re.search(r"\bprint\(|std(out|err)\.write", path.read_text()), path


def test_letters_of_all_kinds_are_left_alone():
    for text in ("é ß 猫 \U0001f600", "two\nlines\n", ""):
        assert harmless(text) == text


def test_what_is_not_to_be_seen_is_escaped():
    assert harmless("a\x1b[2J\tb\u202ec\udc80\nd") == "a\\x1b[2J\\tb\\u202ec\\udc80\nd"
    assert printable("two\nlines") == r"'two\nlines'"


@pytest.mark.parametrize(("encoding", "expected"), [("utf-8", "猫 \\x1b\n"), ("ascii", "\\u732b \\x1b\n")])
def test_a_terminal_that_lacks_letters(encoding, expected):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    show("猫 \x1b", file)
    assert file.buffer.getvalue().decode(encoding) == expected


@pytest.fixture
def data(folder, images):
    """A data set whose file has a nasty name."""
    X, y = images
    np.savez(f"{NASTY}.npz", X=X, y=y)
    return f"{NASTY}.npz"


def test_train(run, data):
    ended = run("train", *TRAINING, "--data", data, "--output", f"{NASTY}-out")
    assert ended.code == 0
    assert_harmless(ended)


def test_a_folder_whose_name_is_no_text(run, folder, images):
    """Bytes that are no UTF-8: the training is not lost over its last lines."""
    out = os.fsdecode(b"out-\xff")
    ended = run("train", *TRAINING, "--quiet", "--output", out)
    assert ended.code == 0
    assert r"out-\udcff/model.crms" in ended.out
    assert (folder / out / "model.crms").exists()


def test_evaluate_and_find_lr_and_tune(run, data, model_file, images):
    crmsprop.CNNClassifier((2,), max_epochs=1).fit(*images).save("small.crms")
    assert_harmless(run("evaluate", "--data", data, "small.crms"))
    assert_harmless(run("find-lr", *TRAINING[:4], "--steps", "40", "--data", data, "--output", f"{NASTY}-lr"))
    assert_harmless(run("tune", *TRAINING, "--cv", "2", "--param", "rho=0.8,0.9", "--data", data, "--output", NASTY))


@pytest.mark.parametrize("form", [[], ["--csv"]])
def test_predict(run, folder, monkeypatch, form):
    """Names of files and labels of the model; CSV is escaped only where it goes to a terminal."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    X = np.eye(3)
    crmsprop.MLPClassifier(max_epochs=1).fit(X, [NASTY, "b", "c"]).save("model.crms")
    np.save(f"{NASTY}.npy", X)
    ended = run("predict", *form, "model.crms", f"{NASTY}.npy")
    assert ended.code == 0
    assert_harmless(ended)


def test_labels_in_a_table(run, folder):
    X, y = np.repeat(np.eye(3), 5, axis=0), np.repeat([NASTY, "b", "c"], 5)
    crmsprop.MLPClassifier(max_epochs=1).fit(X, y).save("model.crms")
    np.savez("data.npz", X=X, y=y)
    ended = run("evaluate", "--part", "all", "--data", "data.npz", "model.crms")
    assert ended.code == 0
    assert_harmless(ended)


def test_export(run, model_file):
    ended = run("export", "--to", "safetensors", "--output", NASTY, model_file)
    assert ended.code == 0
    assert_harmless(ended)


ERRORS = {
    "an option": ["train", f"--{NASTY}"],
    "a value": ["train", "--schedule", NASTY],
    "a command": [NASTY],
    "data that are missing": ["train", "--data", f"{NASTY}.npz"],
    "a model that is missing": ["predict", NASTY, "x.npy"],
    "a model that is none": ["summary", f"{NASTY}.txt"],
    "a run that is none": ["train", "--resume", NASTY],
    "a picture that is none": ["predict", "model.crms", f"{NASTY}.txt"],
    "columns of a file": ["train", "--data", "columns.npz"],
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(run, folder, model_file, name):
    (folder / f"{NASTY}.txt").write_text(NASTY)
    np.savez("columns.npz", **{NASTY: np.zeros(3)})
    ended = run(*ERRORS[name])
    assert ended.code == 2
    assert_harmless(ended)
    assert len(ended.err.splitlines()) == 1


CHANGES = {
    "class": put("network", "layers", 0, "class", value=NASTY),
    "estimator": put("estimator", value=NASTY),
    "parameter": put("parameters", NASTY, value=1),
    "padding": put("network", "layers", 0, "padding", value=NASTY),
    "loss": put("parameters", "loss", value={"class": NASTY}),
    "schedule": put("parameters", "schedule", value={"class": NASTY}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_model_says_wrongly(run, folder, model_file, name):
    (folder / "bad.crms").write_bytes(with_config((folder / model_file).read_bytes(), CHANGES[name]))
    ended = run("summary", "bad.crms")
    assert ended.code == 2
    assert_harmless(ended)


def test_a_function_in_a_model_does_not_steer_python_either(folder, model_file):
    """Its name stands in a warning, which Python prints as it is."""
    change = put("parameters", "schedule", value={"function": NASTY})
    (folder / "bad.crms").write_bytes(with_config((folder / model_file).read_bytes(), change))
    with pytest.warns(UserWarning, match="is not imported") as caught:
        crmsprop.load("bad.crms")
    assert str(caught[0].message).isprintable()


def test_a_stream_without_an_encoding(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    show("é")
    assert sys.stdout.getvalue() == "é\n"


# who sees what


@pytest.mark.parametrize(("terminals", "expected"), [((), False), (("out",), False), (("out", "err"), True)])
def test_two_terminals_are_one_reader(monkeypatch, capsys, terminals, expected):
    """What pytest puts in their place has no file behind it."""
    for name in terminals:
        monkeypatch.setattr(f"sys.std{name}.isatty", lambda: True)
    assert shown_together() is expected


@pytest.mark.parametrize("names", [("log", "log"), ("log", "other")])
def test_one_file_for_both_is_one_reader(monkeypatch, folder, names):
    """As ``crmsprop train > log 2>&1`` has them."""
    with open(names[0], "w") as out, open(names[1], "a") as err:
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("sys.stderr", err)
        assert shown_together() is (names[0] == names[1])
