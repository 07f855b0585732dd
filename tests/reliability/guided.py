"""Lets what is reached guide the changes: atheris, which is libFuzzer for Python, keeps each input that gets further.

For each reader of files an input is a file, which tests/fuzzing/ changes, and what counts is each branch of our Python
code; it is read under the same watch as by the command `files`. For the boundary of the kernels an input is what
decides a call of tests/kernel_fuzzing/, and what counts is the compiled code: clang builds it with counters and
AddressSanitizer. First what is planted must be found: a refusal that is called a problem, and a kernel that is given
an array one element too long.

atheris comes from the package index, into a folder of its own.
"""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from child_process import INSTALLED, TESTS
from fuzzing.readers import READERS

from reliability import builds
from reliability.guided_targets import KERNELS, PLANTED

#: The newest that has been tried, for the Pythons that it has wheels for.
ATHERIS = "atheris==3.0.*"
TARGETS = (KERNELS, *READERS)
CHILD = "import sys; from reliability.guided_targets import fuzz; fuzz(*sys.argv[1:])"


@dataclass(frozen=True)
class Report:
    """What came of one target.

    Attributes
    ----------
    target : str
    inputs : int
        How many were tried.
    reached : tuple of int
        Places in the code that the first inputs reach, and that all reach in the end.
    finding : str
        What was wrong, "" for nothing.
    """

    target: str
    inputs: int
    reached: tuple
    finding: str

    def __str__(self):
        first, last = self.reached
        found = self.finding or "no finding"
        return f"{self.target}: {self.inputs} inputs, which reach {last} places, the first of them {first}; {found}"


def tools(folder):
    """Put atheris into a folder, unless it is there; MissingToolError where it cannot be."""
    if not Path(folder, "atheris").is_dir():
        command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(folder), "--no-deps", ATHERIS]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise builds.MissingToolError(f"this needs {ATHERIS}, and pip cannot install it: {done.stderr[-500:]}")
    return folder


def fuzz(target, seconds, environment, folder=None):
    """Return the report of a target; `folder` is that of the build whose code is imported, None for this one."""
    home = Path(folder or INSTALLED)
    paths = [str(home), str(home / "tests" if folder else TESTS), environment["TOOLS"]]
    wanted = {**os.environ, **environment, "PYTHONPATH": os.pathsep.join(paths)}
    with tempfile.TemporaryDirectory() as inputs:
        command = [sys.executable, "-c", CHILD, target, inputs, str(seconds)]
        done = subprocess.run(command, cwd=home, env=wanted, capture_output=True, check=False)
    return summary(target, done.returncode, done.stderr.decode(errors="replace") + done.stdout.decode(errors="replace"))


def summary(target, status, said):
    """Return the report of what libFuzzer has said: a line for each input that is new, and its figures at the end."""
    if "INFO: Seed: " not in said:
        raise RuntimeError(f"{target} could not begin: {said[-3000:]}")
    lines = re.findall(r"^#(\d+)\s+\w+\s+cov: (\d+)", said, re.MULTILINE) or [(0, 0)]
    done = re.search(r"^Done (\d+) runs", said, re.MULTILINE)
    inputs = int(done[1]) if done else int(lines[-1][0])
    finding = "" if done and status == 0 else f"ended with {status}\n{excerpt(said)}"
    return Report(target, inputs, (int(lines[0][1]), int(lines[-1][1])), finding)


def excerpt(said):
    """Return what was said of an error, from where it begins."""
    places = [said.find(mark) for mark in ("Uncaught Python exception", "ERROR: ", "runtime error:")]
    return said[min((place for place in places if place >= 0), default=-3000) :][:3000]


# ---- the command


def add_parser(subparsers):
    parser = subparsers.add_parser("guided", help="fuzzing that coverage guides", description=__doc__)
    parser.add_argument("--seconds", type=int, default=120, help="for each target")
    parser.add_argument("--target", action="append", choices=TARGETS, help="may be repeated (default: all)")
    parser.add_argument("--tools", help="a folder for atheris, to keep; one that holds it is used as it is")
    parser.add_argument("--build", help="a folder to build the kernels in and keep; one that holds a build is used")
    parser.set_defaults(run=run)


def run(options):
    targets, found = options.target or TARGETS, False
    with contextlib.ExitStack() as stack:
        where, build = (
            given or stack.enter_context(tempfile.TemporaryDirectory()) for given in (options.tools, options.build)
        )
        tools(where)
        for target in targets:
            how = counted(where, build) if target == KERNELS else ({"TOOLS": str(where)}, None)
            if not fuzz(PLANTED + target, 60, *how).finding:
                raise RuntimeError(f"{target}: what is planted is not found")
            report = fuzz(target, options.seconds, *how)
            print(report, flush=True)
            found |= bool(report.finding)
    return int(found)


def counted(where, folder):
    """Build the kernels with counters; returns the environment that they need, and their folder."""
    instrument = builds.for_guidance(where)
    builds.build(instrument, folder)
    return {"TOOLS": str(where), **instrument.environment}, folder
