"""The matrix of versions and builds: ``pip install nox && nox``; ``nox -l`` lists it, ``nox -s NAME`` runs a part.

Each session builds the package from the sdist in an environment of its own, and runs the whole test suite from the
unpacked sdist in a temporary folder: nothing of this tree is in sight. What stands behind ``--`` goes to pytest. A
Python that is not installed is skipped, and nox says so; ``--error-on-missing-interpreters`` makes that an error.
"""

import contextlib
import re
import tarfile
import tempfile
from pathlib import Path

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
DIST = Path(".nox", "dist").absolute()

nox.needs_version = ">=2025.2"


@nox.session
def sdist(session):
    """Build the sdist, which the others need."""
    session.install("build")
    session.run("python", "-m", "build", "--sdist", "--outdir", str(DIST), silent=True)


@nox.session(python=PYTHONS, requires=["sdist"])
def tests(session):
    """Every Python, with the newest versions of all that is needed."""
    with installed(session):
        suite(session)


@nox.session(python=PYTHONS[0], requires=["sdist"])
def oldest(session):
    """The oldest NumPy, SciPy, scikit-learn and joblib."""
    with installed(session, *map(lowest, PROJECT["project"]["dependencies"])):
        suite(session)


@nox.session(python=PYTHONS[0], requires=["sdist"])
def serial(session):
    """A build without OpenMP."""
    with installed(session, env={"CRMSPROP_NO_OPENMP": "1"}):
        session.run("python", "-P", "-c", "from crmsprop import kernels; assert kernels.openmp_version() == 0")
        suite(session)


@nox.session(python=PYTHONS[0], requires=["sdist"])
def baseline(session):
    """The kernels for any x86-64."""
    with installed(session):
        suite(session, env={"CRMSPROP_ISA": "baseline"})


@nox.session(python=["3.13t", "3.14t"], requires=["sdist"])
def free_threaded(session):
    """A Python without the global interpreter lock is refused, and the error says why."""
    with unpacked() as tree:
        told = session.run("pip", "install", str(tree), success_codes=[1], silent=True)
        assert "crmsprop needs a Python with the global interpreter lock" in told, told


@contextlib.contextmanager
def unpacked():
    """Unpack the sdist in a temporary folder."""
    version = PROJECT["project"]["version"]
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(DIST / f"crmsprop-{version}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder, f"crmsprop-{version}")


@contextlib.contextmanager
def installed(session, *pins, env=None):
    """Install the sdist and what its tests need, and go into it. A folder's wheel is never taken from pip's cache."""
    with unpacked() as tree:
        session.install(f"{tree}[test]", *pins, env=env)
        with session.chdir(tree):
            yield


def lowest(requirement):
    """Turn ``name>=1.2`` into ``name==1.2.*``."""
    return re.sub(r">=([\d.]+)", r"==\1.*", requirement)


def suite(session, env=None):
    """Say what is tested, and test it."""
    session.run("python", "-P", "-c", "import crmsprop; crmsprop.show_versions()", env=env)
    session.run("pytest", "-q", "-n", "auto", *session.posargs, env=env)
