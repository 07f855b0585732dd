"""The programs in examples/ run as they stand there, and do what they say."""

import re
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "examples"

#: What each program prints, line by line where it is told here.
PRINTS = {
    "own_layer.py": (
        r"largest relative error of a gradient: \de-(09|1\d)",
        r"1 Swish +\(8, 8, 16\) +16 .*",
        r"accuracy 0\.9\d\d",
        "the same from a file: True",
    ),
    "own_loss.py": (
        r"largest relative error of the gradient: \de-(09|1\d)",
        r"0\.1: 0\.(0[5-9]|1[0-5])\d of new samples lie below",
        r"0\.5: 0\.(4[5-9]|5[0-5])\d of new samples lie below",
        r"0\.9: 0\.(8[5-9]|9[0-5])\d of new samples lie below",
        "the same from a file: True",
    ),
}


def test_every_program_is_here():
    assert {path.name for path in FOLDER.glob("*.py")} == set(PRINTS)


@pytest.mark.parametrize("name", PRINTS)
def test_a_program_runs(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(FOLDER / name), run_name="__main__")
    lines = iter(capsys.readouterr().out.splitlines())
    for pattern in PRINTS[name]:
        assert any(re.fullmatch(pattern, line) for line in lines), pattern
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", PRINTS)
def test_a_program_says_how_it_is_run(name):
    assert f"``python examples/{name}``" in (FOLDER / name).read_text()
