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


@pytest.mark.parametrize("rise", [0, 1000])
@pytest.mark.parametrize("batch", [1, 2, 4])
def test_what_rises_is_told_from_what_goes_up_and_down(rise, batch):
    notes = [{"bytes": 7_000_000 * (i % batch) + rise * i, "files": 3 + i // 8, "threads": 4} for i in range(25)]
    found = growth(notes, 10)
    assert 0.7 * 15 * rise <= found.pop("bytes") <= 15 * rise
    assert found == {"files": 2, "threads": 0}


@pytest.mark.parametrize("first", range(10, 20))
def test_what_is_kept_once_is_found(first):
    notes = [{"bytes": 40_000_000 * (i >= first), "files": 3, "threads": 4} for i in range(25)]
    assert growth(notes, 10)["bytes"] >= 40_000_000


def test_a_process_with_a_single_fit_has_not_grown():
    assert growth([{"bytes": 7, "files": 3, "threads": 4}], 0) == {"bytes": 0, "files": 0, "threads": 0}


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
