"""What a kernel refuses: the same error from both implementations, and nothing is changed."""

import contextlib
import itertools

import boundary_cases as cases
import numpy as np
import pytest
from boundary_cases import CALLS, Slot, both, slots
from child_process import in_child
from kernel_calls import COMPILED, REFERENCE

from crmsprop.kernels.geometry import ConvGeometry

every_kernel = pytest.mark.parametrize("name", CALLS)


def every_array(*ways):
    """Every array of every kernel, with each way to spoil it that means something there."""
    found = [
        (name, slot, way)
        for name, call in CALLS.items()
        for slot in slots(call.arguments())
        for way in ways
        if way(slot.get(call.arguments())) is not None and (name, slot.name, way.__name__) not in FREE
    ]
    names = [f"{name}-{slot}-{way.__name__}" for name, slot, way in found]
    return pytest.mark.parametrize(("name", "slot", "way"), found, ids=names)


FREE = {
    ("gather", "source", "as_doubles"),
    ("gather", "out", "as_doubles"),
    ("gather", "source", "longer_along_0"),
    ("augment", "source", "as_doubles"),
    ("augment", "out", "as_doubles"),
    ("augment", "source", "longer_along_0"),
    ("conv2d_forward", "weight", "longer_along_0"),  # a convolution one pixel smaller, pooled to the same
    ("conv2d_forward", "weight", "longer_along_1"),
}


def spoiled(name, slot, way):
    """The outcome of a call with one array spoiled."""
    return both(name, lambda arguments: slot.put(arguments, way(slot.get(arguments))))


def safely(name, spoil):
    """What each implementation answers to a spoiled call in a child process, since it may crash."""

    def attempt(kernels):
        arguments = CALLS[name].arguments()
        spoil(arguments)
        getattr(kernels, name)(*arguments.values())
        return "no error"

    return [in_child(lambda kernels=kernels: attempt(kernels)) for kernels in (COMPILED, REFERENCE)]


@every_kernel
def test_a_good_call_is_not_refused(name):
    assert both(name, lambda arguments: None) is None


@every_array(cases.as_integers, cases.as_complex, cases.as_half, cases.byte_swapped)
def test_a_wrong_dtype(name, slot, way):
    kind, message = spoiled(name, slot, way)
    assert kind is TypeError
    assert message.startswith(f"{slot} must be a")
    assert message.endswith(f", got {way(slot.get(CALLS[name].arguments())).dtype.str}")


@every_array(cases.as_doubles)
def test_a_mix_of_float32_and_float64(name, slot, way):
    kind, message = spoiled(name, slot, way)
    assert kind is TypeError
    assert "must be a float" in message


@every_array(cases.misaligned, cases.strided, cases.fortran)
def test_a_wrong_layout(name, slot, way):
    kind, message = spoiled(name, slot, way)
    assert kind is ValueError
    assert message.startswith(f"{slot} must ")
    assert ("aligned in memory" if way is cases.misaligned else "contiguous") in message


@every_array(cases.read_only)
def test_a_read_only_array_that_would_be_written(name, slot, way):
    result = spoiled(name, slot, way)
    if slot.name in CALLS[name].written:
        assert result == (ValueError, f"{slot} must be writable, got a read-only array")


@every_array(cases.one_more_axis, *map(cases.longer_along, range(4)))
def test_a_wrong_shape(name, slot, way):
    kind, message = spoiled(name, slot, way)
    assert kind is ValueError
    assert "must have" in message
    assert "got shape (" in message or ", got (" in message


def at_the_same_place(arguments, written, other):
    """Put two arrays into one piece of memory, the last 8 bytes of one under the first of the other."""
    first, second = other.get(arguments), written.get(arguments)
    start = -(-first.nbytes // 8) * 8 - 8
    memory = np.zeros(start + max(second.nbytes, 8) + 64, np.uint8)
    memory = memory[-memory.ctypes.data % 64 :]
    other.put(arguments, memory[: first.nbytes].view(first.dtype).reshape(first.shape))
    written.put(arguments, memory[start : start + second.nbytes].view(second.dtype).reshape(second.shape))


@every_kernel
def test_an_output_must_not_overlap_any_other_array(name):
    """DESIGN section 4: no overlap. What is let through depends on the number of threads, or reads wild indices."""
    found = slots(CALLS[name].arguments())
    outputs = [slot for slot in found if slot.name in CALLS[name].written]
    let_through = []
    for written, other in itertools.product(outputs, found):
        if written != other:
            answers = safely(name, lambda arguments, pair=(written, other): at_the_same_place(arguments, *pair))
            if not all(answer.startswith("ValueError") and "must not overlap" in answer for answer in answers):
                let_through.append(f"{written} over {other}")
    assert let_through == []


@pytest.mark.parametrize("bad", [None, [1.0, 2.0]], ids=["None", "a list"])
@every_kernel
def test_what_is_no_array_where_one_is_needed(name, bad):
    """A None that goes unchecked is an address to nothing."""
    wrong = []
    for slot in slots(CALLS[name].arguments()):
        if bad is None and slot.name in CALLS[name].optional and slot.index is None:
            continue
        answers = safely(name, lambda arguments, slot=slot: slot.put(arguments, bad))
        if not all(answer.startswith("TypeError") and str(slot) in answer for answer in answers):
            wrong.append(f"{slot}: {answers}")
    assert wrong == []


WITH_SCRATCH = [name for name, call in CALLS.items() if "scratch" in call.arguments()]


@pytest.mark.parametrize("name", WITH_SCRATCH)
@pytest.mark.parametrize(
    ("scratch", "kind", "message"),
    [
        (lambda real: np.zeros(0, real), ValueError, "scratch must have at least "),
        (lambda real: np.zeros(cases.SCRATCH, np.uint8), TypeError, "scratch must be a {} array"),
        (lambda real: np.zeros((2, cases.SCRATCH), real), ValueError, "scratch must have 1 dimensions"),
        (lambda real: np.zeros(2 * cases.SCRATCH, real)[::2], ValueError, "scratch must be C-contiguous"),
        (lambda real: cases.read_only(np.zeros(cases.SCRATCH, real)), ValueError, "scratch must be writable"),
    ],
    ids=["empty", "dtype", "2-d", "strided", "read-only"],
)
def test_a_scratch_that_will_not_do(name, scratch, kind, message):
    arguments = CALLS[name].arguments()
    real = arguments["scratch"].dtype
    arguments["scratch"] = scratch(real)
    for slot in slots(arguments):
        slot.get(arguments)[...] = 1
    found = cases.outcome(getattr(COMPILED, name), arguments)
    assert found is not None
    assert found[0] is kind
    assert found[1].startswith(message.format(real))


@pytest.mark.parametrize("name", WITH_SCRATCH)
def test_no_scratch_at_all(name):
    """None is no array, and what an array would have there is not to be looked at."""
    said = in_child(lambda: getattr(COMPILED, name)(*(CALLS[name].arguments() | {"scratch": None}).values()))
    assert said == "TypeError: scratch must be a NumPy array, got NoneType"


# values that point outside of something


@pytest.mark.parametrize("bad", [-1, 3, 2**40, -(2**63)])
@pytest.mark.parametrize("place", [0, 3])
def test_a_label_that_is_no_class(bad, place):
    def spoil(arguments):
        arguments["labels"][place] = bad

    assert both("cross_entropy", spoil) == (ValueError, f"labels[{place}] must be in [0, 3), got {bad}")


@pytest.mark.parametrize("bad", [-1, 6, 2**40, -(2**63)])
@pytest.mark.parametrize("place", [0, 2])
def test_an_index_that_is_no_row(bad, place):
    def spoil(arguments):
        arguments["indices"][place] = bad

    assert both("gather", spoil) == (IndexError, f"indices[{place}] must be in [0, 6), got {bad}")


@pytest.mark.parametrize("bad", [-1, 3, 2**40, -(2**63)])
def test_another_label_that_is_no_class(bad):
    def spoil(arguments):
        arguments["others"][2] = bad

    assert both("cross_entropy", spoil) == (ValueError, f"others[2] must be in [0, 3), got {bad}")


@pytest.mark.parametrize("bad", [-0.5, 1.5, np.nan, np.inf])
def test_a_share_of_a_label_that_is_none(bad):
    def spoil(arguments):
        arguments["shares"][1] = bad

    assert both("cross_entropy", spoil) == (ValueError, f"shares[1] must be in [0, 1], got {bad}")


@pytest.mark.parametrize("given", ["others", "shares"])
def test_a_second_label_and_no_share_or_the_reverse(given):
    other = "shares" if given == "others" else "others"
    kind, message = both("cross_entropy", lambda arguments: arguments.update({other: None}))
    assert (kind, message) == (TypeError, f"others and shares must be given together, got only {given}")


@pytest.mark.parametrize("smoothing", [1.0, -0.25, np.nan])
def test_a_smoothing_out_of_range(smoothing):
    found = both("cross_entropy", lambda arguments: arguments.update(smoothing=smoothing))
    assert found == (ValueError, f"smoothing must be in [0, 1), got {smoothing}")


@pytest.mark.parametrize("rate", [1.0, -0.25, 1.5, np.inf, np.nan, 1])
@pytest.mark.parametrize("name", ["dropout", "dropout_channels"])
def test_a_rate_out_of_range(name, rate):
    kind, message = both(name, lambda arguments: arguments.update(rate=rate))
    assert kind is ValueError
    assert message.startswith("rate must be in [0, 1), got ")


@pytest.mark.parametrize("changes", [{"pool": (0, 2)}, {"pool": (16, 16)}, {"stride": (2, 0)}, {"pool": (9, 2)}])
@pytest.mark.parametrize("name", ["max_pool2d_forward", "max_pool2d_backward"])
def test_a_pool_that_means_nothing(name, changes):
    kind, message = both(name, lambda arguments: arguments.update(changes))
    assert kind is ValueError
    assert "must" in message


@pytest.mark.parametrize("bad", [(), (2,), (2, 2, 2)], ids=str)
@pytest.mark.parametrize("what", ["pool", "stride"])
@pytest.mark.parametrize("name", [name for name in CALLS if "pool2d" in name])
def test_a_pool_or_stride_that_is_no_pair(name, what, bad):
    """The compiled modules index tuples without a check, unless they are taken apart."""
    answers = safely(name, lambda arguments: arguments.update({what: bad}))
    assert all(answer.startswith("ValueError: ") and "to unpack" in answer for answer in answers)


@pytest.mark.parametrize(
    "changes",
    [{"pool": (0, 2)}, {"pool": (-1, -2)}, {"stride": (2, 0)}, {"stride": (-1, 1)}, {"pool": (9, 2)}],
    ids=str,
)
@pytest.mark.parametrize("name", ["average_pool2d_forward", "average_pool2d_backward"])
def test_an_average_pool_that_means_nothing(name, changes):
    kind, message = both(name, lambda arguments: arguments.update(changes))
    assert kind is ValueError
    assert "must" in message


BAD_SLIDES = [
    {"stride": (0, 1)},
    {"stride": (1, -1)},
    {"padding": (-1, 0, 0, 0)},
    {"padding": (0, -1, 0, -1)},
    {"padding": (0, 0, 0, 0), "weight": np.zeros((6, 3, 3), np.float32), "dweight": np.zeros((6, 3, 3), np.float32)},
    {"weight": np.zeros((0, 3, 3), np.float32), "dweight": np.zeros((0, 3, 3), np.float32)},
    {"weight": np.zeros((2, 0, 3), np.float32), "dweight": np.zeros((2, 0, 3), np.float32)},
]


@pytest.mark.parametrize("changes", BAD_SLIDES, ids=range(len(BAD_SLIDES)))
@pytest.mark.parametrize("name", ["depthwise_conv2d_forward", "depthwise_conv2d_backward"])
def test_filters_that_slide_nowhere(name, changes):
    def spoil(arguments):
        arguments.update({key: value for key, value in changes.items() if key in arguments})

    answers = safely(name, spoil)
    assert answers[0] == answers[1]
    assert answers[0].startswith("ValueError: ")
    assert "must" in answers[0]


def test_argmax_is_needed_to_go_back_through_a_pool():
    result = both("conv2d_backward", lambda arguments: arguments.update(argmax=None))
    assert result == (TypeError, "argmax must be the array that conv2d_forward filled, got None")


BAD_GEOMETRIES = [
    ConvGeometry(pool=(9, 9)),
    ConvGeometry(pool=(15, 20), padding=(99, 99, 99, 99)),
    ConvGeometry(padding=(-1, 0, 0, 0)),
    ConvGeometry(padding=(0, 0, -1, 0)),
    ConvGeometry(padding=(0, -1, 0, -1)),
    ConvGeometry(stride=(0, 1)),
    ConvGeometry(stride=(1, -1)),
    ConvGeometry(pool=(0, 1)),
    ConvGeometry(pool=(-1, -2)),
]


def put_geometry(arguments, geometry):
    """With outputs of the shape that it implies, so that no size is in the way of the real reason."""
    arguments["geometry"] = geometry
    with contextlib.suppress(ZeroDivisionError):
        rows, columns = (max(length, 0) for length in geometry.pooled(5, 7, (3, 3)))
        for name in {"out", "dy", "argmax"} & set(arguments):
            arguments[name] = np.zeros((2, rows, columns, 4), arguments[name].dtype)


@pytest.mark.parametrize("geometry", BAD_GEOMETRIES, ids=str)
@pytest.mark.parametrize("name", ["conv2d_forward", "conv2d_backward"])
def test_a_geometry_that_means_nothing(name, geometry):
    """A negative padding would write before the frame."""
    answers = safely(name, lambda arguments: put_geometry(arguments, geometry))
    assert answers[0] == answers[1]
    assert "Error: " in answers[0]


@pytest.mark.parametrize("kernel", [(0, 3), (3, 0)])
@pytest.mark.parametrize("name", ["conv2d_forward", "conv2d_backward"])
def test_a_kernel_without_pixels(name, kernel):
    def spoil(arguments):
        put_geometry(arguments, ConvGeometry())
        for weight in {"weight", "dweight"} & set(arguments):
            arguments[weight] = np.zeros((*kernel, 3, 4), np.float32)
        rows, columns = ConvGeometry().pooled(5, 7, kernel)
        for output in {"out", "dy", "argmax"} & set(arguments):
            arguments[output] = np.zeros((2, rows, columns, 4), arguments[output].dtype)

    answers = safely(name, spoil)
    assert answers[0] == answers[1]
    assert answers[0].startswith("ValueError: weight must have filters of at least 1 x 1 pixels")


def test_an_error_names_the_array_of_a_list():
    short = Slot("grads", 1)
    result = both("rmsprop_step", lambda arguments: short.put(arguments, np.zeros(4, np.float32)))
    assert result == (ValueError, "grads[1] must have the shape of params[1], (5,), got (4,)")


@pytest.mark.parametrize(
    "short", ["grads", "mean_squares", "means", "velocities", "averages", "sums", "rates", "scales"]
)
def test_lists_of_different_lengths(short):
    """The compiled kernel indexes lists without a check of its own."""
    answers = safely("rmsprop_step", lambda arguments: arguments[short].pop())
    assert [answer.split(":")[0] in ("ValueError", "IndexError") for answer in answers] == [True, True]


@pytest.mark.parametrize("way", [cases.as_integers, cases.byte_swapped, cases.misaligned, cases.strided])
def test_rmsprop_check_refuses_what_the_step_would(way):
    params = [np.zeros(3, np.float32), way(np.zeros(3, np.float32))]
    answers = [cases.outcome(kernels.rmsprop_check, {"params": params}) for kernels in (COMPILED, REFERENCE)]
    assert answers[0] == answers[1]
    assert answers[0][1].startswith("params[1] must be ")
    answers = [cases.outcome(kernels.rmsprop_check, {"params": params[1:]}) for kernels in (COMPILED, REFERENCE)]
    assert answers[0] == answers[1]
    assert answers[0][1].startswith("params[0] must be ")


@pytest.mark.parametrize("geometry", [ConvGeometry(pool=(9, 9)), ConvGeometry((1, 1), (99, 99, 99, 99), (15, 20))])
def test_the_scratch_of_a_geometry_that_means_nothing(geometry):
    arguments = {"x": (2, 5, 7, 3), "weight": (3, 3, 3, 4), "geometry": geometry, "dtype": np.float32, "training": True}
    answers = [cases.outcome(k.conv2d_scratch, arguments | {"n_threads": 1}) for k in (COMPILED, REFERENCE)]
    assert answers[0] == answers[1]
    assert answers[0][0] is ValueError
