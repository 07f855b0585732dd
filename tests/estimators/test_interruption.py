"""Ctrl-C in a fit: the weights and the history that are left, the warning, and whom a second one reaches."""

import os
import signal
import threading
import warnings

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crmsprop import MLPClassifier, RMSprop, find_learning_rate
from crmsprop.callbacks import Callback, Checkpoint, CSVLogger, ModelCheckpoint
from crmsprop.errors import TrainingInterruptedWarning
from crmsprop.training import COLUMNS, Averages
from crmsprop.training.callback import HOOKS

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 4)), np.arange(40) % 2  # 4 batches an epoch


class Interrupt(Callback):
    """Presses Ctrl-C in a hook, in the epoch and the batch that it is told; notes the hooks that are called."""

    def __init__(self, hook, epoch=2, batch=1, press=lambda: signal.raise_signal(signal.SIGINT)):
        self.hook, self.epoch, self.batch, self.press = hook, epoch, batch, press
        self.called, self.weights = [], None

    def hear(self, hook, context):
        self.called.append(hook)
        if hook == self.hook and context.epoch == self.epoch and context.batch in (self.batch, 3):
            self.weights = context.network.arena.flat.copy()
            self.press()


for name in HOOKS:
    setattr(Interrupt, name, lambda self, context, name=name: self.hear(name, context))


def model_of(*callbacks, **parameters):
    return MLPClassifier((6,), batch_size=10, random_state=0, callbacks=callbacks, **{"max_epochs": 5, **parameters})


def assert_is_the_model_of(model, epochs, **parameters):
    """Nothing but its parameters tells it from one that was told to train so many epochs."""
    expected = model_of(max_epochs=epochs, **parameters).fit(X, Y)
    assert model.network_.arena.flat.tobytes() == expected.network_.arena.flat.tobytes()
    assert model.n_epochs_ == epochs
    for column in COLUMNS[:-1]:
        assert model.history_[column] == expected.history_[column]
    assert len(model.history_["seconds"]) == epochs
    assert model.predict_proba(X).tobytes() == expected.predict_proba(X).tobytes()


@pytest.mark.parametrize(
    ("hook", "epochs"),
    [("on_epoch_begin", 2), ("on_batch_begin", 2), ("on_batch_end", 2), ("on_epoch_end", 3), ("on_safe_point", 2)],
)
@pytest.mark.parametrize("options", [{}, {"ema": 0.9}], ids=str)
def test_what_is_kept_is_the_last_whole_epoch(hook, epochs, options):
    interrupt = Interrupt(hook)
    with pytest.warns(
        TrainingInterruptedWarning, match=rf"interrupted after {epochs} of 5 epochs: .* end of epoch {epochs}$"
    ):
        model = model_of(interrupt, **options).fit(X, Y)
    assert_is_the_model_of(model, epochs, **options)
    assert interrupt.called[-3:] == [hook, "on_train_end", "on_train_close"]


def test_the_model_can_be_used_and_saved(tmp_path):
    with pytest.warns(TrainingInterruptedWarning) as caught:
        model = model_of(Interrupt("on_batch_end")).fit(X, Y)
    assert [warning.filename for warning in caught] == [__file__]
    model.evaluate(X, Y)
    model.save(tmp_path / "model")
    assert model.set_params(callbacks=None).fit(X, Y).n_epochs_ == 5


@pytest.mark.parametrize("hook", ["on_batch_begin", "on_batch_end"])
def test_in_the_first_epoch_the_last_step_is_kept(tmp_path, hook):
    interrupt = Interrupt(hook, epoch=0)
    with pytest.warns(TrainingInterruptedWarning, match="interrupted after 0 of 5 epochs: .* weights of its last step"):
        model = model_of(interrupt).fit(X, Y)
    assert model.network_.arena.flat.tobytes() == interrupt.weights.tobytes()
    assert (model.n_epochs_, set(map(len, model.history_.values()))) == (0, {0})
    model.predict(X)
    model.save(tmp_path / "model")


def test_in_the_first_epoch_the_averages_after_the_last_step_are_kept():
    class Steps(Callback):
        def on_train_begin(self, context):
            self.weights = []

        def on_batch_end(self, context):
            self.weights.append(context.network.arena.flat.copy())

    steps = Steps()
    with pytest.warns(TrainingInterruptedWarning, match="interrupted after 0 of 5 epochs"):
        model = model_of(steps, Interrupt("on_batch_end", epoch=0, batch=2), ema=0.9).fit(X, Y)
    first, second, third = steps.weights
    average = 3 / 12 * first + 9 / 12 * second
    np.testing.assert_allclose(model.network_.arena.flat, 4 / 13 * average + 9 / 13 * third, rtol=0, atol=1e-12)
    assert np.abs(model.network_.arena.flat - third).max() > 1e-4


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(("name", "call", "epochs"), [("swap_in", 1, 0), ("swap_in", 3, 2), ("swap_out", 3, 3)])
def test_while_averages_come_and_go(monkeypatch, name, call, epochs, before):
    pressed = Pressed(getattr(Averages, name), call, before)
    monkeypatch.setattr(Averages, name, lambda *arguments: pressed(*arguments))
    with pytest.warns(TrainingInterruptedWarning, match=f"after {epochs} of 5"):
        model = model_of(ema=0.9).fit(X, Y)
    monkeypatch.undo()
    if epochs:
        assert_is_the_model_of(model, epochs, ema=0.9)
    else:
        expected = model_of(max_epochs=1, ema=0.9).fit(X, Y)
        assert model.network_.arena.flat.tobytes() == expected.network_.arena.flat.tobytes()


def test_weights_of_the_first_epoch_that_are_not_finite_are_not_kept():
    class Ruin(Callback):
        def on_train_begin(self, context):
            self.start = context.network.arena.flat.copy()

        def on_batch_end(self, context):
            context.network.arena.flat[0] = np.nan
            raise KeyboardInterrupt

    ruin = Ruin()
    with pytest.warns(TrainingInterruptedWarning):
        model = model_of(ruin).fit(X, Y)
    assert model.network_.arena.flat.tobytes() == ruin.start.tobytes()


def test_early_stopping_goes_back_to_its_best_epoch():
    options = {"early_stopping": True, "monitor": "loss", "patience": 9, "learning_rate": 0.5, "max_epochs": 12}
    with pytest.warns(TrainingInterruptedWarning):
        model = model_of(Interrupt("on_batch_end", epoch=10), **options).fit(X, Y)
    assert model.best_epoch_ < model.n_epochs_ == 10
    assert_is_the_model_of(model, 10, **{name: options[name] for name in options if name != "max_epochs"})


# Wherever it strikes


class Pressed:
    """A function that does its work and then is interrupted, or the reverse, at its n-th call."""

    def __init__(self, function, call, before):
        self.function, self.call, self.before, self.n_calls = function, call, before, 0

    def __call__(self, *arguments, **keywords):
        self.n_calls += 1
        if self.before and self.n_calls == self.call:
            raise KeyboardInterrupt
        result = self.function(*arguments, **keywords)
        if self.n_calls == self.call:
            raise KeyboardInterrupt
        return result


@pytest.mark.parametrize("before", [True, False])
def test_inside_a_step(monkeypatch, before):
    pressed = Pressed(RMSprop.step, 10, before)
    monkeypatch.setattr(RMSprop, "step", lambda *arguments, **keywords: pressed(*arguments, **keywords))
    with pytest.warns(TrainingInterruptedWarning, match="after 2 of 5"):
        model = model_of().fit(X, Y)
    monkeypatch.undo()
    assert_is_the_model_of(model, 2)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("function", ["replace", "fsync"])
def test_inside_a_write(tmp_path, monkeypatch, function, before):
    """At the write behind the third epoch; the file is the one before or the new one, and whole."""
    checkpoint = Checkpoint(tmp_path / "a", resume=True)
    calls = {"replace": 3, "fsync": 5}[function]  # a file and its folder a write
    with monkeypatch.context() as patch:
        patch.setattr(os, function, Pressed(getattr(os, function), calls, before))
        with pytest.warns(TrainingInterruptedWarning, match="after 3 of 5"):
            model = model_of(checkpoint).fit(X, Y)
    assert_is_the_model_of(model, 3)
    assert os.listdir(tmp_path) == ["a"]
    expected = 2 if before or function == "fsync" else 3
    assert checkpoint.saved().tree["progress"]["epoch"] == expected
    assert_is_the_model_of(model_of(checkpoint).fit(X, Y), 5)


def test_between_two_columns_of_the_history(monkeypatch):
    from crmsprop.training import loop

    def torn(history, row):
        if row["epoch"] == 3:
            history["epoch"].append(3)
            raise KeyboardInterrupt
        append(history, row)

    append = loop.append
    with monkeypatch.context() as patch:
        patch.setattr(loop, "append", torn)
        with pytest.warns(TrainingInterruptedWarning, match="after 2 of 5"):
            model = model_of().fit(X, Y)
    assert model.n_epochs_ == 2
    assert set(map(len, model.history_.values())) == {2}


def test_the_files_of_callbacks_are_whole(tmp_path):
    callbacks = [ModelCheckpoint(tmp_path / "best", "loss"), CSVLogger(tmp_path / "log.csv")]
    with pytest.warns(TrainingInterruptedWarning):
        model = model_of(*callbacks, Interrupt("on_batch_end")).fit(X, Y)
    assert sorted(os.listdir(tmp_path)) == ["best", "log.csv"]
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 1 + model.n_epochs_


def test_a_training_that_was_interrupted_goes_on(tmp_path):
    checkpoint = Checkpoint(tmp_path / "a", every_steps=1, resume=True)
    with pytest.warns(TrainingInterruptedWarning):
        model_of(checkpoint, Interrupt("on_batch_end")).fit(X, Y)
    assert_is_the_model_of(model_of(checkpoint).fit(X, Y), 5)


# Who is not stopped by the first one alone


@pytest.mark.parametrize("hook", ["on_train_begin", "on_train_end"])
def test_outside_of_the_epochs_it_comes_through(hook):
    class At(Callback):
        pass

    def press(self, context):
        raise KeyboardInterrupt

    setattr(At, hook, press)
    model = model_of()
    model.fit(X, Y)
    before = dict(model.__dict__)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[At()]).fit(X, Y)
    assert {**model.__dict__, "callbacks": before["callbacks"]} == before


def test_a_second_one_raises_at_once():
    class Twice(Interrupt):
        def on_train_end(self, context):
            signal.raise_signal(signal.SIGINT)

    model = model_of(Twice("on_batch_end"))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    assert not hasattr(model, "network_")


def test_a_warning_that_is_an_error_does_not_lose_the_model():
    model = model_of(Interrupt("on_batch_end"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TrainingInterruptedWarning):
            model.fit(X, Y)
    assert_is_the_model_of(model, 2)


def test_in_a_pipeline_it_ends_the_training():
    with pytest.warns(TrainingInterruptedWarning):
        pipeline = make_pipeline(StandardScaler(), model_of(Interrupt("on_batch_end"))).fit(X, Y)
    assert pipeline[-1].n_epochs_ == 2


class Press(Callback):
    """Without notes, so that a search can copy it."""

    def on_epoch_begin(self, context):
        raise KeyboardInterrupt


def test_searches_and_the_finder_are_stopped_as_a_whole():
    model = model_of(Press())
    with pytest.raises(KeyboardInterrupt):
        GridSearchCV(model, {"learning_rate": [1e-3, 1e-2]}).fit(X, Y)
    with pytest.raises(KeyboardInterrupt):
        cross_val_score(model, X, Y)
    with pytest.raises(KeyboardInterrupt):
        find_learning_rate(model_of(), X, Y, callbacks=[Press()])


def test_handlers_of_others_are_left_alone():
    """A handler of the user's own is the one that is called; and a fit in another thread needs none."""
    seen = []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        model = model_of(Interrupt("on_batch_end")).fit(X, Y)
        handler = signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.SIGINT] * len(seen) != []
    assert handler is not before
    assert_is_the_model_of(model, 5)
    other = model_of()
    thread = threading.Thread(target=other.fit, args=(X, Y))
    thread.start()
    thread.join()
    assert_is_the_model_of(other, 5)
