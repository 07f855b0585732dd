"""Hooks: which are called, in what order, with what context, and what stops a training."""

import numpy as np
import pytest

from crmsprop.training import Callback
from crmsprop.training.callback import HOOKS


class Everything(Callback):
    """Notes each call, with what the context says then."""

    def __init__(self, notes=None, name=""):
        self.notes = [] if notes is None else notes
        self.name = name

    def note(self, hook, context):
        rows = len(context.history["epoch"])
        self.notes.append((self.name + hook, context.epoch, context.batch, context.step, rows, context.learning_rate))

    def on_train_begin(self, context):
        self.note("train_begin", context)

    def on_train_end(self, context):
        self.note("train_end", context)

    def on_epoch_begin(self, context):
        self.note("epoch_begin", context)

    def on_epoch_end(self, context):
        self.note("epoch_end", context)

    def on_batch_begin(self, context):
        self.note("batch_begin", context)

    def on_batch_end(self, context):
        self.note("batch_end", context)


def test_order_of_the_hooks_and_what_the_context_says(problem):
    watcher = Everything()
    problem().run(max_epochs=2, batch_size=25, callbacks=[watcher], schedule=lambda epoch, rate: 1e-3 / (epoch + 1))
    assert [note[:5] for note in watcher.notes] == [
        ("train_begin", 0, 0, 0, 0),
        ("epoch_begin", 0, 0, 0, 0),
        ("batch_begin", 0, 0, 0, 0),
        ("batch_end", 0, 0, 1, 0),
        ("batch_begin", 0, 1, 1, 0),
        ("batch_end", 0, 1, 2, 0),
        ("epoch_end", 0, 1, 2, 1),
        ("epoch_begin", 1, 1, 2, 1),
        ("batch_begin", 1, 0, 2, 1),
        ("batch_end", 1, 0, 3, 1),
        ("batch_begin", 1, 1, 3, 1),
        ("batch_end", 1, 1, 4, 1),
        ("epoch_end", 1, 1, 4, 2),
        ("train_end", 2, 1, 4, 2),
    ]
    assert [note[5] for note in watcher.notes if note[0] == "batch_end"] == [1e-3, 1e-3, 5e-4, 5e-4]
    assert np.isnan(watcher.notes[0][5])


def test_the_loss_of_a_batch_and_the_mean_of_the_epoch(problem):
    losses = []

    class Watcher(Callback):
        def on_batch_end(self, context):
            losses.append((context.batch_loss, context.loss))

    problem(n=50).run(max_epochs=1, batch_size=20, callbacks=[Watcher()])
    each, means = np.transpose(losses)
    np.testing.assert_allclose(means, [each[0], each[:2].mean(), np.average(each, weights=[20, 20, 10])], rtol=1e-12)
    assert len(set(each)) == 3


def test_the_context_is_the_training(problem):
    seen = []

    class Watcher(Callback):
        def on_epoch_end(self, context):
            seen.append(context)

    ours = problem()
    ours.run(callbacks=[Watcher()])
    assert all(context is ours.training for context in seen)
    context = seen[0]
    assert (context.network, context.plan.max_epochs, context.n_batches) == (ours.network, 3, 4)
    assert context.optimizer.n_steps == 12


def test_means_over_the_epoch_so_far(problem):
    values = []

    class Watcher(Callback):
        def on_epoch_begin(self, context):
            values.append((context.loss, context.accuracy))

        def on_batch_end(self, context):
            values.append((context.loss, context.accuracy))

    history = problem().run(callbacks=[Watcher()], max_epochs=2)
    assert len(values) == 10
    for epoch in (0, 1):
        of_epoch = values[5 * epoch : 5 * epoch + 5]
        assert np.isnan(of_epoch[0]).all()
        assert of_epoch[-1] == (history["loss"][epoch], history["accuracy"][epoch])
        assert len(set(of_epoch[1:])) > 1


def test_callbacks_are_called_in_their_order(problem):
    notes = []
    problem().run(max_epochs=1, batch_size=50, callbacks=[Everything(notes, "a "), Everything(notes, "b ")])
    names = [note[0] for note in notes]
    assert names[::2] == [f"a {hook.removeprefix('on_')}" for hook in in_time()]
    assert names[1::2] == [f"b {hook.removeprefix('on_')}" for hook in in_time()]


def in_time():
    return ["on_train_begin", "on_epoch_begin", "on_batch_begin", "on_batch_end", "on_epoch_end", "on_train_end"]


def answering(hook, answer):
    return type("Answering", (Callback,), {hook: lambda self, context: answer})()


@pytest.mark.parametrize(
    ("hook", "steps", "epochs"), [("on_batch_end", 1, 1), ("on_epoch_end", 4, 1), ("on_train_end", 12, 3)]
)
def test_true_from_an_end_hook_stops(problem, hook, steps, epochs):
    watcher, ours = Everything(), problem()
    history = ours.run(callbacks=[answering(hook, True), watcher])
    assert (ours.training.step, history["epoch"]) == (steps, list(range(1, epochs + 1)))
    assert watcher.notes[-2][0] == "epoch_end"  # every callback still hears of the end of the epoch and of the training
    assert watcher.notes[-1][0] == "train_end"


def test_an_epoch_that_is_cut_short_is_validated_and_recorded(problem, data):
    history = problem().run(validation=data(33, seed=2), callbacks=[answering("on_batch_end", True)])
    assert {len(column) for column in history.values()} == {1}
    assert history["val_loss"][0] > 0
    assert history["loss"][0] > 0


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin", "on_batch_begin"])
def test_what_a_begin_hook_returns_is_ignored(problem, hook):
    ours = problem()
    ours.run(callbacks=[answering(hook, True)])
    assert ours.training.step == 12


@pytest.mark.parametrize("answer", [True, np.True_])
def test_true_of_numpy_stops_too(problem, answer):
    ours = problem()
    ours.run(callbacks=[answering("on_epoch_end", answer)])
    assert ours.training.step == 4


@pytest.mark.parametrize("answer", [1, "yes", [0], None, False, 0, np.False_, object()])
@pytest.mark.parametrize("hook", ["on_batch_end", "on_epoch_end"])
def test_nothing_but_true_stops(problem, hook, answer):
    ours = problem()
    ours.run(callbacks=[answering(hook, answer)])
    assert ours.training.step == 12


def test_a_hook_that_nobody_overrides_is_not_called(problem, monkeypatch):
    def fail(self, context):
        raise AssertionError("called")

    class One(Callback):
        def on_epoch_end(self, context):
            return context.epoch == 1

    for hook in HOOKS:
        monkeypatch.setattr(Callback, hook, fail)
    ours = problem()
    ours.run(callbacks=[One()])
    assert ours.training.epoch == 2


def test_hooks_of_the_base_do_nothing():
    assert all(getattr(Callback(), hook)(None) is None for hook in HOOKS)


def test_the_error_of_a_callback_ends_the_training_and_comes_through(problem):
    class Failing(Callback):
        def on_batch_end(self, context):
            raise KeyError("own")

    with pytest.raises(KeyError, match="own"):
        problem().run(callbacks=[Failing()])


class Closing(Callback):
    """Notes that it was closed, and can fail in a hook."""

    def __init__(self, name, notes, fails_in=None):
        self.name, self.notes, self.fails_in = name, notes, fails_in

    def on_train_begin(self, context):
        self.fail("on_train_begin")

    def on_batch_end(self, context):
        self.fail("on_batch_end")

    def on_train_end(self, context):
        self.fail("on_train_end")

    def on_train_close(self, context):
        self.notes.append((self.name, context.epoch))
        self.fail("on_train_close")

    def fail(self, hook):
        if hook == self.fails_in:
            raise KeyError(hook)


def test_a_training_is_closed_when_it_has_ended(problem):
    notes = []
    problem().run(max_epochs=2, callbacks=[Closing("a", notes), Everything(), Closing("b", notes)])
    assert notes == [("b", 2), ("a", 2)]


@pytest.mark.parametrize("hook", ["on_train_begin", "on_batch_end", "on_train_end", "on_train_close"])
def test_however_it_has_ended(problem, hook):
    notes = []
    with pytest.raises(KeyError, match=hook):
        problem().run(max_epochs=2, callbacks=[Closing("a", notes), Closing("b", notes, hook), Closing("c", notes)])
    assert [name for name, _ in notes] == ["c", "b", "a"]


def test_a_callback_may_change_the_learning_rate(problem):
    class Halve(Callback):
        def on_epoch_end(self, context):
            context.optimizer.learning_rate /= 2

    history = problem().run(callbacks=[Halve()], learning_rate=0.01)
    assert history["learning_rate"] == [0.01, 0.005, 0.0025]
