"""What show_versions prints, and that the version stands in one place."""

import importlib.metadata
import runpy
import tomllib

import numpy as np
from child_process import TESTS

from crmsprop import __version__, kernels, show_versions, versions

WITHOUT = "none in this build: one thread a call"


def test_show_versions_says_what_the_kernels_run_on(capsys):
    show_versions()
    lines = capsys.readouterr().out.splitlines()
    for start in ("python 3.", "crmsprop ", f"numpy {np.__version__}", "scikit-learn ", "scipy ", "joblib "):
        assert sum(line.startswith(start) for line in lines) == 1
    assert f"kernels: {kernels.active_kernels}" in lines
    isas = ", ".join(kernels.supported_isas())
    assert f"instruction set: {kernels.active_isa()}; this machine runs {isas}" in lines
    assert f"threads: {kernels.effective_n_threads()}" in lines
    number = kernels.openmp_version()
    openmp = next(line for line in lines if line.startswith("OpenMP: "))
    assert openmp == (f"OpenMP: version of {number // 100}-{number % 100:02}" if number else f"OpenMP: {WITHOUT}")


def test_the_version_is_that_of_pyproject(tmp_path, monkeypatch):
    """Once it is installed, as pip leaves it; this tree may be, or be built in place."""
    project = tomllib.loads((TESTS.parent / "pyproject.toml").read_text())["project"]
    is_installed = any(importlib.metadata.distributions(name="crmsprop"))
    assert __version__ == (project["version"] if is_installed else "0+unknown")
    folder = tmp_path / f"crmsprop-{project['version']}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert runpy.run_path(versions.__file__)["__version__"] == project["version"]
    assert project["version"] not in (TESTS.parent / "CITATION.cff").read_text()


def test_show_versions_without_openmp_and_without_a_package(capsys, monkeypatch):
    monkeypatch.setattr(kernels, "openmp_version", lambda: 0)
    monkeypatch.setattr("crmsprop.versions.PACKAGES", ("crmsprop-missing",))
    show_versions()
    out = capsys.readouterr().out
    assert f"OpenMP: {WITHOUT}\n" in out
    assert "crmsprop-missing not installed" in out
