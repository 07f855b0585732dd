"""Our schedules against frozen factors of torch, Keras and optax: tests/golden/make_schedules.py made them."""

from pathlib import Path

import numpy as np
import pytest
from peer_schedules import CASES, PER_EPOCH, TOTAL
from schedule_cases import factors

from crmsprop.schedules import CosineAnnealing, OneCycle, PiecewiseConstant, Product, Warmup

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "schedules.npz"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as file:
        return dict(zip(file["names"].tolist(), file["rows"], strict=True))


def restarts(**parameters):
    return factors(CosineAnnealing(**parameters))


def one_cycle_to_the_end(**parameters):
    return factors(OneCycle(**parameters))


def one_cycle_to_the_last_step(rise, **parameters):
    """torch's curve peaks at step ``rise * TOTAL - 1`` and ends at step ``TOTAL - 1``: ours, of one step fewer."""
    return factors(OneCycle((rise * TOTAL - 1) / (TOTAL - 1), **parameters), total=TOTAL - 1)


def warmup_cosine(epochs, start):
    return factors(Warmup(epochs, start).then(CosineAnnealing(), after=epochs))


def joined(first, second):
    parts = CosineAnnealing(0.2).then(PiecewiseConstant([], [0.5]), after=first)
    return factors(parts.then(Warmup(3, 0.1), after=second))


def piecewise(boundaries, values):
    return factors(Product(()) * PiecewiseConstant(boundaries, values[: len(boundaries) + 1]))


OURS = {
    "torch/restarts": restarts,
    "keras/restarts": restarts,
    "torch/one-cycle": one_cycle_to_the_last_step,
    "optax/one-cycle": one_cycle_to_the_end,
    "torch/warmup-cosine": warmup_cosine,
    "optax/warmup-cosine": warmup_cosine,
    "optax/joined": joined,
    "keras/piecewise": piecewise,
}
#: torch computes in Python floats, the others in float32, or float64 with float32 among their constants.
TOLERANCE = {"torch": 1e-12, "keras": 2e-6, "optax": 2e-6}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_peer_gives_the_same_factors(golden, case):
    ours = OURS[f"{case.peer}/{case.kind}"](**dict(case.parameters))
    np.testing.assert_allclose(ours, golden[case.name], rtol=0, atol=TOLERANCE[case.peer])


def test_the_file_has_no_other_case(golden):
    assert set(golden) == {case.name for case in CASES}
    assert {len(row) for row in golden.values()} == {TOTAL}
    assert TOTAL % PER_EPOCH == 0
