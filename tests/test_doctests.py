"""The examples in the docstrings run, on the crmsprop that is imported: the installed one, where it is installed."""

import doctest
import importlib
import pkgutil

import pytest

import crmsprop


def modules():
    """Return the name of every module, without those that are programs."""
    found = pkgutil.walk_packages(crmsprop.__path__, "crmsprop.")
    return ["crmsprop", *(info.name for info in found if not info.name.endswith("__main__"))]


@pytest.mark.parametrize("name", modules())
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.failed == 0
    assert list(tmp_path.iterdir()) == []
