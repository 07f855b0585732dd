"""The bar: on a terminal, and not where nobody looks."""

import io
import sys
import time

import pytest

from crmsprop.cli import progress as module
from crmsprop.cli.progress import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(monkeypatch, stream, quiet=False):
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(module, "DELAY", 0)
    with progress(4, "file", quiet) as advance:
        for _ in range(3):
            time.sleep(0.11)  # tqdm draws ten times a second
            advance(1)
    return stream.getvalue()


def test_on_a_terminal_it_shows_how_far_and_how_long(monkeypatch):
    text = shown(monkeypatch, Terminal())
    assert "2/4 [" in text
    assert "file/s]" in text
    assert "<00:0" in text  # the time left
    assert text.split("\r")[-1].strip() == ""  # and leaves nothing behind


@pytest.mark.parametrize(("stream", "quiet"), [(io.StringIO(), False), (Terminal(), True)])
def test_elsewhere_it_shows_nothing(monkeypatch, stream, quiet):
    assert shown(monkeypatch, stream, quiet) == ""
