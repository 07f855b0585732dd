"""How much memory there is, from the files in which Linux tells it."""

import os

import pytest

from crmsprop.datasets import memory


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Return a function that writes what the system tells: files by their paths."""
    of_v2, of_v1 = memory.GROUPS
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "GROUPS", ((tmp_path / "v2", *of_v2[1:]), (tmp_path / "v1", *of_v1[1:])))

    def tell(texts):
        for name, text in texts.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    return tell


MEMINFO = "MemTotal:        4015160 kB\nMemFree:          300000 kB\nMemAvailable:    2000000 kB\n"
V2 = {"meminfo": MEMINFO, "v2/memory.max": "536870912\n", "v2/memory.current": "500000000\n"}
V1 = {"meminfo": MEMINFO, "v1/memory.limit_in_bytes": "1000000\n", "v1/memory.usage_in_bytes": "900000\n"}
STAT = "anon 100\nfile 400000000\ninactive_anon 7\nactive_file 8\ninactive_file 300000000\n"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"meminfo": MEMINFO}, 2_048_000_000),
        ({"meminfo": MEMINFO, "v2/memory.max": "max\n", "v2/memory.current": "500000000\n"}, 2_048_000_000),
        ({"meminfo": MEMINFO, "v2/memory.max": "536870912\n"}, 536_870_912),
        (V2, 36_870_912),
        ({**V2, "v2/memory.stat": STAT}, 336_870_912),
        ({**V2, "v2/memory.current": "600000000\n"}, 0),  # a limit that was lowered
        ({**V2, "v2/memory.current": "200000000\n", "v2/memory.stat": STAT}, 536_870_912),  # read a moment later
        ({"meminfo": MEMINFO, "v1/memory.limit_in_bytes": "9223372036854771712\n"}, 2_048_000_000),
        (V1, 100_000),
        ({**V1, "v1/memory.stat": "inactive_file 20000\nhierarchical 5\ntotal_inactive_file 50000\n"}, 150_000),
    ],
)
def test_what_linux_tells(told, texts, expected):
    told(texts)
    assert memory.available_bytes() == expected


def test_elsewhere_what_the_machine_has(told, monkeypatch):
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__, raising=False)
    assert memory.available_bytes() == 4_096_000
    monkeypatch.delattr(os, "sysconf")
    assert memory.available_bytes() is None


def test_this_machine():
    assert memory.available_bytes() > 1e6
