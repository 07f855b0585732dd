"""What the twins demand of their arguments: the checks of the compiled wrappers, call by call."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from crmsprop.kernels._boundary import an_array
from crmsprop.kernels._boundary import py_reads as reads
from crmsprop.kernels._boundary import py_real_of as real_of
from crmsprop.kernels._boundary import py_same_shape as same_shape
from crmsprop.kernels._boundary import py_separate as separate
from crmsprop.kernels._boundary import py_sized as sized
from crmsprop.kernels._boundary import py_writes as writes
from crmsprop.kernels.geometry import ConvGeometry, window_count

Array = np.ndarray[Any, np.dtype[Any]]
Pair = tuple[int, int]
Shape = Sequence[int]

#: The compiled kernels raise no floating-point warnings, so their twins do not.
silent = np.errstate(all="ignore")

UINT8, INT64 = np.dtype(np.uint8), np.dtype(np.int64)


def check_dense(x: Array, weight: Array, bias: Array | None, out: Array) -> None:
    """Operands and target of dense_forward."""
    real = _check_dense_operands(x, weight)
    writes(out, "out", real, 2)
    sized(out, "out", 0, x.shape[0])
    sized(out, "out", 1, weight.shape[1])
    if bias is not None:
        reads(bias, "bias", real, 1)
        sized(bias, "bias", 0, weight.shape[1])
    separate(("out", "x", "weight", "bias"), (out, x, weight, bias), 1)


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
    _check_dx(x, dx, real)
    separate(("dx", "dweight", "dbias", "x", "weight", "dy"), (dx, dweight, dbias, x, weight, dy), 3)


def _check_dense_operands(x: Array, weight: Array) -> np.dtype[Any]:
    real = real_of(x, "x")
    reads(x, "x", real, 2)
    reads(weight, "weight", real, 2)
    sized(weight, "weight", 0, x.shape[1])
    return real


def _check_dx(x: Array, dx: Array | None, real: np.dtype[Any]) -> None:
    if dx is not None:
        writes(dx, "dx", real, x.ndim)
        same_shape(dx, "dx", x, "x")


def check_conv_sizes(x_shape: Shape, weight_shape: Shape, geometry: ConvGeometry) -> tuple[int, int]:
    """Rows and columns of the pooled output; ValueError where nothing is left."""
    return geometry.output(tuple(x_shape), tuple(weight_shape))


def check_conv(
    x: Array,
    weight: Array,
    bias: Array | None,
    out: Array,
    argmax: Array | None,
    geometry: ConvGeometry,
    scale: Array | None,
) -> None:
    """Operands and targets of conv2d_forward."""
    real, size = _check_conv_operands(x, weight, argmax, geometry)
    writes(out, "out", real, 4)
    _check_output(out, "out", x, weight, size)
    if bias is not None:
        reads(bias, "bias", real, 1)
        sized(bias, "bias", 0, weight.shape[3])
    if scale is not None:
        reads(scale, "scale", real, 1)
        sized(scale, "scale", 0, weight.shape[3])
    separate(("out", "argmax", "x", "weight", "bias", "scale"), (out, argmax, x, weight, bias, scale), 2)


def check_conv_backward(
    x: Array,
    weight: Array,
    out: Array,
    dy: Array,
    argmax: Array | None,
    dx: Array | None,
    dweight: Array | None,
    dbias: Array | None,
    geometry: ConvGeometry,
) -> None:
    """Operands and targets of conv2d_backward."""
    real, size = _check_conv_operands(x, weight, argmax, geometry)
    if argmax is None and geometry.pool != (1, 1):
        raise TypeError("argmax must be the array that conv2d_forward filled, got None")
    reads(out, "out", real, 4)
    _check_output(out, "out", x, weight, size)
    reads(dy, "dy", real, 4)
    same_shape(dy, "dy", out, "out")
    if dweight is not None:
        writes(dweight, "dweight", real, 4)
        same_shape(dweight, "dweight", weight, "weight")
    if dbias is not None:
        writes(dbias, "dbias", real, 1)
        sized(dbias, "dbias", 0, weight.shape[3])
    _check_dx(x, dx, real)
    names = ("dx", "dweight", "dbias", "x", "weight", "out", "dy", "argmax")
    separate(names, (dx, dweight, dbias, x, weight, out, dy, argmax), 3)


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


def check_max_pool(
    large: Array, large_name: str, small: Array, small_name: str, argmax: Array, pool: Pair, stride: Pair
) -> None:
    """Both sides of a max-pooling: `large` before it, `small` after it."""
    _check_pool_operands(large, large_name, small, small_name)
    high, wide = pool
    if not 1 <= high * wide <= 255:
        raise ValueError(f"pool must cover 1 to 255 pixels, got {pool}")
    _check_pool_sizes(large, small, small_name, pool, stride)
    writes(argmax, "argmax", UINT8, 4)
    same_shape(argmax, "argmax", small, small_name)
    if large_name == "x":
        separate(("out", "argmax", "x"), (small, argmax, large), 2)
    else:
        separate(("dx", "dy", "argmax"), (large, small, argmax), 1)


def check_average_pool(large: Array, large_name: str, small: Array, small_name: str, pool: Pair, stride: Pair) -> None:
    """Both sides of an average-pooling: `large` before it, `small` after it."""
    _check_pool_operands(large, large_name, small, small_name)
    _check_pool_sizes(large, small, small_name, pool, stride)
    if large_name == "x":
        separate(("out", "x"), (small, large), 1)
    else:
        separate(("dx", "dy"), (large, small), 1)


def _check_pool_operands(large: Array, large_name: str, small: Array, small_name: str) -> None:
    operands = [(large, large_name), (small, small_name)]
    first, second = operands if large_name == "x" else operands[::-1]
    real = real_of(*first)
    reads(*first, real, 4)
    writes(*second, real, 4)


def _check_pool_sizes(large: Array, small: Array, small_name: str, pool: Pair, stride: Pair) -> None:
    (high, wide), (down, across) = pool, stride
    if min(high, wide) < 1:
        raise ValueError(f"pool must cover at least 1 pixel, got {pool}")
    if min(down, across) < 1:
        raise ValueError(f"stride must be at least 1, got {stride}")
    rows, columns = (window_count(large.shape[1 + i], pool[i], stride[i]) for i in (0, 1))
    for axis, length in enumerate((large.shape[0], rows, columns, large.shape[3])):
        sized(small, small_name, axis, length)


def check_real(x: Array, name: str) -> None:
    """An array of floats that a kernel reads, of any shape."""
    real = real_of(x, name)
    reads(x, name, real, x.ndim)


def check_map(x: Array, x_name: str, out: Array, ndim: int | None = None, in_place: bool = False) -> None:
    """Source and target of a kernel that maps element to element, of `ndim` dimensions if that is given."""
    real = real_of(x, x_name)
    reads(x, x_name, real, x.ndim if ndim is None else ndim)
    writes(out, "out", real, an_array(out, "out").ndim if ndim is None else ndim)
    same_shape(out, "out", x, x_name)
    same = in_place and x.ctypes.data == out.ctypes.data
    separate(("out", x_name), (out, None if same else x), 1)


def check_sum(x: Array, y: Array, out: Array) -> None:
    """Operands and target of add."""
    real = real_of(x, "x")
    reads(x, "x", real, x.ndim)
    reads(y, "y", real, an_array(y, "y").ndim)
    writes(out, "out", real, an_array(out, "out").ndim)
    same_shape(y, "y", x, "x")
    same_shape(out, "out", x, "x")
    others = (None if array.ctypes.data == out.ctypes.data else array for array in (x, y))
    separate(("out", "x", "y"), (out, *others), 1)


def check_relu_backward(out: Array, dy: Array, dx: Array) -> None:
    """Operands and target of relu_backward."""
    real = real_of(out, "out")
    reads(out, "out", real, out.ndim)
    reads(dy, "dy", real, an_array(dy, "dy").ndim)
    writes(dx, "dx", real, an_array(dx, "dx").ndim)
    same_shape(dy, "dy", out, "out")
    same_shape(dx, "dx", out, "out")
    separate(("dx", "out", "dy"), (dx, out, None if dy.ctypes.data == dx.ctypes.data else dy), 1)


def check_rate(rate: float) -> None:
    """Rate of a dropout."""
    if not 0 <= rate < 1:
        raise ValueError(f"rate must be in [0, 1), got {float(rate)}")


def check_gather(source: Array, indices: Array, out: Array) -> None:
    """Source rows, indices and target of gather."""
    real = real_of(out, "out")
    writes(out, "out", real, out.ndim)
    reads(indices, "indices", INT64, 1)
    source = an_array(source, "source")
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
    if np.may_share_memory(out, source):
        raise ValueError("out must not overlap source in memory")
    separate(("out", "indices"), (out, indices), 1)
