"""The doctests of the guide's pages: each page is one session, in an empty folder of its own."""

import doctest
import re
import warnings
from pathlib import Path

import pytest

from crmsprop.cli.program import make_parser

FOLDER = Path(__file__).resolve().parents[2] / "docs"
GENERATED = {"_build", "generated", "backreferences", "tuning"}


def pages():
    """Every page that is written by hand, by its name under docs/."""
    found = [path.relative_to(FOLDER) for path in FOLDER.rglob("*.rst")]
    return sorted(str(path) for path in found if not GENERATED & set(path.parts))


def test_there_are_pages():
    assert {"index.rst", "guide/start.rst", "reference/crmsprop.rst"} <= set(pages())


@pytest.mark.parametrize("page", pages())
def test_examples_of_a_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcome = doctest.testfile(str(FOLDER / page), module_relative=False, encoding="utf-8")
    assert outcome.failed == 0


def commands(text):
    """The command lines of a page: lines of their own, and what stands between backticks."""
    text = re.sub(r"\\\n\s*|\n# +(?=[^-= ])", " ", text)  # continued lines, and the comments of chapters
    found = re.findall(r"^ *(?:\.venv/bin/)?crmsprop ([a-z-]+ .*)$", text, flags=re.MULTILINE)
    return found + re.findall(r"`crmsprop ([a-z-]+ [^`]*)`", text)


PROGRAMS = sorted(path.relative_to(FOLDER) for path in FOLDER.glob("chapters/*.py"))


@pytest.mark.parametrize("page", [*pages(), *map(str, PROGRAMS)])
def test_commands_of_a_page_are_understood(page):
    for line in commands((FOLDER / page).read_text()):
        make_parser().parse_args(line.replace('"', "").split())


def test_commands_are_found():
    assert len(commands((FOLDER / "guide" / "own_images.rst").read_text())) >= 3
    assert any(line.startswith("tune") for path in PROGRAMS for line in commands((FOLDER / path).read_text()))
