"""What the twins of reference.py demand of their arguments: the checks of the compiled wrappers, call by call."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from crmsprop.kernels._boundary import py_apart as apart
from crmsprop.kernels._boundary import py_reads as reads
from crmsprop.kernels._boundary import py_real_of as real_of
from crmsprop.kernels._boundary import py_same_shape as same_shape
from crmsprop.kernels._boundary import py_sized as sized
from crmsprop.kernels._boundary import py_writes as writes
from crmsprop.kernels.geometry import ConvGeometry, window_count

Array = np.ndarray[Any, np.dtype[Any]]
Shape = Sequence[int]

UINT8, INT64 = np.dtype(np.uint8), np.dtype(np.int64)


def check_params(params: list[Array]) -> None:
    """Every parameter can be updated in place."""
    for i, param in enumerate(params):
        writes(param, "params", real_of(params[0], "params", 0), param.ndim, i)


def check_rmsprop(
    params: list[Array], grads: list[Array], mean_squares: list[Array], means: Any, velocities: Any
) -> None:
    """Every array fits its parameter, before anything is changed."""
    check_params(params)
    for i, param in enumerate(params):
        real = param.dtype
        states = {"mean_squares": mean_squares, "means": means, "velocities": velocities}
        for name, arrays in {"grads": grads, **states}.items():
            if arrays is not None:
                same_shape(arrays[i], name, param, "params", i)
                apart(arrays[i], name, param, "params", i)
                (reads if name == "grads" else writes)(arrays[i], name, real, param.ndim, i)


def check_dense(x: Array, weight: Array, bias: Array | None, out: Array) -> None:
    """Operands and target of dense_forward."""
    real = _check_dense_operands(x, weight)
    writes(out, "out", real, 2)
    sized(out, "out", 0, x.shape[0])
    sized(out, "out", 1, weight.shape[1])
    apart(out, "out", x, "x")
    if bias is not None:
        reads(bias, "bias", real, 1)
        sized(bias, "bias", 0, weight.shape[1])


def check_dense_backward(
    x: Array, weight: Array, dy: Array, dx: Array | None, dweight: Array, dbias: Array | None
) -> None:
    """Operands and targets of dense_backward."""
    real = _check_dense_operands(x, weight)
    reads(dy, "dy", real, 2)
    sized(dy, "dy", 0, x.shape[0])
    sized(dy, "dy", 1, weight.shape[1])
    writes(dweight, "dweight", real, 2)
    same_shape(dweight, "dweight", weight, "weight")
    if dbias is not None:
        writes(dbias, "dbias", real, 1)
        sized(dbias, "dbias", 0, weight.shape[1])
    _check_dx(x, dy, dx, real)


def _check_dense_operands(x: Array, weight: Array) -> np.dtype[Any]:
    real = real_of(x, "x")
    reads(x, "x", real, 2)
    reads(weight, "weight", real, 2)
    sized(weight, "weight", 0, x.shape[1])
    return real


def _check_dx(x: Array, dy: Array, dx: Array | None, real: np.dtype[Any]) -> None:
    if dx is not None:
        writes(dx, "dx", real, x.ndim)
        same_shape(dx, "dx", x, "x")
        apart(dx, "dx", x, "x")
        apart(dx, "dx", dy, "dy")


def check_conv_sizes(x_shape: Shape, weight_shape: Shape, geometry: ConvGeometry) -> tuple[int, int]:
    """Rows and columns of the pooled output; ValueError where nothing is left."""
    rows, columns = geometry.pooled(x_shape[1], x_shape[2], (weight_shape[0], weight_shape[1]))
    if rows < 1 or columns < 1:
        raise ValueError(f"x must be larger than the windows of {geometry}, got shape {tuple(x_shape)}")
    if geometry.pool[0] * geometry.pool[1] > 255:
        raise ValueError(f"geometry.pool must cover at most 255 pixels, got {geometry.pool[0]} x {geometry.pool[1]}")
    return rows, columns


def check_conv(
    x: Array, weight: Array, bias: Array | None, out: Array, argmax: Array | None, geometry: ConvGeometry
) -> None:
    """Operands and targets of conv2d_forward."""
    real, size = _check_conv_operands(x, weight, argmax, geometry)
    writes(out, "out", real, 4)
    _check_output(out, "out", x, weight, size)
    apart(out, "out", x, "x")
    if bias is not None:
        reads(bias, "bias", real, 1)
        sized(bias, "bias", 0, weight.shape[3])


def check_conv_backward(
    x: Array,
    weight: Array,
    out: Array,
    dy: Array,
    argmax: Array | None,
    dx: Array | None,
    dweight: Array,
    dbias: Array | None,
    geometry: ConvGeometry,
) -> None:
    """Operands and targets of conv2d_backward."""
    real, size = _check_conv_operands(x, weight, argmax, geometry)
    if argmax is None and geometry.pool != (1, 1):
        raise ValueError("argmax must be the array that conv2d_forward filled, got None")
    reads(out, "out", real, 4)
    _check_output(out, "out", x, weight, size)
    reads(dy, "dy", real, 4)
    same_shape(dy, "dy", out, "out")
    writes(dweight, "dweight", real, 4)
    same_shape(dweight, "dweight", weight, "weight")
    if dbias is not None:
        writes(dbias, "dbias", real, 1)
        sized(dbias, "dbias", 0, weight.shape[3])
    _check_dx(x, dy, dx, real)


def _check_conv_operands(
    x: Array, weight: Array, argmax: Array | None, geometry: ConvGeometry
) -> tuple[np.dtype[Any], tuple[int, int]]:
    real = real_of(x, "x")
    reads(x, "x", real, 4)
    reads(weight, "weight", real, 4)
    sized(weight, "weight", 2, x.shape[3])
    size = check_conv_sizes(x.shape, weight.shape, geometry)
    if geometry.pool != (1, 1) and argmax is not None:
        writes(argmax, "argmax", UINT8, 4)
        _check_output(argmax, "argmax", x, weight, size)
    return real, size


def _check_output(array: Array, name: str, x: Array, weight: Array, size: tuple[int, int]) -> None:
    for axis, length in enumerate((x.shape[0], *size, weight.shape[3])):
        sized(array, name, axis, length)


def check_pool(
    large: Array,
    large_name: str,
    small: Array,
    small_name: str,
    argmax: Array,
    pool: tuple[int, int],
    stride: tuple[int, int],
) -> None:
    """Both sides of a pooling: `large` before it, `small` after it."""
    forward = large_name == "x"
    first, second = (
        ((large, large_name), (small, small_name)) if forward else ((small, small_name), (large, large_name))
    )
    real = real_of(*first)
    reads(*first, real, 4)
    writes(*second, real, 4)
    apart(*second, *first)
    if min(pool) < 1 or pool[0] * pool[1] > 255:
        raise ValueError(f"pool must cover 1 to 255 pixels, got {pool}")
    if min(stride) < 1:
        raise ValueError(f"stride must be at least 1, got {stride}")
    rows, columns = (window_count(large.shape[1 + i], pool[i], stride[i]) for i in (0, 1))
    for axis, length in enumerate((large.shape[0], rows, columns, large.shape[3])):
        sized(small, small_name, axis, length)
    writes(argmax, "argmax", UINT8, 4)
    same_shape(argmax, "argmax", small, small_name)


def check_map(x: Array, x_name: str, out: Array, out_name: str, may_be_same: bool = False) -> None:
    """Source and target of a kernel that maps element to element."""
    real = real_of(x, x_name)
    reads(x, x_name, real, x.ndim)
    writes(out, out_name, real, out.ndim)
    same_shape(out, out_name, x, x_name)
    if not (may_be_same and x.ctypes.data == out.ctypes.data):
        apart(out, out_name, x, x_name)


def check_relu_backward(out: Array, dy: Array, dx: Array) -> None:
    """Operands and target of relu_backward."""
    real = real_of(out, "out")
    reads(out, "out", real, out.ndim)
    reads(dy, "dy", real, dy.ndim)
    writes(dx, "dx", real, dx.ndim)
    same_shape(dy, "dy", out, "out")
    same_shape(dx, "dx", out, "out")
    apart(dx, "dx", out, "out")
    if dy.ctypes.data != dx.ctypes.data:
        apart(dx, "dx", dy, "dy")


def check_rate(rate: float) -> None:
    """Rate of a dropout."""
    if not 0 <= rate < 1:
        raise ValueError(f"rate must be in [0, 1), got {rate}")


def check_gather(source: Array, indices: Array, out: Array) -> None:
    """Source rows, indices and target of gather."""
    real = real_of(out, "out")
    writes(out, "out", real, out.ndim)
    reads(indices, "indices", INT64, 1)
    if source.ndim == 0 or source.dtype not in (np.uint8, np.float32, np.float64) or not source.dtype.isnative:
        raise TypeError(f"source must be a uint8, float32 or float64 array of rows, got {source.dtype.str}")
    if out.shape != (len(indices), *source.shape[1:]):
        raise ValueError(f"out must have shape {(len(indices), *source.shape[1:])}, got {out.shape}")
    if not source.flags.aligned:
        raise ValueError("source must be aligned in memory, got an address that is not a multiple of its item size")
    if len(source) and not source[0].flags.c_contiguous:
        raise ValueError(f"source must have contiguous rows, got strides {source.strides}")
    for i, index in enumerate(indices):
        if not 0 <= index < len(source):
            raise IndexError(f"indices[{i}] must be in [0, {len(source)}), got {index}")


def check_cross_entropy(
    logits: Array, labels: Array, weights: Array, losses: Array, hits: Array, dlogits: Array | None
) -> None:
    """Operands and targets of cross_entropy."""
    real = real_of(logits, "logits")
    reads(logits, "logits", real, 2)
    reads(labels, "labels", INT64, 1)
    reads(weights, "weights", real, 1)
    writes(losses, "losses", real, 1)
    writes(hits, "hits", UINT8, 1)
    for array, name in ((labels, "labels"), (weights, "weights"), (losses, "losses"), (hits, "hits")):
        sized(array, name, 0, logits.shape[0])
    for i, label in enumerate(labels):
        if not 0 <= label < logits.shape[1]:
            raise ValueError(f"labels[{i}] must be in [0, {logits.shape[1]}), got {label}")
    if dlogits is not None:
        writes(dlogits, "dlogits", real, 2)
        same_shape(dlogits, "dlogits", logits, "logits")
        apart(dlogits, "dlogits", logits, "logits")
