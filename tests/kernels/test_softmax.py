"""Softmax and its cross-entropy against the oracle."""

import functools

import numpy as np
import oracles
import pytest
from kernel_calls import REFERENCE, InOut, assert_close, bits, call, cross_entropy, elementwise

ROWS = [0, 1, 15, 16, 17, 33]
CLASSES = [1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 33, 100, 128, 129, 200]  # to 128 they go many rows at a time
SHAPES = [*((rows, 10) for rows in ROWS), *((3, classes) for classes in CLASSES)]


@functools.cache
def operands(shape, dtype, spread=3.0):
    """Logits, labels and weights."""
    rng = np.random.default_rng([*shape])
    logits = (spread * rng.standard_normal(shape)).astype(dtype)
    return logits, rng.integers(0, shape[1], shape[0]), rng.uniform(0.0, 2.0, shape[0]).astype(dtype)


@functools.cache
def expected(shape, dtype, spread=3.0):
    return oracles.cross_entropy(*operands(shape, dtype, spread))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_softmax(kernel, dtype, shape):
    logits, _, _ = operands(shape, dtype)
    assert_close(elementwise(kernel.softmax, logits), oracles.softmax(logits))


@pytest.mark.parametrize("shape", [(17, 10), (3, 5)], ids=str)
def test_softmax_in_place(kernel, dtype, shape):
    logits, _, _ = operands(shape, dtype)

    def in_place(array):
        kernel.softmax(array, array, 2)

    (got,) = call(in_place, InOut(logits))
    assert bits(got) == bits(elementwise(kernel.softmax, logits))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy(kernel, dtype, shape):
    losses, hits, dlogits = cross_entropy(kernel, *operands(shape, dtype))
    for got, oracle in zip((losses, dlogits), expected(shape, dtype)[::2], strict=True):
        assert_close(got, oracle, scale=1.0)
    np.testing.assert_array_equal(hits, expected(shape, dtype)[1])


def test_the_sums_are_weighted_and_of_float64(kernel, dtype):
    logits, labels, weights = operands((33, 10), dtype)
    losses, hits = np.empty(33, dtype), np.empty(33, np.uint8)
    loss, right = kernel.cross_entropy(logits, labels, weights, losses, hits, None, 2)
    assert isinstance(loss, float)
    assert isinstance(right, float)
    rows = list(zip(weights.tolist(), losses.tolist(), hits.tolist(), strict=True))
    np.testing.assert_allclose(loss, sum(weight * one for weight, one, _ in rows), rtol=1e-14)
    np.testing.assert_allclose(right, sum(weight * hit for weight, _, hit in rows), rtol=1e-14)


def test_without_the_gradient_the_rest_is_the_same(kernel, dtype):
    operand = operands((33, 10), dtype)
    whole, part = cross_entropy(kernel, *operand), cross_entropy(kernel, *operand, gradient=False)
    assert [bits(array) for array in part[:2]] == [bits(array) for array in whole[:2]]
    assert part[2] is None


@pytest.mark.parametrize("spread", [100.0, 1e4])
def test_large_logits_do_not_overflow(kernel, dtype, spread):
    losses, _, dlogits = cross_entropy(kernel, *operands((33, 10), dtype, spread))
    assert_close(losses, expected((33, 10), dtype, spread)[0])
    assert_close(dlogits, expected((33, 10), dtype, spread)[2])
    assert np.all(np.isfinite(losses))


def test_a_hit_is_the_first_of_equal_logits(kernel, dtype):
    logits = np.array([[1, 2, 2], [1, 2, 2], [0, 0, 0], [-1, -1, -2]], dtype)
    _, hits, _ = cross_entropy(kernel, logits, np.array([1, 2, 0, 1]), np.ones(4, dtype))
    np.testing.assert_array_equal(hits, [1, 0, 1, 0])


def test_a_weight_scales_the_gradient_and_not_the_loss(kernel, dtype):
    logits, labels, _ = operands((3, 10), dtype)
    weights = np.array([0.0, 0.5, 2.0], dtype)
    plain, weighted = (cross_entropy(kernel, logits, labels, w) for w in (np.ones(3, dtype), weights))
    assert bits(plain[0]) == bits(weighted[0])
    assert_close(weighted[2], plain[2] * weights[:, None].astype(np.float64))
    assert not np.any(weighted[2][0])


# two labels a row, and smoothing

SMOOTHINGS = [0.0, 0.1, 0.9]


def mix(shape, dtype):
    """Other labels, some of them the same as the first, and shares with both ends and the middle."""
    rng = np.random.default_rng([*shape, 1])
    shares = rng.random(shape[0])
    shares[:3] = (0.0, 1.0, 0.5)[: len(shares)]
    return rng.integers(0, shape[1], shape[0]), shares.astype(dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_two_labels_and_smoothing(kernel, dtype, shape, smoothing):
    others, shares = mix(shape, dtype)
    losses, hits, dlogits = cross_entropy(
        kernel, *operands(shape, dtype), others=others, shares=shares, smoothing=smoothing
    )
    oracle = oracles.cross_entropy(*operands(shape, dtype), others, shares, smoothing)
    assert_close(losses, oracle[0], scale=1.0)
    assert_close(dlogits, oracle[2], scale=1.0)
    np.testing.assert_array_equal(hits, oracle[1])


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_smoothing_alone(kernel, dtype, smoothing):
    losses, hits, dlogits = cross_entropy(kernel, *operands((17, 10), dtype), smoothing=smoothing)
    oracle = oracles.cross_entropy(*operands((17, 10), dtype), smoothing=smoothing)
    assert_close(losses, oracle[0], scale=1.0)
    assert_close(dlogits, oracle[2], scale=1.0)
    np.testing.assert_array_equal(hits, oracle[1])


def test_a_share_of_one_is_one_label_to_the_bit(kernel, dtype):
    logits, labels, weights = operands((33, 10), dtype)
    mixed = cross_entropy(kernel, logits, labels, weights, others=labels[::-1].copy(), shares=np.ones(33, dtype))
    for got, plain in zip(mixed, cross_entropy(kernel, logits, labels, weights), strict=True):
        np.testing.assert_array_equal(got, plain)


def test_a_label_without_a_share_may_have_probability_zero(kernel, dtype):
    logits = np.array([[-np.inf, 0.0, 0.0]] * 3, dtype)
    first, second = np.array([0, 1, 0]), np.array([1, 0, 2])
    losses, _, _ = cross_entropy(
        kernel, logits, first, np.ones(3, dtype), others=second, shares=np.array([0, 1, 0.5], dtype)
    )
    assert_close(losses[:2], np.log([2.0, 2.0]))
    assert losses[2] == np.inf


# values that are no ordinary numbers

LABELS = np.array([0, 1, 2])


@pytest.mark.parametrize("place", range(3))
def test_a_nan_logit_makes_the_loss_nan_in_its_row_alone(kernel, dtype, place):
    logits = np.array([[0.5, 1.0, 2.0]] * 3, dtype)
    logits[1, place] = np.nan
    losses, _, dlogits = cross_entropy(kernel, logits, LABELS, np.ones(3, dtype))
    np.testing.assert_array_equal(np.isnan(losses), [False, True, False])
    assert np.isnan(dlogits[1]).all()
    assert np.isfinite(dlogits[[0, 2]]).all()
    np.testing.assert_array_equal(np.isnan(elementwise(kernel.softmax, logits)).all(axis=1), [False, True, False])


def test_all_of_a_row_of_nan(kernel, dtype):
    losses, _, dlogits = cross_entropy(kernel, np.full((1, 4), np.nan, dtype), np.array([0]), np.ones(1, dtype))
    assert np.isnan(losses).all()
    assert np.isnan(dlogits).all()


def test_minus_infinity_has_probability_zero(kernel, dtype):
    logits = np.array([[-np.inf, 0.0, 0.0]] * 3, dtype)
    got = elementwise(kernel.softmax, logits)
    np.testing.assert_array_equal(got, np.array([[0, 0.5, 0.5]] * 3, dtype))
    losses, hits, dlogits = cross_entropy(kernel, logits, LABELS, np.ones(3, dtype))
    assert_close(losses[1:], np.log([2.0, 2.0]))
    assert losses[0] == np.inf
    np.testing.assert_array_equal(hits, [0, 1, 0])
    np.testing.assert_array_equal(dlogits[0], np.array([-1, 0.5, 0.5], dtype))


@pytest.mark.parametrize("row", [[np.inf, 0, 0], [0, np.inf, np.inf], [-np.inf] * 3], ids=str)
def test_an_infinite_largest_logit_makes_the_row_nan(kernel, dtype, row):
    """inf - inf: the training stops with an error, and no wrong number hides it."""
    logits = np.array([[0.0, 1.0, 2.0], row], dtype)
    losses, _, _ = cross_entropy(kernel, logits, np.array([0, 1]), np.ones(2, dtype))
    assert np.isfinite(losses[0])
    assert not np.isfinite(losses[1])
    got = elementwise(kernel.softmax, logits)
    assert np.isfinite(got[0]).all()
    assert np.isnan(got[1]).any()


def hits_of_rows_with_nan(kernel, dtype):
    rows = [[np.nan, 1, 2], [0, np.nan, 1], [1, 0, np.nan], [np.nan, np.nan, np.nan], [np.inf, np.nan, 0]]
    logits = np.repeat(np.array(rows, dtype), 3, axis=0)
    return cross_entropy(kernel, logits, np.tile(LABELS, 5), np.ones(15, dtype))[1]


def test_both_implementations_count_the_same_hits_where_a_logit_is_nan(compiled, dtype):

    np.testing.assert_array_equal(hits_of_rows_with_nan(compiled, dtype), hits_of_rows_with_nan(REFERENCE, dtype))


def test_no_classes(kernel, dtype):
    """A row of nothing: no maximum to read, nothing to write, in either implementation."""
    for rows in (0, 2):
        assert elementwise(kernel.softmax, np.zeros((rows, 0), dtype)).shape == (rows, 0)
