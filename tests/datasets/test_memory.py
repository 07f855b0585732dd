"""How much memory there is, from the files in which Linux tells it."""

import os

import pytest

from crmsprop.datasets import memory


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Return a function that sets what the system tells; None for nothing."""
    paths = {name: tmp_path / name for name in ("meminfo", "v2", "v1")}
    monkeypatch.setattr(memory, "MEMINFO", paths["meminfo"])
    monkeypatch.setattr(memory, "LIMITS", (paths["v2"], paths["v1"]))

    def tell(**texts):
        for name, text in texts.items():
            paths[name].write_text(text)

    return tell


MEMINFO = "MemTotal:        4015160 kB\nMemFree:          300000 kB\nMemAvailable:    2000000 kB\n"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"meminfo": MEMINFO}, 2_048_000_000),
        ({"meminfo": MEMINFO, "v2": "max\n"}, 2_048_000_000),
        ({"meminfo": MEMINFO, "v2": "536870912\n"}, 536_870_912),
        ({"meminfo": MEMINFO, "v1": "9223372036854771712\n"}, 2_048_000_000),
        ({"meminfo": MEMINFO, "v1": "1000000\n"}, 1_000_000),
    ],
)
def test_what_linux_tells(told, texts, expected):
    told(**texts)
    assert memory.available_bytes() == expected


def test_elsewhere_what_the_machine_has(told, monkeypatch):
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__, raising=False)
    assert memory.available_bytes() == 4_096_000
    monkeypatch.delattr(os, "sysconf")
    assert memory.available_bytes() is None


def test_this_machine():
    assert memory.available_bytes() > 1e6
