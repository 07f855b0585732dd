"""A few repetitions of the command that watches memory; RELIABILITY.md has the figures of many."""

import os

import pytest
from child_process import in_new_interpreter

from reliability import memory

pytestmark = pytest.mark.skipif(not os.path.isfile("/proc/self/statm"), reason="reads memory in /proc")


def test_memory_does_not_grow():
    """In a process of its own: what other tests leave and give back is as large."""
    code = """if True:
        from reliability.memory import TASKS, memory
        report = memory(14, {name: (task, min(often, 10)) for name, (task, often) in TASKS.items()})
        print(len(report.tasks), report.grown)
        """
    assert in_new_interpreter(code) == (0, f"{len(memory.TASKS)} []", "")


def test_a_leak_is_found():
    code = """if True:
        import numpy as np
        from reliability.memory import memory
        kept = []

        def leak(times, note):
            for _ in range(times):
                kept.append(np.ones(1 << 18))  # 2 MB
                note()

        report = memory(15, {"a leak": (leak, 1)})
        print(report.grown, "15 a leak: 10." in str(report))
        """
    assert in_new_interpreter(code) == (0, "['a leak'] True", "")
