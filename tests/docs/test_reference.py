"""Every public name has its page in the reference, and every page is that of a public name."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
from public_names import MODULES, public_names

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
PAGES = sorted(path for path in FOLDER.glob("*.rst") if path.name != "index.rst")

#: The constants, whose class would be all that a page of their own could tell.
CONSTANTS = {"crmsprop.__version__", "crmsprop.datasets.CIFAR10_CLASSES"}

#: A block of autosummary, and what stands in it.
BLOCK = re.compile(r"^\.\. autosummary::\n(?:   :.*\n)*\n((?:   \S.*\n)+)", re.MULTILINE)


def listed(page):
    """The full names that a page lists."""
    text = page.read_text()
    (module,) = re.findall(r"^\.\. currentmodule:: (\S+)$", text, re.MULTILINE)
    assert page.stem == module
    return [f"{module}.{name}" for block in BLOCK.findall(text) for name in block.split()]


def value_of(name):
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


@pytest.fixture(scope="module")
def names():
    return [name for page in PAGES for name in listed(page)]


def test_every_public_object_has_one_page(names):
    """One that has two names, ``crmsprop.load`` and ``crmsprop.estimators.load``, has the page of one of them."""
    modules = [id(importlib.import_module(page.stem)) for page in PAGES]
    pages = modules + [id(value_of(name)) for name in names]
    assert len(pages) == len(set(pages))
    public = {name: value for name, value in public_names().items() if name not in CONSTANTS}
    assert [name for name, value in public.items() if id(value) not in pages] == []


def test_every_page_is_of_a_public_name(names):
    assert sorted(set(names) - set(public_names())) == []


@pytest.mark.parametrize("name", sorted(CONSTANTS))
def test_a_constant_is_told_on_the_page_of_its_module(name):
    module, _, constant = name.rpartition(".")
    _, _, text = (FOLDER / f"{module}.rst").read_text().partition(f".. data:: {constant}\n")
    assert ">>> " in text


def test_every_page_has_an_example(names):
    assert [name for name in names if ">>> " not in (inspect.getdoc(value_of(name)) or "")] == []


def test_the_index_has_every_page():
    _, _, tree = (FOLDER / "index.rst").read_text().partition(".. toctree::")
    pages = re.findall(r"^   (crmsprop\S*)$", tree, re.MULTILINE)
    assert sorted(pages) == sorted(page.stem for page in PAGES)
    assert set(MODULES) - set(pages) == {"crmsprop.estimators"}  # all that it has is on the page of the package
