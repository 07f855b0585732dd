"""Makes schedules.npz: the factors that the schedules of other libraries give in the cases of tests/peer_schedules.py.

    python tests/golden/make_schedules.py

Needs torch, keras with tensorflow-cpu, jax and optax. For each case the file has a factor a step, of base rate 1.
"""

import os
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="", JAX_ENABLE_X64="1", TF_CPP_MIN_LOG_LEVEL="3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import keras
import numpy as np
import optax
import torch
from peer_schedules import CASES, PER_EPOCH, TOTAL
from torch.optim import lr_scheduler

warnings.filterwarnings("ignore", message="The epoch parameter in")  # torch's word against step(epoch)


def torch_rates(make, fraction=False):
    """The rate at each step, as a training sees it; `fraction` asks by the epoch, of which torch takes a fraction."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, rates = make(optimizer), []
    for step in range(TOTAL):
        if fraction:
            scheduler.step(step / PER_EPOCH)
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        if not fraction and step < TOTAL - 1:
            scheduler.step()
    return rates


def torch_restarts(cycle, cycle_growth, final):
    def make(optimizer):
        return lr_scheduler.CosineAnnealingWarmRestarts(optimizer, cycle, cycle_growth, final)

    return torch_rates(make, fraction=True)


def keras_restarts(cycle, cycle_growth, final):
    schedule = keras.optimizers.schedules.CosineDecayRestarts(
        1.0, cycle * PER_EPOCH, t_mul=float(cycle_growth), alpha=final
    )
    return [float(schedule(step)) for step in range(TOTAL)]


def torch_one_cycle(rise, start_divisor, final_divisor):
    return torch_rates(
        lambda optimizer: lr_scheduler.OneCycleLR(
            optimizer,
            1.0,
            total_steps=TOTAL,
            pct_start=rise,
            div_factor=start_divisor,
            final_div_factor=final_divisor,
            cycle_momentum=False,
        )
    )


def optax_one_cycle(rise, start_divisor, final_divisor):
    return optax_rates(optax.cosine_onecycle_schedule(TOTAL, 1.0, rise, start_divisor, final_divisor))


def torch_warmup_cosine(epochs, start):
    n = epochs * PER_EPOCH
    return torch_rates(
        lambda optimizer: lr_scheduler.SequentialLR(
            optimizer,
            [lr_scheduler.LinearLR(optimizer, start, 1.0, n), lr_scheduler.CosineAnnealingLR(optimizer, TOTAL - n)],
            [n],
        )
    )


def optax_warmup_cosine(epochs, start):
    return optax_rates(optax.warmup_cosine_decay_schedule(start, 1.0, epochs * PER_EPOCH, TOTAL))


def optax_joined(first, second):
    """Half a cosine, then constant 0.5, then a line from 0.1 to 1."""
    parts = [
        optax.cosine_decay_schedule(1.0, first * PER_EPOCH, 0.2),
        optax.constant_schedule(0.5),
        optax.linear_schedule(0.1, 1.0, 3 * PER_EPOCH),
    ]
    return optax_rates(optax.join_schedules(parts, [first * PER_EPOCH, second * PER_EPOCH]))


def keras_piecewise(boundaries, values):
    """Keras changes behind the boundary, not at it."""
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
        [boundary * PER_EPOCH - 1 for boundary in boundaries], values[: len(boundaries) + 1]
    )
    return [float(schedule(step)) for step in range(TOTAL)]


def optax_rates(schedule):
    return [float(schedule(step)) for step in range(TOTAL)]


MAKERS = {
    "torch/restarts": torch_restarts,
    "keras/restarts": keras_restarts,
    "torch/one-cycle": torch_one_cycle,
    "optax/one-cycle": optax_one_cycle,
    "torch/warmup-cosine": torch_warmup_cosine,
    "optax/warmup-cosine": optax_warmup_cosine,
    "optax/joined": optax_joined,
    "keras/piecewise": keras_piecewise,
}


def main():
    rows = [MAKERS[f"{case.peer}/{case.kind}"](**dict(case.parameters)) for case in CASES]
    versions = " ".join(f"{name}-{version(name)}" for name in ("torch", "keras", "tensorflow-cpu", "optax", "jax"))
    np.savez_compressed(
        Path(__file__).with_name("schedules.npz"),
        names=np.array([case.name for case in CASES]),
        rows=np.array(rows, np.float64),
        versions=np.array(versions),
    )
    print(f"{len(rows)} cases; {versions}")


if __name__ == "__main__":
    main()
