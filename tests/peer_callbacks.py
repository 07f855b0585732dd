"""The random trainings in which our callbacks are held against Keras's: metrics and parameters, by our names.

tests/golden/make_callbacks.py runs Keras's callbacks, tests/callbacks/test_peers.py ours. The metrics are multiples of
1/64, since Keras compares in float32; values that differ by just min_delta are met as well.
"""

import random
from typing import NamedTuple

CASES, EPOCHS, GRID = 400, 25, 64
LEARNING_RATE = 0.125


class Case(NamedTuple):
    """What a callback sees, and how it is set."""

    values: list[float]
    parameters: dict[str, object]


def metrics(rng):
    """A walk that falls at first, with plateaus and steps of all sizes."""
    level, values = rng.randint(20, 60), []
    for epoch in range(EPOCHS):
        level += rng.choice((-6, -2, -1, -1, 0, 0, 1, 1, 2)) if epoch < 8 else rng.choice((-2, -1, 0, 0, 1, 1, 3))
        values.append(level / GRID)
    return values


def cases(seed, choices):
    """Random parameters out of the choices for each; a metric that has to rise is one that has to fall, reversed."""
    rng, made = random.Random(seed), []
    for _ in range(CASES):
        values = metrics(rng)
        parameters = {name: rng.choice(values) for name, values in choices.items()}
        rises = parameters["mode"] == "max"
        made.append(Case([1 - value for value in values] if rises else values, parameters))
    return made


STOPPING = cases(
    1,
    {
        "mode": ("min", "max"),
        "patience": (1, 2, 3, 5, 8),
        "min_delta": (0.0, 0.0, 1 / GRID, 3 / GRID),
        "baseline": (None, None, 0.25, 0.5, 0.75),
        "start_from_epoch": (0, 0, 1, 4, 30),
        "restore_best": (True, False),
    },
)
PLATEAU = cases(
    2,
    {
        "mode": ("min", "max"),
        "factor": (0.5, 0.25),
        "patience": (1, 2, 3, 5),
        "min_delta": (0.0, 1 / GRID, 3 / GRID),
        "cooldown": (0, 0, 1, 2, 4),
        "min_learning_rate": (0.0, 0.0, 2**-6, 0.01953125, 0.5),
    },
)
