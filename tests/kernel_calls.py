"""Kernels called with every array watched: inputs must keep their bytes, and nothing outside of an output may change.

At the root of tests/ and not in tests/kernels/, for the reason that `cifar_files` gives.
"""

import contextlib
import importlib
import math
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from crmsprop import kernels
from crmsprop.kernels import reference
from crmsprop.kernels.rule import RMSpropRates, RMSpropRule, RMSpropState
from crmsprop.kernels.sampling import Sampling

MODULES = {
    "_rmsprop": (
        "RMSpropArrays",
        "rmsprop_accumulate",
        "rmsprop_average",
        "rmsprop_check",
        "rmsprop_squares",
        "rmsprop_update",
    ),
    "_dense": ("dense_scratch", "dense_forward", "dense_backward"),
    "_conv2d": ("conv2d_scratch", "conv2d_forward", "conv2d_backward"),
    "_depthwise": ("depthwise_conv2d_scratch", "depthwise_conv2d_forward", "depthwise_conv2d_backward"),
    "_pool": ("max_pool2d_forward", "max_pool2d_backward", "average_pool2d_forward", "average_pool2d_backward"),
    "_elementwise": (
        *("relu_forward", "relu_backward", "add", "dropout", "dropout_channels", "gather"),
        "all_finite",
    ),
    "_softmax": ("softmax", "cross_entropy"),
    "_pointwise_loss": ("pointwise_loss",),
    "_activation": ("activation_forward", "activation_backward"),
    "_augment": ("augment_scratch", "augment"),
    "_batch_norm": (
        *("batch_norm_scratch", "batch_norm_forward", "batch_norm_apply", "batch_norm_fold"),
        "batch_norm_backward",
    ),
}


def step_of(arrays):
    """RMSpropArrays made for one step: a kernel like the others, all arrays among its arguments."""

    def rmsprop_step(
        params, grads, mean_squares, means, velocities, averages, sums, rates, scales, rule, learning_rate, n_threads
    ):
        state = RMSpropState(mean_squares, means, velocities, averages, sums)
        arrays(params, state, rates).step(grads, learning_rate, rule, scales, n_threads)

    return rmsprop_step


def kernels_in(package, *, in_modules):
    """The kernels of one implementation, and rmsprop_step."""
    found = {
        name: getattr(importlib.import_module(f"{package}.{module}") if in_modules else package, name)
        for module, names in MODULES.items()
        for name in names
    }
    return SimpleNamespace(**found, rmsprop_step=step_of(found["RMSpropArrays"]))


COMPILED = kernels_in("crmsprop.kernels", in_modules=True)
REFERENCE = kernels_in(reference, in_modules=False)
ISAS = kernels.supported_isas()
IMPLEMENTATIONS = ("reference", *ISAS)
DTYPES = (np.float32, np.float64)
TOLERANCE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}

MARGIN = 64  # elements on both sides of an array: twice the widest panel
FILL = {"f": 0xFF, "i": 0xFF, "u": 0xAA}  # floats: NaN; uint8: no place in any window of these tests, nor CUT_OFF
SMALL = 0x3C  # beside an output, floats of 0.01 and 2e-18: to add to a NaN would leave no trace


@contextlib.contextmanager
def implementation(name):
    """The kernels of one implementation: the NumPy twins, or the compiled ones on one instruction set."""
    before = kernels.active_isa()
    kernels.use_isa(before if name == "reference" else name)
    try:
        yield REFERENCE if name == "reference" else COMPILED
    finally:
        kernels.use_isa(before)


class Out(NamedTuple):
    """An array that the kernel fills; it begins as NaN."""

    shape: Any
    dtype: Any


class InOut(NamedTuple):
    """An array that the kernel changes."""

    array: Any


class Placed:
    """An array in the middle of a buffer, `shift` elements past a multiple of 64 bytes."""

    def __init__(self, argument, shift=0):
        dtype = np.dtype(argument.dtype if not isinstance(argument, InOut) else argument.array.dtype)
        shape = argument.array.shape if isinstance(argument, InOut) else argument.shape
        size, margin = math.prod(shape) * dtype.itemsize, MARGIN * dtype.itemsize
        self.written = isinstance(argument, Out | InOut)
        self.fill = SMALL if self.written else FILL[dtype.kind]
        raw = np.full(size + 2 * margin + 64 + shift * dtype.itemsize, self.fill, np.uint8)
        start = margin + (-(raw.ctypes.data + margin)) % 64 + shift * dtype.itemsize
        self.before, self.inside, self.after = raw[:start], raw[start : start + size], raw[start + size :]
        self.array = self.inside.view(dtype).reshape(shape)
        if isinstance(argument, Out):
            self.inside[...] = FILL[dtype.kind]
        else:
            self.array[...] = argument.array if isinstance(argument, InOut) else argument
        self.contents = self.inside.tobytes()

    def check(self, function):
        for margin in (self.before, self.after):
            assert np.all(margin == self.fill), f"{function} wrote beside an array of shape {self.array.shape}"
        if not self.written:
            assert self.inside.tobytes() == self.contents, f"{function} changed an input of shape {self.array.shape}"


def call(function, *arguments, shift=0):
    """Call a kernel with copies of the arrays in `arguments`; returns those that are Out or InOut, in order.

    A list of arrays stands for a list of arrays, and comes back as one.
    """
    placed = [_place(argument, shift) for argument in arguments]
    function(*[_array(argument) for argument in placed])
    for argument in placed:
        for one in argument if isinstance(argument, list) else [argument]:
            if isinstance(one, Placed):
                one.check(function.__name__)
    return [_array(argument) for argument in placed if _written(argument)]


def _place(argument, shift):
    if isinstance(argument, list) and any(isinstance(one, np.ndarray | Out | InOut) for one in argument):
        return [Placed(one, shift) for one in argument]
    return Placed(argument, shift) if isinstance(argument, np.ndarray | Out | InOut) else argument


def _array(argument):
    if isinstance(argument, list):
        return [_array(one) for one in argument]
    return argument.array if isinstance(argument, Placed) else argument


def _written(argument):
    one = argument[0] if isinstance(argument, list) and argument else argument
    return isinstance(one, Placed) and one.written


# one function a kernel: arrays in, the written arrays out


def rmsprop_step(kernel, arrays, rates, l2s, scales=None, n_threads=2, shift=0, **options):
    """`arrays` are the lists params, grads, mean_squares, means, velocities and perhaps averages and sums.

    Returns those that are written, all but the second. `options` are the oracle's.
    """
    params, grads, *states = [*arrays, None, None][:7]
    states = [None if state is None else [InOut(array) for array in state] for state in states]
    rule, weight_decay = rule_of(**options)
    settings = [RMSpropRates(rate, l2, weight_decay) for rate, l2 in zip(rates, l2s, strict=True)]
    changed = [[InOut(param) for param in params], list(grads), *states]
    written = call(kernel.rmsprop_step, *changed, settings, scales, rule, 123.0, n_threads, shift=shift)
    present = iter(written)
    found = [None if state is None else next(present) for state in (params, *states)] if params else [params, *states]
    return found[: len(arrays) - 1]


def rule_of(rho=0.9, epsilon=1e-8, eps_in_sqrt=False, weight_decay=0.0, centered=False, **options):
    """The rule of the oracle's options, and the decay, which is no part of it."""
    inside, outside = (epsilon, 0.0) if eps_in_sqrt else (0.0, epsilon)
    return RMSpropRule(rho, epsilon_inside=inside, epsilon_outside=outside, **options), weight_decay


def dense_forward(kernel, x, weight, bias=None, relu=False, sparse=False, n_threads=2, shift=0):
    (samples, inputs), units, dtype = x.shape, weight.shape[1], x.dtype
    scratch = Out((kernel.dense_scratch(samples, inputs, units, dtype, False, n_threads),), dtype)
    out = Out((samples, units), dtype)
    return call(kernel.dense_forward, x, weight, bias, out, relu, sparse, scratch, n_threads, shift=shift)[0]


def dense_backward(
    kernel, x, weight, dy, sparse=(False, False), n_threads=2, dx=True, dbias=True, shift=0, cut_dx=False
):
    """Returns dx, dweight, dbias; those that are not wanted as None. `sparse` is of x and of dy."""
    (samples, inputs), units, dtype = x.shape, weight.shape[1], x.dtype
    scratch = Out((kernel.dense_scratch(samples, inputs, units, dtype, True, n_threads),), dtype)
    targets = [Out(x.shape, dtype) if dx else None, Out(weight.shape, dtype), Out((units,), dtype) if dbias else None]
    arguments = x, weight, dy, *targets, *sparse, cut_dx, scratch, n_threads
    written = iter(call(kernel.dense_backward, *arguments, shift=shift))
    return [None if target is None else next(written) for target in targets]


def conv2d_forward(kernel, x, weight, bias, geometry, argmax=True, n_threads=2, shift=0, scale=None):
    """Returns out and argmax, which is None without a pool or where it is not wanted."""
    size = kernel.conv2d_scratch(x.shape, weight.shape, geometry, x.dtype, False, n_threads)
    shape = (len(x), *geometry.pooled(*x.shape[1:3], weight.shape[:2]), weight.shape[3])
    places = Out(shape, np.uint8) if argmax and geometry.pool != (1, 1) else None
    arguments = x, weight, bias, Out(shape, x.dtype), places, geometry, Out((size,), x.dtype), n_threads, scale
    written = call(kernel.conv2d_forward, *arguments, shift=shift)
    return written[0], None if places is None else written[1]


def conv2d_backward(
    kernel, x, weight, out, dy, argmax, geometry, n_threads=2, dx=True, dweight=True, dbias=True, shift=0
):
    """Returns dx, dweight, dbias; those that are not wanted as None."""
    size = kernel.conv2d_scratch(x.shape, weight.shape, geometry, x.dtype, True, n_threads)
    targets = [Out(x.shape, x.dtype) if dx else None, Out(weight.shape, x.dtype) if dweight else None]
    targets.append(Out(weight.shape[3:], x.dtype) if dbias else None)
    arguments = x, weight, out, dy, argmax, *targets, geometry, Out((size,), x.dtype), n_threads
    written = iter(call(kernel.conv2d_backward, *arguments, shift=shift))
    return [None if target is None else next(written) for target in targets]


def max_pool2d_forward(kernel, x, out_shape, pool, stride, n_threads=2, shift=0):
    targets = Out(out_shape, x.dtype), Out(out_shape, np.uint8)
    return call(kernel.max_pool2d_forward, x, *targets, pool, stride, n_threads, shift=shift)


def max_pool2d_backward(kernel, dy, argmax, x_shape, pool, stride, n_threads=2, shift=0):
    target = Out(x_shape, dy.dtype)
    return call(kernel.max_pool2d_backward, dy, argmax, target, pool, stride, n_threads, shift=shift)[0]


def average_pool2d_forward(kernel, x, out_shape, pool, stride, n_threads=2, shift=0):
    return call(kernel.average_pool2d_forward, x, Out(out_shape, x.dtype), pool, stride, n_threads, shift=shift)[0]


def average_pool2d_backward(kernel, dy, x_shape, pool, stride, n_threads=2, shift=0):
    return call(kernel.average_pool2d_backward, dy, Out(x_shape, dy.dtype), pool, stride, n_threads, shift=shift)[0]


def depthwise_forward(kernel, x, weight, bias, geometry, n_threads=2, shift=0):
    shape = (len(x), *geometry.convolved(*x.shape[1:3], weight.shape[:2]), x.shape[3])
    arguments = x, weight, bias, Out(shape, x.dtype), geometry.stride, geometry.padding, n_threads
    return call(kernel.depthwise_conv2d_forward, *arguments, shift=shift)[0]


def depthwise_backward(kernel, x, weight, dy, geometry, n_threads=2, dx=True, dbias=True, shift=0):
    """Returns dx, dweight, dbias; those that are not wanted as None."""
    scratch = Out((kernel.depthwise_conv2d_scratch(len(x), weight.shape),), x.dtype)
    targets = [Out(x.shape, x.dtype) if dx else None, Out(weight.shape, x.dtype)]
    targets.append(Out(weight.shape[2:], x.dtype) if dbias else None)
    arguments = x, weight, dy, *targets, geometry.stride, geometry.padding, scratch, n_threads
    written = iter(call(kernel.depthwise_conv2d_backward, *arguments, shift=shift))
    return [None if target is None else next(written) for target in targets]


def elementwise(function, *inputs, n_threads=2, shift=0):
    """relu_forward, relu_backward or softmax: arrays in, one array of their shape out."""
    return call(function, *inputs, Out(inputs[0].shape, inputs[0].dtype), n_threads, shift=shift)[0]


def dropout(kernel, x, rate, key, n_threads=2, shift=0):
    return call(kernel.dropout, x, Out(x.shape, x.dtype), rate, key, n_threads, shift=shift)[0]


def dropout_channels(kernel, x, rate, key, n_threads=2, shift=0):
    return call(kernel.dropout_channels, x, Out(x.shape, x.dtype), rate, key, n_threads, shift=shift)[0]


def add(kernel, x, y, n_threads=2, shift=0):
    return call(kernel.add, x, y, Out(x.shape, x.dtype), n_threads, shift=shift)[0]


def gather(kernel, source, indices, dtype, scale=1.0, n_threads=2):
    """`source` is not copied, since its strides are part of the test."""
    before = source.tobytes()
    shape = (len(indices), *source.shape[1:])
    (out,) = call(lambda *rest: kernel.gather(source, *rest), indices, Out(shape, np.dtype(dtype)), scale, n_threads)
    assert source.tobytes() == before
    return out


def cross_entropy(
    kernel, logits, labels, weights, n_threads=2, gradient=True, shift=0, others=None, shares=None, smoothing=0.0
):
    """Returns losses, hits and dlogits, the last None where it is not wanted."""
    count, dtype = len(logits), logits.dtype
    targets = Out((count,), dtype), Out((count,), np.uint8), Out(logits.shape, dtype) if gradient else None
    mix = others, shares, smoothing
    written = call(kernel.cross_entropy, logits, labels, weights, *targets, n_threads, *mix, shift=shift)
    return [*written, None][:3]


def pointwise_loss(
    kernel, output, target, weights, kind, parameter=0.0, n_threads=2, shift=0, hits=True, gradient=True
):
    """Returns losses, hits and gradient; those that are not wanted as None."""
    count, dtype = len(output), output.dtype
    targets = Out((count,), dtype), Out((count,), np.uint8) if hits else None, Out(output.shape, dtype)
    targets = (*targets[:2], targets[2] if gradient else None)
    written = iter(
        call(kernel.pointwise_loss, output, target, weights, *targets, kind, parameter, n_threads, shift=shift)
    )
    return [None if target is None else next(written) for target in targets]


def augment(
    kernel, source, indices, maps, dtype, tones=None, holes=None, hole_values=(), shares=None, before=None,
    sampling=None, scale=1.0, n_threads=2,
):  # fmt: skip
    """`source` is not copied, since its strides are part of the test; `before` is what `out` holds before a mix."""
    content, sampling, dtype = source.tobytes(), sampling or Sampling(), np.dtype(dtype)
    holes = np.zeros((len(indices), 0, 4), np.int64) if holes is None else holes
    out = Out((len(indices), *source.shape[1:]), dtype) if before is None else InOut(before)
    scratch = Out((kernel.augment_scratch(source.shape[1:], sampling, dtype, n_threads),), np.float64)
    changes = maps, tones, holes, np.array(hole_values, np.float64), shares
    found, _ = call(
        lambda *rest: kernel.augment(source, *rest), indices, *changes, out, sampling, scale, scratch, n_threads
    )
    assert source.tobytes() == content
    return found


# comparison


def assert_close(got, expected, scale=0.0):
    """Equal to the oracle within 1e-12 (float64) or 1e-5 (float32) of its largest value, or of `scale` if larger."""
    tolerance = TOLERANCE[got.dtype] * np.abs(expected).max(initial=scale)
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance, strict=False)
    assert got.shape == expected.shape


def bits(array):
    """The bytes of an array, every NaN alike."""
    array = np.asarray(array)
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), array.dtype.type(np.nan), array)
    return array.tobytes()


def assert_same_bits(got, expected):
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert one.shape == other.shape
            assert bits(one) == bits(other)
