"""The training loop: against one of a few lines of NumPy, its schedules, its losses, and what happens at NaN."""

import tracemalloc
from dataclasses import dataclass, field

import numpy as np
import pytest

from crmsprop.nn import Conv2D, Dense, Dropout, Flatten, MaxPool2D, Network, ReLU, SoftmaxCrossEntropy
from crmsprop.optimizer import RMSprop
from crmsprop.schedules import ExponentialDecay, InverseTimeDecay, Schedule, StepDecay, as_schedule
from crmsprop.training import COLUMNS, Callback, DataSet, Plan, Training, train


def naive_order(seed, epoch, rows):
    return np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(rows)


def naive_gradients(params, x, labels, weights):
    """Weighted mean cross-entropy of a network of two layers: loss, hits and gradients."""
    (W, b, V, c), weights = params, weights / weights.sum()
    hidden = np.maximum(x @ W + b, 0)
    logits = hidden @ V + c
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -(np.log(p[np.arange(len(x)), labels]) @ weights)
    d = (p - np.eye(p.shape[1])[labels]) * weights[:, None]
    dh = d @ V.T * (hidden > 0)
    return loss, (logits.argmax(axis=1) == labels) @ weights, [x.T @ dh, dh.sum(0), hidden.T @ d, d.sum(0)]


def naive_train(
    params, data, factor, seed=11, epochs=3, batch=16, learning_rate=0.01, rho=0.9, epsilon=1e-8, momentum=0.0,
    centered=False, l2=0.0, ema=0.0, ema_warmup=False,
):  # fmt: skip
    """The formulas of RMSprop and of this loop, one line each; returns averaged parameters, losses and accuracies."""
    params = [param.astype(np.float64) for param in params]
    v, m, u = ([np.zeros_like(param) for param in params] for _ in range(3))
    rows = np.arange(len(data.x)) if data.rows is None else data.rows
    weights = np.ones(len(data.x)) if data.weights is None else data.weights
    averages, step, losses, accuracies = params, 0, [], []
    for epoch in range(epochs):
        order, sums = naive_order(seed, epoch, rows), np.zeros(3)
        for chosen in (order[i : i + batch] for i in range(0, len(order), batch)):
            total = weights[chosen].sum()
            loss, hits, grads = naive_gradients(params, data.x[chosen], data.target[chosen], weights[chosen])
            sums += [loss * total, hits * total, total]
            for i, grad in enumerate(grads):
                g = grad + l2 * params[i] * (params[i].ndim == 2)
                v[i] = rho * v[i] + (1 - rho) * g**2
                m[i] = rho * m[i] + (1 - rho) * g
                root = np.sqrt(np.maximum(v[i] - m[i] ** 2, 0) if centered else v[i])
                u[i] = momentum * u[i] + g / (root + epsilon)
                params[i] = params[i] - learning_rate * factor(step) * u[i]
            step += 1
            decay = min(ema, (1 + step) / (10 + step)) if ema_warmup else ema
            decay = decay if step > 1 else 0.0
            averages = [decay * one + (1 - decay) * other for one, other in zip(averages, params, strict=True)]
        losses.append(sums[0] / sums[2])
        accuracies.append(sums[1] / sums[2])
    return averages, losses, accuracies


OPTIMIZERS = [{}, {"momentum": 0.9}, {"centered": True}, {"l2": 0.1}, {"rho": 0.0}, {"epsilon": 0.1, "rho": 0.99}]
OPTIMIZERS += [{"ema": 0.8}, {"ema": 0.4, "ema_warmup": True}, {"ema": 0.99, "ema_warmup": True, "momentum": 0.5}]


@pytest.mark.parametrize("data", [{}, {"rows": np.arange(3, 50, 2)}, {"weights": np.linspace(0.1, 3, 50)}], ids=list)
@pytest.mark.parametrize("options", OPTIMIZERS, ids=repr)
def test_against_a_few_lines_of_numpy(problem, options, data):
    ours = problem(**data)
    start = [view.copy() for view in ours.network.arena.views.values()]
    history = ours.run(learning_rate=0.01, schedule=InverseTimeDecay(0.05), **options)
    params, losses, accuracies = naive_train(start, ours.data, lambda step: 1 / (1 + 0.05 * step), **options)
    for view, expected in zip(ours.network.arena.views.values(), params, strict=True):
        np.testing.assert_allclose(view, expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(history["loss"], losses, rtol=0, atol=1e-10)
    np.testing.assert_allclose(history["accuracy"], accuracies, rtol=0, atol=1e-12)
    assert ours.training.step == 3 * -(-ours.data.n_samples // 16)


def test_float32_stays_near_the_same_numbers(problem):
    ours = problem(dtype=np.float32)
    start = [view.copy() for view in ours.network.arena.views.values()]
    ours.run(learning_rate=0.01)
    params, *_ = naive_train(start, ours.data, lambda step: 1.0)
    for view, expected in zip(ours.network.arena.views.values(), params, strict=True):
        np.testing.assert_allclose(view, expected, rtol=0, atol=1e-3)


@dataclass(frozen=True)
class Recorder(Schedule):
    """Remembers what it was asked; its factor falls from 1 to 0."""

    calls: list = field(default_factory=list)

    def __call__(self, step, steps_per_epoch, total_steps):
        self.calls.append((step, steps_per_epoch, total_steps))
        return 1 - step / total_steps


def test_a_schedule_is_asked_beforehand_and_once_a_step_and_its_factor_is_used(problem):
    recorder, ours, twin = Recorder(), problem(), problem()
    history = ours.run(learning_rate=0.02, schedule=recorder)
    assert recorder.calls == [(0, 4, 12), *((step, 4, 12) for step in range(12))]
    assert history["learning_rate"] == pytest.approx([0.02 * (1 - step / 12) for step in (3, 7, 11)])
    params, *_ = naive_train(
        list(twin.network.arena.views.values()), twin.data, lambda step: 1 - step / 12, learning_rate=0.02
    )
    for view, expected in zip(ours.network.arena.views.values(), params, strict=True):
        np.testing.assert_allclose(view, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (None, [0.01] * 5),
        (StepDecay(0.5, 2), [0.01, 0.01, 0.005, 0.005, 0.0025]),
        (ExponentialDecay(0.1), [0.01 * np.exp(-0.1 * epoch) for epoch in range(5)]),
        (lambda epoch, rate: rate * 0.1 if epoch > 2 else rate, [0.01, 0.01, 0.01, 1e-3, 1e-4]),
        (lambda epoch, rate: 0.5 / (epoch + 1), [0.5, 0.25, 0.5 / 3, 0.125, 0.1]),
        (StepDecay(0.5, 2) * (lambda epoch, rate: rate / 2), [0.005, 0.0025, 0.000625, 0.0003125, 0.000078125]),
    ],
)
def test_rates_of_the_epochs(problem, schedule, rates):
    history = problem().run(learning_rate=0.01, schedule=schedule, max_epochs=5)
    assert history["learning_rate"] == pytest.approx(rates)


def test_a_rate_of_zero_learns_nothing_and_the_penalty_is_not_in_the_loss(problem):
    plain, penalized = problem(), problem()
    start = plain.weights.copy()
    histories = [plain.run(learning_rate=0.0), penalized.run(learning_rate=0.0, l2=1e3)]
    np.testing.assert_array_equal(plain.weights, start)
    np.testing.assert_array_equal(penalized.weights, start)
    for history in histories:
        history.pop("seconds")
    assert histories[0] == histories[1]


def test_history_and_state_after_a_training(problem, data):
    ours = problem()
    history = ours.run(validation=data(33, seed=2), max_epochs=4)
    assert tuple(history) == COLUMNS
    assert {len(column) for column in history.values()} == {4}
    assert history["epoch"] == [1, 2, 3, 4]
    assert all(type(value) is float for column in COLUMNS[1:] for value in history[column])
    assert min(history["seconds"]) > 0
    assert history["loss"][-1] < history["loss"][0]
    assert (ours.training.epoch, ours.training.step, ours.training.n_batches) == (4, 16, 4)
    assert ours.training.optimizer.n_steps == 16


def test_without_a_validation_set_its_columns_hold_none(problem):
    history = problem().run()
    assert history["val_loss"] == history["val_accuracy"] == [None] * 3


@pytest.mark.parametrize("options", [{}, {"ema": 0.8}])
def test_validation_is_by_the_weights_at_the_end_of_the_epoch(problem, data, options):
    ours, validation = problem(), data(33, seed=2)
    history = ours.run(validation=validation, max_epochs=1, **options)
    views = list(ours.network.arena.views.values())
    loss, accuracy, _ = naive_gradients(views, validation.x, validation.target, np.ones(33))
    assert (history["val_loss"][0], history["val_accuracy"][0]) == pytest.approx((loss, accuracy))


@pytest.mark.parametrize("options", [{}, {"ema": 0.8}])
def test_validation_changes_no_weight(problem, data, options):
    with_it, without = problem(), problem()
    with_it.run(validation=data(33, seed=2), **options)
    without.run(**options)
    assert with_it.weights.tobytes() == without.weights.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_number_of_threads_changes_no_bit(dtype):
    layers = [Conv2D(8, 3, padding="same"), ReLU(), MaxPool2D(), Dropout(0.2), Flatten(), Dense(64), ReLU()]
    layers += [Dropout(0.5), Dense(4)]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (150, 14, 14, 2)).astype(np.uint8)
    data = DataSet(images, rng.integers(0, 4, 150), scale=1 / 255)
    results = []
    for n_threads in (1, 2, 3):
        network = Network(layers, (14, 14, 2), dtype)
        network.initialize(np.random.default_rng(0))
        optimizer = RMSprop(list(network.arena.views.values()), momentum=0.5, centered=True, n_threads=n_threads)
        training = Training(network, optimizer, Plan(2, 32, as_schedule(None, 1e-3), 3, n_threads))
        train(training, SoftmaxCrossEntropy(), data, data._replace(rows=np.arange(20)))
        training.history.pop("seconds")
        results.append((network.arena.flat.tobytes(), training.history))
    assert results[0] == results[1] == results[2]


def test_each_step_draws_from_the_seed_of_the_plan_and_its_own_number(problem):
    drawn = []

    class Watched(ReLU):
        def forward(self, x, out, own, run):
            drawn.append((run.training, run.seed, run.step))
            super().forward(x, out, own, run)

    ours = problem(layers=[Watched(), Dense(3)])
    ours.run(max_epochs=2, validation=ours.data)
    expected = [(True, 11, step) for step in range(8)]
    assert [run for run in drawn if run[0]] == expected
    assert [run[0] for run in drawn] == [True] * 4 + [False] + [True] * 4 + [False]


def test_a_step_of_the_loop_allocates_no_array(problem):
    levels = []

    class Meter(Callback):
        def on_batch_begin(self, context):
            if context.batch == 2:  # buffers, views and caches are there
                tracemalloc.reset_peak()
                levels.append(tracemalloc.get_traced_memory()[0])

        def on_batch_end(self, context):
            if context.batch == 20:
                levels.append(tracemalloc.get_traced_memory()[1])

    ours = problem([Dense(1000), ReLU(), Dense(3)], n=22 * 64)  # activations of half a megabyte, weights of 40 KB
    tracemalloc.start()
    try:
        ours.run(max_epochs=1, batch_size=64, callbacks=[Meter()])
    finally:
        tracemalloc.stop()
    assert levels[1] - levels[0] < 4_000
