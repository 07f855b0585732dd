"""The docstrings of public names are complete: numpydoc reads them, and examples are there."""

import importlib
import inspect

import pytest
from numpydoc.validate import validate

#: Where the public names live.
PACKAGES = (
    "crmsprop",
    "crmsprop.augment",
    "crmsprop.callbacks",
    "crmsprop.cli",
    "crmsprop.datasets",
    "crmsprop.display",
    "crmsprop.estimators",
    "crmsprop.nn",
    "crmsprop.schedules",
)
#: See numpydoc.validate: layout of the text, every parameter documented and no other, in order and with its type.
CHECKS = {"GL01", "GL03", "GL05", "GL06", "GL07", "PR01", "PR02", "PR03", "PR04", "PR10", "SS03", "SS06"}


def public_objects():
    """Yield the full name of every public function, class and method of ours, and the object."""
    names = [(package, name) for package in PACKAGES for name in importlib.import_module(package).__all__]
    for package, name in names:
        value = getattr(importlib.import_module(package), name)
        if not callable(value):
            continue
        yield f"{package}.{name}", value
        if inspect.isclass(value):
            for method, function in inspect.getmembers(value, inspect.isfunction):
                if function.__module__.startswith("crmsprop") and not method.startswith("_"):
                    yield f"{package}.{name}.{method}", function


OBJECTS = dict(public_objects())


@pytest.mark.parametrize("name", OBJECTS)
def test_numpydoc_finds_nothing_missing(name):
    """A method that overrides another may leave its docstring to it; a single line names its parameters in itself."""
    text = inspect.getdoc(OBJECTS[name])
    assert text
    if OBJECTS[name].__doc__:
        checks = CHECKS if "\n" in text else CHECKS - {"PR01"}
        assert [error for error in validate(name)["errors"] if error[0] in checks] == []


@pytest.mark.parametrize("name", [name for name in OBJECTS if name.rpartition(".")[0] in PACKAGES])
def test_every_public_name_has_an_example(name):
    assert ">>> " in (inspect.getdoc(OBJECTS[name]) or "")
