"""Many files for one reader, in processes that may crash or hang."""

import codecs
import json
import os
import random
import select
import signal
import tempfile
import time
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from fuzzing.readers import READERS
from fuzzing.watching import Watch, limit_memory, watched

#: A file that takes longer hangs.
MAX_SECONDS = 20

#: How a process ends when it is to blame itself, and not the reader.
BROKEN = 77

#: A disk would take longer than all else.
MEMORY = "/dev/shm"

#: Where a process must not leave anything.
PLACES = ("home", "here", "temporary")


@dataclass
class Report:
    """What many files came to."""

    reader: str
    read: int = 0
    refused: int = 0
    findings: list = field(default_factory=list)
    slowest: float = 0.0
    megabytes: float = 0.0
    seconds: float = 0.0

    def note(self, number, outcome, problems, seconds, megabytes):
        """Take in what was seen of one file."""
        setattr(self, outcome, getattr(self, outcome) + 1)
        self.findings += [(number, problem) for problem in problems]
        self.slowest, self.megabytes = max(self.slowest, seconds), max(self.megabytes, megabytes)

    def __str__(self):
        return (
            f"{self.reader}: {self.read + self.refused} files, {self.refused} refused, {self.read} read; "
            f"{len(self.findings)} findings; slowest {self.slowest:.2f} s, most memory {self.megabytes:.0f} MB; "
            f"{self.seconds:.0f} s"
        )


def make_file(reader, seeds, seed, number):
    """Return a file by its number: the first ones are the files that the others are made of."""
    if number < len(seeds):
        return seeds[number]
    rng = random.Random(f"{seed}/{number}")
    return reader.change(rng.choice(seeds), rng)


def run(name, count, seed=0, max_seconds=MAX_SECONDS):
    """Return the report of so many files for a reader."""
    report, begin = Report(name), time.monotonic()
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: a fork among threads, which need nothing
        root = Path(os.path.realpath(folder))
        seeds = prepared(name, root)
        first = 0
        while first < count:
            first = _run_process(report, root, seeds, range(first, count), seed, max_seconds)
    report.seconds = time.monotonic() - begin
    return report


def prepared(name, root):
    """Make the folders of a run, and return the files that are to be changed."""
    for place in (*PLACES, "made", "given"):
        (root / place).mkdir(parents=True)
    reader = READERS[name]
    seeds = reader.seeds(root / "made")
    for path in (root / "made").iterdir():  # what is read besides the file
        if not path.name.startswith("made"):
            path.rename(root / "given" / path.name)
    return seeds


def _run_process(report, root, seeds, numbers, seed, max_seconds):
    """Read files in a process of its own until it ends; returns the number of the next file."""
    reads, writes = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reads)
        _read_all(report.reader, root, seeds, numbers, seed, writes)
    os.close(writes)
    number = numbers.start
    for line in _lines(reads, max_seconds):
        report.note(number, **json.loads(line))
        number += 1
    if number < numbers.stop and not select.select([reads], [], [], 0)[0]:
        os.kill(pid, signal.SIGKILL)  # it has neither ended nor said anything
    os.close(reads)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status == BROKEN:
        raise RuntimeError("a file could not be made")
    if number == numbers.stop:
        return number
    how = f"no end after {max_seconds} s" if status == -signal.SIGKILL else f"the process ended with {status}"
    report.note(number, "refused", [how], 0.0, 0.0)
    return number + 1


def _lines(descriptor, max_seconds):
    """Yield lines as they come, until the end or until none has come for too long."""
    rest = b""
    while select.select([descriptor], [], [], max_seconds)[0]:
        chunk = os.read(descriptor, 1 << 16)
        if not chunk:
            break
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines


def _read_all(name, root, seeds, numbers, seed, writes):
    """Read files and write a line of JSON for each; ends the process."""
    errors = os.dup(2)
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff says there what it thinks of a file
        reader, path, watch, places = settled(name, root, seeds)
        limit_memory()
        with os.fdopen(writes, "w", buffering=1) as lines:
            for number in numbers:
                path.write_bytes(make_file(reader, seeds, seed, number))
                lines.write(json.dumps(vars(watched(reader, path, watch, places))) + "\n")
        os._exit(0)
    except BaseException as error:
        os.write(errors, "".join(traceback.format_exception(error)).encode())
        os._exit(BROKEN)


def settled(name, root, seeds):
    """Make this process one that reads and nothing else; returns the reader, its path, the watch and the places."""
    os.environ.update(HOME=str(root / "home"), TMPDIR=str(root / "temporary"))
    os.chdir(root / "here")
    warnings.simplefilter("ignore")  # to show one, Python opens the source
    codecs.lookup("raw_unicode_escape")  # of an opcode that no official file has
    reader, path = READERS[name], root / "given" / READERS[name].file
    watch, places = Watch(root / "given"), [root / place for place in PLACES]
    _warm_up(reader, path, seeds)
    return reader, path, watch, places


def _warm_up(reader, path, seeds):
    """Import what is imported when it is needed, for files that are taken and for some that are not."""
    for number in range(len(seeds) + 300):
        path.write_bytes(make_file(reader, seeds, "warm", number))
        try:
            reader.read(path)
        except Exception:
            continue
