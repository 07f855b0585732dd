"""Looks for data races with ThreadSanitizer: clang's build of the kernels, and its OpenMP, which says what waits.

First it must find a race that is planted, and none where the same sum is made as it should be. Then the tests of the
kernels run, which use two threads where nothing else is said; calls of every compiled function; and trainings of small
models of every kind with two threads, while Python threads predict with them.
"""

import contextlib
import re
import tempfile
from pathlib import Path

from kernel_fuzzing import running

from crmsprop.kernels import supported_isas
from reliability import builds

SUM = """
int sum(int racing)
{
    int total = 0;
    if (racing) {
#pragma omp parallel for num_threads(2)
        for (int i = 0; i < 100000; i++)
            total += i & 1;
    } else {
#pragma omp parallel for num_threads(2) reduction(+ : total)
        for (int i = 0; i < 100000; i++)
            total += i & 1;
    }
    return total;
}
"""
TRAIN = """
from concurrent.futures import ThreadPoolExecutor
from reliability.models import KINDS, trained

for kind in KINDS:
    model, X, y = trained(kind, 2)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(model.predict, [X, X[:50], X[20:], X, X[:7], X]))
        pool.submit(trained, kind, 2).result()
print("trained", len(KINDS))
"""
#: Those of what a fork leaves of threads count them, and ThreadSanitizer has one of its own.
KERNEL_TESTS = ("tests/kernels", "--ignore=tests/kernels/test_threads.py")
REPORT = re.compile(r"WARNING: ThreadSanitizer: (.*?)={18}", re.DOTALL)


def reports(folder):
    """Return what ThreadSanitizer has written into a folder, one text a race, and take it away."""
    found = []
    for path in sorted(Path(folder).glob("log.*")):
        found += REPORT.findall(path.read_text())
        path.unlink()
    return found


def unlike_planted(instrument, build, logs):
    """Return what is wrong with the reports of a sum that two threads make at once, and of one made as it should be."""
    counts = []
    with tempfile.TemporaryDirectory() as folder:
        path = builds.compiled(instrument, SUM, folder, "-fopenmp")
        for racing in (1, 0):
            code = f"import ctypes; ctypes.CDLL({str(path)!r}).sum({racing})"
            builds.run(instrument, build, "-c", code)
            counts.append(len(reports(logs)))
    return "" if counts[0] and not counts[1] else f"planted: {counts[0]} reports, where there is no race: {counts[1]}"


def train(instrument, folder):
    """Return what was said of trainings, "" for nothing: they must end well too."""
    done = builds.run(instrument, folder, "-c", TRAIN)
    return "" if done.returncode == 0 and "trained 3" in done.stdout else done.stdout + done.stderr[-5000:]


def call_all(instrument, folder, count, seed):
    """Return the report of calls with two threads, on each instruction set."""
    total, isas = running.Report(), supported_isas()
    for place, isa in enumerate(isas):
        numbers = range(count * place // len(isas), count * (place + 1) // len(isas))
        group = running.Group(isa, 2, numbers, seed, 0.5)
        total += running.run(group, folder, instrument.environment, python=instrument.python(folder))
    return total


# ---- the command


def add_parser(subparsers):
    parser = subparsers.add_parser("races", help="data races, by ThreadSanitizer", description=__doc__)
    parser.add_argument("--calls", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--build", help="a folder to build in and keep; one that holds a build is used as it is")
    parser.set_defaults(run=run)


def run(options):
    with contextlib.ExitStack() as stack:
        logs = stack.enter_context(tempfile.TemporaryDirectory())
        instrument = builds.for_threads(f"{logs}/log")
        folder = options.build or stack.enter_context(tempfile.TemporaryDirectory())
        builds.build(instrument, folder)
        if wrong := unlike_planted(instrument, folder, logs):
            print(f"{instrument.name} cannot be relied on: {wrong}")
            return 1
        summary, failures = builds.run_tests(instrument, folder, *KERNEL_TESTS)
        print(f"tests/kernels: {summary}", failures, sep="\n", flush=True)
        failures += train(instrument, folder)
        report = call_all(instrument, folder, options.calls, options.seed)
        races = reports(logs)
    print(report, *report.findings, f"{len(races)} races", *races[:10], sep="\n")
    return int(bool(failures or report.findings or races))
