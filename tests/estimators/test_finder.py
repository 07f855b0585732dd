"""The learning-rate finder against trainings by hand, and what it leaves alone."""

import pickle
from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from crmsprop import CNNClassifier, MLPClassifier, find_learning_rate
from crmsprop.callbacks import Callback
from crmsprop.errors import DivergenceError
from crmsprop.estimators.finder import _Recorder
from crmsprop.nn.losses import BatchResult
from crmsprop.schedules import CosineAnnealing


def by_hand(losses_at, params, rates, smoothing=0.9):
    """RMSprop by its formula on one batch; `losses_at(*params)` gives the loss and the gradients. Stops as promised."""
    params, squares = [np.array(p, np.float64) for p in params], [0.0 for _ in params]
    losses, smoothed, total = [], [], 0.0
    for t, rate in enumerate(rates, start=1):
        loss, gradients = losses_at(*params)
        total = smoothing * total + (1 - smoothing) * loss
        losses.append(loss)
        smoothed.append(total / (1 - smoothing**t))
        if smoothed[-1] > 4 * min(smoothed):
            break
        squares = [0.9 * s + 0.1 * g**2 for s, g in zip(squares, gradients, strict=True)]
        params = [p - rate * g / (np.sqrt(s) + 1e-8) for p, g, s in zip(params, gradients, squares, strict=True)]
    return losses, smoothed


def softmax_regression(X, y):
    def losses_at(weight, bias):
        logits = X @ weight + bias
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(len(y)), y]).mean()
        p[np.arange(len(y)), y] -= 1
        return loss, (X.T @ p / len(y), p.mean(axis=0))

    return losses_at


def test_softmax_regression_by_hand(cases):
    X, y = cases.rows()
    model = MLPClassifier((), batch_size=len(X), random_state=3)
    start = clone(model).set_params(learning_rate=0.0, max_epochs=1).fit(X, y).network_.arena.views
    rates = np.geomspace(1e-4, 100.0, 60)
    losses, smoothed = by_hand(softmax_regression(X, y), [start["0.weight"], start["0.bias"]], rates)
    result = find_learning_rate(model, X, y, 1e-4, 100.0, 60)
    assert 10 < len(losses) < 60
    assert result.diverged
    np.testing.assert_allclose(result.learning_rates, rates[: len(losses)], rtol=1e-12)
    np.testing.assert_allclose(result.losses, losses, rtol=1e-7)
    np.testing.assert_allclose(result.smoothed_losses, smoothed, rtol=1e-7)


class HalfSquare:
    """The loss ``output**2 / 2``, summed over the outputs: zero is best, whatever the targets."""

    def memory(self, batch_size, dtype):
        return None

    def evaluate(self, output, target, weights, gradient, memory, n_threads):
        gradient[...] = output * weights[:, None]
        return BatchResult(float((weights[:, None] * output**2).sum() / 2), 0.0)

    def predict(self, output, n_threads):
        return output


class Quadratic(MLPClassifier):
    def _loss(self):
        return HalfSquare()


def test_a_quadratic_by_hand():
    """With X = 1 the output is weight + bias: both have the output itself as their gradient."""
    X, y = np.ones((4, 1)), [0, 1, 0, 1]
    model = Quadratic((), random_state=0, batch_size=4)
    start = clone(model).set_params(learning_rate=0.0, max_epochs=1).fit(X, y).network_.arena.views
    losses, smoothed = by_hand(
        lambda w, b: (((w + b) ** 2).sum() / 2, (w + b, w + b)),
        [start["0.weight"][0], start["0.bias"]],
        np.geomspace(1e-3, 1.0, 50),
    )
    result = find_learning_rate(model, X, y, 1e-3, 1.0, 50)
    np.testing.assert_allclose(result.losses, losses, rtol=1e-9)
    np.testing.assert_allclose(result.smoothed_losses, smoothed, rtol=1e-9)
    assert losses[0] > 100 * min(losses)


def test_rates_grow_by_one_factor_between_both_ends(cases):
    X, y = cases.rows()
    rates = find_learning_rate(cases.mlp(), X, y, 3e-7, 2e-3, 33).learning_rates
    assert (rates[0], rates[-1], len(rates)) == (3e-7, 2e-3, 33)
    np.testing.assert_allclose(rates, np.geomspace(3e-7, 2e-3, 33), rtol=1e-12)


def record(losses, smoothing):
    """Feed losses to a recorder; returns it and after how many it stopped."""
    recorder = _Recorder(len(losses), smoothing)
    recorder.on_train_begin(None)
    for n, loss in enumerate(losses, start=1):
        if recorder.on_batch_end(SimpleNamespace(learning_rate=float(n), batch_loss=loss)):
            return recorder, n
    return recorder, None


@pytest.mark.parametrize("smoothing", [0.0, 0.5, 0.98])
def test_smoothing_is_a_weighted_mean(smoothing):
    losses = np.random.default_rng(0).uniform(1, 2, 20)
    recorder, _ = record(losses, smoothing)
    for t in range(1, 21):
        expected = np.average(losses[:t], weights=smoothing ** np.arange(t)[::-1])
        assert recorder.smoothed_[t - 1] == pytest.approx(expected, rel=1e-12)


def test_it_stops_above_four_times_the_lowest():
    assert record([2.0, 1.0, 4.0, 4.1, 1.0], 0.0)[1] == 4
    recorder, stopped = record([2.0, 1.0, 4.0, 4.0, 1.0], 0.0)
    assert (stopped, recorder.exploded_) == (5, False)


def test_where_an_epoch_has_few_batches_others_follow(cases):
    X, y = cases.rows(n=20)
    result = find_learning_rate(cases.mlp(batch_size=16), X, y, 1e-6, 1e-4, 15)
    assert len(result.losses) == 15
    assert not result.diverged


def test_each_loss_is_that_of_its_batch_alone(cases):
    """At a rate of next to nothing, the losses of an epoch are those of its batches, as the first network has them."""
    X, y = cases.rows(n=64)
    losses = find_learning_rate(cases.mlp(batch_size=16), X, y, 1e-30, 1e-29, 8).losses
    model = cases.mlp(learning_rate=0.0, max_epochs=1).fit(X, y)
    for epoch in (losses[:4], losses[4:]):
        assert epoch.mean() == pytest.approx(model.evaluate(X, y)["loss"], rel=1e-9)
        assert len(np.unique(epoch)) == 4


def test_a_loss_that_is_not_finite_ends_the_ramp(cases):
    X, y = cases.rows(dtype=np.float32)
    result = find_learning_rate(cases.mlp(dtype="float32"), X, y, 1e-3, 1e30, 20, smoothing=0.0)
    assert result.diverged
    assert np.isfinite(result.losses).all()
    assert 0 < len(result.losses) < 20


class Overflowing(HalfSquare):
    def evaluate(self, output, target, weights, gradient, memory, n_threads):
        gradient[...] = 0
        return BatchResult(np.inf, 0.0)


def test_a_first_loss_that_is_not_finite_is_an_error(cases):
    class Broken(MLPClassifier):
        def _loss(self):
            return Overflowing()

    with pytest.raises(DivergenceError, match="the loss became inf in epoch 1, batch 1"):
        find_learning_rate(Broken(()), *cases.rows())


# what it leaves alone


def state_of(model):
    return {name: pickle.dumps(value) for name, value in vars(model).items()}


@pytest.mark.parametrize("fitted", [False, True])
def test_the_estimator_is_as_it_was(cases, fitted):
    X, y = cases.rows()
    model = cases.mlp(schedule=CosineAnnealing(), early_stopping=True, random_state=np.random.RandomState(5))
    if fitted:
        model.fit(X, y)
    before, kept = state_of(model), dict(vars(model))
    find_learning_rate(model, X, y, steps=10)
    assert state_of(model) == before
    assert all(vars(model)[name] is value for name, value in kept.items())


def test_data_are_not_changed(cases):
    X, y = cases.images()
    before = X.copy(), y.copy()
    find_learning_rate(cases.cnn(), X, y, steps=10)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])


def test_it_starts_afresh_whatever_the_estimator_was_fitted_on(cases):
    X, y = cases.images()
    model = cases.cnn()
    fresh = find_learning_rate(model, X, y, steps=12)
    again = find_learning_rate(model.fit(X[::-1], y), X, y, steps=12)
    np.testing.assert_array_equal(fresh.losses, again.losses)


@pytest.mark.parametrize("n_threads", [2, 3])
def test_threads_and_repetition_change_no_bit(cases, n_threads):
    X, y = cases.images()
    one = find_learning_rate(cases.cnn(n_threads=1), X, y, steps=20)
    more = find_learning_rate(cases.cnn(n_threads=n_threads), X, y, steps=20)
    np.testing.assert_array_equal(one.losses, more.losses)
    other = find_learning_rate(cases.cnn(random_state=1), X, y, steps=20)
    assert (one.losses != other.losses).any()


def test_what_the_estimator_says_about_rates_and_validation_does_not_count(cases):
    X, y = cases.rows()
    plain = find_learning_rate(cases.mlp(), X, y, steps=12)
    given = {
        "learning_rate": 7.0,
        "schedule": CosineAnnealing(),
        "max_epochs": 1,
        "validation_fraction": 0.5,
        "early_stopping": True,
        "verbose": 1,
    }
    np.testing.assert_array_equal(find_learning_rate(cases.mlp(**given), X, y, steps=12).losses, plain.losses)
    changed = find_learning_rate(cases.mlp(batch_size=8), X, y, steps=12)
    assert (changed.losses != plain.losses).any()


class Counting(Callback):
    def __init__(self, stop_at=None):
        self.stop_at = stop_at
        self.steps = 0

    def on_batch_end(self, context):
        self.steps += 1
        return self.steps == self.stop_at


def test_callbacks_of_the_ramp_and_not_of_the_estimator_are_called(cases):
    X, y = cases.rows()
    mine, other = Counting(), Counting()
    find_learning_rate(cases.mlp(callbacks=[other]), X, y, steps=7, callbacks=[mine])
    assert (mine.steps, other.steps) == (7, 0)
    stopped = find_learning_rate(cases.mlp(), X, y, steps=7, callbacks=[Counting(stop_at=3)])
    assert (len(stopped.losses), stopped.diverged) == (3, False)


def test_a_pipeline_transforms_first(cases):
    X, y = cases.rows()
    pipeline = make_pipeline(MinMaxScaler(), StandardScaler(), cases.mlp())
    before = deepcopy(pipeline.get_params(deep=False))
    result = find_learning_rate(pipeline, X, y, steps=15)
    expected = find_learning_rate(
        cases.mlp(), StandardScaler().fit_transform(MinMaxScaler().fit_transform(X)), y, steps=15
    )
    np.testing.assert_array_equal(result.losses, expected.losses)
    assert not hasattr(pipeline[0], "min_")
    assert repr(pipeline.get_params(deep=False)) == repr(before)
    alone = find_learning_rate(make_pipeline(cases.mlp()), X, y, steps=15)
    np.testing.assert_array_equal(alone.losses, find_learning_rate(cases.mlp(), X, y, steps=15).losses)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_suggestion_trains_the_digits_better_than_a_tenth_and_ten_times_of_it(digits, seed):
    """Training losses after 5 epochs when this was written: 0.21, 0.06 and 0.07; at a tenth 0.50, 0.39 and 0.95."""
    (X, y), _ = digits
    model = CNNClassifier((16,), max_epochs=5, random_state=seed)
    found = find_learning_rate(model, X, y).suggestion
    loss = {f: model.set_params(learning_rate=f * found).fit(X, y).evaluate(X, y)["loss"] for f in (0.1, 1, 10)}
    assert loss[1] < min(loss[0.1], loss[10])


# errors


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"min_learning_rate": 0.0}, ValueError, r"min_learning_rate must be in \(0, inf\), got 0.0"),
        ({"max_learning_rate": np.inf}, ValueError, r"max_learning_rate must be in \(0, inf\), got inf"),
        ({"min_learning_rate": "1"}, TypeError, r"min_learning_rate must be a number in \(0, inf\), got '1'"),
        (
            {"min_learning_rate": 1.0, "max_learning_rate": 1.0},
            ValueError,
            "max_learning_rate must be above min_learning_rate, got 1 and 1",
        ),
        (
            {"min_learning_rate": 1.0, "max_learning_rate": 1 + 1e-15},
            ValueError,
            r"max_learning_rate must be above min_learning_rate by so much that 100 rates differ, got 1.0\d+ and 1.0",
        ),
        ({"steps": 1}, ValueError, "steps must be at least 2, got 1"),
        ({"steps": 9.0}, TypeError, "steps must be an integer of at least 2, got 9.0"),
        ({"smoothing": 1.0}, ValueError, r"smoothing must be in \[0, 1\), got 1.0"),
        ({"callbacks": [print]}, TypeError, r"callbacks\[0\] must be a Callback, got <built-in function print>"),
        ({"callbacks": 3}, TypeError, "callbacks must be a sequence of Callback, got 3"),
        ({"callbacks": "print"}, TypeError, "callbacks must be a sequence of Callback, got 'print'"),
    ],
)
def test_wrong_parameters(cases, given, error, message):
    with pytest.raises(error, match=message):
        find_learning_rate(cases.mlp(), *cases.rows(), **given)


@pytest.mark.parametrize("estimator", [LogisticRegression(), make_pipeline(StandardScaler()), "mlp", MLPClassifier])
def test_estimators_that_are_not_ours(cases, estimator):
    with pytest.raises(TypeError, match="estimator must be an estimator of crmsprop, or a pipeline that ends in one"):
        find_learning_rate(estimator, *cases.rows())


def test_errors_of_the_estimator_come_through(cases):
    with pytest.raises(ValueError, match=r"rho must be in \[0, 1\), got 2"):
        find_learning_rate(cases.mlp(rho=2), *cases.rows())
    with pytest.raises(ValueError, match="NaN"):
        find_learning_rate(cases.mlp(), [[np.nan], [1.0]], [0, 1])
