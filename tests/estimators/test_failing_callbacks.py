"""A callback that fails, in any hook: its own error comes through, and nothing is lost that was there before."""

import numpy as np
import pytest

import crmsprop
from crmsprop.callbacks import Callback, Checkpoint, CSVLogger, ModelCheckpoint
from crmsprop.persistence import load_network
from crmsprop.training.callback import HOOKS


class OwnError(Exception):
    """No error that anybody else raises."""


class Fails(Callback):
    """Fails in one hook, in an epoch that it is told."""

    def __init__(self, hook, epoch=2, error=OwnError):
        self.hook, self.epoch, self.error = hook, epoch, error

    def hear(self, hook, context):
        if hook == self.hook and (context.epoch >= self.epoch or hook == "on_train_begin"):
            raise self.error(hook)


for name in HOOKS:
    setattr(Fails, name, lambda self, context, name=name: self.hear(name, context))


def state(model):
    """All that a model has, each thing as the object that it is, and the bytes of what could change in place."""
    return {name: id(value) for name, value in vars(model).items()}, model.network_.arena.flat.tobytes(), model.history_


CALLS = {
    "fit": lambda model, X, y: model.fit(X, y),
    "warm fit": lambda model, X, y: model.fit(X, y),
    "fine_tune": lambda model, X, y: model.fine_tune(X, y[::-1].copy(), freeze=None),
    "partial_fit": lambda model, X, y: model.partial_fit(X, y),
}


def assert_unchanged(cases, call, hook, error):
    X, y = cases.rows()
    model = cases.mlp(warm_start=call == "warm fit").fit(X, y).set_params(callbacks=[Fails(hook, 0, error)])
    before = state(model)
    with pytest.raises(error, match=hook):
        CALLS[call](model, X, y)
    assert state(model) == before


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("hook", HOOKS)
def test_the_model_is_as_it_was(cases, hook, call):
    assert_unchanged(cases, call, hook, OwnError)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("error", [MemoryError, SystemExit, GeneratorExit, StopIteration])
def test_whatever_the_error_is(cases, error, call):
    assert_unchanged(cases, call, "on_batch_end", error)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_model_that_was_not_fitted_is_not(cases, hook):
    X, y = cases.rows()
    model = cases.mlp(callbacks=[Fails(hook)])
    before = dict(vars(model))
    with pytest.raises(OwnError, match=hook):
        model.fit(X, y)
    assert vars(model) == before


@pytest.mark.parametrize("failing_first", [True, False])
@pytest.mark.parametrize("hook", HOOKS)
def test_files_are_whole_and_the_training_goes_on_from_them(cases, tmp_path, hook, failing_first):
    """Those of the training before, or of the one that failed, as far as it came."""
    X, y = cases.rows()
    log, best, training = tmp_path / "log.csv", tmp_path / "best.crms", tmp_path / "training.crms"

    def fit(*failing):
        writers = [CSVLogger(log), ModelCheckpoint(best, "loss"), Checkpoint(training, resume=True)]
        callbacks = [*failing, *writers] if failing_first else [*writers, *failing]
        return cases.mlp(callbacks=callbacks).fit(X, y)

    whole = fit()
    files = [best.read_bytes(), _without_seconds(log)]
    for path in (training, log, best):
        path.unlink()
    with pytest.raises(OwnError, match=hook):
        fit(Fails(hook))
    began = hook != "on_train_begin"
    assert [best.exists(), training.exists(), log.exists()] == [began, began, began or not failing_first]
    if began:
        load_network(best)
        assert {line.count(",") for line in _without_seconds(log)} == {5}
    model = fit()
    assert model.network_.arena.flat.tobytes() == whole.network_.arena.flat.tobytes()
    assert [best.read_bytes(), _without_seconds(log)] == files


def _without_seconds(log):
    return [line.rpartition(",")[0] for line in log.read_text().splitlines()]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_saved_model_is_not_touched(cases, tmp_path, hook):
    X, y = cases.rows()
    path = tmp_path / "model.crms"
    cases.mlp().fit(X, y).save(path)
    before, model = path.read_bytes(), crmsprop.load(path)
    with pytest.raises(OwnError, match=hook):
        model.set_params(callbacks=[Fails(hook, 0)]).fit(X, y)
    assert path.read_bytes() == before
    np.testing.assert_array_equal(model.predict_proba(X), crmsprop.load(path).predict_proba(X))
