"""RMSprop on lists of arrays, against the oracle over many steps."""

import copy
import itertools
import pickle

import numpy as np
import oracles
import pytest
from numpy.testing import assert_allclose

from crmsprop import RMSprop, rmsprop_update

COMBINATIONS = [
    {"l2": l2, "centered": centered, "momentum": momentum}
    for l2, centered, momentum in itertools.product((0.0, 0.05), (False, True), (0.0, 0.9))
]
SHAPES = [(4, 3), (), (0, 2), (5,), (1, 2, 1, 2)]


def normal(shape, seed, dtype=np.float64):
    return np.asarray(np.random.default_rng(seed).standard_normal(shape), dtype)


def arrays(dtype=np.float64, seed=0):
    return [normal(shape, [seed, i], dtype) for i, shape in enumerate(SHAPES)]


def grads_of(step, dtype=np.float64):
    return arrays(dtype, seed=100 + step)


class Oracle:
    """One element after another, for one array."""

    def __init__(self, param, **options):
        self.columns = [np.asarray(param, np.float64).flatten(), *np.zeros((4, param.size))]
        self.options = {"learning_rate": 1e-3, "rho": 0.9, "epsilon": 1e-8, **options}

    def step(self, grad, **changes):
        param, *state = self.columns
        self.columns = oracles.rmsprop(param, np.ravel(grad), *state, None, **(self.options | changes))
        return self.columns[0].reshape(np.shape(grad))


def assert_follows(optimizer, followers, n_steps, dtype, tolerance, **how):
    for step in range(n_steps):
        grads = grads_of(step, dtype)
        optimizer.step(grads, **how)
        expected = [follower.step(grad, **how) for follower, grad in zip(followers, grads, strict=True)]
        for param, oracle in zip(optimizer.params, expected, strict=True):
            assert_allclose(param, oracle, rtol=0, atol=tolerance * (np.abs(oracle).max(initial=1.0)))


@pytest.mark.parametrize("options", COMBINATIONS, ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_the_formula_over_many_steps(options, dtype, tolerance):
    params = arrays(dtype)
    followers = [Oracle(param, learning_rate=0.02, rho=0.8, epsilon=1e-6, **options) for param in params]
    optimizer = RMSprop(params, learning_rate=0.02, rho=0.8, epsilon=1e-6, **options)
    assert_follows(optimizer, followers, 60, dtype, tolerance)
    assert optimizer.n_steps == 60


def test_the_defaults():
    params = arrays()
    followers = [Oracle(param) for param in params]
    assert_follows(RMSprop(params), followers, 5, np.float64, 1e-14)


def test_the_state_is_that_of_the_formula():
    params = arrays()
    followers = [Oracle(param, momentum=0.5, centered=True) for param in params]
    optimizer = RMSprop(params, momentum=0.5, centered=True)
    assert_follows(optimizer, followers, 7, np.float64, 1e-13)
    for i, follower in enumerate(followers):
        for state, column in zip(
            (optimizer.mean_squares, optimizer.means, optimizer.velocities), follower.columns[1:4], strict=True
        ):
            assert state[i].shape == params[i].shape
            assert_allclose(state[i].ravel(), column, rtol=1e-12, atol=1e-14)


def test_options_that_are_off_keep_no_state():
    optimizer = RMSprop(arrays())
    assert optimizer.means is None
    assert optimizer.velocities is None


def test_updates_in_place_and_leaves_gradients_alone():
    params, grads = arrays(np.float32), grads_of(0, np.float32)
    kept, before = list(params), [grad.tobytes() for grad in grads]
    optimizer = RMSprop(params)
    optimizer.step(grads)
    assert all(one is other is own for one, other, own in zip(params, kept, optimizer.params, strict=True))
    assert [grad.tobytes() for grad in grads] == before
    assert not np.array_equal(params[0], arrays(np.float32)[0])


@pytest.mark.parametrize("n_threads", [1, 2, 3, 7])
def test_the_bits_do_not_depend_on_threads(n_threads):
    def run(n_threads):
        params = [normal(70_000, 1, np.float32), normal((300, 41), 2, np.float32)]
        optimizer = RMSprop(params, momentum=0.9, centered=True, l2=0.1, n_threads=n_threads)
        for step in range(3):
            optimizer.step([normal(param.shape, [9, step], np.float32) for param in params])
        return [param.tobytes() for param in params]

    assert run(n_threads) == run(None)


# learning rates


def test_a_learning_rate_for_one_step_alone():
    param = np.zeros(3)
    optimizer, oracle = RMSprop([param], learning_rate=0.1), Oracle(param, learning_rate=0.1)
    for rate in (None, 0.5, 0.0, None):
        optimizer.step([np.ones(3)], learning_rate=rate)
        expected = oracle.step(np.ones(3), **({} if rate is None else {"learning_rate": rate}))
        assert_allclose(param, expected, rtol=1e-13)
    assert optimizer.learning_rate == 0.1


def test_the_learning_rate_can_be_set_at_any_time():
    param = np.zeros(3)
    optimizer, oracle = RMSprop([param]), Oracle(param)
    for rate in (1e-3, 0.7, np.float32(0.25), 0):
        optimizer.learning_rate = rate
        optimizer.step([np.ones(3)])
        assert_allclose(param, oracle.step(np.ones(3), learning_rate=float(rate)), rtol=1e-13)
    with pytest.raises(ValueError, match=r"learning_rate must be in \[0, inf\), got -1"):
        optimizer.learning_rate = -1
    assert optimizer.learning_rate == 0.0


def test_groups_with_settings_of_their_own():
    params = [normal(4, seed) for seed in range(5)]
    rates, l2s = [0.3, 0.3, 0.01, 0.01, 0.01], [0.1, 0.1, 0.0, 0.2, 0.2]
    followers = [Oracle(p, learning_rate=rate, l2=l2) for p, rate, l2 in zip(params, rates, l2s, strict=True)]
    groups = [
        {"params": params[:2], "learning_rate": 0.3, "l2": 0.1},
        {"params": (params[2],), "l2": 0.0},
        {"params": []},
        {"params": iter(params[3:])},
    ]
    optimizer = RMSprop(groups, learning_rate=0.01, l2=0.2)
    assert [id(param) for param in optimizer.params] == [id(param) for param in params]
    for step in range(10):
        grads = [normal(4, [7, step, i]) for i in range(5)]
        changes = {"learning_rate": 0.05} if step == 4 else {}
        optimizer.step(grads, **changes)
        for param, follower, grad, own in zip(params, followers, grads, (True, True, False, False, False), strict=True):
            assert_allclose(param, follower.step(grad, **({} if own else changes)), rtol=1e-12, atol=1e-13)


# sizes


def test_no_arrays_at_all():
    optimizer = RMSprop([{"params": []}])
    optimizer.step([])
    assert optimizer.params == optimizer.mean_squares == ()
    assert optimizer.n_steps == 1


def test_arrays_of_no_elements_and_of_no_axes():
    empty, single = np.zeros((3, 0)), np.array(2.0)
    optimizer = RMSprop([empty, single], momentum=0.5)
    optimizer.step([np.zeros((3, 0)), np.array(1.0)])
    assert single == Oracle(np.array([2.0]), momentum=0.5).step(np.ones(1))


@pytest.mark.parametrize("form", [tuple, iter, lambda arrays: dict(enumerate(arrays)).values()])
def test_params_and_grads_may_come_from_any_iterable(form):
    params, others = arrays(), arrays()
    RMSprop(form(params)).step(form(grads_of(0)))
    RMSprop(others).step(grads_of(0))
    assert [param.tobytes() for param in params] == [param.tobytes() for param in others]


def test_a_repr_says_how_much_there_is():
    optimizer = RMSprop([np.ones((2, 3), np.float32), np.ones(2, np.float32)], rho=0.95)
    optimizer.step([np.ones((2, 3), np.float32), np.ones(2, np.float32)])
    assert repr(optimizer) == "RMSprop(2 arrays, 8 numbers, float32, learning_rate=0.001, rho=0.95, n_steps=1)"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_where_it_came_in(bad):
    """As `step` says: nothing searches the gradients."""
    param = np.ones(3)
    optimizer = RMSprop([param])
    for grad in (bad, 1.0):
        optimizer.step([np.array([1.0, grad, 1.0])])
    assert np.isfinite(param).tolist() == [True, False, True]
    assert np.isfinite(optimizer.mean_squares[0]).tolist() == [True, False, True]
    clipped = RMSprop([np.ones(1)], clip_value=1.0)
    clipped.step([np.array([bad])])
    assert np.isfinite(clipped.params[0][0]) == np.isinf(bad)


def test_a_square_that_overflows_makes_an_element_stand_still():
    param = np.ones(2, np.float32)
    optimizer = RMSprop([param])
    for grad in (1.8e19, 1.9e19):
        optimizer.step([np.array([1.0, grad], np.float32)])
    before = param.copy()
    optimizer.step([np.ones(2, np.float32)])
    assert (param == before).tolist() == [False, True]


def test_a_state_goes_through_a_file_of_numpy(tmp_path):
    """As the guide does it; and it is as it says what is not in it."""
    optimizer = RMSprop([{"params": np.ones(3)}], momentum=0.9)
    optimizer.step([np.ones(3)])
    optimizer.set_group(0, l2=0.5)
    optimizer.learning_rate = 0.5
    state = optimizer.state_dict()
    assert set(state) == {"mean_squares.0", "velocities.0", "n_steps", "n_accumulated"}
    np.savez(tmp_path / "state.npz", **state)
    again = RMSprop([optimizer.params[0].copy()], rho=0.5, momentum=0.9)
    with np.load(tmp_path / "state.npz") as saved:
        again.load_state_dict(saved)
    assert (again.n_steps, again.learning_rate, again.options.rho, again.groups[0].l2) == (1, 1e-3, 0.5, None)
    assert again.velocities[0].tobytes() == optimizer.velocities[0].tobytes()


def test_reset_forgets_everything_but_the_parameters():
    def run(optimizer):
        for step in range(5):
            optimizer.step(grads_of(step))
        return [param.copy() for param in optimizer.params]

    options = {"momentum": 0.9, "centered": True}
    optimizer = RMSprop(arrays(), **options)
    run(optimizer)
    optimizer.reset()
    assert optimizer.n_steps == 0
    for state in (optimizer.mean_squares, optimizer.means, optimizer.velocities):
        assert not any(array.any() for array in state)
    for param, start in zip(optimizer.params, arrays(), strict=True):
        param[...] = start
    for one, other in zip(run(optimizer), run(RMSprop(arrays(), **options)), strict=True):
        assert one.tobytes() == other.tobytes()


# options that the optimizer resolves: what the kernel gets is the oracle's own scale, correction and so on


class Followers:
    """The oracle for a list of arrays, with the options of RMSprop."""

    def __init__(self, params, accumulate_steps=1, maximize=False, bias_correction=False, **options):
        self.clip_norm, self.global_clip_norm = options.pop("clip_norm", None), options.pop("global_clip_norm", None)
        self.ema, start = options.pop("ema", None), options.pop("initial_mean_square", 0.0)
        self.between, self.calls = options.pop("ema_every_call", False) and self.ema, 0
        self.warms_up = options.pop("ema_warmup", False)
        self.every, self.sign, self.corrects = accumulate_steps, -1.0 if maximize else 1.0, bias_correction
        self.each = [Oracle(param, **options) for param in params]
        for oracle in self.each:
            oracle.columns[1][:] = start
        self.seen, self.steps = [], 0

    def step(self, grads):
        self.seen.append([np.ravel(grad).astype(np.float64) for grad in grads])
        if len(self.seen) == self.every:
            means = [self.sign * sum(column) / self.every for column in zip(*self.seen, strict=True)]
            self.seen, self.steps = [], self.steps + 1
            self.update(means)
        elif self.between:
            for oracle in self.each:
                param, average = oracle.columns[0], oracle.columns[4]
                decay = self.decay(self.steps + 1)
                average[:] = decay * average + (1 - decay) * param if self.calls else param
        self.calls += 1

    def decay(self, step):
        return min(self.ema, (1 + step) / (10 + step)) if self.warms_up else self.ema

    def update(self, means):
        norms = [np.sqrt(np.sum(mean**2)) for mean in means]
        whole = np.sqrt(sum(norm**2 for norm in norms))
        for oracle, mean, norm in zip(self.each, means, norms, strict=True):
            scale = 1.0
            if self.clip_norm and norm > self.clip_norm:
                scale = self.clip_norm / norm
            if self.global_clip_norm and whole > self.global_clip_norm:
                scale = self.global_clip_norm / whole
            moves = self.ema and (self.calls if self.between else self.steps > 1)
            changes = {"ema": self.decay(self.steps) if moves else 0.0}
            if self.corrects:
                changes["correction"] = 1 / (1 - oracle.options["rho"] ** self.steps)
            oracle.step(mean, scale=scale, **changes)


EVERY_OPTION = {
    "eps_in_sqrt": True,
    "lr_in_momentum": True,
    "bias_correction": True,
    "initial_mean_square": 0.5,
    "weight_decay": 0.2,
    "clip_value": 0.3,
    "clip_norm": 0.9,
    "global_clip_norm": 1.3,
    "ema": 0.7,
    "ema_warmup": True,
    "ema_every_call": True,
    "accumulate_steps": 3,
    "maximize": True,
}
TOGETHER = [
    {name: EVERY_OPTION[name] for name in names}
    for names in (
        ("clip_norm", "accumulate_steps", "maximize", "ema"),
        ("clip_norm", "accumulate_steps", "ema", "ema_every_call"),
        ("ema", "ema_every_call"),
        ("ema", "ema_warmup"),  # which is over after 19 steps
        ("ema", "ema_warmup", "ema_every_call", "accumulate_steps"),
        # initial_mean_square: in the first step of a centered run with bias correction nothing is left but rounding
        ("global_clip_norm", "accumulate_steps", "weight_decay", "bias_correction", "initial_mean_square"),
        ("clip_value", "maximize", "lr_in_momentum", "eps_in_sqrt", "ema", "initial_mean_square"),
    )
]


@pytest.mark.parametrize("momentum", [{}, {"momentum": 0.8}, {"momentum": 0.8, "nesterov": True}], ids=str)
@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize(
    "options", [*({name: value} for name, value in EVERY_OPTION.items() if name != "ema_warmup"), *TOGETHER], ids=str
)
def test_every_option_over_many_steps(options, centered, momentum):
    options = {**options, **momentum, "centered": centered, "l2": 0.05, "rho": 0.8, "epsilon": 1e-3}
    params = arrays()
    followers = Followers(params, learning_rate=0.02, **options)
    optimizer = RMSprop(params, learning_rate=0.02, **options)
    for step in range(30):
        grads = grads_of(step)
        before = [param.copy() for param in params]
        optimizer.step(grads)
        followers.step(grads)
        assert followers.seen == [] or all(np.array_equal(*pair) for pair in zip(params, before, strict=True))
        for param, oracle in zip(params, followers.each, strict=True):
            assert_allclose(
                param.ravel(), oracle.columns[0], rtol=0, atol=1e-12 * np.abs(oracle.columns[0]).max(initial=1)
            )
    assert optimizer.n_steps == followers.steps == (10 if "accumulate_steps" in options else 30)
    if "ema" in options:
        for average, oracle in zip(optimizer.averages, followers.each, strict=True):
            assert_allclose(average.ravel(), oracle.columns[4], rtol=0, atol=1e-12)


def test_the_average_is_the_parameters_before_the_first_step_and_after_it():
    params = arrays()
    optimizer = RMSprop(params, ema=0.9)
    for _ in range(2):
        assert all(np.array_equal(*pair) for pair in zip(params, optimizer.averages, strict=True))
        optimizer.step(grads_of(0))
        average = [one.copy() for one in optimizer.averages]
    assert not np.array_equal(params[0], average[0])
    params[0][...] = 7  # reading and changing one does not disturb the other
    assert np.array_equal(optimizer.averages[0], average[0])


@pytest.mark.parametrize("options", [{"ema_warmup": True}, {"bias_correction": True}, {}], ids=str)
def test_a_state_of_earlier_brings_its_decay_back(options):
    params = arrays()
    optimizer = RMSprop(params, ema=0.5, **options)
    start, state, averages = [param.copy() for param in params], optimizer.state_dict(), []
    for _ in range(2):
        for param, before in zip(params, start, strict=True):
            param[...] = before
        optimizer.load_state_dict(state)
        for step in range(12):  # a warm-up to 0.5 takes 8
            optimizer.step(grads_of(step))
        averages.append(b"".join(average.tobytes() for average in optimizer.averages))
    assert averages[0] == averages[1]


def test_a_parameter_that_stays_is_its_own_average():
    params = [normal(50, 1).astype(np.float32) for _ in range(2)]
    start = params[0].copy()
    optimizer = RMSprop([{"params": params[0], "learning_rate": 0.0}, {"params": params[1]}], ema=0.9999)
    for step in range(300):
        optimizer.step([normal(50, step).astype(np.float32)] * 2)
    assert optimizer.averages[0].tobytes() == params[0].tobytes() == start.tobytes()
    assert not np.array_equal(optimizer.averages[1], params[1])


def test_groups_with_a_decay_of_their_own_and_frozen_ones():
    params = [normal(4, seed) for seed in range(3)]
    frozen = params[1].copy()
    groups = [
        {"params": params[:1], "weight_decay": 0.5},
        {"params": params[1:2], "frozen": True},
        {"params": params[2:]},
    ]
    followers = [Oracle(param, weight_decay=decay) for param, decay in ((params[0], 0.5), (params[2], 0.1))]
    optimizer = RMSprop(groups, weight_decay=0.1, momentum=0.5, ema=0.5)
    for follower in followers:
        follower.options["momentum"] = 0.5
    for step in range(5):
        grads = [normal(4, [7, step, i]) for i in range(3)]
        optimizer.step(grads)
        for param, follower, grad in zip(params[::2], followers, grads[::2], strict=True):
            assert_allclose(param, follower.step(grad), rtol=1e-12)
    assert np.array_equal(params[1], frozen)
    assert not optimizer.mean_squares[1].any()
    assert not optimizer.velocities[1].any()


def test_a_group_that_is_changed_and_thawed_goes_on_from_its_own_state():
    params = [normal(4, seed) for seed in range(2)]
    followers = [Oracle(param, momentum=0.5, l2=0.1) for param in params]
    optimizer = RMSprop([{"params": param} for param in params], momentum=0.5, l2=0.1)
    for step in range(9):
        grads = [normal(4, [7, step, i]) for i in range(2)]
        if step == 3:
            optimizer.set_group(0, learning_rate=0.2, l2=0.0, weight_decay=0.3)
            followers[0].options |= {"learning_rate": 0.2, "l2": 0.0, "weight_decay": 0.3}
            optimizer.set_group(1, frozen=True)
        if step == 6:
            optimizer.set_group(0, learning_rate=None, weight_decay=None)
            followers[0].options |= {"learning_rate": 1e-3, "weight_decay": 0.0}
            optimizer.set_group(1, frozen=False)
            optimizer = pickle.loads(pickle.dumps(optimizer))
        optimizer.step(grads)
        for i in (0,) if 3 <= step < 6 else (0, 1):
            followers[i].step(grads[i])
    for param, follower in zip(optimizer.params, followers, strict=True):
        assert_allclose(param, follower.columns[0], rtol=1e-12)


def test_a_thawed_group_has_no_gradients_of_before():
    params = [normal(4, seed) for seed in range(2)]
    groups = [{"params": param} for param in params]
    halfway = RMSprop(groups, accumulate_steps=2)
    halfway.step([np.full(4, 100.0)] * 2)
    optimizer = RMSprop([{**groups[0], "frozen": True}, groups[1]], accumulate_steps=2)
    optimizer.load_state_dict(halfway.state_dict())
    optimizer.step([None, np.ones(4)])
    optimizer.set_group(0, frozen=False)
    for _ in range(2):
        optimizer.step([np.ones(4)] * 2)
    assert_allclose(optimizer.mean_squares[0], 0.1, rtol=1e-12)


def test_frozen_gradients_are_no_part_of_the_global_norm():
    params, others = [np.ones(2), np.ones(2)], [np.ones(2), np.ones(2)]
    RMSprop([{"params": params[:1]}, {"params": params[1:], "frozen": True}], global_clip_norm=1.0).step(
        [np.ones(2), np.full(2, 1e9)]
    )
    RMSprop(others[:1], global_clip_norm=1.0).step([np.ones(2)])
    assert params[0].tolist() == others[0].tolist()


# state

RICH = {"centered": True, "momentum": 0.9, "ema": 0.8, "accumulate_steps": 2, "bias_correction": True}


def test_a_state_goes_on_to_the_same_bits():
    whole, first = RMSprop(arrays(), **RICH), RMSprop(arrays(), **RICH)
    for step in range(7):  # in the middle of an accumulation
        whole.step(grads_of(step))
        first.step(grads_of(step))
    state = first.state_dict()
    second = RMSprop([param.copy() for param in first.params], **RICH)
    second.load_state_dict(state)
    for array in state.values():
        if isinstance(array, np.ndarray):
            array[...] = np.nan  # it was copied
    for step in range(7, 12):
        whole.step(grads_of(step))
        second.step(grads_of(step))
    assert [param.tobytes() for param in second.params] == [param.tobytes() for param in whole.params]
    assert second.n_steps == whole.n_steps == 6


def test_the_keys_of_a_state():
    state = RMSprop([np.ones(2), np.ones(3)], momentum=0.5).state_dict()
    assert list(state) == [
        "mean_squares.0",
        "mean_squares.1",
        "velocities.0",
        "velocities.1",
        "n_steps",
        "n_accumulated",
    ]


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))], ids=["copy", "pickle"]
)
def test_a_copy_goes_on_by_itself(duplicate):
    optimizer = RMSprop(arrays(), **RICH)
    for step in range(3):
        optimizer.step(grads_of(step))
    other = duplicate(optimizer)
    before = [param.copy() for param in optimizer.params]
    other.step(grads_of(3))
    assert all(np.array_equal(*pair) for pair in zip(optimizer.params, before, strict=True))
    optimizer.step(grads_of(3))
    assert [param.tobytes() for param in other.params] == [param.tobytes() for param in optimizer.params]


# the functional form


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"l2": 0.1, "weight_decay": 0.2, "maximize": True},
        {"momentum": 0.9, "nesterov": True, "lr_in_momentum": True},
        {"centered": True, "eps_in_sqrt": True, "bias_correction": True},
        {"clip_value": 0.4, "ema": 0.7},
        {"clip_norm": 0.4, "momentum": 0.5, "centered": True},
    ],
    ids=str,
)
def test_the_functional_form_gives_the_bits_of_the_optimizer(dtype, options):
    param, kept = (normal((3, 5), 1, dtype) for _ in range(2))
    optimizer = RMSprop([kept], learning_rate=0.03, rho=0.8, epsilon=1e-4, **options)
    mean_square, mean, velocity, average = (np.zeros_like(param) for _ in range(4))
    given = {name: value for name, value in options.items() if name not in ("centered", "bias_correction", "ema")}
    for step in range(1, 6):
        grad = normal((3, 5), [2, step], dtype)
        optimizer.step([grad])
        rmsprop_update(
            param, grad, mean_square, learning_rate=0.03, rho=0.8, epsilon=1e-4,
            mean=mean if "centered" in options else None,
            velocity=velocity if "momentum" in options else None,
            average=average if "ema" in options else None,
            ema=options.get("ema", 0.0) if step > 1 else 0.0,
            step=step if "bias_correction" in options else None,
            **given,
        )  # fmt: skip
        assert param.tobytes() == kept.tobytes()
        assert mean_square.tobytes() == optimizer.mean_squares[0].tobytes()
    if "ema" in options:
        assert average.tobytes() == optimizer.averages[0].tobytes()
