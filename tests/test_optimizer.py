"""RMSprop on lists of arrays, against the oracle over many steps and against torch's frozen values."""

import itertools
import json
from pathlib import Path

import numpy as np
import oracles
import pytest
from numpy.testing import assert_allclose

from crmsprop import RMSprop

GOLDEN = json.loads((Path(__file__).parent / "golden" / "rmsprop_torch.json").read_text())
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
    optimizer = RMSprop([])
    optimizer.step([])
    assert optimizer.params == optimizer.mean_squares == ()
    assert optimizer.n_steps == 1


def test_arrays_of_no_elements_and_of_no_axes():
    empty, single = np.zeros((3, 0)), np.array(2.0)
    optimizer = RMSprop([empty, single], momentum=0.5)
    optimizer.step([np.zeros((3, 0)), np.array(1.0)])
    assert single == Oracle(np.array([2.0]), momentum=0.5).step(np.ones(1))


def test_params_may_come_from_an_iterator_and_grads_in_a_tuple():
    params = arrays()
    optimizer = RMSprop(iter(params))
    optimizer.step(tuple(grads_of(0)))
    assert len(optimizer.params) == len(params)


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


# torch


def from_torch(run):
    options = dict(run["options"])
    rates = GOLDEN["rates"]
    param = np.array(GOLDEN["start"])
    optimizer = RMSprop(
        [param],
        learning_rate=rates["lr"],
        rho=rates["alpha"],
        epsilon=rates["eps"],
        l2=options.pop("weight_decay", 0.0),
        **options,
    )
    return param, optimizer, np.array(GOLDEN["gradients"][run["gradients"]])


@pytest.mark.parametrize("name", GOLDEN["runs"])
def test_200_steps_of_torch(name):
    run = GOLDEN["runs"][name]
    param, optimizer, rows = from_torch(run)
    start = param.copy()
    for step, row in enumerate(rows, start=1):
        optimizer.step([row])
        if str(step) in run["params"]:
            theirs = np.array(run["params"][str(step)])
            assert np.all(np.abs(param - theirs) <= 1e-10 * (np.abs(theirs) + np.abs(theirs - start)))
    assert step == 200


@pytest.mark.parametrize("name", GOLDEN["runs"])
def test_one_step_of_torch_from_a_shared_state(name):
    run = GOLDEN["runs"][name]
    param, optimizer, rows = from_torch(run)
    before, after = (np.array(run["params"][step]) for step in ("100", "101"))
    param[...] = before
    states = {"mean_square": optimizer.mean_squares, "mean": optimizer.means, "velocity": optimizer.velocities}
    for state, values in run["state_after_100"].items():
        states[state][0][...] = values
    optimizer.step([rows[100]])
    assert np.all(np.abs(param - after) <= 1e-12 * (np.abs(before) + np.abs(after - before)))
