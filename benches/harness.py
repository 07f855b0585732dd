"""What all benches share: contenders timed in turn, in one process, and rows of results in one file a bench.

A worker thread of an OpenMP runtime spins for a while after its work; every turn therefore begins with a pause, so that
nobody pays for the contender before.
"""

import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import crmsprop

RESULTS = Path(__file__).parent / "results"
PAUSE = 0.03  # seconds
TURN = 0.02  # seconds that a contender runs at a stretch, at least one call


def interleave(contenders: Mapping[str, Callable[[], Any]], rounds: int = 15, turn: float = TURN) -> dict[str, float]:
    """Return the median seconds of a call of each contender, over rounds in which each has its turn."""
    counts = {name: _calls_in(function, turn) for name, function in contenders.items()}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    order, shuffle = list(contenders), random.Random(0).shuffle
    for _ in range(rounds):
        shuffle(order)  # nobody always follows the one that leaves the caches worst
        for name in order:
            function = contenders[name]
            time.sleep(PAUSE)
            function()
            start = time.perf_counter()
            for _ in range(counts[name]):
                function()
            times[name].append((time.perf_counter() - start) / counts[name])
    return {name: statistics.median(values) for name, values in times.items()}


def _calls_in(function: Callable[[], Any], turn: float) -> int:
    for _ in range(3):
        function()
    start = time.perf_counter()
    function()
    return max(1, int(turn / max(time.perf_counter() - start, 1e-7)))


def copy_bandwidth(size: int) -> float:
    """Bytes a second, read and written, of ``np.copyto`` of `size` float32."""
    source, target = np.ones(size, np.float32), np.empty(size, np.float32)
    seconds = interleave({"copy": lambda: np.copyto(target, source)}, rounds=7)["copy"]
    return 8 * size / seconds


def machine() -> dict[str, str]:
    """What the figures depend on."""
    cpu = platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), cpu)
    return {
        "cpu": cpu,
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "system": platform.system(),
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
    }


def versions(*packages: str) -> dict[str, str]:
    """The version of each package, the one of crmsprop that is imported; "absent" where it is not installed."""
    found = {"crmsprop": crmsprop.__version__}
    for package in packages:
        if package in found:
            continue
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def save(name: str, rows: list[dict[str, Any]], packages: tuple[str, ...], **more: Any) -> None:
    """Write what a bench found for benches/report.py; what it left out stays as it was, if it was of the same day.

    Rows of another day, machine or version go: a table has one line for all of its conditions.
    """
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    conditions = {"machine": machine(), "versions": versions(*packages)}
    before = json.loads(path.read_text()) if path.exists() else {}
    before = before if {key: before.get(key) for key in conditions} == conditions else {}
    done = {row["case"] for row in rows}
    kept = [row for row in before.get("rows", []) if row["case"] not in done]
    document = {**before, **conditions, "rows": [*kept, *rows]}
    path.write_text(json.dumps(document | {key: value for key, value in more.items() if value}, indent=1) + "\n")
