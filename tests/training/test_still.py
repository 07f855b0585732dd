"""Frozen layers at the beginning are computed once for each sample, and nothing shows it but the time."""

from dataclasses import dataclass

import numpy as np
import pytest

from crmsprop.nn import Dense, Dropout, Flatten, ReLU
from crmsprop.training import Callback, still

N = 50  # samples in a problem


@dataclass(frozen=True)
class Counted(Dense):
    """Notes how many samples come to it."""

    seen: tuple[list[int], ...] = ([],)

    def forward(self, x, out, own, run):
        self.seen[0].append(len(x))
        super().forward(x, out, own, run)


class Freeze(Callback):
    """Freezes other layers each epoch; the last ones for the rest."""

    def __init__(self, *each):
        self.each = each

    def on_epoch_begin(self, context):
        context.frozen = frozenset(self.each[min(context.epoch, len(self.each) - 1)])
        for group, name in enumerate(context.network.learned):
            context.optimizer.set_group(group, frozen=int(name.split(".")[0]) in context.frozen)


def layers(seen):
    return [Counted(9, seen=(seen,)), Flatten(), ReLU(), Dense(7), Dropout(0.3), ReLU(), Dense(3)]


def without_keeping(monkeypatch):
    monkeypatch.setattr(still, "KEPT_BYTES", 0)


def trained(problem, callbacks, data=None, dtype=np.float32, **settings):
    """What a training leaves, but for the seconds; and how many samples passed the first layer in each epoch."""
    seen, epochs = [], []

    class Epochs(Callback):
        def on_epoch_end(self, context):
            epochs.append(sum(seen))
            seen.clear()

    ours = problem(layers(seen), dtype=dtype, n=N, **(data or {}))
    history = ours.run(callbacks=[*callbacks, Epochs()], max_epochs=5, learning_rate=0.01, **settings)
    return ours.weights.tobytes(), {name: history[name] for name in ("loss", "accuracy")}, epochs


SAMPLES = {
    "all": {},
    "some": {"rows": np.arange(N - 1, 2, -2)},
    "weighted": {"weights": np.linspace(0.1, 3, N)},
    "scaled": {"scale": 0.5},
}


@pytest.mark.parametrize("data", SAMPLES.values(), ids=SAMPLES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("settings", [{}, {"n_threads": 3, "batch_size": 64}, {"batch_size": 7}], ids=str)
def test_computed_once_and_not_a_bit_differs(problem, monkeypatch, data, dtype, settings):
    *found, epochs = trained(problem, [Freeze({0, 1, 2})], data, dtype, **settings)
    count = len(data.get("rows", range(N)))
    assert epochs == [count, 0, 0, 0, 0]
    without_keeping(monkeypatch)
    *expected, epochs = trained(problem, [Freeze({0, 1, 2})], data, dtype, **settings)
    assert epochs == [count] * 5
    assert found == expected


@pytest.mark.parametrize(
    ("frozen", "passes"),
    [
        ([{0, 3}], [N, 0, 0, 0, 0]),
        ([{1, 3}], [N] * 5),
        ([range(7)], [N] * 5),
        ([{0, 1, 2}, set()], [N] * 5),
        ([set(), {0}], [N, N, 0, 0, 0]),
        ([{0}, {0}, {0, 1, 2, 3}], [N, 0, N, 0, 0]),
        ([{0}, set(), {0}], [N, N, N, 0, 0]),
    ],
    ids=str,
)
def test_which_layers_are_frozen_may_change(problem, monkeypatch, frozen, passes):
    *found, epochs = trained(problem, [Freeze(*frozen)])
    assert epochs == passes
    without_keeping(monkeypatch)
    assert found == list(trained(problem, [Freeze(*frozen)])[:2])


def test_other_weights_in_a_frozen_layer_are_noticed(problem, monkeypatch):
    class Double(Callback):
        def on_epoch_begin(self, context):
            if context.epoch == 2:
                context.network.arena.views["0.weight"][...] *= 2

    *found, epochs = trained(problem, [Freeze({0}), Double()])
    assert epochs == [N, 0, N, 0, 0]
    without_keeping(monkeypatch)
    assert found == list(trained(problem, [Freeze({0}), Double()])[:2])


def test_a_frozen_layer_that_the_optimizer_still_moves(problem, monkeypatch):
    """Its gradient stays that of the last step before, so that each step moves it."""

    class OnlyPasses(Callback):
        def on_epoch_begin(self, context):
            context.frozen = frozenset({0} if context.epoch else ())

    *found, epochs = trained(problem, [OnlyPasses()])
    assert epochs == [N] * 5
    without_keeping(monkeypatch)
    assert found == list(trained(problem, [OnlyPasses()])[:2])


def test_no_more_memory_than_the_limit(problem, monkeypatch):
    needed = N * 9 * 4
    monkeypatch.setattr(still, "KEPT_BYTES", needed)
    assert trained(problem, [Freeze({0})])[2] == [N, 0, 0, 0, 0]
    monkeypatch.setattr(still, "KEPT_BYTES", needed - 1)
    assert trained(problem, [Freeze({0})])[2] == [N] * 5
