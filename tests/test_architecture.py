"""The arrows between modules point one way only, and the rules that say so find what they are there for."""

import pytest
from import_rules import (
    LEVELS,
    PICKLETOOLS_READER,
    cycles,
    every_import,
    imports_of,
    optional_at_top,
    packages,
    part,
    sources,
    unsafe,
    wrong_arrows,
    wrong_exports,
)


@pytest.fixture(scope="module")
def texts():
    return sources()


@pytest.fixture(scope="module")
def found(texts):
    return every_import(texts, packages())


def test_every_part_has_a_level(texts):
    assert {part(module) for module in texts} <= set(LEVELS)
    assert len(texts) > 30


def test_arrows_point_down(texts, found):
    assert wrong_arrows(texts, found) == []


def test_no_cycles(texts, found):
    assert cycles(texts, found) == []


def test_all_is_what_is_imported(texts):
    assert wrong_exports(texts, packages()) == []


def test_optional_packages_are_imported_where_they_are_used(found):
    assert optional_at_top(found) == []


def test_no_module_is_called_utils(texts):
    assert [module for module in texts if "utils" in module.split(".")] == []


def test_nothing_can_unpickle(found):
    assert unsafe(found) == []


# the rules themselves: each finds what it is there for


def violations(rule, **modules):
    names = {"crmsprop": "", **{name.replace("__", "."): text for name, text in modules.items()}}
    tree = {name if name == "crmsprop" else f"crmsprop.{name}": text for name, text in names.items()}
    return rule(tree, every_import(tree, {"crmsprop"}))


@pytest.mark.parametrize(
    "line",
    [
        "from crmsprop import optimizer",
        "import crmsprop.optimizer",
        "from crmsprop.optimizer import RMSprop as R",
        "from . import optimizer",
        "from .optimizer import RMSprop",
        "def f():\n    from crmsprop.optimizer import RMSprop",
        "try:\n    from crmsprop.optimizer import RMSprop\nexcept ImportError:\n    pass",
        "import crmsprop",
        "from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n    import crmsprop.optimizer",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\nelse:\n    import crmsprop.optimizer",
    ],
)
def test_an_arrow_up_is_found(line):
    assert violations(wrong_arrows, optimizer="", files=line)
    assert violations(wrong_arrows, optimizer="", schedules="", files=line.replace("optimizer", "schedules"))


def test_arrows_down_and_for_type_checkers_are_fine():
    allowed = "from crmsprop import kernels, errors\nif TYPE_CHECKING:\n    import crmsprop.cli"
    assert not violations(wrong_arrows, kernels="", errors="", cli="", nn=allowed)
    assert violations(wrong_arrows, kernels="", errors="import crmsprop.kernels")


def test_cython_imports_are_read():
    text = "cimport numpy as np\ncdef int x\nfrom crmsprop.nn.layer cimport a, b\nfrom crmsprop.files import c\n"
    assert len(violations(wrong_arrows, nn="", nn__layer="", files="", kernels="", kernels___dense=text)) == 3


def test_a_cycle_is_found():
    assert violations(cycles, nn="", nn__a="from crmsprop.nn import b", nn__b="def f():\n    import crmsprop.nn.a")
    assert violations(cycles, nn="from crmsprop.nn.a import f", nn__a="from crmsprop.nn import f")
    assert not violations(cycles, nn="from crmsprop.nn.a import f", nn__a="from crmsprop.nn import b", nn__b="")


def test_wrong_exports_are_found():
    def check(text):
        return wrong_exports({"crmsprop.nn": text}, {"crmsprop.nn"})

    assert check("from crmsprop.nn.a import b, _c") == ["crmsprop.nn has no __all__"]
    assert check("from crmsprop.nn.a import b, _c\n__all__ = []")
    assert check("from .a import b\n__all__ = []")
    assert check("__all__ = ['b']")
    assert check("from crmsprop.nn.a import b\n__all__ = ['b', 'b']")
    good = "import os\nfrom crmsprop.errors import e\nfrom crmsprop.nn.a import b, _c\nv = 1\n__all__ = ['b', 'v']"
    assert not check(good)


@pytest.mark.parametrize("name", ["matplotlib.pyplot", "tqdm", "pooch", "PIL.Image", "torch", "onnx", "pandas"])
def test_an_optional_import_at_the_top_is_found(name):
    assert optional_at_top(imports_of("crmsprop.x", f"import {name}"))
    assert optional_at_top(imports_of("crmsprop.x", f"class A:\n    from {name} import y"))
    assert not optional_at_top(imports_of("crmsprop.x", f"def f():\n    import {name}"))


@pytest.mark.parametrize("line", ["import pickle", "from pickle import loads", "def f():\n    import pickle as p"])
def test_pickle_is_found(line):
    assert unsafe(imports_of("crmsprop.files", line))
    assert not unsafe(imports_of(PICKLETOOLS_READER, "import pickletools"))
    assert unsafe(imports_of("crmsprop.files", "import pickletools"))
