"""How the program was started."""

import sys
from pathlib import Path

import pytest

from crmsprop.cli.invocation import program


@pytest.fixture
def start(monkeypatch, folder):
    """Return a function that says how the program was started; the shell finds ``found/crmsprop`` by its name."""
    for name in ("found", ".venv/bin"):
        Path(name).mkdir(parents=True)
        Path(name, "crmsprop").write_text("#!/bin/sh\n")
        Path(name, "crmsprop").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder / "found"))
    return lambda words: monkeypatch.setattr(sys, "argv", [words, "train"])


def test_a_program_that_the_shell_finds_has_its_name(start, folder):
    start(str(folder / "found" / "crmsprop"))
    assert program() == ["crmsprop"]


def test_one_that_it_does_not_find_is_called_as_it_was(start):
    start(".venv/bin/crmsprop")  # the shell finds another one
    assert program() == [".venv/bin/crmsprop"]
    Path("found/crmsprop").unlink()
    assert program() == [".venv/bin/crmsprop"]


def test_a_module_is_started_as_one(start):
    start("/somewhere/crmsprop/__main__.py")
    assert program() == [sys.executable, "-m", "crmsprop"]


@pytest.mark.parametrize("other", ["/somewhere/pytest/__main__.py", "", "-c", "notebook.py"])
def test_who_calls_main_in_python_gets_the_name(start, other):
    start(other)
    assert program() == ["crmsprop"]
