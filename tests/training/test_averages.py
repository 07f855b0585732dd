"""Averages of weights and statistics against a loop in float64 over the weights that train, and who sees which."""

import numpy as np
import pytest

from crmsprop.errors import DivergenceError
from crmsprop.nn import BatchNorm, Dense, Dropout, ReLU, Residual
from crmsprop.training import Callback

LAYERS = [Dense(6), BatchNorm(), ReLU(), Dropout(0.2), Residual([Dense(6), BatchNorm(decay=0.5)]), Dense(3)]
OPTIONS = {"ema": 0.8, "ema_warmup": True, "learning_rate": 0.02}
HOOKS = ("train_begin", "epoch_begin", "batch_begin", "batch_end", "safe_point", "epoch_end", "train_end")


class Witness(Callback):
    """Notes what is in the network in each hook."""

    def __init__(self):
        self.seen = {hook: [] for hook in HOOKS}


for name in HOOKS:
    setattr(
        Witness,
        f"on_{name}",
        lambda self, context, name=name: self.seen[name].append(context.network.arena.flat.copy()),
    )


def averages_of(trained, ema, ema_warmup=False):
    """The average after each step, from the weights after each step, in float64."""
    averages = [trained[0].astype(np.float64)]
    for t, weights in enumerate(trained[1:], 2):
        decay = min(ema, (1 + t) / (10 + t)) if ema_warmup else ema
        averages.append(decay * averages[-1] + (1 - decay) * weights.astype(np.float64))
    return averages


def witnessed(problem, dtype=np.float64, callbacks=(), **options):
    ours, witness = problem(LAYERS, dtype), Witness()
    ours.run(callbacks=[witness, *callbacks], **options)
    return ours, witness.seen


@pytest.mark.parametrize("warms_up", [True, False])
@pytest.mark.parametrize("ema", [0.0, 0.3, 0.8, 0.999])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_weights_and_statistics_against_a_loop(problem, dtype, ema, warms_up):
    options = {"ema": ema, "ema_warmup": warms_up, "learning_rate": 0.02, "max_epochs": 5}
    ours, seen = witnessed(problem, dtype, **options)
    expected = averages_of(seen["batch_end"], ema, warms_up)
    tolerance = 1e-12 if dtype == np.float64 else 3e-6
    for epoch, found in enumerate(seen["epoch_end"]):
        np.testing.assert_allclose(found, expected[4 * epoch + 3], rtol=0, atol=tolerance)
    np.testing.assert_array_equal(ours.weights, seen["epoch_end"][-1])
    assert np.ptp(seen["batch_end"][-1] - ours.weights) > 1e-3 or ema == 0


def test_the_steps_go_on_from_the_weights_themselves(problem):
    _, seen = witnessed(problem, **OPTIONS)
    _, plain = witnessed(problem, learning_rate=0.02)
    for hook in ("train_begin", "epoch_begin", "batch_begin", "batch_end", "safe_point"):
        assert np.array_equal(seen[hook], plain[hook])
    assert not np.array_equal(seen["epoch_end"], plain["epoch_end"])
    assert seen["train_end"][0].tobytes() == seen["epoch_end"][-1].tobytes()


def test_an_average_that_forgets_all_is_no_average(problem, data):
    histories = []
    for options in ({"ema": 0.0}, {}):
        ours, seen = witnessed(problem, validation=data(33, seed=2), **options)
        ours.training.history.pop("seconds")
        histories.append((ours.training.history, {hook: np.array(arrays).tobytes() for hook, arrays in seen.items()}))
    assert histories[0] == histories[1]


def test_statistics_move_with_the_updates(problem):
    """Three batches make one."""
    ours, seen = witnessed(problem, ema=0.8, accumulate_steps=3)
    np.testing.assert_allclose(ours.weights, averages_of(seen["batch_end"][2::3], 0.8)[-1], rtol=0, atol=1e-12)


def test_without_averages_there_is_nothing_to_pay(problem):
    ours, _ = witnessed(problem)
    assert ours.training.averages is None


class Change(Callback):
    """Sets two numbers at the end of the first epoch: one that is learned, and one that is not."""

    def on_epoch_end(self, context):
        if context.epoch == 0:
            context.network.arena.views["0.weight"][1, 2] = 7.0
            context.network.arena.views["1.running_mean"][3] = 5.0

    def on_safe_point(self, context):
        if context.epoch == 1 and not context.position:
            network, averages = context.network, context.averages
            self.trained = network.arena.flat.copy()
            averages.swap_in()
            self.averaged = network.arena.flat.copy()
            averages.swap_out()


def test_what_a_callback_changes_at_the_end_of_an_epoch_is_changed_in_both(problem):
    change = Change()
    ours, seen = witnessed(problem, callbacks=[change], **OPTIONS)
    assert change.trained.tobytes() == seen["epoch_begin"][1].tobytes()
    views = ours.network.arena.views
    for after, before in ((change.trained, seen["batch_end"][3]), (change.averaged, seen["epoch_end"][0])):
        expected = before.copy()
        ours.weights[:] = expected
        views["0.weight"][1, 2], views["1.running_mean"][3] = 7.0, 5.0
        np.testing.assert_array_equal(after, ours.weights)
        assert np.count_nonzero(after != expected) == 2


class Reset(Callback):
    """Lets the optimizer begin anew with the second epoch."""

    def on_epoch_begin(self, context):
        if context.epoch == 1:
            context.optimizer.reset()


def test_an_optimizer_that_begins_anew_averages_anew(problem):
    ours, seen = witnessed(problem, callbacks=[Reset()], **OPTIONS)
    expected = averages_of(seen["batch_end"][4:], 0.8, True)[-1]
    np.testing.assert_allclose(ours.weights, expected, rtol=0, atol=1e-12)


class Seesaw(Callback):
    """Throws a weight that meets zeros alone from one end of the numbers to the other, for the last step."""

    def on_batch_end(self, context):
        context.network.arena.views["0.weight"][0, 0] = 3e38 if context.step < 3 else -3e38


def test_an_average_that_is_not_finite_ends_the_training(problem):
    ours = problem(dtype=np.float32)
    ours.data.x[:, 0] = 0
    with pytest.raises(DivergenceError, match=r"the largest average became inf in epoch 1, .* end of epoch 0\b"):
        ours.run(callbacks=[Seesaw()], ema=0.5)
    assert np.isfinite(ours.weights).all()
