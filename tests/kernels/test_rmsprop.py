"""rmsprop_step against the oracle: every option, awkward sizes, lists, and values that are no ordinary numbers."""

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np
import oracles
import pytest
from kernel_calls import assert_close, assert_same_bits, rmsprop_step

from crmsprop.kernels.rule import RMSpropRule


class Options(NamedTuple):
    l2: float = 0.0
    centered: bool = False
    momentum: float = 0.0


ALL_OPTIONS = [Options(*chosen) for chosen in itertools.product((0.0, 0.03), (False, True), (0.0, 0.8))]
BLOCK = 16384  # elements a block, in _rmsprop.pyx
SMALL = [0, 1, *(lanes + more for lanes in (4, 8, 16) for more in (-1, 0, 1)), 33]
LARGE = [BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5]
RATE, RHO, EPSILON = 0.02, 0.85, 1e-3


@functools.cache
def arrays(size, options, dtype, seed=0):
    """Params, grads, mean squares, means and velocities of a run under way, one flat array each."""
    rng = np.random.default_rng([size, seed])
    param, grad, mean, velocity = rng.standard_normal((4, size)).astype(dtype)
    mean_square = (mean**2 + rng.uniform(0.1, 2.0, size)).astype(dtype)
    return param, grad, mean_square, mean if options.centered else None, velocity if options.momentum else None


@functools.cache
def expected(size, options, dtype, seed=0, rate=RATE):
    columns = [np.zeros(size) if column is None else column for column in arrays(size, options, dtype, seed)]
    new = oracles.rmsprop(*columns, learning_rate=rate, rho=RHO, epsilon=EPSILON, **options._asdict())
    wanted = (True, True, options.centered, options.momentum > 0)
    return [column if want else None for column, want in zip(new, wanted, strict=True)]


def step(kernel, lists, rates, l2s, options, **more):
    return rmsprop_step(kernel, lists, rates, l2s, rho=RHO, epsilon=EPSILON, momentum=options.momentum, **more)


def as_lists(columns):
    return [None if column is None else [column] for column in columns]


def check(kernel, size, options, dtype):
    got = step(kernel, as_lists(arrays(size, options, dtype)), [RATE], [options.l2], options)
    for column, oracle in zip(got, expected(size, options, dtype), strict=True):
        assert (column is None) == (oracle is None)
        if oracle is not None:
            assert_close(column[0], oracle, scale=1.0)  # the new parameter may be a small difference


@pytest.mark.parametrize("options", ALL_OPTIONS, ids=str)
def test_every_option_at_awkward_sizes(kernel, dtype, options):
    for size in SMALL:
        check(kernel, size, options, dtype)


@pytest.mark.parametrize("size", LARGE)
@pytest.mark.parametrize("options", [ALL_OPTIONS[0], ALL_OPTIONS[-1]], ids=str)
def test_sizes_about_a_block(kernel, dtype, options, size):
    check(kernel, size, options, dtype)


@pytest.mark.parametrize("options", ALL_OPTIONS, ids=str)
def test_a_list_of_arrays_each_with_its_own_rate_and_penalty(kernel, dtype, options):
    shapes = [(3,), (0,), (), (2, 0, 4), (5, 7), (1, 1), (BLOCK - 40,), (9,), (2, 3, 2, 2)]
    sizes = [math.prod(shape) for shape in shapes]
    rates = [RATE / (i + 1) for i in range(len(shapes))]
    l2s = [options.l2 * (i % 2) for i in range(len(shapes))]
    each = [arrays(size, options, dtype, seed) for seed, size in enumerate(sizes)]
    lists = [
        None if column[0] is None else [array.reshape(shape) for array, shape in zip(column, shapes, strict=True)]
        for column in zip(*each, strict=True)
    ]
    got = step(kernel, lists, rates, l2s, options)
    for i, (size, shape) in enumerate(zip(sizes, shapes, strict=True)):
        oracle = expected(size, options._replace(l2=l2s[i]), dtype, i, rates[i])
        for column, values in zip(got, oracle, strict=True):
            if values is not None:
                assert column[i].shape == shape
                assert_close(column[i].ravel(), values, scale=1.0)


def test_an_empty_list(kernel):
    kernel.rmsprop_step([], [], [], [], [], [], [], [], [], RMSpropRule(), 2)
    kernel.rmsprop_step([], [], [], None, None, None, None, [], None, RMSpropRule(), 2)
    kernel.rmsprop_check([])


def test_a_learning_rate_of_zero_moves_the_state_alone(kernel, dtype):
    columns = arrays(17, ALL_OPTIONS[-1], dtype)
    got = step(kernel, as_lists(columns), [0.0], [0.0], ALL_OPTIONS[-1])
    assert got[0][0].tobytes() == columns[0].tobytes()
    assert got[1][0].tobytes() != columns[2].tobytes()


# values that are no ordinary numbers

TINY = {np.dtype(np.float32): 1e-42, np.dtype(np.float64): 1e-320}
SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -2.5, 1e-30, 1e30]


def special_values(dtype):
    return np.array([*SPECIAL, TINY[dtype], -TINY[dtype], np.finfo(dtype).max, np.finfo(dtype).tiny], dtype)


@pytest.mark.parametrize("options", ALL_OPTIONS, ids=str)
@pytest.mark.parametrize("epsilon", [0.0, 1e-8])
def test_special_values_do_what_ieee_arithmetic_says(kernel, options, epsilon):
    """Every pair of a special parameter and a special gradient, from a zero state, in float64: exact operations."""
    values = special_values(np.dtype(np.float64))
    param, grad = (np.ascontiguousarray(grid.ravel()) for grid in np.meshgrid(values, values))
    zeros = np.zeros_like(param)
    state = [zeros, zeros if options.centered else None, zeros if options.momentum else None]
    rates = {"rho": 0.5, "epsilon": epsilon}
    with np.errstate(all="ignore"):
        lists = as_lists((param, grad, *state))
        got = rmsprop_step(kernel, lists, [0.1], [options.l2], momentum=options.momentum, **rates)
    oracle = oracles.rmsprop(param, grad, zeros, zeros, zeros, learning_rate=0.1, **rates, **options._asdict())
    for column, values in zip(got, oracle, strict=True):
        if column is not None:
            np.testing.assert_array_equal(column[0], values)


@pytest.mark.parametrize("options", ALL_OPTIONS, ids=str)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_gradient_poisons_its_own_element_only(kernel, dtype, options, bad):
    """At every place of two vectors and a tail: the others keep the bits that they have without it."""
    columns = arrays(35, options, dtype)
    lists, l2s = as_lists(columns), [options.l2]
    clean = step(kernel, lists, [RATE], l2s, options)
    for place in range(35):
        grad = columns[1].copy()
        grad[place] = bad
        with np.errstate(invalid="ignore"):
            got = step(kernel, [lists[0], [grad], *lists[2:]], [RATE], l2s, options)
        others = np.arange(35) != place
        for column, wanted in zip(got, clean, strict=True):
            if column is not None:
                assert_same_bits([column[0][others]], [wanted[0][others]])
        assert not np.isfinite(got[1][0][place])
        assert np.isnan(got[0][0][place])


def test_centered_clamps_what_rounding_makes_negative(kernel, dtype):
    """A constant gradient: v and mean**2 converge to the same number, and their difference falls below 0."""
    grad = np.linspace(0.1, 3.0, 500).astype(dtype)
    param, mean_square, mean = (np.zeros_like(grad) for _ in range(3))
    negative = 0
    for _ in range(150):
        (param,), (mean_square,), (mean,), _ = rmsprop_step(
            kernel, [[param], [grad], [mean_square], [mean], None], [1e-3], [0.0], rho=0.7, epsilon=1e-2
        )
        negative += np.sum(mean_square - mean * mean < 0)
        assert np.all(np.isfinite(param))
    assert negative > 0


def test_centered_clamp_is_exactly_zero_and_keeps_a_nan(kernel, dtype):
    """With rho 0.5 and a gradient of 0, v - mean**2 is 0.5 * v - 0.25 * mean**2: negative here on purpose."""
    columns = [np.array([1.0] * 3), np.zeros(3), np.array([0.1, np.nan, 0.1]), np.array([1.0, 1.0, np.nan])]
    params, grads, mean_squares, means = ([column.astype(dtype)] for column in columns)
    got = rmsprop_step(kernel, [params, grads, mean_squares, means, None], [0.5], [0.0], rho=0.5, epsilon=0.25)
    np.testing.assert_array_equal(got[0][0], np.array([1.0, np.nan, np.nan], dtype))
    # a gradient of 1 over a denominator of epsilon alone: v = 0.55, mean = 1, clamped
    grads = [np.array([1.0, 1.0, 1.0], dtype)]
    got = rmsprop_step(kernel, [params, grads, mean_squares, means, None], [0.5], [0.0], rho=0.5, epsilon=0.25)
    np.testing.assert_array_equal(got[0][0], np.array([-1.0, np.nan, np.nan], dtype))


def test_subnormal_state_is_not_flushed_to_zero(kernel, dtype):
    tiny = np.full(40, TINY[dtype], dtype)
    zeros = np.zeros_like(tiny)
    got = rmsprop_step(kernel, [[zeros], [tiny], [zeros], [zeros], None], [1.0], [0.0], rho=0.5, epsilon=1.0)
    assert np.all(got[2][0] == tiny * dtype.type(0.5))
    assert np.all(got[0][0] == -tiny)
