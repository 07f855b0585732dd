"""The dense kernels against the oracle, at the edges of tiles, panels and blocks."""

import functools

import numpy as np
import oracles
import pytest
from kernel_calls import (
    COMPILED,
    ISAS,
    Out,
    assert_close,
    assert_same_bits,
    call,
    dense_backward,
    dense_forward,
    implementation,
)

# (samples, inputs, units)
EMPTY = [(0, 3, 2), (3, 0, 2), (3, 2, 0), (0, 0, 0), (0, 3, 0), (0, 0, 4), (3, 0, 0)]
TILE_ROWS = [(samples, 5, 3) for samples in (1, 2, 5, 6, 7, 12, 13)]
ROW_BLOCKS = [(samples, 4, 5) for samples in (47, 48, 49, 97)]
# Lanes and panels of both dtypes on every instruction set, and one more or less.
WIDTHS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65)
UNITS = [(7, 3, width) for width in WIDTHS]
INPUTS = [(7, width, 3) for width in WIDTHS]
DEPTHS = [(7, depth, 18) for depth in (255, 256, 257, 513)] + [(7, 18, depth) for depth in (255, 256, 257, 513)]
INPUT_BLOCKS = [(3, inputs, 9) for inputs in (47, 48, 49, 97)]
# Of dweight, for few inputs: two halves of an even number of panels of 4 to 32 columns.
COLUMN_BLOCKS = [(3, inputs, units) for inputs in (5, 132, 133) for units in (16, 40, 64, 96, 97, 128)]
TOGETHER = [(49, 257, 17), (50, 49, 33)]
SIZES = EMPTY + TILE_ROWS + ROW_BLOCKS + UNITS + INPUTS + DEPTHS + INPUT_BLOCKS + COLUMN_BLOCKS + TOGETHER


@functools.cache
def operands(sizes, dtype):
    """x, weight, bias and dy."""
    samples, inputs, units = sizes
    rng = np.random.default_rng([*sizes])
    shapes = (samples, inputs), (inputs, units), (units,), (samples, units)
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)


@functools.cache
def expected_forward(sizes, dtype, with_bias, relu):
    x, weight, bias, _ = operands(sizes, dtype)
    return oracles.dense_forward(x, weight, bias if with_bias else None, relu)


@functools.cache
def expected_backward(sizes, dtype):
    x, weight, _, dy = operands(sizes, dtype)
    return oracles.dense_backward(x, weight, dy)


@pytest.mark.parametrize(("with_bias", "relu"), [(True, False), (False, True)])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_forward(kernel, dtype, sizes, with_bias, relu):
    x, weight, bias, _ = operands(sizes, dtype)
    got = dense_forward(kernel, x, weight, bias if with_bias else None, relu)
    assert_close(got, expected_forward(sizes, dtype, with_bias, relu), scale=1.0)


@pytest.mark.parametrize("sizes", [(13, 257, 19), (1, 1, 1)], ids=str)
@pytest.mark.parametrize(("with_bias", "relu"), [(True, True), (False, False)])
def test_the_other_options(kernel, dtype, sizes, with_bias, relu):
    x, weight, bias, _ = operands(sizes, dtype)
    got = dense_forward(kernel, x, weight, bias if with_bias else None, relu)
    assert_close(got, expected_forward(sizes, dtype, with_bias, relu))


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_backward(kernel, dtype, sizes):
    x, weight, _, dy = operands(sizes, dtype)
    for got, oracle in zip(dense_backward(kernel, x, weight, dy), expected_backward(sizes, dtype), strict=True):
        assert_close(got, oracle)


@pytest.mark.parametrize(("dx", "dbias"), [(True, False), (False, True), (False, False)])
def test_what_is_not_wanted_changes_nothing_else(kernel, dtype, dx, dbias):
    x, weight, _, dy = operands((50, 49, 33), dtype)
    whole = dense_backward(kernel, x, weight, dy)
    part = dense_backward(kernel, x, weight, dy, dx=dx, dbias=dbias)
    assert_same_bits(part, [whole[0] if dx else None, whole[1], whole[2] if dbias else None])


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (7, 70, 70), (201, 257, 33), (0, 5, 4)], ids=str)
def test_the_gradient_before_a_relu(kernel, dtype, sizes, sparse):
    x, weight, _, dy = operands(sizes, dtype)
    x = np.maximum(x, 0)
    whole, *others = dense_backward(kernel, x, weight, dy, (sparse, sparse))
    cut, *same = dense_backward(kernel, x, weight, dy, (sparse, sparse), cut_dx=True)
    assert_same_bits([cut, *same], [np.where(x > 0, whole, dtype.type(0)), *others])


def test_nan_in_the_output_of_a_relu_has_no_gradient(kernel, dtype):
    x, weight, _, dy = (array.copy() for array in operands((7, 18, 17), dtype))
    x[3, 5] = np.nan
    (dx, *_) = dense_backward(kernel, x, weight, dy, cut_dx=True)
    assert dx[3, 5] == 0


def test_relu_keeps_nan_and_cuts_only_what_is_negative(kernel, dtype):
    x = np.array([[np.nan], [-np.inf], [np.inf], [-1.0], [1.0]], dtype)
    got = dense_forward(kernel, x, np.ones((1, 9), dtype), None, relu=True)
    np.testing.assert_array_equal(got, np.repeat(np.array([[np.nan], [0], [np.inf], [0], [1]], dtype), 9, axis=1))


def test_a_nan_stays_in_its_row(kernel, dtype):
    """Packed panels are padded with zeros, and 0 * NaN is NaN: the padding must never reach a neighbour."""
    x, weight, bias, dy = (array.copy() for array in operands((7, 18, 17), dtype))
    x[3, 5] = np.nan
    dy[2, 16] = np.inf
    out = dense_forward(kernel, x, weight, bias)
    with np.errstate(invalid="ignore"):
        dx, dweight, dbias = dense_backward(kernel, x, weight, dy)
    assert [i for i in range(7) if np.isnan(out[i]).any()] == [3]
    assert [i for i in range(7) if not np.isfinite(dx[i]).all()] == [2]
    assert set(zip(*np.nonzero(~np.isfinite(dweight)), strict=True)) == (
        {(5, j) for j in range(17)} | {(i, 16) for i in range(18)}
    )
    assert np.flatnonzero(~np.isfinite(dbias)).tolist() == [16]


@pytest.mark.parametrize("extra", [0, 1, 1000])
def test_any_scratch_that_is_large_enough_will_do(kernel, dtype, extra):
    """Threads that the scratch has no room for stay at home; the bits are the same."""
    x, weight, bias, _ = operands((49, 257, 17), dtype)
    size = kernel.dense_scratch(49, 257, 17, dtype, False, 1) + extra
    out, _ = call(kernel.dense_forward, x, weight, bias, Out((49, 17), dtype), False, False, Out((size,), dtype), 4)
    assert_same_bits([out], [dense_forward(kernel, x, weight, bias)])


def test_scratch_for_more_rows_serves_fewer(kernel, dtype):
    sizes = [kernel.dense_scratch(samples, 100, 30, dtype, True, 2) for samples in (1, 10, 100, 1000)]
    assert sizes == sorted(sizes)
    assert kernel.dense_scratch(100, 100, 30, dtype, True, 2) >= kernel.dense_scratch(100, 100, 30, dtype, False, 2)


# Sparse operands. Lists serve from 4 vectors of columns on, which is more than most sizes above have; 8 vectors are a
# panel, 64 (float32 with AVX-512) to 128 rows of it a part, and 64 rows of the product a block, 128 of dx.
SPARSE_ROWS = [(samples, 70, 70) for samples in (1, 2, 7, 8, 63, 64, 65, 129)]
SPARSE_COLUMNS = [(5, 3, units) for units in (31, 32, 33, 63, 64, 65, 100, 128, 129, 257)]
SPARSE_INPUTS = [(5, inputs, 64) for inputs in (1, 7, 8, 9, 31, 32, 33, 63, 65, 100, 129, 257)]
SPARSE = [*EMPTY, (0, 70, 70), (3, 0, 70), (3, 70, 0), *SPARSE_ROWS, *SPARSE_COLUMNS, *SPARSE_INPUTS]
DENSITIES = (0.0, 0.5, 1.0)


def thinned(array, density, seed=0):
    """About `density` of the elements as they are, the others 0, some of them negative."""
    rng = np.random.default_rng(seed)
    zero = np.where(rng.random(array.shape) < 0.5, -0.0, 0.0).astype(array.dtype)
    return np.where(rng.random(array.shape) < density, array, zero)


@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("sizes", SPARSE, ids=str)
def test_sparse_operands(kernel, dtype, sizes, density):
    x, weight, bias, dy = operands(sizes, dtype)
    x, dy = thinned(x, density), thinned(dy, density, 1)
    wide = [array.astype(np.float64) for array in (x, weight, bias, dy)]
    out = dense_forward(kernel, x, weight, bias, relu=True, sparse=True)
    assert_close(out, np.maximum(wide[0] @ wide[1] + wide[2], 0), scale=1.0)
    got = dense_backward(kernel, x, weight, dy, (True, True))
    for gradient, expected in zip(got, (wide[3] @ wide[1].T, wide[0].T @ wide[3], wide[3].sum(axis=0)), strict=True):
        assert_close(gradient, expected, scale=1.0)


@pytest.mark.parametrize("full", [0.5, 0.7, 1.0])
@pytest.mark.parametrize("samples", [70, 257])
def test_gradients_are_the_same_among_full_rows(kernel, dtype, samples, full):
    """Blocks with few zeros go another way, to the same bits: of rows of dx and, for a column of x, of dweight."""
    x, weight, _, dy = operands((samples, 100, 130), dtype)
    sparse, filled = thinned(x, 0.3), thinned(x, full)
    filled[:, 5] = sparse[:, 5]
    dweight = [dense_backward(kernel, rows, weight, dy, (True, True))[1][5] for rows in (sparse, filled)]
    sparse, filled = thinned(dy, 0.3), thinned(dy, full)
    filled[:9] = sparse[:9]
    dx = [dense_backward(kernel, x, weight, rows, (True, True))[0][:9] for rows in (sparse, filled)]
    assert_same_bits(*([values] for values in dweight))
    assert_same_bits(*([values] for values in dx))


@pytest.mark.parametrize("tiny", [False, True])
def test_the_sign_of_a_zero_is_that_of_the_row_alone(kernel, dtype, tiny):
    """A row of zeros but for one whose product underflows, or with a bias of -0, among full rows and alone."""
    x, weight, _, _ = operands((70, 100, 130), dtype)
    x, bias = x.copy(), np.full(130, 0.0 if tiny else -0.0, dtype)
    x[:9], weight = 0, np.abs(weight)
    if tiny:
        x[:9, 1] = np.finfo(dtype).tiny
        weight[1] = -np.finfo(dtype).tiny
    among = dense_forward(kernel, x, weight, bias, sparse=True)
    for rows in (slice(1), slice(9)):
        assert_same_bits([dense_forward(kernel, x[rows], weight, bias, sparse=True)], [among[rows]])


@pytest.mark.parametrize("sparse", [(True, False), (False, True)])
def test_each_operand_may_be_sparse_alone(kernel, dtype, sparse):
    x, weight, _, dy = operands((70, 100, 130), dtype)
    x, dy = thinned(x, 0.5 if sparse[0] else 1.0), thinned(dy, 0.5 if sparse[1] else 1.0, 1)
    wide = [array.astype(np.float64) for array in (x, weight, dy)]
    got = dense_backward(kernel, x, weight, dy, sparse)
    for gradient, expected in zip(got, (wide[2] @ wide[1].T, wide[0].T @ wide[2], wide[2].sum(axis=0)), strict=True):
        assert_close(gradient, expected)


def test_nan_and_infinity_are_no_zeros(kernel, dtype):
    """They reach what the plain kernel lets them reach, and no more."""
    x, weight, bias, dy = (array.copy() for array in operands((7, 70, 70), dtype))
    x, dy = thinned(x, 0.5), thinned(dy, 0.5, 1)
    x[3, 5], dy[2, 16], weight[6, 60] = np.nan, np.inf, 2.0
    x[4, 6], dy[:, 60] = np.inf, 1.0
    with np.errstate(invalid="ignore"):
        out = dense_forward(kernel, x, weight, bias, sparse=True)
        dx, dweight, dbias = dense_backward(kernel, x, weight, dy, (True, True))
    assert [i for i in range(7) if not np.isfinite(out[i]).all()] == [3, 4]
    assert [i for i in range(7) if not np.isfinite(dx[i]).all()] == [2]
    bad = ~np.isfinite(dweight)
    assert bad[5].all()
    assert bad[6, 60]
    assert set(np.flatnonzero(bad.any(axis=1))) >= {5, 6}
    assert not np.delete(np.delete(bad, [5, 6], axis=0), 16, axis=1).any()
    assert np.flatnonzero(~np.isfinite(dbias)).tolist() == [16]


def test_what_meets_a_zero_may_be_skipped(kernel, dtype):
    """0 times NaN or infinity is NaN or nothing: either way it stays in its column, and what meets no zero is NaN."""
    x, weight, bias, _ = (array.copy() for array in operands((9, 70, 70), dtype))
    x[:5, 3], weight[3, 8], weight[3, 69] = 0, np.nan, np.inf
    with np.errstate(invalid="ignore"):
        out = dense_forward(kernel, x, weight, bias, sparse=True)
    clean = dense_forward(kernel, x, np.where(np.isfinite(weight), weight, 0), bias, sparse=True)
    assert not np.isfinite(out[5:, [8, 69]]).any()
    for column in (8, 69):
        assert np.isnan(out[:5, column]).all() or np.array_equal(out[:5, column], clean[:5, column])
    assert_same_bits([np.delete(out, [8, 69], axis=1)], [np.delete(clean, [8, 69], axis=1)])


@pytest.mark.parametrize("isa", [isa for isa in ISAS if isa != "baseline"])
def test_where_there_are_lists_a_zero_is_skipped(isa, dtype):
    x, weight = np.zeros((9, 70), dtype), np.full((70, 70), np.nan, dtype)
    with implementation(isa):
        assert not dense_forward(COMPILED, x, weight, sparse=True).any()
        assert not dense_forward(COMPILED, x[:1], weight, sparse=True).any()
