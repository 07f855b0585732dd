"""A good call of every kernel, and the ways to spoil one of its arrays."""

from typing import Any, NamedTuple

import numpy as np
from kernel_calls import COMPILED, REFERENCE

from crmsprop.kernels.geometry import ConvGeometry
from crmsprop.kernels.rule import RMSpropRates, RMSpropRule
from crmsprop.kernels.sampling import Sampling

F32, F64, U8, I64 = np.float32, np.float64, np.uint8, np.int64
GEOMETRY = ConvGeometry(padding=(1, 1, 1, 1), pool=(2, 2), relu=True)
SCRATCH = 1 << 14


class Slot(NamedTuple):
    """One array among the arguments: an argument, or an element of a list."""

    name: str
    index: int | None = None

    def __str__(self):
        return self.name if self.index is None else f"{self.name}[{self.index}]"

    def get(self, arguments):
        return arguments[self.name] if self.index is None else arguments[self.name][self.index]

    def put(self, arguments, array):
        if self.index is None:
            arguments[self.name] = array
        else:
            arguments[self.name][self.index] = array


class Call(NamedTuple):
    """Makes the arguments of a good call; which of them are written, and which may be None."""

    arguments: Any
    written: frozenset[str]
    optional: frozenset[str] = frozenset()


def zeros(*shape, dtype=F32):
    return np.zeros(shape, dtype)


def rmsprop_arguments():
    lists = ("params", "grads", "mean_squares", "means", "velocities", "averages", "sums")
    return {
        **{name: [zeros(3, 4), zeros(5)] for name in lists},
        "rates": [RMSpropRates(0.1), RMSpropRates(l2=0.1, weight_decay=0.1)],
        "scales": [1.0, 0.5],
        "rule": RMSpropRule(momentum=0.5),
        "learning_rate": 0.1,
        "n_threads": 1,
    }


def rmsprop_update_arguments():
    names = ("param", "grad", "mean_square", "mean", "velocity", "average")
    numbers = {"learning_rate": 0.1, "l2": 0.1, "weight_decay": 0.1, "grad_scale": 0.5}
    return {**{name: zeros(3, 4) for name in names}, **numbers, "rule": RMSpropRule(momentum=0.5), "n_threads": 1}


def dense_arguments():
    return {"x": zeros(3, 4), "weight": zeros(4, 5), "bias": zeros(5), "out": zeros(3, 5), "relu": True,
            "sparse": True, "scratch": zeros(SCRATCH), "n_threads": 1}  # fmt: skip


def dense_backward_arguments():
    return {"x": zeros(3, 4), "weight": zeros(4, 5), "dy": zeros(3, 5), "dx": zeros(3, 4), "dweight": zeros(4, 5),
            "dbias": zeros(5), "sparse_x": True, "sparse_dy": True, "cut_dx": True,
            "scratch": zeros(SCRATCH), "n_threads": 1}  # fmt: skip


def conv2d_arguments():
    return {"x": zeros(2, 5, 7, 3), "weight": zeros(3, 3, 3, 4), "bias": zeros(4), "out": zeros(2, 2, 3, 4),
            "argmax": zeros(2, 2, 3, 4, dtype=U8), "geometry": GEOMETRY, "scratch": zeros(SCRATCH),
            "n_threads": 1, "scale": zeros(4)}  # fmt: skip


def conv2d_backward_arguments():
    return {"x": zeros(2, 5, 7, 3), "weight": zeros(3, 3, 3, 4), "out": zeros(2, 2, 3, 4), "dy": zeros(2, 2, 3, 4),
            "argmax": zeros(2, 2, 3, 4, dtype=U8), "dx": zeros(2, 5, 7, 3), "dweight": zeros(3, 3, 3, 4),
            "dbias": zeros(4), "geometry": GEOMETRY, "scratch": zeros(SCRATCH), "n_threads": 1}  # fmt: skip


def pool_arguments():
    return {"x": zeros(2, 3, 4, 3), "out": zeros(2, 2, 3, 3), "argmax": zeros(2, 2, 3, 3, dtype=U8),
            "pool": (2, 2), "stride": (1, 1), "n_threads": 1}  # fmt: skip


def pool_backward_arguments():
    return {"dy": zeros(2, 2, 3, 3), "argmax": zeros(2, 2, 3, 3, dtype=U8), "dx": zeros(2, 3, 4, 3),
            "pool": (2, 2), "stride": (1, 1), "n_threads": 1}  # fmt: skip


def average_pool_arguments():
    return {"x": zeros(2, 3, 4, 3), "out": zeros(2, 2, 3, 3), "pool": (2, 2), "stride": (1, 1), "n_threads": 1}


def average_pool_backward_arguments():
    return {"dy": zeros(2, 2, 3, 3), "dx": zeros(2, 3, 4, 3), "pool": (2, 2), "stride": (1, 1), "n_threads": 1}


def depthwise_arguments():
    return {"x": zeros(2, 5, 7, 3), "weight": zeros(2, 3, 3), "bias": zeros(3), "out": zeros(2, 6, 7, 3),
            "stride": (1, 1), "padding": (1, 1, 1, 1), "n_threads": 1}  # fmt: skip


def depthwise_backward_arguments():
    return {"x": zeros(2, 5, 7, 3), "weight": zeros(2, 3, 3), "dy": zeros(2, 6, 7, 3), "dx": zeros(2, 5, 7, 3),
            "dweight": zeros(2, 3, 3), "dbias": zeros(3), "stride": (1, 1), "padding": (1, 1, 1, 1),
            "scratch": zeros(SCRATCH), "n_threads": 1}  # fmt: skip


def dropout_channels_arguments():
    return {"x": zeros(2, 3, 4, 3), "out": zeros(2, 3, 4, 3), "rate": 0.5, "key": 7, "n_threads": 1}


def cross_entropy_arguments():
    return {"logits": zeros(4, 3), "labels": zeros(4, dtype=I64), "weights": zeros(4), "losses": zeros(4),
            "hits": zeros(4, dtype=U8), "dlogits": zeros(4, 3), "n_threads": 1, "others": zeros(4, dtype=I64),
            "shares": zeros(4), "smoothing": 0.25}  # fmt: skip


def pointwise_loss_arguments():
    return {"output": zeros(4, 3), "target": zeros(4, 3), "weights": zeros(4), "losses": zeros(4),
            "hits": zeros(4, dtype=U8), "gradient": zeros(4, 3), "kind": "huber", "parameter": 1.0,
            "n_threads": 1}  # fmt: skip


def pairs(*names):
    """Two lists of the same shapes."""
    return {name: [zeros(3, 4), zeros(2)] for name in names}


def gather_arguments():
    return {"source": zeros(6, 4), "indices": zeros(3, dtype=I64), "out": zeros(3, 4), "scale": 1.0, "n_threads": 1}


def augment_arguments():
    return {"source": zeros(6, 3, 4, 2), "indices": zeros(3, dtype=I64), "maps": zeros(3, 2, 3, dtype=F64),
            "tones": zeros(3, 2, dtype=F64), "holes": zeros(3, 2, 4, dtype=I64), "hole_values": zeros(2, dtype=F64),
            "shares": zeros(3, dtype=F64), "out": zeros(3, 3, 4, 2), "sampling": Sampling(), "scale": 1.0,
            "scratch": zeros(SCRATCH, dtype=F64), "n_threads": 1}  # fmt: skip


def activation_arguments():
    return {"x": zeros(3, 4), "out": zeros(3, 4), "kind": "gelu", "slope": 0.5, "n_threads": 1}


def activation_backward_arguments():
    return {**{name: zeros(3, 4) for name in ("x", "out", "dy", "dx")}, "kind": "elu", "slope": 0.5, "n_threads": 1}


def batch_norm_arguments():
    channels = ("gamma", "beta", "running_mean", "running_variance", "mean", "scale")
    return {"x": zeros(3, 4), **{name: zeros(4) for name in channels}, "out": zeros(3, 4), "epsilon": 0.1,
            "decay": 0.9, "scratch": zeros(SCRATCH, dtype=F64), "n_threads": 1}  # fmt: skip


def batch_norm_apply_arguments():
    channels = ("gamma", "beta", "running_mean", "running_variance", "scale")
    return {"x": zeros(3, 4), **{name: zeros(4) for name in channels}, "out": zeros(3, 4), "epsilon": 0.1,
            "n_threads": 1}  # fmt: skip


def batch_norm_fold_arguments():
    channels = ("gamma", "beta", "running_mean", "running_variance", "bias", "scale", "shift")
    return {**{name: zeros(4) for name in channels}, "epsilon": 0.1}


def batch_norm_backward_arguments():
    return {"x": zeros(3, 4), "gamma": zeros(4), "mean": zeros(4), "scale": zeros(4), "dy": zeros(3, 4),
            "dx": zeros(3, 4), "dgamma": zeros(4), "dbeta": zeros(4), "scratch": zeros(SCRATCH, dtype=F64),
            "n_threads": 1}  # fmt: skip


CALLS = {
    "rmsprop_step": Call(
        rmsprop_arguments,
        frozenset({"params", "mean_squares", "means", "velocities", "averages", "sums"}),
        frozenset({"means", "velocities", "averages", "sums"}),
    ),
    "rmsprop_update": Call(
        rmsprop_update_arguments,
        frozenset({"param", "mean_square", "mean", "velocity", "average"}),
        frozenset({"mean", "velocity", "average"}),
    ),
    "dense_forward": Call(dense_arguments, frozenset({"out"}), frozenset({"bias"})),
    "dense_backward": Call(dense_backward_arguments, frozenset({"dx", "dweight", "dbias"}), frozenset({"dx", "dbias"})),
    "conv2d_forward": Call(conv2d_arguments, frozenset({"out", "argmax"}), frozenset({"bias", "argmax", "scale"})),
    "conv2d_backward": Call(
        conv2d_backward_arguments, frozenset({"dx", "dweight", "dbias"}), frozenset({"dx", "dweight", "dbias"})
    ),
    "max_pool2d_forward": Call(pool_arguments, frozenset({"out", "argmax"})),
    "max_pool2d_backward": Call(pool_backward_arguments, frozenset({"dx"})),
    "average_pool2d_forward": Call(average_pool_arguments, frozenset({"out"})),
    "average_pool2d_backward": Call(average_pool_backward_arguments, frozenset({"dx"})),
    "depthwise_conv2d_forward": Call(depthwise_arguments, frozenset({"out"}), frozenset({"bias"})),
    "depthwise_conv2d_backward": Call(
        depthwise_backward_arguments, frozenset({"dx", "dweight", "dbias"}), frozenset({"dx", "dbias"})
    ),
    "dropout_channels": Call(dropout_channels_arguments, frozenset({"out"})),
    "add": Call(lambda: {**{name: zeros(3, 4) for name in ("x", "y", "out")}, "n_threads": 1}, frozenset({"out"})),
    "relu_forward": Call(lambda: {"x": zeros(3, 4), "out": zeros(3, 4), "n_threads": 1}, frozenset({"out"})),
    "relu_backward": Call(
        lambda: {"out": zeros(3, 4), "dy": zeros(3, 4), "dx": zeros(3, 4), "n_threads": 1}, frozenset({"dx"})
    ),
    "activation_forward": Call(activation_arguments, frozenset({"out"})),
    "activation_backward": Call(activation_backward_arguments, frozenset({"dx"})),
    "batch_norm_forward": Call(
        batch_norm_arguments, frozenset({"running_mean", "running_variance", "mean", "scale", "out"})
    ),
    "batch_norm_apply": Call(batch_norm_apply_arguments, frozenset({"scale", "out"})),
    "batch_norm_fold": Call(batch_norm_fold_arguments, frozenset({"scale", "shift"}), frozenset({"bias"})),
    "batch_norm_backward": Call(batch_norm_backward_arguments, frozenset({"dx", "dgamma", "dbeta"}), frozenset({"dx"})),
    "dropout": Call(
        lambda: {"x": zeros(3, 4), "out": zeros(3, 4), "rate": 0.5, "key": 7, "n_threads": 1}, frozenset({"out"})
    ),
    "rmsprop_accumulate": Call(lambda: {**pairs("grads", "sums"), "n_threads": 1}, frozenset({"sums"})),
    "rmsprop_average": Call(
        lambda: {**pairs("params", "averages"), "ema": 0.5, "n_threads": 1}, frozenset({"averages"})
    ),
    "gather": Call(gather_arguments, frozenset({"out"})),
    "augment": Call(augment_arguments, frozenset({"out"}), frozenset({"tones", "shares"})),
    "softmax": Call(lambda: {"logits": zeros(3, 4), "out": zeros(3, 4), "n_threads": 1}, frozenset({"out"})),
    "pointwise_loss": Call(
        pointwise_loss_arguments, frozenset({"losses", "hits", "gradient"}), frozenset({"hits", "gradient"})
    ),
    "cross_entropy": Call(cross_entropy_arguments, frozenset({"losses", "hits", "dlogits"}), frozenset({"dlogits"})),
}


def slots(arguments, scratch=False):
    """Every array among the arguments; the twins have no use for the scratch."""
    found = [Slot(name) for name, value in arguments.items() if isinstance(value, np.ndarray)]
    found += [
        Slot(name, i)
        for name, value in arguments.items()
        if isinstance(value, list)
        for i, one in enumerate(value)
        if isinstance(one, np.ndarray)
    ]
    return [slot for slot in found if scratch or slot.name != "scratch"]


def arrays_of(arguments):
    return [slot.get(arguments) for slot in slots(arguments, scratch=True)]


def outcome(function, arguments):
    """The error that a call raises, as (type, message), or None; whatever it is, a refusal changes no array."""
    before = [array.tobytes() for array in arrays_of(arguments)]
    refusal = None
    try:
        function(*arguments.values())
    except Exception as error:
        refusal = type(error), str(error)
    changed = [
        str(slot)
        for slot, content in zip(slots(arguments, scratch=True), before, strict=True)
        if slot.get(arguments).tobytes() != content and slot.name != "scratch"
    ]
    assert not (refusal and changed), f"{function.__name__} refused with {refusal} after it had changed {changed}"
    return refusal


def both(name, spoil):
    """The outcome of a spoiled call in both implementations, which must agree."""
    outcomes = []
    for implementation in (COMPILED, REFERENCE):
        arguments = CALLS[name].arguments()
        for array in arrays_of(arguments):
            array[...] = 1 if array.dtype != I64 else 0  # so that a change shows
        spoil(arguments)
        outcomes.append(outcome(getattr(implementation, name), arguments))
    assert outcomes[0] == outcomes[1]
    return outcomes[0]


# ways to spoil an array; each returns None where it does not apply


def as_integers(array):
    return array.astype(np.int8 if array.dtype == U8 else np.int32)


def as_doubles(array):
    return array.astype(np.float64) if array.dtype == F32 else None


def as_complex(array):
    return array.astype(np.complex128)


def as_half(array):
    return array.astype(np.float16)


def byte_swapped(array):
    return array.astype(array.dtype.newbyteorder()) if array.itemsize > 1 else None


def misaligned(array):
    if array.itemsize == 1:
        return None
    moved = np.zeros(array.nbytes + 1, U8)[1:].view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


def strided(array):
    return np.repeat(array, 2, axis=-1)[..., ::2]


def fortran(array):
    return np.asfortranarray(array) if array.ndim > 1 else None


def read_only(array):
    array.flags.writeable = False
    return array


def one_more_axis(array):
    return array[None].copy()


def longer_along(axis):
    def longer(array):
        return np.concatenate([array, array.take([0], axis)], axis) if axis < array.ndim else None

    longer.__name__ = f"longer_along_{axis}"
    return longer
