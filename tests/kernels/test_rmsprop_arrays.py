"""RMSpropArrays, compiled, in the hands of somebody who does not begin it as one should."""

import gc

import numpy as np
import pytest
from child_process import in_child
from kernel_calls import COMPILED
from reliability.memory import resident

from crmsprop.kernels.rule import RMSpropRates, RMSpropRule, RMSpropState

Arrays = COMPILED.RMSpropArrays


def state_of(params):
    return RMSpropState([np.zeros_like(param) for param in params], None, None, None, None)


def begin(made, params, state=None):
    made.__init__(params, state_of(params) if state is None else state, [RMSpropRates()] * len(params))


def failing(made, params, state=None):
    """The error of a beginning."""
    with pytest.raises((TypeError, ValueError)) as error:
        begin(made, params, state)
    return str(error.value)


@pytest.mark.parametrize("use", ["check", "step"])
def test_one_that_has_not_begun_is_not_used(use):
    def attempt():
        made = Arrays.__new__(Arrays)
        more = () if use == "check" else (0.1, RMSpropRule(), None, 1)
        getattr(made, use)([np.zeros(3)], *more)

    assert in_child(attempt) == "RuntimeError: RMSpropArrays must be initialized"


def test_one_begins_once():
    def attempt():
        params = [np.ones(3)]
        made = Arrays(params, state_of(params), [RMSpropRates()])
        begin(made, params)

    assert in_child(attempt) == "RuntimeError: RMSpropArrays must be initialized once"


def test_a_beginning_that_fails_may_be_made_again():
    """Memory that the first one has taken is given back once."""

    def attempt():
        param, made = np.ones(3), Arrays.__new__(Arrays)
        said = [failing(made, [param, np.ones(2)], state_of([param])), failing(made, [[1.0]], state_of([param]))]
        begin(made, [param])
        made.step([np.ones(3)], 0.5, RMSpropRule(rho=0.75, epsilon_outside=0.0), None, 1)
        return said, param

    expected = [
        "mean_squares must hold one element a parameter, 2, got 1",
        "params[0] must be a NumPy array, got list",
    ]
    # the mean square is 0.25, and its root 0.5
    assert in_child(attempt) == str((expected, np.zeros(3)))


def test_beginnings_that_fail_leave_nothing():
    def attempt():
        made, params = Arrays.__new__(Arrays), [np.ones(2)]
        levels = []
        for _ in range(12):
            said = failing(made, params * 50_000, state_of(params * 50_000))  # with 6 MB in the end
            gc.collect()
            levels.append(resident())
        del made
        return "must not overlap" in said, max(levels[3:]) - levels[3] < 20e6

    assert in_child(attempt, 60) == "(True, True)"


def test_what_never_begins_well_ends_well():
    """Glibc ends a process that gives memory back twice."""

    def attempt():
        for _ in range(100):
            made, param = Arrays.__new__(Arrays), np.ones(3)
            failing(made, [param], RMSpropState([], None, None, None, None))
            failing(made, [None], state_of([param]))
            del made
        return "alive"

    assert in_child(attempt) == "alive"


@pytest.mark.parametrize("use", ["check", "step"])
def test_gradients_are_arrays_before_any_is_compared_with_another(use):
    """The first lies where something is written; where the second lies must not be asked of what is no array."""

    def attempt():
        params = [np.ones(3), np.ones(2)]
        made = Arrays(params, state_of(params), [RMSpropRates()] * 2)
        more = () if use == "check" else (0.1, RMSpropRule(), None, 1)
        getattr(made, use)([params[0], -4294967295], *more)

    assert in_child(attempt) == "TypeError: grads[1] must be a NumPy array, got int"


def test_python_code_among_the_numbers_runs_before_the_gradients_are_taken():
    def attempt():
        class Scale:
            def __float__(self):
                grads.clear()
                return 1.0

        params, grads = [np.ones(3)], [np.ones(3)]
        made = Arrays(params, state_of(params), [RMSpropRates()])
        with pytest.raises(ValueError, match="grads"):
            made.step(grads, 0.1, RMSpropRule(), [Scale()], 1)
        return params[0].tolist()

    assert in_child(attempt) == "[1.0, 1.0, 1.0]"
