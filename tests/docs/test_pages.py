"""The doctests of the guide's pages: each page is one session, in an empty folder of its own."""

import doctest
import warnings
from pathlib import Path

import pytest

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
