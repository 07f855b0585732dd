"""The link check of the guide finds what it is there for."""

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "check_links.py"


@pytest.fixture
def check():
    return runpy.run_path(str(SCRIPT))["main"]


def write(folder, **pages):
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<html><body>{body}</body></html>")


@pytest.mark.parametrize(
    "link",
    ["two.html", "two.html#here", "#top", "a%20b.png", "https://example.org/x#y", "data:,x", "two.html?q=1#here", "#"],
)
def test_what_is_there(link, check, tmp_path, capsys):
    write(tmp_path, one=f'<p id="top"><a href="{link}">x</a>', two='<a name="here"></a>')
    (tmp_path / "a b.png").touch()
    assert check(str(tmp_path)) == 0
    assert capsys.readouterr().out == "0 broken links\n"


@pytest.mark.parametrize("link", ["three.html", "two.html#there", "#bottom", "a.png", "sub/two.html"])
@pytest.mark.parametrize("tag", ['<a href="{}">', '<img src="{}">'])
def test_what_is_not_there(link, tag, check, tmp_path, capsys):
    write(tmp_path, one='<p id="top">' + tag.format(link), two='<p id="here">')
    assert check(str(tmp_path)) == 1
    assert capsys.readouterr().out == f"one.html: {link}\n1 broken links\n"
