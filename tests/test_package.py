"""The package as a whole: where it stands unbuilt, and whom its warnings point at."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from child_process import TESTS, in_new_interpreter

import crmsprop
from crmsprop import MLPClassifier
from crmsprop.schedules import schedule_from_config


def test_a_source_tree_that_was_not_built_says_what_to_do(tmp_path):
    package = Path(crmsprop.__file__).parent
    shutil.copytree(
        package, tmp_path / "crmsprop", ignore=shutil.ignore_patterns("*.so", "*.pyd", "*.c", "__pycache__")
    )
    run = subprocess.run(
        [sys.executable, "-m", "crmsprop", "train"], cwd=tmp_path, env={}, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert f"kernels are not compiled in {tmp_path / 'crmsprop' / 'kernels'}" in run.stderr
    assert 'run "pip install ."' in run.stderr


FREE_THREADED_BUILD = f"""if True:
    import runpy, sys, sysconfig, types
    sys.modules["setuptools"] = types.SimpleNamespace(Extension=None, setup=None)
    sys.modules["setuptools.command.build_ext"] = types.SimpleNamespace(build_ext=object)
    sys.modules["Cython.Build"] = types.SimpleNamespace(cythonize=None)
    sysconfig.get_config_vars()["Py_GIL_DISABLED"] = 1
    runpy.run_path({str(TESTS.parent / "setup.py")!r})
    """


def test_a_free_threaded_python_is_refused_before_anything_is_compiled():
    """Whether or not what compiles is installed here; `nox -s free_threaded` asks a real one, where there is one."""
    code, _, errors = in_new_interpreter(FREE_THREADED_BUILD)
    assert code == 1
    assert errors.startswith("crmsprop needs a Python with the global interpreter lock: this one is free-threaded")


def test_a_wheel_is_tested_with_all_that_the_tests_read():
    """cibuildwheel copies what is named, and nothing else: what README and tests speak of at the top of the tree."""
    tree = TESTS.parent
    named = tomllib.loads((tree / "pyproject.toml").read_text())["tool"]["cibuildwheel"]["test-sources"]
    assert [name for name in named if not (tree / name).exists()] == []
    links = re.findall(r"\]\((?!http)([^/)]+)", (tree / "README.md").read_text())
    texts = "".join(path.read_text() for path in TESTS.rglob("*.py"))
    read = re.findall(r"(?:TREE|tree|TESTS\.parent|parents\[\d\]) / \"([^\"]+)\"", texts)
    wanted = {name for name in [*links, *(name.split("/")[0] for name in read)] if (tree / name).exists()}
    assert {"docs", "benches", "README.md"} <= wanted
    assert wanted - {*named, "crmsprop"} == set()


def test_what_belongs_to_networks_is_there_without_an_import_of_its_own():
    code, names, _ = in_new_interpreter(
        "import crmsprop; print(callable(crmsprop.nn.models.vgg16), crmsprop.augment.Flip())"
    )
    assert (code, names) == (0, "True Flip(rate=0.5)")


def test_warnings_point_at_the_line_of_the_user(tmp_path):
    model = MLPClassifier((), max_epochs=1, random_state=np.random.RandomState(0)).fit([[0.0], [1.0]], [0, 1])
    with pytest.warns(UserWarning, match="random_state is a generator") as caught:
        model.save(tmp_path / "model.crms")
    assert [Path(warning.filename) for warning in caught] == [Path(__file__)]
    with pytest.warns(UserWarning, match="is not imported from a file") as caught:
        schedule_from_config({"class": "Product", "terms": [{"function": "module:name"}]})
    assert [Path(warning.filename) for warning in caught] == [Path(__file__)]
