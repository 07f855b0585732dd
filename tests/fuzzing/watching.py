"""One file is read under watch: what comes of it, what else happens meanwhile, and what memory it takes."""

import os
import re
import resource
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

#: More memory than this, in all or beside what the process had, is a finding.
MAX_MEMORY = 10**9

#: What no reader does. A module that is not there yet would be code from a file too; all are imported before.
FORBIDDEN = (
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "os.startfile",
    "subprocess.",
    "socket.",
    "urllib.",
    "ftplib.",
    "http.",
    "smtplib.",
    "ctypes.",
    "pickle.find_class",
    "marshal.",
    "exec",
    "import",
    "code.__new__",
    "function.__new__",
    "cpython.run_",
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.chown",
    "os.chflags",
    "os.truncate",
    "os.utime",
    "os.setxattr",
    "os.removexattr",
    "os.putenv",
    "os.unsetenv",
    "os.kill",
    "os.chdir",
    "shutil.",
    "tempfile.",
    "webbrowser.",
    "signal.",
    "sys.addaudithook",
    "sys.setprofile",
    "sys.settrace",
)
#: What a process may look at: what the processors are, for the number of threads.
SYSTEM = ("/proc/", "/sys/")


@dataclass
class Watch:
    """What a process did while it was watched.

    Attributes
    ----------
    folder : Path
        Where the files are that may be read.
    events : list of str
        What it did and had no reason to.
    """

    folder: Path
    events: list = field(default_factory=list)
    is_on: bool = False

    def __post_init__(self):
        sys.addaudithook(self.note)  # for the rest of the process: it cannot be taken away

    def note(self, event, arguments):
        """Note what is out of place, if the watch is on."""
        if not self.is_on:
            return
        if event in ("open", "os.remove") and self._is_claim(arguments[0]):
            return
        if event == "open":
            if not self._is_expected(*arguments):
                self.events.append(f"open{arguments!r:.200}")
        elif event.startswith(FORBIDDEN):
            self.events.append(f"{event}{arguments!r:.200}")

    def _is_expected(self, path, mode, flags):
        if isinstance(path, int):
            return True
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND):
            return False
        name = os.path.abspath(os.fsdecode(path))
        return name.startswith((str(self.folder) + os.sep, *SYSTEM))

    def _is_claim(self, path):
        """Whether it is the empty file that a callback locks while its path is its own, and that is gone afterwards."""
        if isinstance(path, int):
            return False
        folder, name = os.path.split(os.path.abspath(os.fsdecode(path)))
        return folder == str(self.folder) and re.fullmatch(r"\.crmsprop-[0-9a-f]{16}\.lock", name) is not None

    @contextmanager
    def on(self):
        """Watch as long as the context lasts."""
        self.is_on = True
        try:
            yield
        finally:
            self.is_on = False


@dataclass(frozen=True)
class Seen:
    """What came of one file.

    Attributes
    ----------
    outcome : {"read", "refused"}
    problems : tuple of str
        What should not have happened.
    seconds : float
    megabytes : float
        The most memory that the whole process had meanwhile.
    """

    outcome: str
    problems: tuple
    seconds: float
    megabytes: float


def limit_memory():
    """Let this process have no more address space than it has now and MAX_MEMORY, so that it cannot take it unseen."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MAX_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def watched(reader, path, watch, places):
    """Read a file, and return what was seen; `places` are folders in which nothing may change."""
    before, content = state_of(places), path.read_bytes()
    watch.events.clear()
    Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
    begin = time.perf_counter()
    with watch.on():
        outcome, problems = _outcome(reader, path)
    seconds, megabytes = time.perf_counter() - begin, _peak()
    problems += watch.events
    if state_of(places) != before or path.read_bytes() != content:
        problems.append(f"files changed: {sorted(state_of(places) ^ before)!r:.300}")
    if megabytes > MAX_MEMORY / 1e6:
        problems.append(f"the process had {megabytes:.0f} MB")
    return Seen(outcome, tuple(problems), seconds, megabytes)


def _outcome(reader, path):
    try:
        reader.read(path)
    except reader.errors as error:
        return "refused", _problems_of(error)
    except MemoryError:
        return "refused", ["out of memory"]
    except BaseException as error:
        return "refused", [f"{type(error).__name__}: {error!s:.300}"]
    return "read", []


def _problems_of(error):
    """What is wrong with an error of one of our types."""
    problems, cause = [], error
    while cause is not None:
        if isinstance(cause, MemoryError) and "Parser stack" not in str(cause):  # of literal_eval, for deep brackets
            problems.append("memory was taken that is not there")
        cause = cause.__cause__ or cause.__context__
    text = str(error)
    if not text or len(text) > 2000:
        problems.append(f"a message of {len(text)} characters: {text:.100}")
    return problems


def _peak():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1000
    raise RuntimeError("this system does not say what memory a process has had")


def state_of(places):
    """Return every file in some folders, with its size and when it was changed."""
    return {
        (str(path), status.st_mode, status.st_size, status.st_mtime_ns)
        for place in places
        for path in place.rglob("*")
        for status in [path.lstat()]
    }
