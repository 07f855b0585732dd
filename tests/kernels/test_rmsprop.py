"""RMSprop's kernel against the oracle: every option, awkward sizes, lists, and values that are no ordinary numbers."""

import functools
import itertools
import math

import numpy as np
import oracles
import pytest
from kernel_calls import assert_close, assert_same_bits, rmsprop_step, rule_of

from crmsprop.kernels.rule import RMSpropRates, RMSpropRule, RMSpropState

# Every loop that the C source is compiled to: with and without sums, l2, means, velocities (three ways), averages.
MOMENTA = ({}, {"momentum": 0.8}, {"momentum": 0.8, "nesterov": True})
LOOPS = [
    ({"l2": l2, "centered": centered, **momentum}, with_sums, with_averages)
    for l2, centered, momentum, with_sums, with_averages in itertools.product(
        (0.0, 0.03), (False, True), MOMENTA, (False, True), (False, True)
    )
]
# Options that are numbers in those loops, and not neutral.
NUMBERS = {
    "weight_decay": 0.3,
    "eps_in_sqrt": True,
    "lr_in_momentum": True,
    "correction": 1.7,
    "clip_value": 0.6,
    "scale": -0.5,
    "ema": 0.7,
}
BLOCK = 1024  # elements a block, in _rmsprop.pyx
SMALL = [0, 1, *(lanes + more for lanes in (4, 8, 16) for more in (-1, 0, 1)), 33]
LARGE = [BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5]
RATE, RHO, EPSILON = 0.02, 0.85, 1e-3


@functools.cache
def arrays(size, dtype, seed=0):
    """Params, grads, mean squares, means, velocities, averages and sums of a run under way, one flat array each."""
    rng = np.random.default_rng([size, seed])
    param, grad, mean, velocity, average, total = rng.standard_normal((6, size)).astype(dtype)
    mean_square = (2 * mean**2 + rng.uniform(0.5, 2.0, size)).astype(dtype)  # far from the cancellation of centered
    return param, grad, mean_square, mean, velocity, average, total


def columns_of(loop, size, dtype, seed=0):
    """The arrays that a loop has; None where it has none."""
    options, with_sums, with_averages = loop
    wanted = (True, True, True, options["centered"], "momentum" in options, with_averages, with_sums)
    return [array if want else None for array, want in zip(arrays(size, dtype, seed), wanted, strict=True)]


def as_lists(columns):
    return [None if column is None else [column] for column in columns]


def expected(columns, **options):
    """New columns but the gradients, from the oracle; None where there is no such state. Sums end as 0."""
    *used, total = columns
    with np.errstate(all="ignore"):
        new = oracles.rmsprop(*used, total, **{"learning_rate": RATE, "rho": RHO, "epsilon": EPSILON, **options})
    state = [columns[0], *columns[2:6]]
    found = [None if column is None else values for column, values in zip(state, new, strict=True)]
    return [*found, None if total is None else np.zeros(len(total))]


def check(kernel, loop, size, dtype, **more):
    columns, options = columns_of(loop, size, dtype), {**loop[0], **more}
    oracle = expected(columns, **options)
    l2 = options.pop("l2")
    got = rmsprop_step(kernel, as_lists(columns), [RATE], [l2], rho=RHO, epsilon=EPSILON, **options)
    assert_matches(got, oracle)


def assert_matches(got, oracle):
    for column, values in zip(got, oracle, strict=True):
        assert (column is None) == (values is None)
        if values is not None:
            assert_close(column[0], values, scale=1.0)  # the new parameter may be a small difference


@pytest.mark.parametrize("loop", LOOPS, ids=str)
def test_every_loop_at_awkward_sizes(kernel, dtype, loop):
    for size in SMALL:
        check(kernel, loop, size, dtype)
        check(kernel, loop, size, dtype, **NUMBERS)


@pytest.mark.parametrize("loop", [LOOPS[0], LOOPS[1], LOOPS[9]], ids=str)
@pytest.mark.parametrize("number", NUMBERS)
def test_every_number_by_itself(kernel, dtype, loop, number):
    check(kernel, loop, 33, dtype, **{number: NUMBERS[number]})


@pytest.mark.parametrize("size", LARGE)
@pytest.mark.parametrize("loop", [LOOPS[0], LOOPS[-1]], ids=str)
def test_sizes_about_a_block(kernel, dtype, loop, size):
    check(kernel, loop, size, dtype, **NUMBERS)


@pytest.mark.parametrize("loop", [LOOPS[0], LOOPS[3], LOOPS[24], LOOPS[-1]], ids=str)
def test_a_list_of_arrays_each_with_its_own_rate_and_penalty(kernel, dtype, loop):
    shapes = [(3,), (0,), (), (2, 0, 4), (5, 7), (1, 1), (BLOCK - 40,), (9,), (2, 3, 2, 2)]
    sizes = [math.prod(shape) for shape in shapes]
    rates = [RATE / (i + 1) for i in range(len(shapes))]
    l2s = [loop[0]["l2"] * (i % 2) for i in range(len(shapes))]
    scales = [1.0 / (i + 2) for i in range(len(shapes))]
    each = [columns_of(loop, size, dtype, seed) for seed, size in enumerate(sizes)]
    lists = [
        None if column[0] is None else [array.reshape(shape) for array, shape in zip(column, shapes, strict=True)]
        for column in zip(*each, strict=True)
    ]
    options = {**loop[0], "rho": RHO, "epsilon": EPSILON}
    del options["l2"]
    got = rmsprop_step(kernel, lists, rates, l2s, scales, **options)
    for i, shape in enumerate(shapes):
        oracle = expected(each[i], **options, l2=l2s[i], learning_rate=rates[i], scale=scales[i])
        for column, values in zip(got, oracle, strict=True):
            if values is not None:
                assert column[i].shape == shape
                assert_close(column[i].ravel(), values, scale=1.0)


def test_an_array_without_a_rate_of_its_own_takes_that_of_the_step(kernel, dtype):
    columns = columns_of(LOOPS[0], 5, dtype)
    param, grad, mean_square = (column.copy() for column in columns[:3])
    kept = kernel.RMSpropArrays([param], RMSpropState([mean_square]), [RMSpropRates(weight_decay=0.3)])
    rule, _ = rule_of(RHO, EPSILON)
    rates = [0.5, 0.125, 0.0]
    for rate in rates:
        kept.step([grad], rate, rule, None, 1)
        oracle = expected(columns, learning_rate=rate, weight_decay=0.3)
        columns[0], columns[2] = oracle[0], oracle[1]
        assert_close(param, oracle[0], scale=1.0)
        assert_close(mean_square, oracle[1], scale=1.0)


def test_an_empty_list(kernel):
    for state in (RMSpropState([], [], [], [], []), RMSpropState([])):
        kernel.RMSpropArrays([], state, []).step([], 0.1, RMSpropRule(), None, 2)
    kernel.rmsprop_check([])
    assert kernel.rmsprop_squares([], None, 2) == []


def test_a_learning_rate_of_zero_moves_the_state_alone(kernel, dtype):
    columns = columns_of(LOOPS[-1], 17, dtype)
    got = rmsprop_step(kernel, as_lists(columns), [0.0], [0.0], momentum=0.8, ema=0.5)
    assert got[0][0].tobytes() == columns[0].tobytes()
    assert got[1][0].tobytes() != columns[2].tobytes()


@pytest.mark.parametrize("loop", [loop for loop in LOOPS if not loop[1]], ids=str)
def test_one_array_by_itself_gets_the_bits_that_it_gets_in_a_list(kernel, dtype, loop):
    columns = columns_of(loop, 35, dtype)
    options = {**loop[0], **NUMBERS, "rho": RHO, "epsilon": EPSILON}
    l2 = options.pop("l2")
    in_list = rmsprop_step(kernel, as_lists(columns), [RATE], [l2], [0.75], **options)
    param, grad, *state = (None if column is None else column.copy() for column in columns[:6])
    rule, decay = rule_of(**options)
    kernel.rmsprop_update(param, grad, *state, RATE, l2, decay, 0.75, rule, 2)
    assert_same_bits([param, *state], [None if column is None else column[0] for column in in_list[:5]])


@pytest.mark.parametrize(
    ("n_threads", "error"), [(0, ValueError), (-1, ValueError), (True, TypeError), ("", TypeError)]
)
def test_a_number_of_threads_that_is_none(kernel, dtype, n_threads, error):
    """The kernels of which a user's own number reaches them; nothing has moved then."""
    param, grad, mean_square, *_ = (column.copy() for column in arrays(5, dtype))
    before = param.tobytes(), mean_square.tobytes()
    made = kernel.RMSpropArrays([param], RMSpropState([mean_square]), [RMSpropRates()])
    message = f"^n_threads must be None or an integer of at least 1, got {n_threads!r}$"
    with pytest.raises(error, match=message):
        made.step([grad], 0.1, RMSpropRule(), None, n_threads)
    with pytest.raises(error, match=message):
        kernel.rmsprop_update(param, grad, mean_square, None, None, None, 0.1, 0.0, 0.0, 1.0, RMSpropRule(), n_threads)
    assert (param.tobytes(), mean_square.tobytes()) == before


# sums of gradients, and norms


@pytest.mark.parametrize("with_sums", [False, True])
def test_sums_of_squares(kernel, dtype, with_sums):
    sizes = [0, 1, 7, 8, 9, 33, BLOCK - 1, 2 * BLOCK + 3, 0]
    grads = [arrays(size, dtype)[1] for size in sizes]
    sums = [arrays(size, dtype)[6] for size in sizes] if with_sums else None
    added = grads if sums is None else [one + other for one, other in zip(grads, sums, strict=True)]
    got = kernel.rmsprop_squares(grads, sums, 2)
    assert got == pytest.approx([math.fsum(float(x) ** 2 for x in grad) for grad in added], rel=1e-13)
    assert kernel.rmsprop_squares(grads, sums, 1) == got


def test_sums_of_squares_do_not_overflow_float32(kernel):
    assert kernel.rmsprop_squares([np.full(3, 1e30, np.float32)], None, 1) == [pytest.approx(3e60)]


def test_accumulated_gradients_are_added_in_order(kernel, dtype):
    shapes = [(3, 4), (0,), (), (BLOCK + 3,)]
    first, second = ([arrays(math.prod(s), dtype, seed)[1].reshape(s) for s in shapes] for seed in (0, 1))
    sums = [grad.copy() for grad in first]
    kernel.rmsprop_accumulate(second, sums, 2)
    assert_same_bits(sums, [one + other for one, other in zip(first, second, strict=True)])


@pytest.mark.parametrize("ema", [0.0, 0.7])
def test_averages_move_towards_the_parameters(kernel, dtype, ema):
    shapes = [(3, 4), (0,), (), (BLOCK + 3,)]
    params, averages = ([arrays(math.prod(s), dtype, seed)[0].reshape(s) for s in shapes] for seed in (0, 1))
    expected = [
        ema * old.astype(np.float64) + (1 - ema) * new.astype(np.float64)
        for old, new in zip(averages, params, strict=True)
    ]
    before = [param.copy() for param in params]
    kernel.rmsprop_average(params, averages, ema, 2)
    for average, wanted in zip(averages, expected, strict=True):
        np.testing.assert_allclose(
            average, wanted, rtol=0, atol=4 * np.finfo(dtype).eps * np.abs(wanted).max(initial=1)
        )
    assert_same_bits(params, before)


@pytest.mark.parametrize("ema", [0.9, 0.999, 0.9999])
def test_an_average_of_what_does_not_move_stays_where_it_is(kernel, dtype, ema):
    (param, *_), (average, *_) = arrays(BLOCK + 3, dtype), arrays(BLOCK + 3, dtype)
    average = average.copy()
    for _ in range(100):
        kernel.rmsprop_average([param], [average], ema, 1)
    assert_same_bits([average], [param])


def test_an_average_that_was_no_number_is_forgotten_at_first(kernel, dtype):
    average = np.full(3, np.nan, dtype)
    kernel.rmsprop_average([np.ones(3, dtype)], [average], 0.0, 1)
    assert np.array_equal(average, np.ones(3))


# values that are no ordinary numbers

TINY = {np.dtype(np.float32): 1e-42, np.dtype(np.float64): 1e-320}
SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -2.5, 1e-30, 1e30]


def special_values(dtype):
    return np.array([*SPECIAL, TINY[dtype], -TINY[dtype], np.finfo(dtype).max, np.finfo(dtype).tiny], dtype)


@pytest.mark.parametrize("loop", LOOPS, ids=str)
@pytest.mark.parametrize("more", [{"epsilon": 0.0}, {"epsilon": 1e-8}, NUMBERS], ids=["no epsilon", "plain", "numbers"])
def test_special_values_do_what_ieee_arithmetic_says(kernel, loop, more):
    """Every pair of a special parameter and a special gradient, from a zero state, in float64: exact operations."""
    values = special_values(np.dtype(np.float64))
    param, grad = (np.ascontiguousarray(grid.ravel()) for grid in np.meshgrid(values, values))
    wanted = columns_of(loop, 0, np.dtype(np.float64))
    columns = [param, grad, *(None if column is None else np.zeros_like(param) for column in wanted[2:])]
    options = {**loop[0], "rho": 0.5, "epsilon": 1e-8, **more}
    oracle = expected(columns, learning_rate=0.1, **options)
    l2 = options.pop("l2")
    with np.errstate(all="ignore"):
        got = rmsprop_step(kernel, as_lists(columns), [0.1], [l2], **options)
    for column, values in zip(got, oracle, strict=True):
        if values is not None:
            np.testing.assert_array_equal(column[0], values)


@pytest.mark.parametrize("loop", LOOPS, ids=str)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_gradient_poisons_its_own_element_only(kernel, dtype, loop, bad):
    """At places of two vectors and a tail: the others keep the bits that they have without it."""
    columns, options = columns_of(loop, 35, dtype), {**loop[0], "rho": RHO, "epsilon": EPSILON}
    lists, l2s = as_lists(columns), [options.pop("l2")]
    clean = rmsprop_step(kernel, lists, [RATE], l2s, **options)
    for place in (0, 15, 16, 33, 34):
        grad = columns[1].copy()
        grad[place] = bad
        with np.errstate(invalid="ignore"):
            got = rmsprop_step(kernel, [lists[0], [grad], *lists[2:]], [RATE], l2s, **options)
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
        lists = [[param], [grad], [mean_square], [mean], None]
        (param,), (mean_square,), (mean,), _ = rmsprop_step(kernel, lists, [1e-3], [0.0], rho=0.7, epsilon=1e-2)
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
