"""Each kernel against what the machine can do: multiply-adds against the FMA peak, bytes against a copy.

    python -m pytest -c benches/pytest.ini benches/bench_kernels.py

On one thread, float32; kernel_cases.py has the calls. The peak is that of multiply-adds in registers (fma_peak.c,
compiled with cc for this machine); the copy is `np.copyto` of as many bytes. Operations are counted as the direct sum
has them, so that Winograd and what skips exact zeros can pass the peak: they do less work.
"""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest

from benches import kernel_cases
from benches.harness import interleave, save

ROWS = []


def made(table):
    """Every case of a table by its name: a call, and how much it does."""
    cases = [case for makers in table.values() for make in makers for case in make()]
    assert len({name for name, _, _ in cases}) == len(cases)
    return {name: (call, amount) for name, call, amount in cases}


PRODUCTS, MEMORY = made(kernel_cases.PRODUCTS), made(kernel_cases.MEMORY)


@pytest.fixture(scope="module", autouse=True)
def results():
    yield
    save("kernels", ROWS, ("crmsprop", "numpy"))


@pytest.fixture(scope="module")
def peak(tmp_path_factory):
    """A call, and its multiply-adds."""
    library = tmp_path_factory.mktemp("peak") / "fma_peak.so"
    source = Path(__file__).parent / "fma_peak.c"
    flags = ("-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC")
    subprocess.run(["cc", *flags, "-o", library, source], check=True)
    function = ctypes.CDLL(str(library)).fma_peak
    function.argtypes = (ctypes.c_long, ctypes.c_float)
    return lambda: function(20_000, 0.5), 20_000 * 12 * 16


@pytest.mark.parametrize("name", PRODUCTS)
def test_products(benchmark, name, peak):
    call, products = PRODUCTS[name]
    best, best_products = peak
    seconds = interleave({"kernel": call, "peak": best}, rounds=15)
    rate, limit = products / seconds["kernel"], best_products / seconds["peak"]
    ROWS.append({"case": name, "gflops": 2e-9 * rate, "of_peak": rate / limit})
    benchmark.extra_info.update(ROWS[-1])
    benchmark(call)


@pytest.mark.parametrize("name", MEMORY)
def test_bytes(benchmark, name):
    call, size = MEMORY[name]
    source = np.zeros(size // 8, np.float32)
    target = source.copy()
    seconds = interleave({"kernel": call, "copy": lambda: np.copyto(target, source)}, rounds=15)
    ROWS.append(
        {"case": name, "gbytes": 1e-9 * size / seconds["kernel"], "of_copy": seconds["copy"] / seconds["kernel"]}
    )
    benchmark.extra_info.update(ROWS[-1])
    benchmark(call)
