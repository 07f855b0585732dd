"""A loss that becomes NaN or infinite: the error's words, and the weights that are left."""

from typing import ClassVar

import numpy as np
import pytest

from crmsprop.errors import DivergenceError
from crmsprop.schedules import Schedule
from crmsprop.training import Callback


class Poison(Callback):
    """Writes `value` into `x` at the end of an epoch."""

    def __init__(self, x, epoch, value=np.nan):
        self.x, self.epoch, self.value = x, epoch, value

    def on_epoch_end(self, context):
        if context.epoch + 1 == self.epoch:
            self.x[...] = self.value


@pytest.mark.parametrize("options", [{}, {"ema": 0.8}], ids=str)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_the_error_names_epoch_batch_and_rate_and_the_weights_are_those_of_the_epoch_before(problem, value, options):
    good, bad = problem(), problem()
    good.run(max_epochs=2, learning_rate=0.01, **options)
    with pytest.raises(DivergenceError) as error:
        bad.run(max_epochs=9, learning_rate=0.01, callbacks=[Poison(bad.data.x, 2, value)], **options)
    message = str(error.value)
    assert "the loss became nan in epoch 3, batch 1 of 4, at learning rate 0.01;" in message
    assert "the weights are those of the end of epoch 2" in message
    assert bad.weights.tobytes() == good.weights.tobytes()
    assert bad.training.history["epoch"] == [1, 2]
    assert {len(column) for column in bad.training.history.values()} == {2}


def test_a_nan_in_one_sample_names_its_batch(problem):
    bad = problem()
    start = bad.weights.copy()
    bad.data.x[23] = np.nan
    order = np.random.Generator(np.random.Philox(key=[11, 0])).permutation(50)
    batch = int(np.flatnonzero(order == 23)[0]) // 16 + 1
    with pytest.raises(DivergenceError, match=f"in epoch 1, batch {batch} of 4, .* end of epoch 0"):
        bad.run()
    np.testing.assert_array_equal(bad.weights, start)


def test_a_validation_loss_that_is_nan(problem, data):
    validation, good, bad = data(33, seed=2), problem(), problem()
    good.run(max_epochs=1)
    with pytest.raises(DivergenceError, match=r"the validation loss became nan in epoch 2, .* end of epoch 1\b"):
        bad.run(validation=validation, callbacks=[Poison(validation.x, 1)])
    assert bad.weights.tobytes() == good.weights.tobytes()
    assert bad.training.history["epoch"] == [1]


def test_a_huge_learning_rate(problem):
    bad = problem(dtype=np.float32)
    with pytest.raises(DivergenceError, match=r"at learning rate 1e\+38"):
        bad.run(learning_rate=1e38)
    assert np.isfinite(bad.weights).all()


class Recorder(Callback):
    """Notes which epochs it was told of."""

    ended: ClassVar[list[int]] = []

    def on_epoch_end(self, context):
        self.ended.append(context.epoch)


@pytest.mark.parametrize("max_epochs", [1, 2, 5])
def test_weights_that_a_training_leaves_are_finite_or_there_is_an_error(problem, max_epochs):
    """One batch an epoch: its loss is finite, the step after it ruins the weights, and no loss looks at them."""
    bad = problem(dtype=np.float32)
    with pytest.raises(DivergenceError, match=r"at learning rate 3e\+38"):
        bad.run(learning_rate=3e38, batch_size=50, max_epochs=max_epochs, callbacks=[Recorder()])
    assert np.isfinite(bad.weights).all()
    assert bad.training.history["epoch"] == Recorder.ended == []


def test_a_mean_square_that_overflows_is_a_divergence(problem):
    """Gradients of 1e25 are finite in float32, their squares are not: no weight would ever move again."""
    bad = problem(dtype=np.float32)
    bad.data = bad.data._replace(x=bad.data.x * np.float32(1e25))
    bad.network.arena.views["0.weight"][...] *= 1e-25
    with pytest.raises(DivergenceError, match="the largest mean square became inf in epoch 1"):
        bad.run(max_epochs=3)


@pytest.mark.parametrize("factor", [np.nan, -1.0, np.inf, None, "a"])
def test_a_schedule_that_gives_no_factor_is_blamed(problem, factor):
    class Broken(Schedule):
        def __call__(self, step, steps_per_epoch, total_steps):
            return 1.0 if step < 2 else factor

    with pytest.raises(ValueError, match=r"schedule must give a factor in \[0, inf\), got .* at step 2"):
        problem().run(schedule=Broken())
