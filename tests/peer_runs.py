"""Every run that RMSprop is held against in another library: which options, on which gradients.

tests/golden/make_rmsprop.py makes these runs in the libraries themselves and freezes what came out;
tests/test_presets.py makes them here. Options have our names.
"""

import itertools
import math
import random
from typing import NamedTuple

import numpy as np

STEPS, SHARED = 200, 100  # calls of a run; after so many, the whole state is frozen
SIZES = (3, 2)
START = ([1.0, -2.0, 1e-3], [30.0, 0.0])
# Numbers that float32 holds exactly: Keras and TensorFlow pass some through float32, whatever the parameters are.
SETTINGS = {"learning_rate": 2**-7, "rho": 0.9375, "epsilon": 2**-27}
STATES = ("mean_squares", "means", "velocities", "averages")


class Run(NamedTuple):
    """One optimizer in one library."""

    peer: str
    options: tuple[tuple[str, object], ...]
    dtype: str

    @property
    def name(self):
        """A key that is the same in the script and in the tests."""
        return "/".join([self.peer, *(f"{name}={value}" for name, value in self.options), self.dtype])

    def overrides(self):
        """Arguments of RMSprop.preset; a run without options is that of the defaults."""
        return {**SETTINGS, **dict(self.options)} if self.options else {}

    @property
    def begins_with_noise(self):
        """Whether nothing but rounding is left under the root of the first steps: v - mean**2, both corrected."""
        options = dict(self.options)
        return bool(options.get("centered") and options.get("bias_correction"))

    def gradients(self):
        """The gradients of every step, a list of arrays each."""
        return gradients(dict(self.options).get("centered", False), self.dtype)


def gradients(narrow, dtype):
    """Of any sign, evenly spread in their logarithm: 1e-15 to 1e10, or 1e-3 to 1e3 where a difference cancels."""
    low, high, seed = (1e-3, 1e3, 2) if narrow else (1e-15, 1e10, 1)
    rng = random.Random(seed)
    rows = [
        [rng.choice((-1, 1)) * math.exp(rng.uniform(math.log(low), math.log(high))) for _ in range(sum(SIZES))]
        for _ in range(STEPS)
    ]
    return [np.split(np.array(row, dtype), np.cumsum(SIZES)[:-1]) for row in rows]


def start(dtype):
    return [np.array(values, dtype) for values in START]


def combinations(*switches):
    """Every choice of one entry from each list of options, as tuples of pairs."""
    return [tuple(itertools.chain(*chosen)) for chosen in itertools.product(*switches)]


def switch(name, *values):
    """An option that is left out, or has one of `values`."""
    return [(), *(((name, value),) for value in values)]


CENTERED, MOMENTUM = switch("centered", True), switch("momentum", 0.875)
L2, DECAY, MAXIMIZE = switch("l2", 0.125), switch("weight_decay", 0.125), switch("maximize", True)
CLIPS = [(), (("clip_value", 0.5),), (("clip_norm", 0.75),), (("global_clip_norm", 0.875),)]
NESTEROV = [*MOMENTUM, (("momentum", 0.875), ("nesterov", True))]
OPTAX = (CENTERED, NESTEROV, switch("bias_correction", True), switch("eps_in_sqrt", False))
CHAINED = [*L2[1:], *DECAY[1:], *MAXIMIZE[1:], CLIPS[1], CLIPS[3], *switch("accumulate_steps", 2)[1:]]

OPTIONS = {
    "torch": combinations(CENTERED, MOMENTUM, L2, MAXIMIZE),
    "keras": combinations(CENTERED, MOMENTUM, DECAY, CLIPS, switch("ema", 0.75), switch("accumulate_steps", 2)),
    "tf1": combinations(CENTERED, MOMENTUM),
    "optax": [
        *combinations(*OPTAX, switch("initial_mean_square", 0.5)),
        *combinations(CENTERED, NESTEROV, CHAINED),
    ],
}
# The first combination of each has no option at all: there the peer's own defaults are meant. With our settings and no
# option more, `centered` is given as False.
RUNS = [
    Run(peer, options, dtype)
    for peer, found in OPTIONS.items()
    for options in [*found, (("centered", False),)]
    for dtype in ("float64", "float32")
    if (peer, options, dtype) != ("tf1", (), "float64")  # its default learning rate is a float32
]
