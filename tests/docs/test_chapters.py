"""The chapters of the guide, without running them: the build does that, with warnings as errors."""

import ast
import importlib.util
import tomllib
from pathlib import Path

import numpy as np
import pytest

from crmsprop.datasets import load_cifar10

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = ROOT / "docs" / "chapters"


def extension(name):
    """Import a file of docs/_ext."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "_ext" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_chapter_has_its_place():
    assert sorted(extension("chapters").NAMES) == sorted(path.stem for path in CHAPTERS.glob("*.py"))


@pytest.mark.parametrize("path", CHAPTERS.glob("*.py"), ids=lambda path: path.stem)
def test_a_chapter_has_a_title_and_a_picture(path):
    tree = ast.parse(path.read_text())
    title, rule, blank, *text = ast.get_docstring(tree).splitlines()
    assert (set(rule), blank) == ({"="}, "")
    assert len(rule) == len(title)
    assert text
    assert "plt.show()" in path.read_text()


def test_the_stand_in_is_read_as_cifar10(tmp_path):
    module = extension("stand_in")
    module.write_stand_in(str(tmp_path))
    (X, y), (X_test, y_test) = load_cifar10(tmp_path, download=False)
    images, labels = module.coloured_digits()
    assert X.shape == (5 * module.IMAGES, 32, 32, 3)
    assert np.array_equal(np.concatenate([X, X_test]), images)
    assert np.array_equal(np.concatenate([y, y_test]), labels)
    assert np.bincount(y_test).min() > 10


def test_the_build_is_as_the_developers_are_told():
    """One command, in CONTRIBUTING.md and in .ci/run, with warnings as errors and every reference checked."""
    command = "-m sphinx -W -n docs docs/_build/html"
    for name in ("CONTRIBUTING.md", ".ci/run"):
        assert command in (ROOT / name).read_text()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert all(">=" in name for name in extras["docs"] if not name.startswith("crmsprop"))
