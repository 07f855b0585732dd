"""The examples in the docstrings run, on the crmsprop that is imported: the installed one, where it is installed."""

import doctest
import importlib
import pkgutil

import pytest

import crmsprop

#: Where the public names live.
PUBLIC = ("crmsprop", "crmsprop.callbacks", "crmsprop.cli", "crmsprop.datasets", "crmsprop.schedules")


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


@pytest.mark.parametrize("package", PUBLIC)
def test_every_public_name_has_an_example(package):
    public = importlib.import_module(package)
    objects = [getattr(public, name) for name in public.__all__]
    lacking = [value.__name__ for value in objects if callable(value) and ">>> " not in (value.__doc__ or "")]
    assert lacking == []
