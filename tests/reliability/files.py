"""Reads files that mean harm, by the ten thousand, for every reader; tests/fuzzing/ makes them and watches."""

from fuzzing.readers import READERS
from fuzzing.running import run as run_files


def add_parser(subparsers):
    """Add the command."""
    parser = subparsers.add_parser("files", help="read files that mean harm, in processes under watch")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--reader", action="append", choices=READERS, help="may be repeated (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(run=run)


def run(options):
    """Read many files for each reader, say what came of them, and fail where that is a finding."""
    found = False
    for name in options.reader or READERS:
        report = run_files(name, options.count, options.seed)
        print(report, *(f"    file {number}: {problem}" for number, problem in report.findings), sep="\n", flush=True)
        found |= bool(report.findings)
    return int(found)
