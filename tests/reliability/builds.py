"""Builds of the package with instruments in its compiled code, each in a folder of its own, and what they need.

What the environment lacks is named with what to install. setup.py knows nothing of this: it takes the compiler, flags
and all, from CC.
"""

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERSION = sysconfig.get_python_version()
PARTS = ("crmsprop", "tests", "examples", "setup.py", "pyproject.toml", "README.md", "LICENSE")
BUILT = shutil.ignore_patterns("*.so", "*.o", "__pycache__", "_*.c")

#: Sanitizers of memory and of what C leaves undefined, a float that fits no integer among it. The first report ends the
#: process: what comes after it may follow from it.
MEMORY_FLAGS = "-fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all -fno-omit-frame-pointer"
THREAD_FLAGS = "-fsanitize=thread"

#: ThreadSanitizer's runtime must be part of the program: that of clang 14 crashes where it is loaded as a library.
LAUNCHER = """
#include <Python.h>
int main(int argc, char **argv) { return Py_BytesMain(argc, argv); }
"""


class MissingToolError(RuntimeError):
    """Something that a build needs is not there; the message says what to install."""


@dataclass(frozen=True)
class Instrument:
    """A compiler with its flags, and the environment that what it compiles runs in.

    Attributes
    ----------
    name : str
    compiler : str
        What CC is.
    environment : dict
        Variables for a process that loads what it has compiled.
    launcher : bool
        Whether such a process needs an interpreter that the compiler has linked.
    """

    name: str
    compiler: str
    environment: dict = field(default_factory=dict)
    launcher: bool = False

    def python(self, folder):
        """Return the interpreter for the build in a folder."""
        return str(Path(folder, "python/bin/python")) if self.launcher else sys.executable


def for_memory():
    """Return gcc with AddressSanitizer and UndefinedBehaviorSanitizer.

    Leaks are left to `reliability.py memory`, which watches for growth: what Python keeps until it ends, every module
    and interned string, would be reported as lost. No memory for an array is an error of Python's, not of the process.
    """
    runtime = library("gcc", "libasan.so", "apt install build-essential")
    return Instrument(
        "AddressSanitizer and UndefinedBehaviorSanitizer",
        f"gcc {MEMORY_FLAGS}",
        {
            "LD_PRELOAD": runtime,
            "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
            "UBSAN_OPTIONS": "print_stacktrace=1",
            "PYTHONMALLOC": "malloc",  # or small objects would lie in blocks that Python cuts up itself
        },
    )


def for_threads(log):
    """Return clang with ThreadSanitizer, and its own OpenMP, whose threads say through archer what waits for what.

    GNU's OpenMP waits by futex, which no tool understands: each of its regions would be a race. A forked child, which
    has one thread, may go on. What Python and clang's OpenMP do among themselves is not looked at.
    """
    packages = "apt install clang libomp-dev libclang-rt-dev"
    library("clang", "libclang_rt.tsan-x86_64.a", packages)
    archer = library("clang", "libarcher.so", packages)
    options = f"log_path={log}:exitcode=0:die_after_fork=0:ignore_noninstrumented_modules=1"
    environment = {"OMP_TOOL_LIBRARIES": archer, "TSAN_OPTIONS": options}
    return Instrument("ThreadSanitizer", f"clang {THREAD_FLAGS}", environment, launcher=True)


def for_guidance(tools):
    """Return clang with AddressSanitizer and counters of what is reached, for the libFuzzer of atheris in a folder."""
    library("clang", "libclang_rt.asan-x86_64.so", "apt install clang libomp-dev libclang-rt-dev")
    return Instrument(
        "libFuzzer and AddressSanitizer",
        "clang -fsanitize=address,fuzzer-no-link",
        {
            "LD_PRELOAD": str(Path(tools) / "asan_with_fuzzer.so"),
            "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
            "PYTHONMALLOC": "malloc",
        },
    )


def library(compiler, name, packages):
    """Return the path of a library that comes with a compiler; MissingToolError if it is not there."""
    program = shutil.which(compiler)
    if program is None:
        raise MissingToolError(f"this needs {compiler}: {packages}")
    ask = [program, f"-print-file-name={name}"]
    told = Path(subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip())
    for path in (told, Path(program).resolve().parents[1] / "lib" / name):
        if path.is_absolute() and path.exists():
            return str(path.resolve())
    raise MissingToolError(f"this needs {name} of {compiler}: {packages}")


def build(instrument, folder):
    """Build a copy of this tree in an empty folder, or use the one that is there."""
    folder = Path(folder)
    if any(folder.glob("crmsprop/kernels/_*.so")):
        return
    for module in ("Cython", "setuptools"):
        if importlib.util.find_spec(module) is None:
            raise MissingToolError(f"a build needs {module}: pip install cython setuptools")
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part, **({"ignore": BUILT} if (ROOT / part).is_dir() else {}))
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "CC": instrument.compiler}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{instrument.compiler} could not build the kernels:\n{done.stderr[-3000:]}")
    if instrument.launcher:
        build_python(instrument, folder)


def build_python(instrument, folder):
    """Link an interpreter, with the packages of this one: its folder looks like a virtual environment."""
    home, config = Path(folder, "python"), Path(sysconfig.get_config_var("BINDIR"), f"python{VERSION}-config")
    if not config.exists():
        raise MissingToolError(f"this needs {config}, which comes with the headers of Python: apt install python3-dev")
    (home / "bin").mkdir(parents=True)
    (home / "lib").symlink_to(Path(sys.prefix, "lib"))
    (home / "pyvenv.cfg").write_text(f"home = {config.parent}\n")
    (home / "launcher.c").write_text(LAUNCHER)
    told = subprocess.run([config, "--embed", "--includes", "--ldflags"], capture_output=True, text=True, check=True)
    flags = [*told.stdout.split(), f"-Wl,-rpath,{sysconfig.get_config_var('LIBDIR')}"]
    command = [*shlex.split(instrument.compiler), str(home / "launcher.c"), *flags, "-o", instrument.python(folder)]
    subprocess.run(command, check=True)


def compiled(instrument, source, folder, *flags):
    """Return the path of a shared library made of a C source, with the compiler and flags of an instrument."""
    path = Path(folder) / "planted.so"
    (path.with_suffix(".c")).write_text(source)
    command = [*shlex.split(instrument.compiler), *flags, "-shared", "-fPIC", "-O1", "-g"]
    subprocess.run([*command, "-o", str(path), str(path.with_suffix(".c"))], check=True)
    return path


def run(instrument, folder, *arguments, **environment):
    """Run Python on a build, in its folder; returns the finished process, with all that it said."""
    paths = os.pathsep.join([str(folder), str(Path(folder) / "tests")])
    wanted = {**os.environ, "PYTHONPATH": paths, **instrument.environment, **environment}
    command = [instrument.python(folder), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=wanted, capture_output=True, text=True, check=False)


def run_tests(instrument, folder, *tests, jobs=1, **environment):
    """Return the last line of pytest, and all that it said if a test failed; with more jobs, processes of xdist."""
    workers = ("-n", jobs) if jobs > 1 else ()
    done = run(instrument, folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", *workers, *tests, **environment)
    summary = done.stdout.strip().splitlines()[-1:] or ["pytest said nothing"]
    return summary[0], "" if done.returncode == 0 else done.stdout[-8000:] + done.stderr[-8000:]
