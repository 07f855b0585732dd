"""One kind of the command that watches searches; RELIABILITY.md has the figures of all."""

import json
import os

import pytest
from child_process import in_new_interpreter

from reliability.searches import growth

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads in /proc")


def report_of(arguments):
    """What a search in a process of its own finds: those of other tests and their threads are not in it."""
    code = f"""if True:
        import json
        from reliability.leaks import Leaks
        from reliability.searches import searches
        report = searches({arguments})
        print(report)
        print(json.dumps(report.leaks))
        """
    status, output, errors = in_new_interpreter(code, timeout=300)
    assert status == 0, errors
    *lines, _, leaks = output.splitlines()
    return lines, json.loads(leaks)


def test_what_a_process_has_more_is_found():
    before = {1: {"bytes": 7, "files": 3, "threads": 4}, 2: {"bytes": 7, "files": 3, "threads": 4}}
    after = {1: {"bytes": 6, "files": 9, "threads": 4}, 2: {"bytes": 10, "files": 2, "threads": 4}, 3: {}}
    assert growth(before, after) == {"bytes": 3, "files": 6, "threads": 0}


def test_nothing_grows_in_forty_fits():
    lines, leaks = report_of("40, ['rows'], ['one process', 'loky']")
    assert leaks == []
    assert [line.split(":")[0] for line in lines] == ["rows, one process", "rows, loky"]
    assert lines[0].startswith("rows, one process: 50 fits, ")
    first, second = map(int, lines[1].split(": ")[1].split(" fits")[0].split(" + "))
    assert first + second == 50


@pytest.mark.parametrize("place", ["one process", "loky"])
def test_leaks_are_found(place):
    _, leaks = report_of(f"26, ['rows'], [{place!r}], [Leaks()], patience=0.2")
    assert leaks == [f"{what} of rows, {place}" for what in ("bytes", "files", "threads", "temporary files")]
