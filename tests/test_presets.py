"""Every preset against frozen runs of the library that it is named for: see golden/make_rmsprop.py.

The scale of a tolerance is |parameter| + |update|, element by element.
"""

from pathlib import Path

import numpy as np
import pytest
from peer_runs import OPTIONS, RUNS, SHARED, SIZES, STATES, STEPS, start

from crmsprop import RMSprop
from crmsprop.optimizer.presets import PRESETS

with np.load(Path(__file__).parent / "golden" / "rmsprop.npz") as archive:
    GOLDEN = {
        name: row
        for dtype in ("float32", "float64")
        for name, row in zip(archive[f"names_{dtype}"].tolist(), archive[f"rows_{dtype}"], strict=True)
    }
every_run = pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)


def frozen(run, name):
    return GOLDEN[f"{run.name}/{name}"]


def optimizer_of(run):
    params = start(run.dtype)
    return params, RMSprop.preset(params, run.peer, **run.overrides())


def test_every_peer_is_held():
    assert set(OPTIONS) == set(PRESETS)
    assert len(RUNS) > 400


@pytest.mark.parametrize("name", PRESETS)
def test_the_table_of_presets_holds_what_they_are(name):
    rows = [line.split() for line in (RMSprop.preset.__doc__ or "").splitlines() if len(line.split()) == 5]
    column = next(row for row in rows if row[0] == "preset").index(name)
    table = {row[0].strip("`"): row[column] for row in rows if row[0].startswith("`")}
    optimizer = RMSprop.preset([np.ones(1)], name)
    values = {option: getattr(optimizer.options, option) for option in table if option != "learning_rate"}
    assert {"learning_rate": optimizer.learning_rate, **values} == {key: eval(text) for key, text in table.items()}
    assert set(PRESETS[name]) <= set(table)


@every_run
def test_200_steps(run):
    """From the start; where that is noise, from the state after 100."""
    params, optimizer = optimizer_of(run)
    first = SHARED if run.begins_with_noise else 0
    if first:
        restore(run, params, optimizer)
    before, tolerance = np.concatenate(params), 1e-10 if run.dtype == "float64" else 1e-5
    for grads in run.gradients()[first:]:
        optimizer.step(grads)
    theirs = frozen(run, f"params/{STEPS}")
    scale = np.abs(theirs) + np.abs(theirs - before)
    assert_within(run, np.concatenate(params), theirs, tolerance * scale)


@pytest.mark.parametrize("run", [run for run in RUNS if not run.begins_with_noise], ids=lambda run: run.name)
def test_the_first_step(run):
    params, optimizer = optimizer_of(run)
    every = optimizer.options.accumulate_steps
    for grads in run.gradients()[:every]:
        optimizer.step(grads)
    assert_one_step(run, params, np.concatenate(start(run.dtype)), frozen(run, f"params/{every}"))


@every_run
def test_one_step_from_a_shared_state(run):
    params, optimizer = optimizer_of(run)
    restore(run, params, optimizer)
    every, before = optimizer.options.accumulate_steps, np.concatenate(params)
    for grads in run.gradients()[SHARED : SHARED + every]:
        optimizer.step(grads)
    assert_one_step(run, params, before, frozen(run, f"params/{SHARED + every}"))


@pytest.mark.parametrize("run", [run for run in RUNS if "ema" in dict(run.options)], ids=lambda run: run.name)
def test_averages(run):
    params, optimizer = optimizer_of(run)
    for grads in run.gradients()[:SHARED]:
        optimizer.step(grads)
    theirs, tolerance = frozen(run, "averages"), 1e-10 if run.dtype == "float64" else 1e-5
    scale = np.abs(theirs) + np.abs(np.concatenate(params) - np.concatenate(start(run.dtype)))
    assert_within(run, np.concatenate(optimizer.averages), theirs, tolerance * scale)


def restore(run, params, optimizer):
    """Parameters and state of the peer after SHARED calls."""
    state = {**optimizer.state_dict(), "n_steps": SHARED // optimizer.options.accumulate_steps}
    for name in STATES:
        if getattr(optimizer, name) is not None:
            for i, part in enumerate(np.split(frozen(run, name), np.cumsum(SIZES)[:-1])):
                state[f"{name}.{i}"] = part
    optimizer.load_state_dict(state)
    for param, part in zip(params, np.split(frozen(run, f"params/{SHARED}"), np.cumsum(SIZES)[:-1]), strict=True):
        param[...] = part


def assert_one_step(run, params, before, after):
    """To 1e-12 in float64, and to 4 units in the last place in float32."""
    scale = np.abs(before) + np.abs(after - before)
    tolerance = 1e-12 * scale if run.dtype == "float64" else 4 * np.spacing(scale)
    assert_within(run, np.concatenate(params), after, tolerance)


def assert_within(run, ours, theirs, tolerance):
    """The root of a negative number in its first steps is NaN for good in optax, where we clamp: that is left out."""
    known = ~np.isnan(theirs)
    assert np.all(known) or (run.peer == "optax" and run.begins_with_noise and np.any(known))
    assert np.all(np.abs(ours - theirs)[known] <= tolerance[known])
