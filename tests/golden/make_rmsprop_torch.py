"""Freeze what torch.optim.RMSprop does: writes rmsprop_torch.json beside this file.

Run it with an interpreter that has torch; the file says which version. The tests read the file and need no torch.
Gradients span what the issue asks for: 1e-15 to 1e10, but 1e-3 to 1e3 for centered, whose difference cancels.
"""

import json
import math
import random
from pathlib import Path

import torch

STEPS, SIZE, SHOWN = 200, 5, (1, 2, 3, 10, 50, 100, 101, 200)
RATES = {"lr": 0.01, "alpha": 0.95, "eps": 1e-8}
VARIANTS = {
    "plain": {},
    "momentum": {"momentum": 0.9},
    "centered": {"centered": True},
    "l2": {"weight_decay": 0.1},
    "all": {"momentum": 0.8, "centered": True, "weight_decay": 0.02},
}
STATES = {"mean_square": "square_avg", "mean": "grad_avg", "velocity": "momentum_buffer"}


def gradients(low, high, seed):
    """`STEPS` rows of `SIZE` gradients, of any sign, evenly spread in their logarithm."""
    rng = random.Random(seed)
    return [
        [rng.choice((-1, 1)) * math.exp(rng.uniform(math.log(low), math.log(high))) for _ in range(SIZE)]
        for _ in range(STEPS)
    ]


def run(start, rows, options):
    """Parameters after each of the shown steps, and the whole state after step 100."""
    param = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    optimizer = torch.optim.RMSprop([param], **RATES, **options)
    shown, states = {}, {}
    for step, row in enumerate(rows, start=1):
        param.grad = torch.tensor(row, dtype=torch.float64)
        optimizer.step()
        if step in SHOWN:
            shown[step] = param.tolist()
        if step == 100:
            state = optimizer.state[param]
            states = {ours: state[theirs].tolist() for ours, theirs in STATES.items() if theirs in state}
    return {"options": options, "params": shown, "state_after_100": states}


def main():
    start = [1.0, -2.0, 1e-3, 30.0, 0.0]
    tables = {"wide": gradients(1e-15, 1e10, 1), "narrow": gradients(1e-3, 1e3, 2)}
    runs = {}
    for name, options in VARIANTS.items():
        table = "narrow" if options.get("centered") else "wide"
        runs[name] = {"gradients": table, **run(start, tables[table], options)}
    frozen = {"torch": torch.__version__, "rates": RATES, "start": start, "gradients": tables, "runs": runs}
    Path(__file__).with_name("rmsprop_torch.json").write_text(json.dumps(frozen, indent=None) + "\n")


if __name__ == "__main__":
    main()
