"""The level of this CPU, asked for as each compiler does it: what Linux says of the CPU decides."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "crmsprop/kernels/src"
CPU = Path("/proc/cpuinfo")
PROGRAM = '#include "cpu.h"\nint main(void) { return crm_best_isa(); }\n'

#: What each level adds, in the words of Linux ("abm" is LZCNT): the x86-64 psABI, section 3.1.1.
V3 = {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "popcnt", "xsave"}
V4 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or "avx" not in CPU.read_text() or not (SOURCES / "cpu.h").is_file(),
    reason="reads the flags of an x86-64 CPU, and the sources",
)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_level_of_this_cpu(compiler, tmp_path):
    if not shutil.which(compiler):
        pytest.skip(f"needs {compiler}")
    source, program = tmp_path / "ask.c", tmp_path / "ask"
    source.write_text(PROGRAM)
    command = [compiler, "-Wall", "-Werror", "-DCRM_X86_LEVELS", "-I", str(SOURCES), str(source), "-o", str(program)]
    subprocess.run(command, check=True)
    assert subprocess.run([str(program)], check=False).returncode == level_of_this_cpu()


def level_of_this_cpu():
    lines = CPU.read_text().splitlines()
    has = set(next(line for line in lines if line.startswith("flags")).split())
    return 0 if not has >= V3 else 1 if not has >= V4 else 2
