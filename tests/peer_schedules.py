"""Every schedule that ours are held against in another library, and the factors that are frozen of it.

tests/golden/make_schedules.py asks the libraries; tests/schedules/test_peers.py asks ours. Parameters have our names.
"""

import itertools
from typing import NamedTuple

PER_EPOCH, EPOCHS = 7, 30
TOTAL = PER_EPOCH * EPOCHS


class Case(NamedTuple):
    """One schedule in one library."""

    peer: str
    kind: str
    parameters: tuple[tuple[str, object], ...]

    @property
    def name(self):
        """A key that is the same in the script and in the tests."""
        return "/".join([self.peer, self.kind, *(f"{name}={value}" for name, value in self.parameters)])


def cases(peer, kind, **choices):
    """Every combination of the choices, as cases."""
    return [
        Case(peer, kind, tuple(zip(choices, chosen, strict=True))) for chosen in itertools.product(*choices.values())
    ]


CASES = [
    *cases("torch", "restarts", cycle=(1, 2, 7, 40), cycle_growth=(1, 2, 3), final=(0.0, 0.25)),
    *cases("keras", "restarts", cycle=(1, 5), cycle_growth=(1, 2), final=(0.0, 0.25)),
    *cases("torch", "one-cycle", rise=(0.1, 0.3, 0.85), start_divisor=(25.0, 4.0), final_divisor=(1e4, 2.0)),
    # Whole steps of TOTAL: optax takes no other.
    *cases("optax", "one-cycle", rise=(0.1, 0.3, 0.9), start_divisor=(25.0, 4.0), final_divisor=(1e4, 2.0)),
    *cases("torch", "warmup-cosine", epochs=(1, 5), start=(0.01, 0.5)),
    *cases("optax", "warmup-cosine", epochs=(1, 5), start=(0.0, 0.01, 0.5)),
    *cases("optax", "joined", first=(1, 4), second=(10, 25)),
    *cases("keras", "piecewise", boundaries=((10,), (1, 4, 29)), values=((1.0, 0.5, 0.25, 2.0),)),
]
