"""What RMSprop refuses: the message names the parameter, the rule and the value, and nothing is changed."""

import contextlib
import inspect
import re
import threading

import numpy as np
import pytest
from child_process import in_child, in_new_interpreter

from crmsprop import RMSprop, rmsprop_update
from crmsprop.optimizer.presets import ELSEWHERE
from crmsprop.schedules import CosineAnnealing

NAN, INF = float("nan"), float("inf")


def refused(error, message, function, *args, **kwargs):
    with pytest.raises(error, match=re.escape(message)):
        function(*args, **kwargs)


# options


@pytest.mark.parametrize(
    ("name", "interval", "values"),
    [
        ("learning_rate", "[0, inf)", [-1e-9, NAN, INF]),
        ("rho", "[0, 1)", [1.2, 1.0, -0.1, NAN]),
        ("epsilon", "[0, inf)", [-1e-8, NAN, INF]),
        ("momentum", "[0, 1)", [1.0, -0.5, NAN]),
        ("l2", "[0, inf)", [-1.0, NAN, INF]),
    ],
)
def test_numbers_out_of_range(name, interval, values):
    params = [np.zeros(2)]
    for value in values:
        refused(ValueError, f"{name} must be in {interval}, got {value!r}", RMSprop, params, **{name: value})
    for value in ("0.1", None, True, [0.1]):
        refused(TypeError, f"{name} must be a number in {interval}, got {value!r}", RMSprop, params, **{name: value})


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("lr", "give learning_rate"),
        ("alpha", "give rho"),
        ("eps", "give epsilon"),
        ("clipnorm", "give clip_norm"),
        ("momentun", "give momentum"),
        ("foreach", "its parameters are params, learning_rate, rho, epsilon, momentum, nesterov"),
    ],
)
def test_a_parameter_of_another_name_is_answered(name, advice):
    refused(TypeError, f"RMSprop has no parameter {name!r}: {advice}", RMSprop, [np.zeros(2)], **{name: 1})
    refused(TypeError, f"RMSprop has no parameter {name!r}: ", RMSprop.preset, [np.zeros(2)], "torch", **{name: 1})


def test_what_others_call_by_other_names_is_no_name_of_ours():
    ours = set(inspect.signature(RMSprop).parameters)
    with pytest.raises(TypeError, match="unexpected keyword argument 'lr'"):
        RMSprop.__init__(lr=1)
    for name, advice in ELSEWHERE.items():
        assert name not in ours
        assert ours & set(re.findall(r"\w+", advice))


def test_an_option_is_read_elsewhere():
    optimizer = RMSprop([np.zeros(2)], rho=0.8)
    for name, there in (("rho", ": it is read as options.rho"), ("lr", "")):
        with pytest.raises(AttributeError, match=rf"^'RMSprop' object has no attribute '{name}'{there}$"):
            getattr(optimizer, name)
    assert not hasattr(optimizer, "__array__")


@pytest.mark.parametrize("name", ["warmup_steps", "lr_decay", "weights"])
def test_a_parameter_like_none_of_ours_is_answered_with_all(name):
    refused(TypeError, f"RMSprop has no parameter {name!r}: its parameters are", RMSprop, [], **{name: 1})


def test_a_preset_that_is_misspelt():
    refused(ValueError, "got 'pytorch': did you mean 'torch'?", RMSprop.preset, [np.zeros(2)], "pytorch")


@pytest.mark.parametrize("value", [1, "yes", None])
def test_centered_is_true_or_false(value):
    refused(TypeError, f"centered must be True or False, got {value!r}", RMSprop, [np.zeros(2)], centered=value)


@pytest.mark.parametrize(("value", "error"), [(0, ValueError), (-2, ValueError), (True, TypeError), ("2", TypeError)])
def test_n_threads(value, error):
    refused(error, f"n_threads must be None or an integer of at least 1, got {value!r}", RMSprop, [], n_threads=value)


def test_an_epsilon_that_float32_cannot_hold():
    message = "epsilon must not round to 0 in float32, got 1e-50"
    refused(ValueError, message, RMSprop, [np.zeros(2, np.float32)], epsilon=1e-50)
    RMSprop([np.zeros(2)], epsilon=1e-50)
    RMSprop([np.zeros(2, np.float32)], epsilon=0.0)


def test_a_learning_rate_for_one_step_is_checked_before_anything_moves():
    param = np.ones(3)
    optimizer = RMSprop([param])
    for value in (-1.0, NAN):
        message = f"learning_rate must be in [0, inf), got {value}"
        refused(ValueError, message, optimizer.step, [np.ones(3)], learning_rate=value)
    assert param.tolist() == [1, 1, 1]
    assert optimizer.n_steps == 0


# parameters


def read_only(array):
    array.flags.writeable = False
    return array


def misaligned(dtype):
    return np.zeros(8 * np.dtype(dtype).itemsize + 1, np.uint8)[1:].view(dtype)


BAD_PARAMS = [
    ([1.0, 2.0], TypeError, "must be a NumPy array, got list"),
    (None, TypeError, "must be a NumPy array, got NoneType"),
    (np.float64(3), TypeError, "must be a NumPy array, got float64"),
    (np.zeros(3, int), TypeError, "float64"),
    (np.zeros(3, complex), TypeError, "float64"),
    (np.zeros(3, np.float16), TypeError, "float64"),
    (np.zeros(3, np.longdouble), TypeError, "float64"),
    (np.zeros(3, object), TypeError, "float64"),
    (np.zeros(3, ">f8"), TypeError, "got >f8"),
    (np.zeros((4, 4)).T[:, 1:], ValueError, "must be C-contiguous, got strides"),
    (np.zeros(8)[::2], ValueError, "must be C-contiguous, got strides (16,) with shape (4,)"),
    (np.zeros((3, 4), order="F"), ValueError, "must be C-contiguous"),
    (read_only(np.zeros(3)), ValueError, "must be writable, got a read-only array"),
    (misaligned(np.float64), ValueError, "must be aligned in memory"),
]


@pytest.mark.parametrize(("bad", "error", "message"), BAD_PARAMS, ids=[str(i) for i in range(len(BAD_PARAMS))])
def test_a_parameter_is_refused_by_its_index(bad, error, message):
    with pytest.raises(error) as caught:
        RMSprop([np.zeros(2), bad, np.zeros(2)])
    assert str(caught.value).startswith("params[1] must ")
    assert message in str(caught.value)
    with pytest.raises(error, match=r"params\[0\] must "):
        RMSprop([bad])


def test_one_dtype_for_all():
    message = "params[1] must be float32, as params[0] is, got float64"
    refused(TypeError, message, RMSprop, [np.zeros(2, np.float32), np.zeros(2)])


def test_the_byte_order_is_named_where_it_is_at_fault():
    message = "params[0] must be float32 or float64 in native byte order, got >f4"
    refused(TypeError, message, RMSprop, [np.zeros(2, ">f4")])
    refused(TypeError, "params[0] must be float32 or float64, got int64", RMSprop, [np.zeros(2, np.int64)])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_overlapping_parameters(order):
    memory = np.zeros(10)
    parts = [memory[:6], memory[5:]]
    message = "params[2] must not overlap params[1] in memory"
    refused(ValueError, message, RMSprop, [np.zeros(3), *(parts[i] for i in order)])
    refused(ValueError, "params[1] must not overlap params[0]", RMSprop, [memory, memory])
    refused(ValueError, "params[2] must not overlap params[0]", RMSprop, [memory, np.zeros(2), memory[4:6]])
    RMSprop([memory[:5], memory[5:], memory[:0], memory[3:3]])


def test_groups():
    good = {"params": [np.zeros(2)]}
    refused(TypeError, "params[1] must be a dict with the key 'params'", RMSprop, [good, np.zeros(2)])
    refused(TypeError, "params[0] must be a dict with the key 'params'", RMSprop, [{"weights": []}])
    message = "params[0] must have no keys but params, learning_rate, l2, weight_decay, frozen, got lr"
    refused(ValueError, message, RMSprop, [good | {"lr": 1}])
    refused(ValueError, "params[1]['l2'] must be in [0, inf), got -1", RMSprop, [good, good | {"l2": -1}])
    refused(TypeError, "params[0]['learning_rate'] must be a number", RMSprop, [good | {"learning_rate": "1"}])


def test_changes_of_a_group():
    optimizer = RMSprop([{"params": [np.zeros(2, np.float32)], "learning_rate": 0.1}], accumulate_steps=2)
    change = optimizer.set_group
    for place in (1, -1):
        message = f"group must be the index of one of 1 groups, from 0, got {place}"
        refused(ValueError, message, change, place, l2=0.1)
    for place in ("0", True, 0.0):
        message = f"group must be the index of one of 1 groups, an integer, got {place!r}"
        refused(TypeError, message, change, place)
    refused(ValueError, "must be among learning_rate, l2, weight_decay, frozen, got lr, rho", change, 0, rho=0.5, lr=1)
    refused(ValueError, "learning_rate must be in [0, inf), got -1", change, 0, learning_rate=-1)
    refused(ValueError, "l2 must be", change, 0, learning_rate=0.5, l2=1e60)
    refused(TypeError, "frozen must be", change, 0, frozen="yes")
    optimizer.step([np.ones(2, np.float32)])
    message = "frozen must not change while gradients are being accumulated"
    refused(RuntimeError, message, change, 0, learning_rate=0.5, frozen=True)
    optimizer.step([np.ones(2, np.float32)])
    assert np.allclose(optimizer.params[0], -0.1 / np.sqrt(0.1))  # the rate of the beginning


def test_a_change_of_a_group_that_is_refused_late_changes_nothing():
    params = [np.ones(3), np.ones(4)]
    optimizer = RMSprop([{"params": param} for param in params])
    params[1].flags.writeable = False
    refused(ValueError, "params[1] must be writable", optimizer.set_group, 0, learning_rate=0.5)
    params[1].flags.writeable = True
    optimizer.set_group(1, l2=0.0)
    optimizer.step([np.ones(3), np.ones(4)])
    assert np.allclose(params[0], 1 - 1e-3 / np.sqrt(0.1))


# gradients


def run_under_way():
    params = [np.arange(3.0), np.ones((2, 2))]
    optimizer = RMSprop(params, momentum=0.9, centered=True)
    optimizer.step([np.ones(3), np.ones((2, 2))])
    return optimizer


def contents(optimizer):
    states = (optimizer.params, optimizer.mean_squares, optimizer.means, optimizer.velocities)
    return [array.tobytes() for state in states for array in state], optimizer.n_steps


BAD_GRADS = [
    (np.ones(4), ValueError, "grads[1] must have the shape of params[1], (2, 2), got (4,)"),
    (np.ones((2, 3)), ValueError, "grads[1] must have the shape of params[1], (2, 2), got (2, 3)"),
    (
        np.ones((2, 2), np.float32),
        TypeError,
        "grads[1] must be float64, as params[1] is, got float32: give grads[1].astype('float64')",
    ),
    (np.ones((2, 2), int), TypeError, "grads[1] must be float64, as params[1] is, got int64: give grads[1].astype"),
    (np.ones((2, 2), complex), TypeError, "grads[1] must be float64, as params[1] is, got complex128"),
    (np.ones((2, 2), ">f8"), TypeError, "grads[1] must be float64, as params[1] is, got >f8: give grads[1].astype"),
    (np.ones((2, 4))[:, ::2], ValueError, "grads[1] must be C-contiguous, got strides"),
    (np.ones((2, 2), order="F") * np.ones((2, 1)), ValueError, "grads[1] must be C-contiguous"),
    (np.broadcast_to(1.0, (2, 2)), ValueError, "grads[1] must be C-contiguous, got strides (0, 0)"),
    (misaligned(np.float64)[:4].reshape(2, 2), ValueError, "grads[1] must be aligned in memory"),
]


@pytest.mark.parametrize(("bad", "error", "message"), BAD_GRADS, ids=[str(i) for i in range(len(BAD_GRADS))])
def test_a_gradient_is_refused_by_its_index_and_nothing_moves(bad, error, message):
    optimizer = run_under_way()
    before = contents(optimizer)
    refused(error, message, optimizer.step, [np.ones(3), bad])
    assert contents(optimizer) == before


@pytest.mark.parametrize("bad", [None, [[1.0, 1.0], [1.0, 1.0]], 1.0], ids=["None", "a list", "a number"])
def test_a_gradient_that_is_no_array(bad):
    """In a child process: a None that goes unchecked is an address to nothing."""
    answer = in_child(lambda: run_under_way().step([np.ones(3), bad]))
    assert answer.startswith("TypeError: grads[1] must be a NumPy array")


def test_the_wrong_number_of_gradients():
    optimizer = run_under_way()
    before = contents(optimizer)
    for grads in ([], [np.ones(3)], [np.ones(3), np.ones((2, 2)), np.ones(1)]):
        message = f"grads must hold as many arrays as params, 2, got {len(grads)}"
        refused(ValueError, message, optimizer.step, grads)
    assert contents(optimizer) == before


def test_a_gradient_that_is_its_parameter():
    optimizer = run_under_way()
    before = contents(optimizer)
    message = "grads[1] must not overlap params[1] in memory"
    refused(ValueError, message, optimizer.step, [np.ones(3), optimizer.params[1]])
    assert contents(optimizer) == before


@pytest.mark.parametrize("state", ["params", "mean_squares", "means", "velocities"])
def test_a_gradient_in_the_memory_of_another_parameter_or_of_the_state(state):
    """It would be read after it is overwritten, or before, as the threads go."""
    params = [np.arange(3.0), np.ones(3)]
    optimizer = RMSprop(params, momentum=0.9, centered=True)
    optimizer.step([np.ones(3), np.ones(3)])
    before = contents(optimizer)
    with pytest.raises(ValueError, match=r"grads\[1\] must not overlap"):
        optimizer.step([np.ones(3), getattr(optimizer, state)[0]])
    assert contents(optimizer) == before


def test_a_gradient_may_be_read_only_and_serve_two_parameters():
    params = [np.zeros(3), np.zeros(3)]
    shared = read_only(np.ones(3))
    RMSprop(params).step([shared, shared])
    assert params[0].tobytes() == params[1].tobytes()


# numbers that the dtype cannot hold, and attributes


@pytest.mark.parametrize("name", ["learning_rate", "initial_mean_square", "l2", "epsilon"])
def test_numbers_that_float32_makes_infinite(name):
    message = f"{name} must be finite in float32, got 1e+39"
    refused(ValueError, message, RMSprop, [np.zeros(2, np.float32)], **{name: 1e39})
    RMSprop([np.zeros(2)], **{name: 1e39})


@pytest.mark.parametrize("name", ["learning_rate", "l2"])
def test_numbers_of_a_group_that_float32_makes_infinite(name):
    group = {"params": [np.zeros(2, np.float32)], name: 1e39}
    refused(ValueError, f"params[0][{name!r}] must be finite in float32, got 1e+39", RMSprop, [group])


def test_a_learning_rate_that_float32_makes_infinite_moves_nothing():
    param = np.ones(2, np.float32)
    optimizer = RMSprop([param])
    message = "learning_rate must be finite in float32, got 1e+39"
    refused(ValueError, message, optimizer.step, [param.copy()], learning_rate=1e39)
    refused(ValueError, message, setattr, optimizer, "learning_rate", 1e39)
    assert param.tolist() == [1, 1]


@pytest.mark.parametrize("name", ["rho", "epsilon", "momentum", "clip_norm", "accumulate_steps", "lr"])
def test_an_option_cannot_be_set_without_effect(name):
    optimizer = RMSprop([np.ones(2)])
    with pytest.raises(AttributeError, match=name):
        setattr(optimizer, name, 2.0)
    with pytest.raises(AttributeError, match="rho"):
        optimizer.options.rho = 0.5
    assert isinstance(optimizer.params, tuple)
    assert isinstance(optimizer.mean_squares, tuple)


def test_arrays_that_change_under_the_optimizer():
    param, grad = np.ones(4), np.ones(4)
    optimizer = RMSprop([param])
    param.flags.writeable = False
    refused(ValueError, "params[0] must be writable, got a read-only array", optimizer.step, [grad])
    param.flags.writeable = True
    optimizer.step([grad])
    assert param[0] < 1
    param.resize(6, refcheck=False)
    refused(ValueError, "params[0] must keep its memory and its size", optimizer.step, [np.ones(6)])


# state


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("mean_squares.0", -np.ones(2), "state['mean_squares.0'] must not be negative, got -1.0"),
        ("n_accumulated", 3, "state['n_accumulated'] must be below 3, got 3"),
        ("n_steps", -1, "state['n_steps'] must be at least 0, got -1"),
        ("mean_squares.0", np.ones(3), "state['mean_squares.0'] must be float64 of shape (2,), got float64 of shape"),
        ("mean_squares.0", [1.0, 1.0], "state['mean_squares.0'] must be float64 of shape (2,), got list"),
        ("sums.0", np.ones(2, np.float32), "state['sums.0'] must be float64 of shape (2,), got float32 of shape (2,)"),
        ("more", 1, "state must have the keys of this optimizer's state_dict, got missing=[], unknown=['more']"),
    ],
)
def test_a_state_that_cannot_be(key, value, message):
    optimizer = RMSprop([np.ones(2)], accumulate_steps=3)
    optimizer.step([np.ones(2)])
    before = optimizer.state_dict()
    refused(ValueError, message, optimizer.load_state_dict, {**before, key: value})
    missing = {name: entry for name, entry in before.items() if name != "sums.0"}
    refused(ValueError, "got missing=['sums.0'], unknown=[]", optimizer.load_state_dict, missing)
    after = optimizer.state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before)


# clipping


@pytest.mark.parametrize("clip", ["clip_norm", "global_clip_norm"])
@pytest.mark.parametrize("bad", [NAN, INF, 1e200])
@pytest.mark.parametrize("accumulate_steps", [1, 2])
def test_a_norm_that_is_not_finite_changes_nothing(clip, bad, accumulate_steps):
    params = [np.ones(2), np.ones(3)]
    optimizer = RMSprop(params, accumulate_steps=accumulate_steps, **{clip: 1.0})
    for _ in range(accumulate_steps):
        message = "grads[1] must have a finite sum of squares for its norm to be clipped"
        refused(ValueError, message, optimizer.step, [np.ones(2), np.array([1.0, bad, 1.0])])
        optimizer.step([np.ones(2), np.ones(3)])
    other = RMSprop([np.ones(2), np.ones(3)], **{clip: 1.0})
    other.step([np.ones(2), np.ones(3)])
    assert [param.tolist() for param in params] == [param.tolist() for param in other.params]


def test_a_global_norm_that_overflows():
    optimizer = RMSprop([np.ones(1), np.ones(1)], global_clip_norm=1.0)
    message = "grads must have a finite sum of squares for their norm to be clipped"
    refused(ValueError, message, optimizer.step, [np.full(1, 1.3e154), np.full(1, 1.3e154)])


def test_two_kinds_of_clip_and_options_without_what_they_need():
    message = "at most one of clip_value, clip_norm, global_clip_norm may be given, got clip_value=1.0, clip_norm=2.0"
    refused(ValueError, message, RMSprop, [], clip_value=1, clip_norm=2)
    refused(ValueError, "nesterov needs momentum in (0, 1), got momentum=0.0", RMSprop, [], nesterov=True)
    refused(ValueError, "ema_warmup needs ema in [0, 1), got ema=None", RMSprop, [], ema_warmup=True)
    refused(TypeError, "ema_warmup must be True or False, got 1", RMSprop, [], ema=0.9, ema_warmup=1)


# who is named, and what is refused as a whole


def test_errors_count_the_frozen_arrays_too():
    groups = [{"params": [np.zeros(2)], "frozen": True}, {"params": [np.zeros(3)]}]
    optimizer = RMSprop(groups)
    message = "grads[1] must have the shape of params[1], (3,), got (4,)"
    refused(ValueError, message, optimizer.step, [None, np.zeros(4)])
    refused(ValueError, "grads[1] must have a finite sum", RMSprop(groups, clip_norm=1.0).step, [None, np.full(3, INF)])
    optimizer.step([None, np.ones(3)])


@pytest.mark.parametrize("bad", [np.ones(3), np.ones(2, np.float32), [1.0, 1.0]])
def test_every_gradient_of_an_accumulation_is_checked_as_that_of_a_step(bad):
    param = np.ones(2)
    optimizer, plain = RMSprop([param], accumulate_steps=3), RMSprop([np.ones(2)])
    with pytest.raises((TypeError, ValueError)) as expected:
        plain.step([bad])
    refused(expected.type, str(expected.value), optimizer.step, [bad])
    refused(ValueError, "must not overlap", optimizer.step, [param])


@pytest.mark.parametrize("params", [np.ones((3, 2)), None, 3])
def test_params_that_are_no_sequence(params):
    message = f"params must be a sequence of arrays, or of groups of them, got {type(params).__name__}"
    with pytest.raises(TypeError, match=re.escape(message)) as caught:
        RMSprop(params)
    assert str(caught.value).endswith(": give [params]") == isinstance(params, np.ndarray)
    assert len(RMSprop([{"params": np.ones((3, 2))}]).params) == 1


def test_params_in_a_dict_are_its_values():
    message = "params must be a sequence of arrays, or of groups of them, got a dict: give "
    refused(TypeError, f"{message}list(params.values())", RMSprop, {"weights": np.ones(2)})
    refused(TypeError, f"{message}[params]", RMSprop, {"params": [np.ones(2)]})


@pytest.mark.parametrize("params", [[], (), iter([])], ids=["list", "tuple", "iterator"])
def test_no_params(params):
    refused(
        ValueError, "params must hold at least one array, or a group, which may be empty, got none", RMSprop, params
    )


@pytest.mark.parametrize(
    ("grads", "remedy"),
    [(None, "[grad]"), (np.ones((1, 2)), "[grad]"), ({0: np.ones(2)}, "list(grads.values())")],
    ids=["None", "an array", "a dict"],
)
def test_grads_that_are_no_sequence(grads, remedy):
    message = f"grads must be a sequence of arrays, got {type(grads).__name__}: give {remedy}"
    refused(TypeError, message, RMSprop([np.ones(2)]).step, grads)


def test_an_iterator_that_is_at_its_end():
    refused(ValueError, "grads must hold as many arrays as params, 1, got 0", RMSprop([np.ones(2)]).step, iter([]))


@pytest.mark.parametrize("frozen", [0, 1, 2])
def test_a_gradient_is_explained_by_its_own_number(frozen):
    """The kernel counts only what is not frozen."""
    groups = [{"params": np.ones((2, 2), np.float32), "frozen": i == frozen} for i in range(3)]
    optimizer, good, last = RMSprop(groups), np.ones((2, 2), np.float32), 1 if frozen == 2 else 2
    message = f"grads[{last}] must be float32, as params[{last}] is, got float64: give grads[{last}].astype('float32')"
    refused(TypeError, message, optimizer.step, [good] * last + [np.ones((2, 2))] + [good] * (2 - last))
    strided = np.ones((2, 4), np.float32)[:, ::2]
    message = f"with shape (2, 2): give np.ascontiguousarray(grads[{last}])"
    refused(ValueError, message, optimizer.step, [good] * last + [strided] + [good] * (2 - last))


@pytest.mark.parametrize("schedule", [CosineAnnealing(), CosineAnnealing, lambda epoch, rate: rate])
def test_a_schedule_is_no_learning_rate(schedule):
    message = "schedules are for an estimator's schedule=; with RMSprop itself set optimizer.learning_rate = "
    refused(TypeError, message, RMSprop, [np.ones(2)], schedule)
    refused(TypeError, message, RMSprop([np.ones(2)]).step, [np.ones(2)], learning_rate=schedule)


@pytest.mark.parametrize("name", ["options", "params", "mean_squares", "averages", "n_steps"])
def test_what_can_be_read_cannot_be_set(name):
    optimizer = RMSprop([np.ones(2)])
    with pytest.raises(AttributeError):
        setattr(optimizer, name, getattr(optimizer, name))
    refused(ValueError, "n_threads must be None or an integer of at least 1", setattr, optimizer, "n_threads", 0)


@pytest.mark.parametrize(("name", "value"), [("clip_value", 1e-50), ("clip_norm", 1e-50), ("epsilon", 1e-60)])
def test_numbers_that_float32_makes_zero(name, value):
    message = f"{name} must not round to 0 in float32, got {value}"
    refused(ValueError, message, RMSprop, [np.zeros(2, np.float32)], **{name: value})
    arrays = [np.zeros(2, np.float32) for _ in range(3)]
    refused(ValueError, message, rmsprop_update, *arrays, **{name: value})


# threads, and other people's arrays


@pytest.mark.parametrize("options", [{}, {"clip_norm": 1.0}, {"accumulate_steps": 1000}], ids=str)
def test_gradients_live_as_long_as_the_step(options):
    """The list is emptied in another thread while a step is on its way."""
    code = f"""if True:
        import threading, time
        import numpy as np
        from crmsprop import RMSprop, rmsprop_update
        for _ in range(5):
            optimizer, grads = RMSprop([np.zeros(3_000_000)], n_threads=1, **{options}), [np.ones(3_000_000)]
            thread = threading.Thread(target=lambda: optimizer.step(grads))
            thread.start()
            time.sleep(0.002)
            grads.clear()
            thread.join()
        print("alive")
        """
    assert in_new_interpreter(code) == (0, "alive", "")


@pytest.mark.parametrize("options", [{}, {"accumulate_steps": 10**6}], ids=str)
def test_one_call_at_a_time(options):
    """Steps of several threads are taken whole or refused."""
    optimizer = RMSprop([np.zeros(100_000)], n_threads=1, **options)
    grads, taken = [np.ones(100_000)], []

    def work():
        for _ in range(50):
            with contextlib.suppress(RuntimeError):
                optimizer.step(grads)
                taken.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = optimizer.state_dict()
    assert state["n_steps"] + state["n_accumulated"] == len(taken)
    if options:
        assert np.all(state["sums.0"] == len(taken))
    else:
        expected = RMSprop([np.zeros(1)])
        for _ in taken:
            expected.step([np.ones(1)])
        assert np.all(optimizer.params[0] == expected.params[0])


def test_a_call_in_the_middle_of_another_is_refused():
    optimizer = RMSprop([np.zeros(2)])
    optimizer._claim()
    state = RMSprop([np.zeros(2)]).state_dict()
    calls = [lambda: optimizer.step([np.ones(2)]), optimizer.reset, optimizer.state_dict]
    for call in [*calls, lambda: optimizer.load_state_dict(state)]:
        refused(RuntimeError, "this optimizer is at work in another thread", call)


def test_a_state_may_be_the_arrays_of_the_optimizer_itself():
    optimizer = RMSprop([np.ones(1), np.ones(1)])
    optimizer.step([np.full(1, 1.0), np.full(1, 2.0)])
    first, second = (array.copy() for array in optimizer.mean_squares)
    swapped = {"mean_squares.0": optimizer.mean_squares[1], "mean_squares.1": optimizer.mean_squares[0]}
    optimizer.load_state_dict({**optimizer.state_dict(), **swapped})
    assert (optimizer.mean_squares[0], optimizer.mean_squares[1]) == (second, first)


def test_a_state_that_went_through_a_file_of_numpy(tmp_path):
    optimizer = RMSprop([np.ones(2)], momentum=0.5)
    optimizer.step([np.ones(2)])
    np.savez(tmp_path / "state.npz", **optimizer.state_dict())
    with np.load(tmp_path / "state.npz") as state:
        RMSprop([np.ones(2)], momentum=0.5).load_state_dict(state)
    refused(TypeError, "state must be a mapping", optimizer.load_state_dict, [])


def test_the_average_forgets_what_was_there_before_the_first_step():
    param = np.full(2, NAN)
    optimizer = RMSprop([param], ema=0.9)
    param[:] = 1
    optimizer.step([np.ones(2)])
    assert np.array_equal(optimizer.averages[0], param)
