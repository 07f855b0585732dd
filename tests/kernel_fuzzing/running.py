"""Many calls in processes of their own, which say how far they have come, since a bad call may end them."""

import collections
import json
import mmap
import os
import random
import struct
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from child_process import in_new_interpreter

#: More findings than this end a run: there is enough to do.
ENOUGH = 10
#: Seconds without an end after which calls hang.
PATIENCE = 3000

#: In place of a function's name, for calls that a process has made before it ended.
BEFORE_AN_END = "unknown"

CHILD = "import sys; from kernel_fuzzing.running import work; work(*sys.argv[1:])"


@dataclass(frozen=True)
class Group:
    """Calls that one kind of process makes.

    Attributes
    ----------
    isa : str
        The instruction set.
    n_threads : int
    numbers : range
    seed : int
    heap : float
        The share of arrays that lie on the heap, and not beside a page without access.
    """

    isa: str
    n_threads: int
    numbers: range
    seed: int = 0
    heap: float = 0.0


@dataclass
class Report:
    """What many calls came to.

    Attributes
    ----------
    outcomes : Counter
        By "name outcome".
    findings : list of str
    seconds : float
    """

    outcomes: collections.Counter = field(default_factory=collections.Counter)
    findings: list = field(default_factory=list)
    seconds: float = 0.0

    @property
    def calls(self):
        """How many there were."""
        return self.outcomes.total()

    def count(self, outcome):
        """Return how many calls came to this."""
        return sum(count for key, count in self.outcomes.items() if key.endswith(outcome))

    def __iadd__(self, other):
        self.outcomes += other.outcomes
        self.findings += other.findings
        self.seconds += other.seconds
        return self

    def __str__(self):
        names = {key.split()[0] for key in self.outcomes} - {BEFORE_AN_END}
        return (
            f"{self.calls} calls of {len(names)} functions: {self.count('done')} done, "
            f"{self.count('refused')} refused, {len(self.findings)} findings; {self.seconds:.0f} s"
        )


def run(group, folder=None, environment=None, planted=None, python=sys.executable):
    """Return the report of a group; a process that ends before its time is a finding, and the next one goes on.

    Parameters
    ----------
    group : Group
    folder : path-like or None
        That of the build whose kernels are called; None for the crmsprop that is imported here.
    environment : dict or None
        More variables for the processes.
    planted : int or None
        The number of a call before which a kernel is made to read one element too far.
    python : str
        The interpreter.
    """
    report, begin, numbers = Report(), time.monotonic(), group.numbers
    environment = {**(environment or {}), **paths(folder)}
    while numbers and len(report.findings) < ENOUGH:
        numbers = _run_process(report, group, numbers, environment, planted, python)
    report.seconds = time.monotonic() - begin
    return report


def paths(folder):
    """Return the variables that make a process import from a folder, and nothing for None."""
    return {} if folder is None else {"PYTHONPATH": os.pathsep.join([str(folder), str(Path(folder) / "tests")])}


def _run_process(report, group, numbers, environment, planted, python):
    """Make calls in one process until it ends; returns the numbers that are left."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [folder, group.isa, group.n_threads, numbers.start, numbers.stop, group.seed, group.heap, planted]
        code = f"import sys; sys.argv[1:] = {list(map(str, arguments))!r}; {CHILD}"
        Path(folder, "at").write_bytes(bytes(16))
        status, _, errors = in_new_interpreter(code, PATIENCE, python, CRMSPROP_ISA=group.isa, **environment)
        at, made = struct.unpack("qq", Path(folder, "at").read_bytes())
        found = json.loads(Path(folder, "report").read_text()) if Path(folder, "report").exists() else None
    if found is not None:
        report.outcomes.update(found["outcomes"])
        report.findings += found["findings"]
        return range(0)
    if not made:
        raise RuntimeError(f"the calls could not begin: {errors[-3000:]}")
    report.outcomes.update({f"{BEFORE_AN_END} done": made})
    end = f"{named(group, at)} ended the process with {status}"
    report.findings.append(f"{end}\n{call_of(group, at)}\n{excerpt(errors)}")
    return range(at + 1, numbers.stop)


def named(group, number):
    """Return how to find a call again."""
    return f"call {number} of seed {group.seed}, {group.isa}, {group.n_threads} threads, heap {group.heap}"


def chance(seed, number):
    """Return what decides all of a call."""
    return random.Random(f"{seed}/{number}")


def call_of(group, number):
    """Return a call in words, drawn again and not made."""
    from kernel_fuzzing.calls import Caller
    from kernel_fuzzing.placing import Places

    return str(Caller(group.n_threads, Places(group.heap)).drawn(chance(group.seed, number)))


def excerpt(errors):
    """Return what a sanitizer says, from where it begins."""
    for mark in ("ERROR: AddressSanitizer", "runtime error:", "WARNING: ThreadSanitizer"):
        if mark in errors:
            begin = max(errors.rfind("\n", 0, errors.index(mark)), 0)
            return errors[begin : begin + 3000]
    return errors[-3000:]


# ---- in the process


def work(folder, isa, n_threads, start, stop, seed, heap, planted):
    """Make the calls [start, stop), and leave a report in the folder."""
    from kernel_fuzzing.calls import Caller
    from kernel_fuzzing.placing import Places

    group = Group(isa, int(n_threads), range(int(start), int(stop)), int(seed), float(heap))
    caller, report = Caller(group.n_threads, Places(group.heap)), Report()
    with open(Path(folder, "at"), "r+b") as file, mmap.mmap(file.fileno(), 16) as progress:
        for number in group.numbers:
            progress[:] = struct.pack("qq", number, number - group.numbers.start + 1)
            if str(number) == planted:
                read_too_far(caller)
            call = caller.drawn(chance(group.seed, number))
            outcome, problem = caller.made(call)
            report.outcomes[f"{call.name} {outcome}"] += 1
            if problem:
                report.findings.append(f"{named(group, number)}: {problem}\n{call}")
            if len(report.findings) >= ENOUGH:
                break
    Path(folder, "report").write_text(json.dumps({"outcomes": report.outcomes, "findings": report.findings}))
    sys.stdout.flush()
    os._exit(0)  # what else a process does when it ends is not under test


def read_too_far(caller):
    """Plant a bad read: an array that says it has one element more than its memory, given to a kernel."""
    from kernel_fuzzing.drawing import Draw

    caller.places.begin(Draw(random.Random(0)))
    caller.places.draw.chance = lambda probability: probability > 0.5  # at the end of a guard, or on the heap
    array = caller.places.put(np.zeros(16, np.float32))
    longer = np.lib.stride_tricks.as_strided(array, (17,))
    caller.functions["all_finite"](longer)
