"""The same bits: for any number of threads, a row alone, and RMSprop on any instruction set and split anywhere."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_calls import (
    COMPILED,
    DTYPES,
    IMPLEMENTATIONS,
    ISAS,
    InOut,
    Out,
    add,
    assert_same_bits,
    average_pool2d_backward,
    average_pool2d_forward,
    call,
    conv2d_backward,
    conv2d_forward,
    cross_entropy,
    dense_backward,
    dense_forward,
    depthwise_backward,
    depthwise_forward,
    dropout,
    dropout_channels,
    elementwise,
    gather,
    implementation,
    max_pool2d_backward,
    max_pool2d_forward,
    pointwise_loss,
    rmsprop_step,
)

from crmsprop.kernels.activations import KINDS
from crmsprop.kernels.geometry import ConvGeometry
from crmsprop.kernels.pointwise_losses import LOSSES

THREADS = (1, 2, 3, 7)
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# Each of these is more than _cpu.pyx's SMALL_WORK, so that threads are really used.
CONV = ConvGeometry(stride=(1, 1), padding=(1, 1, 1, 1), pool=(2, 2), relu=True)
WINOGRAD = ConvGeometry(padding=(1, 1, 1, 1), relu=True)
WINOGRAD_POOL = ConvGeometry(padding=(1, 1, 1, 1), pool=(2, 2), relu=True)
DEPTHWISE = ConvGeometry(padding=(1, 1, 2, 2))
STRIDED = ConvGeometry(stride=(2, 1), padding=(0, 1, 2, 0))


def normal(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def conv_operands(dtype, geometry, kernel_h=3):
    """x, weight, bias, and the out, dy and argmax of any values that a backward pass may get."""
    x, weight, bias = normal((19, 9, 10, 3), dtype), normal((kernel_h, 3, 3, 17), dtype, 1), normal((17,), dtype, 2)
    shape = (19, *geometry.pooled(9, 10, (kernel_h, 3)), 17)
    out, dy = normal((2, *shape), dtype, 3)
    return x, weight, bias, out, dy, np.random.default_rng(4).integers(0, 4, shape).astype(np.uint8)


def run_dense(dtype, **how):
    x, weight, bias, dy = (
        normal(shape, dtype, seed) for seed, shape in enumerate([(101, 270), (270, 37), (37,), (101, 37)])
    )
    return [
        dense_forward(COMPILED, x, weight, bias, True, **how),
        dense_forward(COMPILED, x, weight, **how),
        *dense_backward(COMPILED, x, weight, dy, **how),
    ]


def run_sparse_dense(dtype, **how):
    x, weight, bias, dy = (
        normal(shape, dtype, seed) for seed, shape in enumerate([(201, 270), (270, 137), (137,), (201, 137)])
    )
    x, dy = np.maximum(x, 0), np.maximum(dy, 0)
    return [
        dense_forward(COMPILED, x, weight, bias, True, True, **how),
        *dense_backward(COMPILED, x, weight, dy, (True, True), **how),
    ]


def run_conv(dtype, geometry, kernel_h=3, **how):
    x, weight, bias, out, dy, argmax = conv_operands(dtype, geometry, kernel_h)
    argmax = None if geometry.pool == (1, 1) else argmax
    return [
        *conv2d_forward(COMPILED, x, weight, bias, geometry, **how),
        *conv2d_backward(COMPILED, x, weight, out, dy, argmax, geometry, **how),
    ]


def run_pool(dtype, **how):
    x, dy = normal((9, 31, 30, 17), dtype), normal((9, 15, 14, 17), dtype, 1)
    out, argmax = max_pool2d_forward(COMPILED, x, dy.shape, (3, 3), (2, 2), **how)
    return [out, argmax, max_pool2d_backward(COMPILED, dy, argmax, x.shape, (3, 3), (2, 2), **how)]


def run_average_pool(dtype, **how):
    x, dy = normal((9, 31, 30, 17), dtype), normal((9, 15, 14, 17), dtype, 1)
    whole = [
        average_pool2d_forward(COMPILED, x, dy.shape, (3, 3), (2, 2), **how),
        average_pool2d_backward(COMPILED, dy, x.shape, (3, 3), (2, 2), **how),
    ]
    window = x.shape[1:3]
    return [
        *whole,
        average_pool2d_forward(COMPILED, x, (9, 1, 1, 17), window, window, **how),
        average_pool2d_backward(COMPILED, dy[:, :1, :1], x.shape, window, window, **how),
    ]


def run_depthwise(dtype, geometry, channels=19, **how):
    x, weight, bias = (
        normal((19, 13, 12, channels), dtype),
        normal((3, 5, channels), dtype, 1),
        normal((channels,), dtype),
    )
    dy = normal((19, *geometry.convolved(13, 12, (3, 5)), channels), dtype, 3)
    return [
        depthwise_forward(COMPILED, x, weight, bias, geometry, **how),
        *depthwise_backward(COMPILED, x, weight, dy, geometry, **how),
    ]


def run_channels(dtype, **how):
    x = normal((9, 13, 11, 17), dtype)
    return [dropout_channels(COMPILED, x, 0.4, 77, **how), dropout_channels(COMPILED, x, 0.0, 78, **how)]


def run_elementwise(dtype, **how):
    x, dy = normal((70_001,), dtype), normal((70_001,), dtype, 1)
    return [
        elementwise(COMPILED.relu_forward, x, **how),
        elementwise(COMPILED.relu_backward, x, dy, **how),
        add(COMPILED, x, dy, **how),
        dropout(COMPILED, x, 0.4, 77, **how),
    ]


def run_softmax(dtype, **how):
    logits, weights = normal((401, 13), dtype), normal((401,), dtype, 1)
    labels = np.random.default_rng(2).integers(0, 13, 401)
    plain = cross_entropy(COMPILED, logits, labels, weights, **how)
    mix = {"others": labels[::-1].copy(), "shares": np.abs(logits[:, 0]) % 1, "smoothing": 0.1}
    mixed = cross_entropy(COMPILED, logits, labels, weights, **mix, **how)
    return [elementwise(COMPILED.softmax, logits, **how), *plain, *mixed]


def run_pointwise_losses(dtype, **how):
    weights = normal((2_001,), dtype, 1)
    found = []
    for kind, width in itertools.product(LOSSES, (1, 13)):
        output, target = normal((2_001, width), dtype), np.abs(normal((2_001, width), dtype, 2))
        found += pointwise_loss(COMPILED, output, target, weights, kind, 0.3, **how)
    return found


def run_winograd(dtype, geometry, **how):
    """3 x 3 of stride 1 and at least 16 channels and filters."""
    x, weight, bias = normal((7, 11, 13, 18), dtype), normal((3, 3, 18, 35), dtype, 1), normal((35,), dtype, 2)
    out, argmax = conv2d_forward(COMPILED, x, weight, bias, geometry, **how)
    dy = normal(out.shape, dtype, 3)
    return [out, *conv2d_backward(COMPILED, x, weight, out, dy, argmax, geometry, **how)]


def run_pointwise(dtype, **how):
    """Rows of pixels that are taken as one: images of 7 x 5 pixels."""
    x, weight, bias = normal((21, 7, 5, 18), dtype), normal((1, 1, 18, 35), dtype, 1), normal((35,), dtype, 2)
    geometry = ConvGeometry(relu=True)
    out, argmax = conv2d_forward(COMPILED, x, weight, bias, geometry, **how)
    dy = normal(out.shape, dtype, 3)
    return [out, *conv2d_backward(COMPILED, x, weight, out, dy, argmax, geometry, **how)]


def run_activations(dtype, **how):
    x, dy = normal((9_001,), dtype), normal((9_001,), dtype, 1)
    rest = (0.3, how.pop("n_threads", 2))
    found = []
    for kind in KINDS:
        (out,) = call(COMPILED.activation_forward, x, Out(x.shape, x.dtype), kind, *rest, **how)
        found += [out, *call(COMPILED.activation_backward, x, out, dy, Out(x.shape, x.dtype), kind, *rest, **how)]
    return found


def run_batch_norm(dtype, n_threads=2, **how):
    x, dy, channels = normal((3_001, 19), dtype), normal((3_001, 19), dtype, 1), normal((5, 19), dtype, 2)
    channel, whole, scratch = Out((19,), dtype), Out(x.shape, dtype), np.empty(COMPILED.batch_norm_scratch(3_001, 19))
    *running, mean, scale, out = call(
        lambda *given: COMPILED.batch_norm_forward(*given, 1e-5, 0.9, scratch, n_threads),
        x, channels[0], channels[1], InOut(channels[2]), InOut(channels[3]), channel, channel, whole, **how
    )  # fmt: skip
    gradients = call(
        lambda *given: COMPILED.batch_norm_backward(*given, scratch, n_threads),
        x, channels[0], mean, scale, dy, whole, channel, channel, **how
    )  # fmt: skip
    return [*running, mean, scale, out, *gradients]


EVERY_OPTION = {
    "momentum": 0.7, "nesterov": True, "lr_in_momentum": True, "eps_in_sqrt": True, "weight_decay": 0.1,
    "correction": 1.3, "clip_value": 1.2, "scale": -0.5, "ema": 0.6,
}  # fmt: skip


def run_rmsprop(dtype, kernel=COMPILED, options=True, sizes=(70_000, 0, 3, 40_001), **how):
    lists = [[normal((size,), dtype, seed) for size in sizes] for seed in range(7)]
    lists[2] = [np.abs(array) + array**2 for array in lists[2]]
    lists[3:] = lists[3:] if options else [None, None]
    rates, l2s = [0.1 / (i + 1) for i in range(len(sizes))], [0.01 * (i % 2) for i in range(len(sizes))]
    got = rmsprop_step(kernel, lists, rates, l2s, **(EVERY_OPTION if options else {}), **how)
    return [array for column in got if column is not None for array in column]


def run_norms(dtype, n_threads=2, shift=0):
    lists = [[np.empty(size + shift, dtype)[shift:] for size in (70_000, 0, 3, 40_001)] for _ in range(2)]
    for seed, column in enumerate(lists):
        for array in column:
            array[...] = normal(array.shape, dtype, seed)
    norms = [COMPILED.rmsprop_squares(lists[0], sums, n_threads) for sums in (None, lists[1])]
    return [np.array(norms)]


def run_gather(dtype, n_threads=2, shift=0):
    source = normal((40, 1000 + shift), dtype)[:, shift:]
    source[...] = normal((40, 1000), dtype)
    return [gather(COMPILED, source, np.arange(100) * 7 % 40, dtype, 1 / 255, n_threads=n_threads)]


RUNS = {
    "rmsprop": run_rmsprop,
    "rmsprop, plain": lambda dtype, **how: run_rmsprop(dtype, options=False, **how),
    "rmsprop, norms": run_norms,
    "dense": run_dense,
    "dense, sparse": run_sparse_dense,
    "conv2d": lambda dtype, **how: run_conv(dtype, CONV, **how),
    "conv2d, gradients in lists": lambda dtype, **how: run_conv(dtype, CONV, kernel_h=4, **how),
    "conv2d, strided": lambda dtype, **how: run_conv(dtype, STRIDED, **how),
    "conv2d, in place": lambda dtype, **how: run_conv(dtype, ConvGeometry(relu=True), **how),
    "conv2d, winograd": lambda dtype, **how: run_winograd(dtype, WINOGRAD, **how),
    "conv2d, winograd and pool": lambda dtype, **how: run_winograd(dtype, WINOGRAD_POOL, **how),
    "conv2d, 1 x 1": run_pointwise,
    "depthwise": lambda dtype, **how: run_depthwise(dtype, DEPTHWISE, **how),
    "depthwise, few channels": lambda dtype, **how: run_depthwise(dtype, DEPTHWISE, channels=3, **how),
    "depthwise, strided": lambda dtype, **how: run_depthwise(dtype, STRIDED, **how),
    "pool": run_pool,
    "average pool": run_average_pool,
    "dropout of channels": run_channels,
    "activation": run_activations,
    "batch_norm": run_batch_norm,
    "elementwise": run_elementwise,
    "softmax": run_softmax,
    "pointwise losses": run_pointwise_losses,
    "gather": run_gather,
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_any_number_of_threads(compiled, dtype, run):
    one = run(dtype, n_threads=1)
    for n_threads in THREADS[1:]:
        assert_same_bits(run(dtype, n_threads=n_threads), one)


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_any_alignment(compiled, dtype, run):
    aligned = run(dtype)
    for shift in (1, 2, 3, 5):
        assert_same_bits(run(dtype, shift=shift), aligned)


# a row alone


def alone(run, count):
    """The results of `run` for each row by itself, put together."""
    rows = [run(slice(i, i + 1)) for i in range(count)]
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("units", [1, 10, 37, 128, 150])
def test_a_dense_row_alone(compiled, dtype, units, sparse, relu):
    x, weight, bias = normal((101, 270), dtype), normal((270, units), dtype, 1), normal((units,), dtype, 2)
    x = np.maximum(x, 0) if sparse else x
    whole = dense_forward(compiled, x, weight, bias, relu, sparse)
    assert_same_bits(alone(lambda i: [dense_forward(compiled, x[i], weight, bias, relu, sparse)], 101), [whole])


def test_the_gradient_to_a_row_of_a_dense_layer_alone(compiled, dtype):
    x, weight, dy = normal((131, 150), dtype), normal((150, 90), dtype, 1), np.maximum(normal((131, 90), dtype, 2), 0)
    (whole, *_) = dense_backward(compiled, x, weight, dy, (False, True))
    assert_same_bits(alone(lambda i: dense_backward(compiled, x[i], weight, dy[i], (False, True))[:1], 131), [whole])


@pytest.mark.parametrize("geometry", [CONV, STRIDED, ConvGeometry()], ids=str)
def test_a_convolved_image_alone(compiled, dtype, geometry):
    x, weight, bias, *_ = conv_operands(dtype, geometry)

    def run(i):
        return [array for array in conv2d_forward(compiled, x[i], weight, bias, geometry) if array is not None]

    assert_same_bits(alone(run, len(x)), run(slice(None)))


@pytest.mark.parametrize("geometry", [WINOGRAD, WINOGRAD_POOL], ids=str)
def test_an_image_alone_where_winograd_takes_several_at_once(compiled, dtype, geometry):
    x, weight, bias = normal((13, 11, 9, 18), dtype), normal((3, 3, 18, 21), dtype, 1), normal((21,), dtype, 2)
    whole, argmax = conv2d_forward(compiled, x, weight, bias, geometry)
    dy = normal(whole.shape, dtype, 3)

    def run(i):
        places = None if argmax is None else argmax[i]
        dx, *_ = conv2d_backward(compiled, x[i], weight, whole[i], dy[i], places, geometry)
        return [conv2d_forward(compiled, x[i], weight, bias, geometry)[0], dx]

    together = [whole, conv2d_backward(compiled, x, weight, whole, dy, argmax, geometry)[0]]
    assert_same_bits(alone(run, len(x)), together)


@pytest.mark.parametrize("geometry", [CONV, STRIDED, ConvGeometry(relu=True)], ids=str)
def test_the_gradient_to_an_image_alone(compiled, dtype, geometry):
    x, weight, _, out, dy, argmax = conv_operands(dtype, geometry)

    def run(i):
        places = None if geometry.pool == (1, 1) else argmax[i]
        return conv2d_backward(compiled, x[i], weight, out[i], dy[i], places, geometry)[:1]

    assert_same_bits(alone(run, len(x)), run(slice(None)))


def test_a_pooled_image_alone(compiled, dtype):
    x = normal((9, 31, 30, 5), dtype)
    whole = max_pool2d_forward(compiled, x, (9, 15, 14, 5), (3, 3), (2, 2))
    assert_same_bits(alone(lambda i: max_pool2d_forward(compiled, x[i], (1, 15, 14, 5), (3, 3), (2, 2)), 9), whole)


def test_an_average_pooled_image_alone(compiled, dtype):
    x = normal((9, 31, 30, 5), dtype)
    dy = normal((9, 15, 14, 5), dtype, 1)

    def run(i):
        there = average_pool2d_forward(compiled, x[i], dy[i].shape, (3, 3), (2, 2))
        return [there, average_pool2d_backward(compiled, dy[i], x[i].shape, (3, 3), (2, 2))]

    assert_same_bits(alone(run, 9), run(slice(None)))


@pytest.mark.parametrize("channels", [1, 5, 19, 33])
@pytest.mark.parametrize("geometry", [DEPTHWISE, STRIDED, ConvGeometry()], ids=str)
def test_an_image_convolved_by_channels_alone(compiled, dtype, geometry, channels):
    x, weight, bias = (
        normal((7, 9, 10, channels), dtype),
        normal((3, 3, channels), dtype, 1),
        normal((channels,), dtype),
    )
    dy = normal((7, *geometry.convolved(9, 10, (3, 3)), channels), dtype, 3)

    def run(i):
        there = depthwise_forward(compiled, x[i], weight, bias, geometry)
        return [there, depthwise_backward(compiled, x[i], weight, dy[i], geometry)[0]]

    assert_same_bits(alone(run, len(x)), run(slice(None)))


def test_an_image_alone_where_rows_of_pixels_are_taken_as_one(compiled, dtype):
    x, weight, bias = normal((21, 7, 5, 18), dtype), normal((1, 1, 18, 35), dtype, 1), normal((35,), dtype, 2)
    geometry = ConvGeometry(relu=True)
    dy = normal((21, 7, 5, 35), dtype, 3)

    def run(i):
        out = conv2d_forward(compiled, x[i], weight, bias, geometry)[0]
        return [out, conv2d_backward(compiled, x[i], weight, out, dy[i], None, geometry)[0]]

    assert_same_bits(alone(run, len(x)), run(slice(None)))


def test_a_row_of_softmax_and_of_cross_entropy_alone(compiled, dtype):
    logits, weights = normal((101, 13), dtype), normal((101,), dtype, 1)
    labels = np.random.default_rng(2).integers(0, 13, 101)

    def run(i):
        return [elementwise(compiled.softmax, logits[i]), *cross_entropy(compiled, logits[i], labels[i], weights[i])]

    assert_same_bits(alone(run, 101), run(slice(None)))


@pytest.mark.parametrize("width", [1, 13])
def test_a_row_of_each_pointwise_loss_alone(compiled, dtype, width):
    output, target, weights = normal((101, width), dtype), np.abs(normal((101, width), dtype, 2)), normal((101,), dtype)

    def run(i):
        found = [pointwise_loss(compiled, output[i], target[i], weights[i], kind, 0.3) for kind in LOSSES]
        return list(itertools.chain(*found))

    assert_same_bits(alone(run, 101), run(slice(None)))


# RMSprop: instruction sets, and any split


@pytest.mark.parametrize("options", [False, True])
def test_rmsprop_on_every_instruction_set_and_in_numpy(dtype, options):
    results = []
    for name in IMPLEMENTATIONS:
        with implementation(name) as kernel:
            results.append(run_rmsprop(dtype, kernel, options))
    for result in results[1:]:
        assert_same_bits(result, results[0])


def test_norms_on_every_instruction_set(dtype):
    results = []
    for isa in ISAS:
        with implementation(isa):
            results.append(run_norms(dtype))
    for result in results[1:]:
        assert_same_bits(result, results[0])


def any_floats(dtype, size):
    """Arrays of any floats at all, the special ones often."""
    width = 8 * np.dtype(dtype).itemsize
    tiny = np.finfo(dtype).smallest_subnormal
    special = st.sampled_from([0.0, -0.0, np.nan, np.inf, -np.inf, float(tiny), -float(tiny), 1.0, -3.0])
    return hnp.arrays(dtype, size, elements=special | st.floats(width=width), fill=st.nothing())


@st.composite
def updates(draw):
    """One call of the kernel on lists of one array, with any values and options."""
    dtype, size = draw(st.sampled_from(DTYPES)), draw(st.integers(0, 70))
    options = {name: value for name, value in EVERY_OPTION.items() if draw(st.booleans())}
    if "momentum" not in options:
        options.pop("nesterov", None)
    columns = [draw(any_floats(dtype, size)) for _ in range(7)]
    columns[2] = np.abs(columns[2])
    for place, wanted in enumerate(
        (draw(st.booleans()), "momentum" in options, draw(st.booleans()), draw(st.booleans()))
    ):
        columns[3 + place] = columns[3 + place] if wanted else None
    epsilon = draw(st.sampled_from([0.0, 1e-8]))
    return columns, {"rho": 0.9, "epsilon": epsilon, **options}, draw(st.sampled_from([0.0, 0.01]))


def run_update(update, isa, cuts=(), **how):
    """The written columns, from the arrays cut at `cuts` and put together again."""
    columns, options, l2 = update
    lists = [None if column is None else np.split(column, cuts) for column in columns]
    count = len(cuts) + 1
    with implementation(isa) as kernel, np.errstate(all="ignore"):
        got = rmsprop_step(kernel, lists, [0.03] * count, [l2] * count, **options, **how)
    return [None if column is None else np.concatenate(column) for column in got]


@given(update=updates(), data=st.data())
@QUICK
def test_rmsprop_of_any_values_split_anywhere_on_any_instruction_set(update, data):
    whole = run_update(update, ISAS[0])
    size = len(update[0][0])
    cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=4)))
    shift = data.draw(st.integers(0, 7))
    for isa in IMPLEMENTATIONS:
        assert_same_bits(run_update(update, isa), whole)
        assert_same_bits(run_update(update, isa, cuts, shift=shift), whole)


@given(cuts=st.lists(st.integers(0, 60_000), max_size=5), n_threads=st.sampled_from(THREADS), isa=st.sampled_from(ISAS))
@settings(QUICK, max_examples=25)
def test_rmsprop_split_anywhere_over_several_blocks(cuts, n_threads, isa):
    columns = [normal((60_000,), np.float32, seed) for seed in range(5)]
    columns[2] = np.abs(columns[2]) + columns[3] ** 2
    update = columns, {"rho": 0.9, "epsilon": 1e-8, "momentum": 0.9}, 0.01
    whole = run_update(update, ISAS[-1], n_threads=1)
    assert_same_bits(run_update(update, isa, sorted(cuts), n_threads=n_threads), whole)


@given(update=updates(), place=st.integers(0, 69), bad=st.sampled_from([np.nan, np.inf, -np.inf]))
@QUICK
def test_rmsprop_a_bad_gradient_changes_no_other_element(update, place, bad):
    columns, options, l2 = update
    others = np.arange(len(columns[0])) != place
    poisoned = [*columns]
    poisoned[1] = np.where(others, columns[1], columns[1].dtype.type(bad))
    for isa in ISAS:
        clean, got = (run_update((lists, options, l2), isa) for lists in (columns, poisoned))
        for one, other in zip(got, clean, strict=True):
            if one is not None:
                assert_same_bits([one[others]], [other[others]])
