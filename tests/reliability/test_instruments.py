"""What the commands `sanitize`, `races` and `guided` make of what their tools say; they themselves take minutes."""

import shutil
from pathlib import Path

import pytest
from kernel_fuzzing import running

from crmsprop.kernels import supported_isas
from reliability import builds, guided, races, sanitize


@pytest.mark.parametrize("count", [0, 1, 7, 100_000, 1_000_000])
def test_the_calls_of_all_processes_are_as_many_as_they_should_be(count):
    kinds = sanitize.groups(count, seed=3)
    groups = [group for parts in kinds.values() for group in parts]
    numbers = [number for group in groups for number in (group.numbers.start, group.numbers.stop)]
    assert sum(len(group.numbers) for group in groups) == count
    assert numbers == sorted(numbers)
    assert all(0 < len(group.numbers) <= sanitize.SLICE for group in groups)
    assert all((group.isa, group.n_threads) == kind for kind, parts in kinds.items() for group in parts)
    assert set(kinds) == {(isa, n_threads) for isa in supported_isas() for n_threads in (1, 2)}


def sanitizers():
    try:
        return builds.for_memory()
    except builds.MissingToolError as error:
        pytest.skip(str(error))


def test_sanitizers_find_what_is_planted():
    instrument = sanitizers()
    assert sanitize.missed(instrument) == []
    without = builds.Instrument("nothing", "gcc")
    assert sanitize.missed(without) == list(sanitize.REPORTS)


def test_a_tool_that_is_missing_is_named(monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(builds.MissingToolError, match="this needs gcc: apt install build-essential"):
        builds.for_memory()
    with pytest.raises(builds.MissingToolError, match="this needs clang: apt install clang libomp-dev"):
        builds.for_threads("log")


def test_a_library_that_is_missing_is_named(tmp_path, monkeypatch):
    compiler = tmp_path / "bin/cc"
    compiler.parent.mkdir()
    compiler.write_text("#!/bin/sh\necho libnone.so\n")  # so a compiler says that it has none
    compiler.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(compiler))
    with pytest.raises(builds.MissingToolError, match=r"this needs libnone\.so of cc: install it"):
        builds.library("cc", "libnone.so", "install it")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libnone.so").touch()
    assert builds.library("cc", "libnone.so", "install it") == str(tmp_path / "lib/libnone.so")


def test_a_build_that_is_there_is_used(tmp_path):
    (tmp_path / "crmsprop/kernels").mkdir(parents=True)
    (tmp_path / "crmsprop/kernels/_cpu.so").touch()
    builds.build(builds.Instrument("nothing", "/no/compiler"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["crmsprop"]


RACE = """==================
WARNING: ThreadSanitizer: data race (pid=7)
  Write of size 4 at 0x7ffd by thread T1:
SUMMARY: ThreadSanitizer: data race x.c:7 in sum
==================
"""


def test_every_race_is_a_report_and_is_read_once(tmp_path):
    Path(tmp_path, "log.7").write_text(RACE * 2)
    Path(tmp_path, "log.9").write_text(RACE)
    found = races.reports(tmp_path)
    assert len(found) == 3
    assert all(text.startswith("data race (pid=7)\n  Write") for text in found)
    assert races.reports(tmp_path) == []


SAID = """INFO: Seed: 1
#2	INITED cov: 1500 ft: 1600 corp: 1/1b exec/s: 0 rss: 90Mb
#40	NEW    cov: 1510 ft: 1620 corp: 2/9b lim: 4 exec/s: 0 rss: 90Mb L: 8/8 MS: 1 Custom-
"""


def test_what_libfuzzer_says_is_read():
    done = guided.summary(
        "npy", 0, SAID + "#900\tDONE   cov: 1512 ft: 1630 corp: 3/9b\nDone 900 runs in 61 second(s)\n"
    )
    assert done == guided.Report("npy", 900, (1500, 1512), "")
    assert str(done) == "npy: 900 inputs, which reach 1512 places, the first of them 1500; no finding"


def test_a_finding_of_libfuzzer_is_shown_from_where_it_begins():
    said = SAID + " === Uncaught Python exception: ===\nAssertionError: files changed\n"
    report = guided.summary("npy", 77, said)
    assert (report.inputs, report.reached) == (40, (1500, 1510))
    assert report.finding.startswith("ended with 77\nUncaught Python exception: ===\nAssertionError: files changed")
    killed = guided.summary("npy", -9, SAID)
    assert killed.finding.startswith("ended with -9\nINFO: Seed: 1")


def test_a_target_that_does_not_begin_is_no_report():
    with pytest.raises(RuntimeError, match="npy could not begin: No module named atheris"):
        guided.summary("npy", 1, "No module named atheris")


def test_a_sanitizer_is_quoted_from_where_it_begins():
    noise, report = "x" * 5000 + "\n", "==7==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x1\n"
    assert running.excerpt(noise + report + "READ of size 4").strip() == report + "READ of size 4"
    assert running.excerpt(noise) == noise[-3000:]
