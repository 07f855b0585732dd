"""Builds the kernels with AddressSanitizer and UndefinedBehaviorSanitizer, tests them, and calls them a million times.

First the instruments must find what is planted: a write behind a block, a sum that overflows, a float that fits no
integer, and a kernel that is given an array one element too long. Then every kernel test runs, then calls of every
compiled function with good and bad arguments (tests/kernel_fuzzing/), for each instruction set and for one thread and
two, each with numbers of its own. A finding names its seed and its number.
"""

import contextlib
import tempfile
from concurrent.futures import ThreadPoolExecutor

from kernel_fuzzing import running

from crmsprop.kernels import supported_isas
from reliability import builds

#: Calls of one process: what AddressSanitizer keeps of freed memory is bounded, and a lost process loses few.
SLICE = 20_000
#: The share of arrays that lie on the heap; the others lie beside a page without access.
HEAP = 0.6

#: AddressSanitizer keeps what has been freed for a while, and this test measures memory.
GROWS = "tests/kernels/test_rmsprop_arrays.py::test_beginnings_that_fail_leave_nothing"

PLANTED = """
#include <stdlib.h>
static __attribute__((noipa)) char put(char *block, int place) { return block[place] = 1; }
int behind(int n) { return put(malloc(16), 16 + n); }
int overflow(int n) { volatile int sum = 0x7fffffff; sum += 1 + n; return sum; }
int no_integer(int n) { volatile double large = 1e10 + n; return (int)large; }
"""
REPORTS = {
    "behind": "AddressSanitizer: heap-buffer-overflow",
    "overflow": "signed integer overflow",
    "no_integer": "outside the range of representable values",
}


def missed(instrument):
    """Return which of the errors in a planted C source the instrument does not report."""
    with tempfile.TemporaryDirectory() as folder:
        path = builds.compiled(instrument, PLANTED, folder)
        code = f"import ctypes, sys; ctypes.CDLL({str(path)!r})[sys.argv[1]](0)"
        said = {name: builds.run(instrument, folder, "-c", code, name).stderr for name in REPORTS}
    return [name for name, report in REPORTS.items() if report not in said[name]]


def groups(count, seed):
    """Return by instruction set and number of threads what processes call, no number twice."""
    kinds = [(isa, n_threads) for isa in supported_isas() for n_threads in (1, 2)]
    ends = [count * place // len(kinds) for place in range(len(kinds) + 1)]
    return {kind: list(slices(*kind, *ends[place : place + 2], seed)) for place, kind in enumerate(kinds)}


def slices(isa, n_threads, first, last, seed):
    """Yield the numbers [first, last) in parts, each for a process."""
    for start in range(first, last, SLICE):
        yield running.Group(isa, n_threads, range(start, min(start + SLICE, last)), seed, HEAP)


def call_all(instrument, folder, count, seed, jobs):
    """Return the report of so many calls; says what came of each part as soon as it is done."""
    total = running.Report()
    with ThreadPoolExecutor(jobs) as pool:
        for (isa, n_threads), parts in groups(count, seed).items():
            report = running.Report()
            for part in pool.map(lambda group: running.run(group, folder, instrument.environment), parts):
                report += part
                print(*part.findings, sep="\n", end="\n" * bool(part.findings), flush=True)
            print(f"{isa}, {n_threads} threads: {report}", flush=True)
            total += report
    return total


def find_planted(instrument, folder):
    """Return the report of calls among which one reads behind an array on the heap."""
    group = running.Group(supported_isas()[-1], 1, range(20), 0, 1.0)
    return running.run(group, folder, instrument.environment, planted=10)


# ---- the command


def add_parser(subparsers):
    parser = subparsers.add_parser("sanitize", help="the kernels under sanitizers", description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes at once, of tests and of calls")
    parser.add_argument("--build", help="a folder to build in and keep; one that holds a build is used as it is")
    parser.add_argument("--only-calls", action="store_true", help="without the tests of the kernels")
    parser.set_defaults(run=run)


def run(options):
    instrument = builds.for_memory()
    with contextlib.ExitStack() as stack:
        folder = options.build or stack.enter_context(tempfile.TemporaryDirectory())
        builds.build(instrument, folder)
        if missed(instrument) or not find_planted(instrument, folder).findings:
            print(f"{instrument.name} finds no planted error")
            return 1
        failures = "" if options.only_calls else _test(instrument, folder, options.jobs)
        report = call_all(instrument, folder, options.calls, options.seed, options.jobs)
    print(report)
    return int(bool(failures or report.findings))


def _test(instrument, folder, jobs):
    summary, failures = builds.run_tests(instrument, folder, "tests/kernels", f"--deselect={GROWS}", jobs=jobs)
    print(f"tests/kernels: {summary}", failures, sep="\n", flush=True)
    return failures
