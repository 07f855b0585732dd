"""What crmsprop takes beside time: memory of a fit on 40,000 images, and the time of its import.

    CRMSPROP_TEST_CIFAR10=DATA_HOME python -m pytest -c benches/pytest.ini benches/bench_footprint.py

Each in interpreters of their own, Linux only. Fails where a fit adds more than 100 MB, at any moment, to what the
process had before. Imports take turns with that of sklearn.neural_network; both find their modules compiled, as pip
leaves them.
"""

import json
import os
import statistics
import subprocess
import sys

import numpy as np
import pytest

from benches.contests import images
from benches.harness import save

MOST_BYTES = 100e6
N_IMAGES = 40_000
MEMORY = """
import json
import re
import sys
from pathlib import Path

import numpy as np

from crmsprop import CNNClassifier

def status(name):
    return 1024 * int(re.search(name + ":\\\\s*(\\\\d+)", Path("/proc/self/status").read_text())[1])

X, y = np.load(sys.argv[1]), np.load(sys.argv[2])
before = status("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the highest mark begins anew
CNNClassifier(padding="valid", batch_size=32, max_epochs=1, random_state=0).fit(X, y)
print(json.dumps([before, status("VmHWM") - before, X.nbytes]))
"""
IMPORT = "import time; begin = time.perf_counter(); import {}; print(time.perf_counter() - begin)"
FOOTPRINT = {}


@pytest.fixture(scope="module", autouse=True)
def results():
    yield
    save("footprint", [], ("numpy", "scikit-learn"), **FOOTPRINT)


def printed(code, *arguments, env=None):
    """What a new interpreter prints that runs this."""
    run = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, env=env)
    return run.stdout


def test_memory(benchmark, tmp_path):
    paths = [str(tmp_path / name) for name in ("X.npy", "y.npy")]
    for path, array in zip(paths, images(N_IMAGES), strict=True):  # reading the archive leaves memory that a fit uses
        np.save(path, array)
    before, added, data = benchmark.pedantic(lambda: json.loads(printed(MEMORY, *paths)), rounds=1)
    FOOTPRINT["memory"] = {"images": N_IMAGES, "data": data, "before": before, "added": added}
    assert 0 < added < MOST_BYTES


def test_import(benchmark, tmp_path):
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(tmp_path)
    names = ("crmsprop", "sklearn.neural_network")
    times = {name: [] for name in names}
    for name in names:  # compiles
        printed(f"import {name}", env=env)
    for round_ in range(22):
        for name in names[:: 1 - 2 * (round_ % 2)]:
            times[name].append(float(printed(IMPORT.format(name), env=env)))
    FOOTPRINT["imports"] = {name: statistics.median(values) for name, values in times.items()}
    benchmark.pedantic(lambda: printed("import crmsprop", env=env), rounds=3)
