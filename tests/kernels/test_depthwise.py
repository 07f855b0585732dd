"""Depthwise convolution against the oracle: strides, paddings, and the edges of tiles, vectors, strips and chunks."""

import functools
from typing import NamedTuple

import numpy as np
import oracles
import pytest
from kernel_calls import COMPILED, assert_close, depthwise_backward, depthwise_forward

from crmsprop.kernels.geometry import ConvGeometry


class Case(NamedTuple):
    x: tuple[int, int, int, int] = (2, 7, 8, 3)
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    bias: bool = True

    @property
    def geometry(self):
        return ConvGeometry(self.stride, self.padding)


STRIDES = [Case(stride=(sy, sx), padding=(1, 0, 2, 1)) for sy in (1, 2, 3) for sx in (1, 2, 3)]
STRIDES += [Case(kernel=kernel, stride=(3, 2)) for kernel in ((1, 1), (2, 1), (1, 2), (4, 5), (7, 8))]
STRIDES += [Case(kernel=(2, 2), stride=(4, 5)), Case(x=(1, 9, 3, 2), kernel=(1, 3), stride=(2, 9))]  # unread pixels
PADDINGS = [Case(padding=padding) for padding in ((1, 1, 1, 1), (0, 1, 0, 1), (2, 0, 0, 3), (4, 5, 6, 4))]
PADDINGS += [Case(padding=padding, bias=False) for padding in ((0, 0, 0, 2), (0, 2, 0, 0), (1, 0, 0, 0), (0, 0, 1, 0))]
PADDINGS += [Case(kernel=(1, 1), padding=(2, 1, 0, 3), stride=stride) for stride in ((1, 1), (2, 3))]
PADDINGS += [Case(x=(2, 1, 1, 2), padding=(3, 2, 2, 3), stride=(2, 1)), Case(x=(1, 2, 9, 1), padding=(1, 1, 0, 0))]
PADDINGS += [Case(x=(1, 3, 2, 5), kernel=(7, 9), padding=(3, 3, 4, 4))]  # no output with all of its taps
KERNELS = [Case(x=(1, 9, 10, 2), kernel=(kh, kw), padding=(1, 1, 1, 1)) for kh in range(1, 8) for kw in (1, 2, 4, 5, 9)]
CHANNELS = [
    Case(x=(2, 4, 4, c), padding=(1, 1, 1, 1), stride=(1, 1 + c % 2))
    for c in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 70)
]
COLUMNS = [Case(x=(1, 3, width, 2), padding=(0, 0, 1, 1)) for width in (1, 5, 7, 8, 9, 10, 11, 17, 18, 27)]
CHUNKS = [Case(x=(images, 3, 4, 2), kernel=(2, 2)) for images in (1, 15, 16, 17, 33)]
STRIPS = [Case(x=(1, 21, 31, 1), kernel=(2, 2)), Case(x=(1, 2, 270, 1), kernel=(1, 2))]
EMPTY = [Case(x=(0, 5, 5, 2)), Case(x=(2, 5, 5, 0))]
CASES = [Case(), Case(bias=False), Case(x=(1, 4, 4, 600), kernel=(2, 2))]  # the last: several parts of the reduction
CASES += STRIDES + PADDINGS + KERNELS + CHANNELS + COLUMNS + CHUNKS + STRIPS + EMPTY


def describe(case):
    return ",".join(f"{k}={v}" for k, v in case._asdict().items() if v != Case._field_defaults[k]).replace(" ", "")


every_case = pytest.mark.parametrize("case", CASES, ids=describe)


@functools.cache
def operands(case, dtype):
    """x, weight, bias and dy."""
    rng = np.random.default_rng([*case.x, *case.kernel])
    rows, columns = case.geometry.convolved(*case.x[1:3], case.kernel)
    shapes = case.x, (*case.kernel, case.x[3]), (case.x[3],), (case.x[0], rows, columns, case.x[3])
    x, weight, bias, dy = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    return x, weight, bias if case.bias else None, dy


@functools.cache
def expected(case, dtype):
    """The oracle's out, dx, dweight and dbias."""
    x, weight, bias, dy = operands(case, dtype)
    out = oracles.depthwise_conv2d(x, weight, bias, case.stride, case.padding)
    return out, *oracles.depthwise_conv2d_backward(x, weight, dy, case.stride, case.padding)


@every_case
def test_forward(kernel, dtype, case):
    x, weight, bias, _ = operands(case, dtype)
    assert_close(depthwise_forward(kernel, x, weight, bias, case.geometry), expected(case, dtype)[0])


@every_case
def test_backward(kernel, dtype, case):
    x, weight, _, dy = operands(case, dtype)
    got = depthwise_backward(kernel, x, weight, dy, case.geometry)
    for array, oracle in zip(got, expected(case, dtype)[1:], strict=True):
        assert_close(array, oracle, scale=1.0)


@pytest.mark.parametrize(("dx", "dbias"), [(False, True), (True, False), (False, False)])
def test_gradients_that_nobody_wants(kernel, dtype, dx, dbias):
    case = Case(padding=(1, 1, 1, 1))
    x, weight, _, dy = operands(case, dtype)
    got = depthwise_backward(kernel, x, weight, dy, case.geometry, dx=dx, dbias=dbias)
    assert [array is not None for array in got] == [dx, True, dbias]
    for array, oracle in zip(got, expected(case, dtype)[1:], strict=True):
        if array is not None:
            assert_close(array, oracle)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channels", [3, 33])
def test_a_special_value_reaches_its_channel_and_the_windows_that_meet_it(kernel, dtype, bad, channels):
    x, weight = np.ones((2, 5, 5, channels), dtype), np.ones((3, 3, channels), dtype)
    x[1, 0, 0, 2] = bad
    geometry = ConvGeometry(padding=(1, 1, 1, 1))
    out = depthwise_forward(kernel, x, weight, None, geometry)
    np.testing.assert_array_equal(out[1, :2, :2, 2], bad)
    out[1, :2, :2, 2] = 0
    assert np.isfinite(out).all()
    dx, dweight, dbias = depthwise_backward(kernel, x, weight, np.ones_like(x), geometry)
    np.testing.assert_array_equal(dweight[:2, :2, 2], bad)
    dweight[:2, :2, 2] = 0
    assert np.isfinite(dweight).all()
    np.testing.assert_array_equal(dbias, 50)
    np.testing.assert_array_equal(dx[:, 1:-1, 1:-1], 9)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_tap_in_the_padding_adds_nothing_whatever_its_weight(kernel, dtype, bad):
    x, weight = np.ones((1, 3, 3, 2), dtype), np.ones((3, 3, 2), dtype)
    weight[0, 0, 1] = bad
    geometry = ConvGeometry(padding=(1, 1, 1, 1))
    out = depthwise_forward(kernel, x, weight, None, geometry)
    np.testing.assert_array_equal(out[0, :, :, 0], [[4, 6, 4], [6, 9, 6], [4, 6, 4]])
    np.testing.assert_array_equal(out[0, :, :, 1], [[4, 6, 4], [6, bad, bad], [4, bad, bad]])
    dx = depthwise_backward(kernel, x, weight, np.ones_like(x), geometry)[0]
    np.testing.assert_array_equal(dx[0, :, :, 1], [[bad, bad, 4], [bad, bad, 6], [4, 6, 4]])


def test_a_long_sum_keeps_its_digits():
    """64 images of 64 x 64 pixels: one running sum of 262,144 numbers would lose four digits of float32."""
    x = np.random.default_rng(0).normal(1, 0.1, (64, 64, 64, 2)).astype(np.float32)
    weight, geometry = np.ones((1, 1, 2), np.float32), ConvGeometry()
    _, dweight, dbias = depthwise_backward(COMPILED, x, weight, np.ones_like(x), geometry)
    np.testing.assert_allclose(dweight[0, 0], x.astype(np.float64).sum(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_array_equal(dbias, 64**3)


def test_too_little_scratch_is_refused():
    x, weight = np.zeros((3, 4, 4, 5)), np.zeros((3, 3, 5))
    scratch = np.zeros(COMPILED.depthwise_conv2d_scratch(3, weight.shape) - 1)
    dy = np.zeros((3, 2, 2, 5))
    with pytest.raises(ValueError, match=r"^scratch must have at least 150 elements, got 149$"):
        COMPILED.depthwise_conv2d_backward(
            x, weight, dy, None, np.zeros_like(weight), None, (1, 1), (0, 0, 0, 0), scratch, 1
        )


def test_scratch_of_a_large_batch_serves_every_smaller_one():
    sizes = [COMPILED.depthwise_conv2d_scratch(images, (3, 3, 7)) for images in range(40)]
    assert sizes == sorted(sizes)
