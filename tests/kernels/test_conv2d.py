"""The convolution kernels against the oracle: strides, paddings, pools, and the edges of tiles, panels and chunks."""

import functools
import math
from typing import NamedTuple

import numpy as np
import oracles
import pytest
from kernel_calls import Out, assert_close, assert_same_bits, call, conv2d_backward, conv2d_forward

from crmsprop.kernels.geometry import ConvGeometry

CUT_OFF = 255
NO_PAD = (0, 0, 0, 0)


class Case(NamedTuple):
    x: tuple[int, int, int, int] = (2, 7, 8, 3)
    kernel: tuple[int, int] = (3, 3)
    filters: int = 5
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = NO_PAD
    pool: tuple[int, int] = (1, 1)
    relu: bool = False
    bias: bool = True

    @property
    def geometry(self):
        return ConvGeometry(self.stride, self.padding, self.pool, self.relu)


STRIDES = [Case(stride=(sy, sx), padding=(1, 0, 2, 1)) for sy in (1, 2, 3) for sx in (1, 2, 3)]
STRIDES += [Case(kernel=kernel, stride=(3, 2)) for kernel in ((1, 1), (2, 1), (1, 2), (4, 5), (7, 8))]
PADDINGS = [Case(padding=padding) for padding in ((1, 1, 1, 1), (0, 1, 0, 1), (2, 0, 0, 3), (4, 5, 6, 4))]
PADDINGS += [Case(padding=padding) for padding in ((0, 0, 0, 2), (0, 2, 0, 0), (1, 0, 0, 0), (0, 0, 1, 0))]
PADDINGS += [Case(kernel=(1, 1), padding=(2, 1, 0, 3), stride=stride) for stride in ((1, 1), (2, 3))]
PADDINGS += [Case(x=(2, 1, 1, 2), padding=(3, 2, 2, 3), stride=(2, 1)), Case(x=(1, 2, 9, 1), padding=(1, 1, 0, 0))]
POOLS = [
    Case(x=(2, 8, 9, 2), padding=(1, 1, 1, 1), pool=pool, relu=relu)
    for pool in ((2, 2), (1, 2), (3, 1), (2, 3), (5, 4), (8, 9))
    for relu in (True, False)
]
POOLS += [Case(x=(2, 11, 12, 2), stride=(2, 3), padding=(2, 1, 1, 0), pool=(2, 2), relu=True)]
POOLS += [Case(x=(1, 17, 17, 1), kernel=(2, 2), filters=9, pool=(15, 16), relu=True)]
POOLS += [  # gradients to the weights and to x as sums over lists
    Case(x=(1, 64, 66, 1), kernel=(1, 1), filters=17, pool=(2, 2), relu=True),  # three bands
    Case(x=(2, 53, 44, 1), kernel=(4, 4), filters=2, pool=(1, 2), relu=True),  # the same in lists: taller than 3 rows
    Case(x=(33, 5, 6, 2), kernel=(2, 2), filters=3, pool=(2, 2), relu=True),  # several images a chunk
    Case(x=(17, 6, 5, 2), kernel=(4, 2), filters=3, pool=(1, 2), relu=True),
    Case(x=(1, 4, 4, 17), kernel=(1, 1), filters=32, pool=(2, 2)),  # whole vectors of filters
    Case(x=(1, 4, 4, 2), filters=0, pool=(2, 2), relu=True),
    Case(x=(1, 13, 12, 1), kernel=(11, 11), filters=2, pool=(1, 2), relu=True),
    Case(x=(2, 8, 7, 33), kernel=(5, 4), filters=3, pool=(2, 2), relu=True),  # rows of more than six vectors, taller
    Case(x=(1, 6, 6, 3), kernel=(3, 3), filters=70, pool=(2, 2), padding=(1, 1, 1, 1)),  # whole vectors, and a rest
    Case(x=(1, 7, 7, 12), kernel=(3, 2), filters=40, pool=(1, 2), relu=True),  # two vectors a row, not in place
    Case(x=(2, 9, 8, 5), kernel=(4, 3), filters=6, pool=(2, 3), stride=(2, 1), padding=(3, 1, 0, 2), relu=True),
    Case(x=(1, 9, 9, 2), kernel=(2, 2), filters=4, pool=(3, 3), stride=(1, 1)),  # pixels that no tap reaches
]
POOLS += [  # the same as dense products: few taps, 16 filters or more
    Case(x=(2, 10, 12, 3), filters=filters, pool=pool, relu=relu, padding=(1, 0, 0, 1))
    for filters in (16, 17, 24, 32, 40)
    for pool, relu in (((2, 2), True), ((1, 2), False), ((1, 4), True), ((2, 1), True))
]
POOLS += [
    Case(x=(17, 9, 10, 1), kernel=(2, 3), filters=33, pool=(3, 3), stride=(2, 1), relu=True),  # several images a chunk
    Case(x=(1, 37, 40, 1), kernel=(5, 5), filters=16, pool=(2, 2), padding=(2, 2, 2, 2)),  # several spans
    Case(x=(1, 64, 66, 4), kernel=(3, 3), filters=17, pool=(2, 2), relu=True),  # too many: three bands of lists
]
FILTERS = [
    Case(x=(1, 4, 5, 2), kernel=(2, 2), filters=filters, pool=(1 + filters % 2, 1 + filters % 2), relu=True)
    for filters in (1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65)
]
CHANNELS = [Case(x=(1, 4, 4, c), kernel=(2, 2), filters=3) for c in (1, 2, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33)]
COLUMNS = [Case(x=(1, 3, width, 2), filters=3, padding=(0, 0, 1, 1)) for width in (1, 5, 6, 7, 12, 13)]
CHUNKS = [Case(x=(images, 3, 4, 2), kernel=(2, 2), filters=3, relu=True) for images in (1, 7, 8, 9, 17)]
SPANS = [Case(x=(1, 21, 31, 1), kernel=(2, 2), filters=2), Case(x=(1, 2, 520, 1), kernel=(1, 2), filters=2)]
EMPTY = [Case(x=(0, 5, 5, 2)), Case(x=(2, 5, 5, 0), bias=False), Case(filters=0), Case(x=(0, 5, 5, 2), pool=(2, 2))]
PLAIN = [Case(), Case(bias=False), Case(relu=True), Case(bias=False, relu=True, padding=(1, 1, 1, 1))]
PLAIN += [Case(x=(1, 6, 6, 5), filters=33, padding=(1, 1, 1, 1))]  # more gradients than one block of the reduction
WINOGRAD = [  # 3 x 3 of stride 1, 16 channels and filters or more: whole tiles, ragged ones, strips, panels, vectors
    Case(x=(2, 6, 6, 16), filters=16),
    Case(x=(2, 8, 8, 16), filters=16),
    Case(x=(3, 8, 9, 17), filters=18, relu=True),
    Case(x=(1, 6, 7, 33), filters=34, padding=(1, 1, 1, 1), relu=True),
    Case(x=(2, 8, 8, 16), filters=32, padding=(2, 2, 2, 2), bias=False),
    Case(x=(1, 6, 7, 20), filters=40, padding=(2, 0, 0, 1)),
    Case(x=(1, 11, 10, 16), filters=17, padding=(0, 1, 2, 1)),
    Case(x=(13, 8, 8, 16), filters=16),  # several images a strip, a ragged last one
    Case(x=(2, 198, 5, 16), filters=16, relu=True),  # several strips an image
    Case(x=(1, 5, 200, 16), filters=16, relu=True),  # a row of tiles longer than a strip
    Case(x=(2, 9, 11, 16), filters=20, pool=(2, 2), relu=True),
    Case(x=(3, 10, 12, 16), filters=16, padding=(1, 1, 1, 1), pool=(2, 1)),
    Case(x=(1, 15, 14, 16), filters=33, pool=(4, 2), relu=True),
    Case(x=(1, 6, 6, 16), filters=16, pool=(4, 4)),
    Case(x=(0, 8, 8, 16), filters=16),
]
CASES = PLAIN + WINOGRAD + STRIDES + PADDINGS + POOLS + FILTERS + CHANNELS + COLUMNS + CHUNKS + SPANS + EMPTY


def describe(case):
    return ",".join(f"{k}={v}" for k, v in case._asdict().items() if v != Case._field_defaults[k]).replace(" ", "")


every_case = pytest.mark.parametrize("case", CASES, ids=describe)


@functools.cache
def operands(case, dtype):
    """x, weight and bias."""
    rng = np.random.default_rng([*case.x, *case.kernel, case.filters])
    shapes = case.x, (*case.kernel, case.x[3], case.filters), (case.filters,)
    x, weight, bias = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    return x, weight, bias if case.bias else None


def pooled(case, convolved):
    """The oracle's out, argmax, and by how much the choice was made."""
    out, argmax, lead = oracles.max_pool2d(convolved, case.pool, case.pool)
    if case.relu:
        argmax[out <= 0] = CUT_OFF
        lead = np.minimum(lead, np.abs(out))
    return oracles.relu(out) if case.relu else out, argmax, lead


@functools.cache
def expected_forward(case, dtype):
    x, weight, bias = operands(case, dtype)
    return pooled(case, oracles.conv2d(x, weight, bias, case.stride, case.padding))


@functools.cache
def arriving(case, dtype):
    """An out, an argmax and a dy of any values, and the gradient of the convolution's own output that they mean."""
    rng = np.random.default_rng(7)
    rows, columns = case.geometry.convolved(*case.x[1:3], case.kernel)
    shape = (case.x[0], rows // case.pool[0], columns // case.pool[1], case.filters)
    out, dy = rng.standard_normal((2, *shape)).astype(dtype)
    if case.pool == (1, 1):
        return out, None, dy, np.where(out > 0, dy, 0) if case.relu else dy
    argmax = rng.integers(0, case.pool[0] * case.pool[1], shape).astype(np.uint8)
    argmax[rng.random(shape) < (0.3 if case.relu else 0)] = CUT_OFF
    full = (case.x[0], rows, columns, case.filters)
    return out, argmax, dy, oracles.max_pool2d_backward(dy, argmax, full, case.pool, case.pool)


@functools.cache
def expected_backward(case, dtype):
    x, weight, _ = operands(case, dtype)
    return oracles.conv2d_backward(x, weight, arriving(case, dtype)[3], case.stride, case.padding)


@every_case
def test_forward(kernel, dtype, case):
    out, argmax = conv2d_forward(kernel, *operands(case, dtype), case.geometry)
    oracle, places, lead = expected_forward(case, dtype)
    assert_close(out, oracle, scale=1.0)
    if argmax is not None:
        clear = lead > 1e-4
        np.testing.assert_array_equal(argmax[clear], places[clear])
        assert np.sum(clear) >= 0.9 * clear.size


@pytest.mark.parametrize(
    "case", [*PLAIN, *WINOGRAD, *FILTERS, Case(kernel=(1, 1), filters=33), Case(x=(0, 5, 5, 2))], ids=describe
)
def test_filters_that_are_scaled(kernel, dtype, case):
    """As many numbers as filters, of both signs, small and large; one is 0, and then only the bias is left."""
    x, weight, bias = operands(case, dtype)
    scale = np.random.default_rng(4).uniform(-3, 3, case.filters).astype(dtype)
    scale[:1] = 0
    out, argmax = conv2d_forward(kernel, x, weight, bias, case.geometry, scale=scale)
    scaled = weight.astype(np.float64) * scale
    oracle, places, lead = pooled(case, oracles.conv2d(x, scaled, bias, case.stride, case.padding))
    assert_close(out, oracle, scale=1.0)
    if argmax is not None:
        clear = lead > 1e-4
        np.testing.assert_array_equal(argmax[clear], places[clear])
    ones = conv2d_forward(kernel, x, weight, bias, case.geometry, scale=np.ones(case.filters, dtype))
    assert_same_bits(ones, conv2d_forward(kernel, x, weight, bias, case.geometry))


@every_case
def test_backward(kernel, dtype, case):
    x, weight, _ = operands(case, dtype)
    out, argmax, dy, _ = arriving(case, dtype)
    gradients = conv2d_backward(kernel, x, weight, out, dy, argmax, case.geometry)
    for got, oracle in zip(gradients, expected_backward(case, dtype), strict=True):
        assert_close(got, oracle)


@pytest.mark.parametrize("case", [Case(kernel=(1, 1), stride=(2, 3)), Case(kernel=(2, 2), stride=(3, 3))], ids=describe)
def test_pixels_between_the_kernels_get_a_gradient_of_zero(kernel, dtype, case):
    x, weight, _ = operands(case, dtype)
    out, argmax, dy, _ = arriving(case, dtype)
    dx, _, _ = conv2d_backward(kernel, x, weight, out, dy, argmax, case.geometry)
    seen = np.zeros(case.x, bool)
    for i in range(case.kernel[0]):
        for j in range(case.kernel[1]):
            seen[:, i :: case.stride[0], j :: case.stride[1]] = True
    rows, columns = case.geometry.convolved(*case.x[1:3], case.kernel)
    seen[:, (rows - 1) * case.stride[0] + case.kernel[0] :] = False
    seen[:, :, (columns - 1) * case.stride[1] + case.kernel[1] :] = False
    assert 0 < seen.mean() < 1
    np.testing.assert_array_equal(dx != 0, seen)


POOLED = Case(x=(9, 8, 9, 2), padding=(1, 1, 1, 1), pool=(2, 2), relu=True, filters=17)


BY_WINOGRAD = Case(x=(9, 9, 8, 17), padding=(1, 1, 1, 1), filters=18, relu=True)
EVERY_KIND = [
    POOLED,
    POOLED._replace(x=(9, 8, 9, 7)),
    POOLED._replace(pool=(1, 1), stride=(2, 1)),
    BY_WINOGRAD,
    Case(kernel=(1, 1), relu=True),
]


@pytest.mark.parametrize("case", EVERY_KIND, ids=describe)
@pytest.mark.parametrize("wanted", [("dx", "dweight"), ("dweight", "dbias"), ("dx", "dbias"), ("dbias",), ("dx",)])
def test_what_is_not_wanted_changes_nothing_else(kernel, dtype, case, wanted):
    x, weight, bias = operands(case, dtype)
    out, argmax, dy, _ = arriving(case, dtype)
    names = ("dx", "dweight", "dbias")
    whole = conv2d_backward(kernel, x, weight, out, dy, argmax, case.geometry)
    part = conv2d_backward(
        kernel, x, weight, out, dy, argmax, case.geometry, **{name: name in wanted for name in names}
    )
    assert_same_bits(part, [one if name in wanted else None for name, one in zip(names, whole, strict=True)])
    without, _ = conv2d_forward(kernel, x, weight, bias, case.geometry, argmax=False)
    assert_same_bits([without], [conv2d_forward(kernel, x, weight, bias, case.geometry)[0]])


def test_forward_and_backward_are_transposes(kernel):
    """<dy, conv(x)> = <dx, x> = <dweight, weight>, whatever the shapes: no oracle that could share a mistake."""
    case = Case(x=(3, 12, 11, 5), kernel=(3, 4), filters=19, stride=(2, 1), padding=(2, 1, 0, 3), bias=False)
    x, weight, _ = operands(case, np.dtype(np.float64))
    out, _ = conv2d_forward(kernel, x, weight, None, case.geometry)
    dy = np.random.default_rng(3).standard_normal(out.shape)
    dx, dweight, _ = conv2d_backward(kernel, x, weight, out, dy, None, case.geometry)
    products = [np.vdot(dy, out), np.vdot(dx, x), np.vdot(dweight, weight)]
    np.testing.assert_allclose(products, products[0], rtol=1e-11)


def test_weights_so_large_that_chunks_grow(kernel):
    """Partials of 6.8 MB each for 41 images: 4 chunks, not 16. A 1 x 1 kernel is a matrix product."""
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 41, 1, 1, 1300)).astype(np.float32)
    weight = np.zeros((1, 1, 1300, 1300), np.float32)
    _, dweight, dbias = conv2d_backward(kernel, x, weight, dy, dy, None, ConvGeometry(), dx=False)
    flat = x.reshape(41, -1).astype(np.float64), dy.reshape(41, -1).astype(np.float64)
    assert_close(dweight[0, 0], flat[0].T @ flat[1])
    assert_close(dbias, flat[1].sum(axis=0))


@pytest.mark.parametrize("filters", [3, 700])
def test_scratch_for_a_batch_serves_every_smaller_one(kernel, filters):
    """Also where the memory of the partial gradients limits their number, so that it need not grow with the batch."""
    full, weight = 37, np.zeros((1, 1, 2000, filters), np.float32)
    size = kernel.conv2d_scratch((full, 1, 1, 2000), weight.shape, ConvGeometry(), np.float32, True, 1)
    scratch = np.empty(size, np.float32)
    dweight, x = np.empty_like(weight), np.ones((full, 1, 1, 2000), np.float32)
    for n in range(full + 1):
        dy = np.ones((n, 1, 1, filters), np.float32)
        kernel.conv2d_backward(x[:n], weight, dy, dy, None, None, dweight, None, ConvGeometry(), scratch, 1)
        assert np.all(dweight == n)


@pytest.mark.parametrize("filters", [5, 16])
@pytest.mark.parametrize("kernel_h", [2, 4])
def test_scratch_for_a_batch_serves_every_smaller_one_behind_a_pool(kernel, kernel_h, filters):
    full, geometry = 37, ConvGeometry(pool=(2, 2), relu=True)
    weight, x = np.zeros((kernel_h, 2, 3, filters), np.float32), np.ones((full, 5, 5, 3), np.float32)
    size = kernel.conv2d_scratch(x.shape, weight.shape, geometry, np.float32, True, 1)
    scratch, dweight, dx = np.empty(size, np.float32), np.empty_like(weight), np.empty_like(x)
    dbias = np.empty(filters, np.float32)
    windows = math.prod(geometry.pooled(5, 5, (kernel_h, 2)))
    for n in range(full + 1):
        dy = np.ones((n, *geometry.pooled(5, 5, (kernel_h, 2)), filters), np.float32)
        arrays = x[:n], weight, dy, dy, np.zeros(dy.shape, np.uint8), dx[:n], dweight, dbias
        kernel.conv2d_backward(*arrays, geometry, scratch, 1)
        assert np.all(dweight == n * windows)
        assert np.all(dbias == n * windows)


@pytest.mark.parametrize("filters", [2, 16])
@pytest.mark.parametrize("kernel_h", [2, 4])
def test_long_sums_behind_a_pool_stay_exact(compiled, kernel_h, filters):
    """Equal gradients over 9,216 windows of 3 images: a single running sum in float32 would be off by 1e-4."""
    x = np.full((3, 192 + kernel_h - 1, 193, 1), 0.1, np.float32)
    weight, geometry = np.zeros((kernel_h, 2, 1, filters), np.float32), ConvGeometry(pool=(2, 2))
    dy = np.full((3, 96, 96, filters), 0.1, np.float32)
    argmax = np.zeros(dy.shape, np.uint8)
    _, dweight, dbias = conv2d_backward(compiled, x, weight, dy, dy, argmax, geometry, dx=False)
    count = 3 * 96 * 96
    np.testing.assert_allclose(dweight, count * float(np.float32(0.1)) ** 2, rtol=1e-5)
    np.testing.assert_allclose(dbias, count * float(np.float32(0.1)), rtol=1e-5)


@pytest.mark.parametrize("special", [np.nan, np.inf, 0.0, -0.0])
@pytest.mark.parametrize(("channels", "filters", "at"), [(1, 3, 1), (2, 3, 1), (16, 3, 1), (2, 17, 1), (2, 17, 16)])
def test_a_special_gradient_behind_a_pool_reaches_what_it_should(kernel, dtype, special, channels, filters, at):
    """dx outside of its window, and the weights of other filters, keep the bits that they have without it."""
    geometry = ConvGeometry(pool=(2, 2), relu=True)
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((1, 6, 13, channels)), rng.standard_normal((3, 3, channels, filters))
    dy, argmax = rng.standard_normal((1, 2, 5, filters)), rng.integers(0, 4, (1, 2, 5, filters)).astype(np.uint8)
    arrays = [array.astype(dtype) for array in (x, weight, dy, dy)]
    argmax[0, 0, 2, at] = 0
    arrays[3] = arrays[2].copy()
    arrays[3][0, 0, 2, at] = 0
    clean = conv2d_backward(kernel, *arrays, argmax, geometry)
    arrays[3][0, 0, 2, at] = special
    with np.errstate(invalid="ignore"):
        got = conv2d_backward(kernel, *arrays, argmax, geometry)
    touched = np.zeros(x.shape, bool)
    touched[0, 0:3, 4:7] = True
    assert_same_bits([got[0][~touched]], [clean[0][~touched]])
    others = np.arange(filters) != at
    assert_same_bits([got[1][..., others], got[2][others]], [clean[1][..., others], clean[2][others]])
    assert np.isfinite(got[0][touched]).all() == bool(np.isfinite(special))
    assert np.isfinite(got[2][at]) == np.isfinite(special)


@pytest.mark.parametrize(("channels", "filters"), [(1, 17), (8, 17)])
def test_a_place_outside_of_the_window_has_no_gradient(kernel, dtype, channels, filters):
    geometry = ConvGeometry(pool=(2, 2))
    x, weight = np.ones((1, 4, 4, channels), dtype), np.ones((3, 3, channels, filters), dtype)
    dy = np.ones((1, 1, 1, filters), dtype)
    for gradient in conv2d_backward(kernel, x, weight, dy, dy, np.full(dy.shape, 7, np.uint8), geometry):
        assert not gradient.any()


@pytest.mark.parametrize("extra", [0, 1, 5000])
def test_any_scratch_that_is_large_enough_will_do(kernel, dtype, extra):
    """Threads that the scratch has no room for stay at home; the bits are the same."""
    x, weight, bias = operands(POOLED, dtype)
    size = kernel.conv2d_scratch(x.shape, weight.shape, POOLED.geometry, dtype, False, 1) + extra
    shape = (9, 4, 4, 17)
    targets = Out(shape, dtype), Out(shape, np.uint8)
    got = call(kernel.conv2d_forward, x, weight, bias, *targets, POOLED.geometry, Out((size,), dtype), 4)
    assert_same_bits(got[:2], conv2d_forward(kernel, x, weight, bias, POOLED.geometry))


# values that are no ordinary numbers


@pytest.mark.parametrize("pool", [(1, 1), (2, 2)])
@pytest.mark.parametrize("relu", [False, True])
def test_a_nan_wins_the_pool_and_goes_through_relu(kernel, dtype, pool, relu):
    x = np.full((1, 4, 4, 1), -1.0, dtype)
    x[0, 2, 1, 0] = np.nan
    weight, geometry = np.ones((1, 1, 1, 17), dtype), ConvGeometry(pool=pool, relu=relu)
    out, argmax = conv2d_forward(kernel, x, weight, None, geometry)
    place = (0, 2 // pool[0], 1 // pool[1])
    assert np.isnan(out[place]).all()
    assert np.isnan(out).sum() == 17
    if argmax is not None:
        np.testing.assert_array_equal(argmax[place], CUT_OFF if relu else 1)


@pytest.mark.parametrize("relu", [False, True])
def test_ties_go_to_the_first_and_a_zero_is_cut_off(kernel, dtype, relu):
    values = np.array([[3, 3, 0, 0], [3, 3, 0, 0], [-1, -1, -1, 2], [-1, -1, 2, 2]], dtype).reshape(1, 4, 4, 1)
    geometry = ConvGeometry(pool=(2, 2), relu=relu)
    out, argmax = conv2d_forward(kernel, values, np.ones((1, 1, 1, 9), dtype), None, geometry)
    places = [[0, CUT_OFF], [CUT_OFF, 1]] if relu else [[0, 0], [0, 1]]
    np.testing.assert_array_equal(argmax, np.repeat(np.array([[*places]], np.uint8)[..., None], 9, axis=3))
    largest = [[3, 0], [0, 2]] if relu else [[3, 0], [-1, 2]]
    np.testing.assert_array_equal(out, np.repeat(np.array([largest], dtype)[..., None], 9, axis=3))


def test_infinities_pass(kernel, dtype):
    x = np.array([np.inf, -np.inf, 1.0], dtype).reshape(1, 1, 3, 1)
    with np.errstate(invalid="ignore"):
        out, _ = conv2d_forward(kernel, x, np.ones((1, 1, 1, 3), dtype), None, ConvGeometry(relu=True))
    np.testing.assert_array_equal(out[0, 0, :, 0], np.array([np.inf, 0, 1], dtype))


def test_the_gradient_of_a_nan_activation_stops_at_relu(kernel, dtype):
    """out > 0 is false for a NaN: the loss is NaN already, and training stops there."""
    out = np.array([np.nan, -0.0, 0.0, 1.0], dtype).reshape(1, 1, 4, 1)
    weight, dy = np.ones((1, 1, 1, 1), dtype), np.full_like(out, 2.0)
    dx, _, dbias = conv2d_backward(kernel, out, weight, out, dy, None, ConvGeometry(relu=True))
    np.testing.assert_array_equal(dx.ravel(), np.array([0, 0, 0, 2], dtype))
    np.testing.assert_array_equal(dbias, np.array([2], dtype))
