"""The docstrings of public names are complete: numpydoc reads them, and examples are there."""

import inspect

import pytest
from numpydoc.validate import validate
from public_names import MODULES, public_names

#: See numpydoc.validate: layout of the text, every parameter documented and no other, in order and with its type.
CHECKS = {"GL01", "GL03", "GL05", "GL06", "GL07", "PR01", "PR02", "PR03", "PR04", "PR10", "SS03", "SS06"}


def public_objects():
    """Yield the full name of every public function, class and method of ours, and the object."""
    for name, value in public_names().items():
        if not callable(value):
            continue
        yield name, value
        if inspect.isclass(value):
            for method, function in inspect.getmembers(value, inspect.isfunction):
                if function.__module__.startswith("crmsprop") and not method.startswith("_"):
                    yield f"{name}.{method}", function


OBJECTS = dict(public_objects())


@pytest.mark.parametrize("name", OBJECTS)
def test_numpydoc_finds_nothing_missing(name):
    """A method that overrides another may leave its docstring to it; a single line names its parameters in itself."""
    text = inspect.getdoc(OBJECTS[name])
    assert text
    if OBJECTS[name].__doc__:
        checks = CHECKS if "\n" in text else CHECKS - {"PR01"}
        assert [error for error in validate(name)["errors"] if error[0] in checks] == []


@pytest.mark.parametrize("name", [name for name in OBJECTS if name.rpartition(".")[0] in MODULES])
def test_every_public_name_has_an_example(name):
    assert ">>> " in (inspect.getdoc(OBJECTS[name]) or "")


PROPERTIES = {
    f"{name}.{member}": found
    for name, value in OBJECTS.items()
    if inspect.isclass(value)
    for member, found in inspect.getmembers(value, lambda member: isinstance(member, property))
    if not member.startswith("_") and f"{value.__module__}".startswith("crmsprop")
}


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_property_has_a_docstring_of_its_own(name):
    """One that is made from a function object without one shows that of the object's class."""
    found = PROPERTIES[name]
    assert found.__doc__
    assert found.__doc__ != type(found.fget).__doc__
