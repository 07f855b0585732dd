"""CPUs that this machine is not, emulated: each gets the kernels of its level, and trains.

    python tests/builds/old_cpus.py

runs small_fit.py in qemu-x86_64, which `apt-get install qemu-user` brings, and compares it with a run without: the
optimizer has the same bits, and predictions after a training agree within 1e-5.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

PROGRAM = Path(__file__).with_name("small_fit.py")
CPUS = {  # of qemu, with the best level that they have
    "Nehalem": "baseline",  # 2008: SSE4.2
    "SandyBridge": "baseline",  # 2011: AVX without AVX2 and FMA
    "Haswell": "v3",  # 2013
    "Haswell,-fma": "baseline",
    "Haswell,-bmi2": "baseline",
}
# NumPy's OpenBLAS takes qemu's Nehalem for a newer CPU, and dies of it (NumPy 2.4, qemu 7.2): it is told what to run.
BLAS = {"OPENBLAS_CORETYPE": "Nehalem"}
CLOSE = 1e-5  # between probabilities, after a training


def told(*emulator, isa=None):
    """Run the program, emulated or not, and return what it says."""
    env = {name: value for name, value in os.environ.items() if name not in ("CRMSPROP_ISA", "CRMSPROP_KERNELS")}
    command = [*emulator, sys.executable, "-P", str(PROGRAM)]
    env |= BLAS | ({"CRMSPROP_ISA": isa} if isa else {})
    run = subprocess.run(command, env=env, capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"{' '.join(command)} must succeed, got {run.returncode}: {run.stderr[-2000:]}")
    return json.loads(run.stdout)


def faults(found, expected, here):
    """Return what a CPU has otherwise than it should."""
    if found["isa"] != expected:
        yield f"must use {expected}, and has {', '.join(found['supported'])}"
    if found["bits"] != here["bits"]:
        yield "the optimizer has other bits"
    for name in ("mlp", "cnn"):
        far = np.abs(np.subtract(found[name]["probabilities"], here[name]["probabilities"])).max()
        if not far < CLOSE or found[name]["accuracy"] < 0.9:
            yield f"{name}: probabilities differ by {far:.1e}, accuracy {found[name]['accuracy']}"


def main():
    """Ask each CPU, print a line each, and return the exit status."""
    emulator = shutil.which("qemu-x86_64")
    if emulator is None:
        print("qemu-x86_64 must be installed: apt-get install qemu-user", file=sys.stderr)
        return 2
    here, wrong = told(), 0
    levels = {f"this one, {isa}": (told(isa=isa), isa) for isa in here["supported"]}
    cpus = {cpu: (told(emulator, "-cpu", cpu), expected) for cpu, expected in CPUS.items()}
    for cpu, (found, expected) in {**levels, **cpus}.items():
        said = list(faults(found, expected, here))
        wrong += len(said)
        print(f"{cpu}: {found['isa']}: {'; '.join(said) or 'as it should be'}")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
