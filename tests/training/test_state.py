"""A training that goes on from any of its safe points ends with the bytes of one that was never left."""

import copy
import pickle
import re

import numpy as np
import pytest

from crmsprop.errors import DivergenceError, FileFormatError
from crmsprop.files import tree_from_parts, tree_to_parts
from crmsprop.nn import BatchNorm, Dense, Dropout, ReLU
from crmsprop.schedules import CosineAnnealing, InverseTimeDecay
from crmsprop.training import Callback, SavedState, check_state, check_weights, state_of

LAYERS = [Dense(7), BatchNorm(), ReLU(), Dropout(0.3), Dense(3)]


class Keeper(Callback):
    """Keeps the state at each safe point, as a file would give it back."""

    def __init__(self):
        self.states = []

    def on_safe_point(self, context):
        self.states.append(copy.deepcopy(tree_from_parts(*tree_to_parts(state_of(context)))))


class Moody(Callback):
    """Has a state of its own, moves the learning rate by it, freezes a group, and stops when it has enough."""

    def __init__(self, patience=100):
        self.patience = patience

    def on_train_begin(self, context):
        self.moods_ = np.zeros(2)
        self.begun_ = []

    def on_epoch_begin(self, context):
        self.begun_.append(context.epoch)
        context.optimizer.learning_rate *= 0.9  # twice in an epoch would show

    def on_batch_end(self, context):
        self.moods_ += [context.batch_loss, 1]
        if context.optimizer.options.accumulate_steps == 1:
            context.optimizer.set_group(0, frozen=bool(self.moods_[1] % 3 == 2))
        return bool(self.moods_[1] == self.patience)

    def state_dict(self):
        return {"moods": self.moods_.copy(), "begun": list(self.begun_)}

    def load_state_dict(self, state, context):
        self.moods_, self.begun_ = state["moods"].copy(), list(state["begun"])


def outcome(ours, moody):
    """All that a training leaves, but for its times."""
    history = {column: values for column, values in ours.training.history.items() if column != "seconds"}
    state = ours.training.optimizer.state_dict()
    return {
        "weights": ours.weights.tobytes(),
        "good": ours.training.good.tobytes(),
        "averages": pickle.dumps(ours.training.averages and ours.training.averages.pause()),
        "optimizer": {name: np.asarray(value).tobytes() for name, value in state.items()},
        "rate": ours.training.optimizer.learning_rate,
        "counters": (ours.training.epoch, ours.training.step, ours.training.stopped),
        "history": history,
        "callback": (moody.moods_.tobytes(), moody.begun_),
    }


def run(problem, saved=None, data=None, patience=100, **options):
    ours, moody, keeper = problem(LAYERS, **(data or {})), Moody(patience), Keeper()
    ours.run(callbacks=[moody, keeper], saved=saved, learning_rate=0.01, **options)
    return outcome(ours, moody), keeper.states


CASES = {
    "plain": ({}, {}),
    "everything on": ({}, {"momentum": 0.9, "centered": True, "l2": 0.1, "schedule": CosineAnnealing()}),
    "averages and accumulation": ({}, {"ema": 0.9, "accumulate_steps": 3, "ema_every_call": True, "momentum": 0.5}),
    "averages": ({}, {"ema": 0.8, "ema_warmup": True, "centered": True}),
    "averages in float32": ({"dtype": np.float32}, {"ema": 0.99, "ema_warmup": True}),
    "weights and rows": (
        {"rows": np.arange(3, 50, 2), "weights": np.linspace(0.1, 3, 50)},
        {"schedule": InverseTimeDecay(0.1)},
    ),
    "float32": ({"dtype": np.float32}, {"bias_correction": True}),
    "stopped in an epoch": ({}, {"patience": 6}),
    "stopped at the end of an epoch": ({}, {"patience": 8}),
    "a batch an epoch": ({}, {"batch_size": 50}),
}


@pytest.mark.parametrize(("data", "options"), CASES.values(), ids=CASES)
def test_every_safe_point_leads_to_the_same_bytes(problem, data, options):
    whole, states = run(problem, data=data, **options)
    assert len(states) >= 3
    for i, state in enumerate(states):
        before = copy.deepcopy(state)
        again, later = run(problem, SavedState("a file", state), data, n_threads=1 + i % 3, **options)
        assert again == whole
        assert len(later) == len(states) - i - 1
        np.testing.assert_equal(state, before)


def test_the_safe_points_are_behind_every_batch_but_the_last_and_behind_every_epoch(problem):
    _, states = run(problem)
    progress = [(state["progress"]["epoch"], state["progress"]["step"]) for state in states]
    assert progress == [
        (0, 1),
        (0, 2),
        (0, 3),
        (1, 4),
        (1, 5),
        (1, 6),
        (1, 7),
        (2, 8),
        (2, 9),
        (2, 10),
        (2, 11),
        (3, 12),
    ]
    assert [state["good"] is None for state in states] == [epoch * 4 == step for epoch, step in progress]
    assert [len(state["history"]["epoch"]) for state in states] == [epoch for epoch, _ in progress]


@pytest.mark.parametrize("options", [{}, {"ema": 0.8}], ids=str)
def test_a_validation_set_and_its_history(problem, data, options):
    validation = data(33, seed=2)
    whole, states = run(problem, validation=validation, **options)
    for state in states:
        assert run(problem, SavedState("a file", state), validation=validation, **options)[0] == whole


def test_what_the_callbacks_see_when_a_training_goes_on(problem):
    notes = []

    class Watcher(Callback):
        def on_train_begin(self, context):
            notes.append(("train_begin", context.resumed, context.epoch, context.step, len(context.history["epoch"])))

        def on_epoch_begin(self, context):
            notes.append(("epoch_begin", context.epoch, context.step, context.loss))

        def on_batch_begin(self, context):
            notes.append(("batch_begin", context.batch, context.step, context.loss))

    keeper, ours = Keeper(), problem()
    ours.run(callbacks=[keeper], max_epochs=2)
    state = keeper.states[5]
    problem().run(callbacks=[Watcher(), keeper], max_epochs=2, saved=SavedState("a file", state))
    loss = state["progress"]["loss"]
    assert notes[:3] == [("train_begin", True, 1, 6, 1), ("epoch_begin", 1, 6, loss), ("batch_begin", 2, 6, loss)]


def test_a_divergence_behind_it_goes_back_to_the_last_whole_epoch(problem):
    keeper, good = Keeper(), problem()
    good.run(max_epochs=2, callbacks=[keeper])
    bad = problem()
    bad.data.x[int(np.random.Generator(np.random.Philox(key=[11, 1])).permutation(50)[-1])] = np.nan  # the last batch
    state = copy.deepcopy(keeper.states[5])
    weights = keeper.states[3]["weights"]
    keeper.states.clear()
    state["identity"]["X"] = identity_of_data(problem, bad.data)
    with pytest.raises(DivergenceError, match=r"epoch 2, batch 4 .* end of epoch 1\b"):
        bad.run(max_epochs=2, callbacks=[keeper], saved=SavedState("a file", state))
    assert bad.weights.tobytes() == weights.tobytes()
    assert bad.training.history["epoch"] == [1]


def identity_of_data(problem, data):
    """What a training with these data, whatever becomes of it, calls them."""
    noted, ours = [], problem()
    ours.data = data

    class Noter(Callback):
        def on_train_begin(self, context):
            noted.append(context.identity["X"])
            raise KeyError

        def on_safe_point(self, context):
            pass

    with pytest.raises(KeyError):
        ours.run(callbacks=[Noter()], max_epochs=2)
    return noted[0]


def test_without_a_callback_that_needs_it_the_data_are_not_hashed(problem):
    ours = problem()
    ours.run()
    assert ours.training.identity == {}


# What is refused


OTHERS = {
    "learning_rate": {"learning_rate": 0.02},
    "rho": {"rho": 0.8},
    "momentum": {"momentum": 0.1},
    "max_epochs": {"max_epochs": 4},
    "batch_size": {"batch_size": 10},
    "schedule": {"schedule": CosineAnnealing()},
    "groups": {"l2": 0.1},
    "dtype": {"data": {"dtype": np.float32}},
    "X": {"data": {"seed": 2}},
    "rows of X": {"data": {"rows": np.arange(40)}},
    "weights of X": {"data": {"weights": np.linspace(1, 2, 50)}},
    "scale of X": {"data": {"scale": 0.5}},
    "patience of Moody": {"patience": 99},
}


def refused(problem, state, error, **changes):
    """The message, and that no callback has heard of anything."""
    begun = []

    class Watcher(Callback):
        def on_train_begin(self, context):
            begun.append(context)

    options = {"learning_rate": 0.01, **changes}
    ours = problem(options.pop("layers", LAYERS), **options.pop("data", {}))
    callbacks = options.pop("callbacks", [Watcher(), Moody(options.pop("patience", 100)), Keeper()])
    with pytest.raises(error) as caught:
        ours.run(callbacks=callbacks, saved=SavedState("a file", state), **options)
    assert begun == [] or error is FileFormatError
    assert len(str(caught.value)) < 500
    return str(caught.value)


@pytest.fixture
def state(problem):
    return copy.deepcopy(run(problem)[1][5])


@pytest.mark.parametrize(("name", "changes"), OTHERS.items(), ids=OTHERS)
def test_another_training_is_refused_by_name(problem, state, name, changes):
    message = refused(problem, state, ValueError, **changes)
    assert message.startswith(f"{name} must be ")
    assert ", as in the training that a file holds, got " in message


def test_other_data_of_one_shape_are_told_apart(problem, state):
    ours = problem(LAYERS)
    ours.data.x[17, 3] = np.nextafter(ours.data.x[17, 3], 9)
    with pytest.raises(ValueError, match=r"^X must be .* \(SHA-256\).* got "):
        ours.run(callbacks=[Moody(), Keeper()], saved=SavedState("a file", state), learning_rate=0.01)
    ours = problem(LAYERS)
    ours.data.target[0] = (ours.data.target[0] + 1) % 3
    with pytest.raises(ValueError, match=r"^y must be "):
        ours.run(callbacks=[Moody(), Keeper()], saved=SavedState("a file", state), learning_rate=0.01)


def test_other_layers_validation_and_callbacks(problem, data, state):
    layers = [Dense(7), BatchNorm(), ReLU(), Dropout(0.2), Dense(3)]
    assert refused(problem, state, ValueError, layers=layers).startswith("layers must be [['Dense', {")
    assert refused(problem, state, ValueError, validation=data(9)).startswith("X_val must be None, as in ")
    callbacks = [Keeper(), Moody(), Moody()]
    assert refused(problem, state, ValueError, callbacks=callbacks).startswith("callbacks must be ['Moody'], as in ")
    assert refused(problem, state, ValueError, callbacks=[]).startswith("callbacks must be ['Moody'], as in ")


def test_callbacks_without_a_state_may_come_and_go(problem):
    whole, states = run(problem)
    ours, moody = problem(LAYERS), Moody()
    ours.run(callbacks=[Callback(), Keeper(), moody], saved=SavedState("a file", states[5]), learning_rate=0.01)
    assert outcome(ours, moody) == whole


# A state that lies


def put(*keys, value):
    def change(state):
        target = state
        for key in keys[:-1]:
            target = target[key]
        target[keys[-1]] = value

    return change


def nan_in(*keys):
    def change(state):
        array = state
        for key in keys:
            array = array[key]
        array.reshape(-1)[0] = np.nan

    return change


def negative_variance(state):
    state["weights"][:] = -1


LIES = {
    "no identity": (lambda state: state.pop("identity"), "its identity must be a JSON object, got None"),
    "no progress": (lambda state: state.pop("progress"), "its progress must be a JSON object"),
    "progress is a list": (put("progress", value=[1]), r"its progress must be a JSON object, got \[1\]"),
    "no step": (lambda state: state["progress"].pop("step"), "its progress must have epoch, step, "),
    "step is text": (put("progress", "step", value="6"), "step in its progress is malformed: '6'"),
    "step is a bool": (put("progress", "step", value=True), "step in its progress is malformed: True"),
    "step 0": (put("progress", "step", value=0), "its step must be one of epoch 1 of 4 batches, got 0"),
    "step of the epoch before": (put("progress", "step", value=3), "its step must be one of epoch 1 .* got 3"),
    "step of the next epoch": (put("progress", "step", value=8), "its step must be one of epoch 1 .* got 8"),
    "huge step": (put("progress", "step", value=2**70), "its step must be one of epoch 1"),
    "negative epoch": (put("progress", "epoch", value=-1), "its step must be one of epoch -1"),
    "epoch beyond the last": (put("progress", "epoch", value=4), "its step must be one of epoch 4"),
    "stopped in an epoch": (put("progress", "stopped", value=True), "its training must have ended at step 4, got 6"),
    "batch beyond the last": (put("progress", "batch", value=4), "its batch must be below 4, got 4"),
    "two sums": (put("progress", "sums", value=[1.0, 1.0]), "its sums must be three finite numbers"),
    "no weight": (put("progress", "sums", value=[1.0, 1.0, 0.0]), "its sums must be three .* the last above 0"),
    "sums are nan": (put("progress", "sums", value=[1.0, np.nan, 1.0]), "its sums must be three finite numbers"),
    "no hits, and an accuracy": (put("progress", "sums", value=[1.0, None, 1.0]), "its sums must be three finite num"),
    "an accuracy, and no hits": (put("progress", "accuracy", value=np.nan), "its sums must be three finite numbers"),
    "infinite losses": (put("progress", "sums", value=[np.inf, 1.0, 1.0]), "its sums must be three finite numbers"),
    "seconds are infinite": (put("progress", "seconds", value=np.inf), "its seconds must be finite"),
    "an epoch more": (lambda state: state["history"]["loss"].append(1.0), "its history must have 1 epochs"),
    "a column less": (lambda state: state["history"].pop("loss"), "its history must hold a list for each of epoch"),
    "text in the history": (put("history", "loss", 0, value="x"), "its history must hold numbers"),
    "no weights": (lambda state: state.pop("weights"), "its weights must be float64 of shape .*, got None"),
    "weights of another shape": (put("weights", value=np.zeros(3)), r"its weights must be float64 .* array\(\[0"),
    "weights of another dtype": (lambda state: state.update(weights=state["weights"].astype("f4")), "its weights must"),
    "weights are nan": (nan_in("weights"), "its weights must be finite"),
    "good weights are nan": (nan_in("good"), "its good must be finite"),
    "a negative variance": (negative_variance, r"its parameter 1\.\w+ must be at least 0"),
    "no optimizer": (lambda state: state.pop("optimizer"), "its optimizer must be a JSON object"),
    "a group less": (lambda state: state["optimizer"]["groups"].pop(), "its optimizer must have 6 groups and a state"),
    "an unknown setting": (put("optimizer", "groups", 0, value={"x": 1}), "its optimizer does not fit the training"),
    "settings are a list": (put("optimizer", "groups", 0, value=[1]), "its optimizer does not fit the training"),
    "a negative rate": (put("optimizer", "learning_rate", value=-1.0), r"its optimizer .* in \[0, inf\), got -1"),
    "no rate": (lambda state: state["optimizer"].pop("learning_rate"), "its optimizer does not fit the training"),
    "mean squares are nan": (
        nan_in("optimizer", "state", "mean_squares.0"),
        "the state of its optimizer must be finite",
    ),
    "a mean square less": (lambda state: state["optimizer"]["state"].pop("mean_squares.0"), r"missing=\['mean_sq"),
    "steps are text": (put("optimizer", "state", "n_steps", value="1"), "its optimizer does not fit the training"),
    "callbacks are none": (put("callbacks", value=None), "its callbacks must be 1 states, got None"),
    "a callback more": (lambda state: state["callbacks"].append({}), "its callbacks must be 1 states"),
    "a state is a list": (put("callbacks", 0, value=[]), r"the state of its Moody must be a JSON object, got \[\]"),
}


@pytest.mark.parametrize(("change", "message"), LIES.values(), ids=LIES)
def test_a_state_that_lies(problem, state, change, message):
    change(state)
    refusal = refused(problem, state, FileFormatError)
    assert refusal.startswith("cannot resume from a file: ")
    assert re.search(message, refusal), refusal


LIES_OF_AVERAGES = {
    "none": (put("averages", value=None), "its averages must be a JSON object, got None"),
    "one less": (
        lambda state: state["averages"].pop("1.running_mean"),
        "its averages must be those of 1.running_mean, 1.running_variance, got {'1.running_variance'",
    ),
    "one more": (put("averages", "0.bias", value=np.zeros(7)), "its averages must be those of 1.running_mean, "),
    "of another shape": (
        put("averages", "1.running_mean", value=np.zeros(6)),
        r"its average of 1.running_mean must be float64 of shape \(7,\), got array",
    ),
    "nan": (nan_in("averages", "1.running_mean"), "its average of 1.running_mean must be finite"),
    "negative": (
        put("averages", "1.running_variance", value=np.full(7, -1.0)),
        "its parameter 1.running_variance must be at least 0.0",
    ),
    "the optimizer's": (nan_in("optimizer", "state", "averages.0"), "the state of its optimizer must be finite"),
    "one of the optimizer's less": (
        lambda state: state["optimizer"]["state"].pop("averages.1"),
        r"missing=\['averages.1'\]",
    ),
}


@pytest.mark.parametrize("step", [5, 7])
@pytest.mark.parametrize(("change", "message"), LIES_OF_AVERAGES.values(), ids=LIES_OF_AVERAGES)
def test_averages_that_lie(problem, step, change, message):
    state = copy.deepcopy(run(problem, ema=0.8)[1][step])
    change(state)
    refusal = refused(problem, state, FileFormatError, ema=0.8)
    assert refusal.startswith("cannot resume from a file: ")
    assert re.search(message, refusal), refusal


def test_a_training_without_averages_does_not_go_on_with_them(problem, state):
    assert state["averages"] is None
    assert refused(problem, state, ValueError, ema=0.8).startswith("ema must be None, as in the training that ")


def test_checks_for_callbacks(problem):
    ours = problem()
    ours.run()
    kinds = {"best": (int, float), "epochs": (list,)}
    check_state(Moody(), {"best": 1, "epochs": []}, kinds)
    for state in (
        {"best": 1},
        {"best": 1, "epochs": [], "x": 0},
        {"best": True, "epochs": []},
        {"best": 1, "epochs": ()},
    ):
        with pytest.raises(FileFormatError, match="the state of Moody"):
            check_state(Moody(), state, kinds)
    check_weights("they", ours.weights.copy(), ours.training)
    for weights in (None, [1.0], ours.weights[:-1], ours.weights.astype("f4"), np.full_like(ours.weights, np.inf)):
        with pytest.raises(FileFormatError, match="they must be "):
            check_weights("they", weights, ours.training)
