"""What the twins of activations, normalization, losses and depthwise convolution demand; see checks.py."""

from typing import Any

import numpy as np

from crmsprop.kernels._boundary import an_array
from crmsprop.kernels._boundary import py_reads as reads
from crmsprop.kernels._boundary import py_real_of as real_of
from crmsprop.kernels._boundary import py_same_shape as same_shape
from crmsprop.kernels._boundary import py_separate as separate
from crmsprop.kernels._boundary import py_sized as sized
from crmsprop.kernels._boundary import py_writes as writes
from crmsprop.kernels.activations import KINDS
from crmsprop.kernels.geometry import ConvGeometry
from crmsprop.kernels.pointwise_losses import LOSSES
from crmsprop.kernels.reference.checks import INT64, UINT8, Array, Pair, Shape


def check_kind(kind: str) -> None:
    """The activation is one of ours."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r:.100}")


def check_activation_backward(x: Array, out: Array, dy: Array, dx: Array) -> None:
    """What activation_forward read and wrote, and the gradients; dx may be dy."""
    real = real_of(x, "x")
    for array, name in ((x, "x"), (out, "out"), (dy, "dy")):
        reads(array, name, real, an_array(array, name).ndim)
    writes(dx, "dx", real, an_array(dx, "dx").ndim)
    for array, name in ((out, "out"), (dy, "dy"), (dx, "dx")):
        same_shape(array, name, x, "x")
    separate(("dx", "x", "out", "dy"), (dx, x, out, None if dy.ctypes.data == dx.ctypes.data else dy), 1)


def check_batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    running_mean: Array,
    running_variance: Array,
    mean: Array,
    scale: Array,
    out: Array,
) -> None:
    """Operands, statistics and target of batch_norm_forward."""
    real = _check_normalization(x, gamma, beta, mean, scale, out)
    writes(mean, "mean", real, 1)
    _check_channels(real, x, {"running_mean": running_mean, "running_variance": running_variance}, writes)
    names = ("out", "mean", "scale", "running_mean", "running_variance", "x", "gamma", "beta")
    separate(names, (out, mean, scale, running_mean, running_variance, x, gamma, beta), 5)


def check_batch_norm_apply(
    x: Array, gamma: Array, beta: Array, running_mean: Array, running_variance: Array, scale: Array, out: Array
) -> None:
    """Operands, statistics and target of batch_norm_apply."""
    real = _check_normalization(x, gamma, beta, running_mean, scale, out, "running_mean")
    _check_channels(real, x, {"running_variance": running_variance}, reads)
    names = ("out", "scale", "x", "gamma", "beta", "running_mean", "running_variance")
    separate(names, (out, scale, x, gamma, beta, running_mean, running_variance), 2)


def check_batch_norm_fold(
    gamma: Array,
    beta: Array,
    running_mean: Array,
    running_variance: Array,
    bias: Array | None,
    scale: Array,
    shift: Array,
) -> None:
    """Statistics and targets of batch_norm_fold."""
    real = real_of(gamma, "gamma")
    reads(gamma, "gamma", real, 1)
    read = {"beta": beta, "running_mean": running_mean, "running_variance": running_variance}
    given = {} if bias is None else {"bias": bias}
    for check, arrays in ((reads, read), (writes, {"scale": scale, "shift": shift}), (reads, given)):
        for name, array in arrays.items():
            check(array, name, real, 1)
            sized(array, name, 0, gamma.size)
    names = ("scale", "shift", "gamma", "beta", "running_mean", "running_variance", "bias")
    separate(names, (scale, shift, gamma, beta, running_mean, running_variance, bias), 2)


def check_batch_norm_backward(
    x: Array,
    gamma: Array,
    mean: Array,
    scale: Array,
    dy: Array,
    dx: Array | None,
    dgamma: Array,
    dbeta: Array,
) -> None:
    """What batch_norm_forward read and wrote, and the gradients."""
    real = real_of(x, "x")
    reads(x, "x", real, 2)
    reads(dy, "dy", real, 2)
    same_shape(dy, "dy", x, "x")
    _check_channels(real, x, {"gamma": gamma, "mean": mean, "scale": scale}, reads)
    _check_channels(real, x, {"dgamma": dgamma, "dbeta": dbeta}, writes)
    if dx is not None:
        writes(dx, "dx", real, 2)
        same_shape(dx, "dx", x, "x")
    names = ("dx", "dgamma", "dbeta", "x", "gamma", "mean", "scale", "dy")
    separate(names, (dx, dgamma, dbeta, x, gamma, mean, scale, dy), 3)


def _check_normalization(
    x: Array, gamma: Array, beta: Array, mean: Array, scale: Array, out: Array, mean_name: str = "mean"
) -> np.dtype[Any]:
    real = real_of(x, "x")
    reads(x, "x", real, 2)
    writes(out, "out", real, 2)
    same_shape(out, "out", x, "x")
    _check_channels(real, x, {"gamma": gamma, "beta": beta, mean_name: mean}, reads)
    _check_channels(real, x, {"scale": scale}, writes)
    return real


def _check_channels(real: np.dtype[Any], x: Array, arrays: dict[str, Array], access: Any) -> None:
    for name, array in arrays.items():
        access(array, name, real, 1)
        sized(array, name, 0, x.shape[1])


def check_cross_entropy(
    logits: Array,
    labels: Array,
    weights: Array,
    losses: Array,
    hits: Array,
    dlogits: Array | None,
    others: Array | None,
    shares: Array | None,
    smoothing: float,
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
    _check_labels(labels, "labels", logits.shape[1])
    _check_mix(others, shares, smoothing, real, logits.shape)
    if dlogits is not None:
        writes(dlogits, "dlogits", real, 2)
        same_shape(dlogits, "dlogits", logits, "logits")
    names = ("dlogits", "losses", "hits", "logits", "labels", "weights", "others", "shares")
    separate(names, (dlogits, losses, hits, logits, labels, weights, others, shares), 3)


def _check_mix(others: Array | None, shares: Array | None, smoothing: float, real: np.dtype[Any], shape: Shape) -> None:
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing must be in [0, 1), got {float(smoothing)}")
    if (others is None) != (shares is None):
        raise TypeError(
            f"others and shares must be given together, got only {'shares' if others is None else 'others'}"
        )
    if others is None or shares is None:
        return
    reads(others, "others", INT64, 1)
    reads(shares, "shares", real, 1)
    sized(others, "others", 0, shape[0])
    sized(shares, "shares", 0, shape[0])
    _check_labels(others, "others", shape[1])
    for i, share in enumerate(shares):
        if not 0 <= share <= 1:
            raise ValueError(f"shares[{i}] must be in [0, 1], got {float(share)}")


def _check_labels(labels: Array, name: str, classes: int) -> None:
    for i, label in enumerate(labels):
        if not 0 <= label < classes:
            raise ValueError(f"{name}[{i}] must be in [0, {classes}), got {label}")


def check_pointwise_loss(
    output: Array,
    target: Array,
    weights: Array,
    losses: Array,
    hits: Array | None,
    gradient: Array | None,
    kind: str,
) -> None:
    """Operands and targets of pointwise_loss."""
    if kind not in LOSSES:
        raise ValueError(f"kind must be one of {', '.join(LOSSES)}, got {kind!r:.100}")
    real = real_of(output, "output")
    reads(output, "output", real, 2)
    reads(target, "target", real, 2)
    reads(weights, "weights", real, 1)
    writes(losses, "losses", real, 1)
    same_shape(target, "target", output, "output")
    rows = {"weights": weights, "losses": losses}
    if hits is not None:
        writes(hits, "hits", UINT8, 1)
        rows["hits"] = hits
    for name, array in rows.items():
        sized(array, name, 0, output.shape[0])
    if gradient is not None:
        writes(gradient, "gradient", real, 2)
        same_shape(gradient, "gradient", output, "output")
    names = ("gradient", "losses", "hits", "output", "target", "weights")
    separate(names, (gradient, losses, hits, output, target, weights), 3)


def check_depthwise(
    x: Array,
    weight: Array,
    bias: Array | None,
    out: Array,
    stride: Pair,
    padding: tuple[int, int, int, int],
) -> None:
    """Operands and target of depthwise_conv2d_forward."""
    real, shape = _check_filters(x, weight, stride, padding)
    writes(out, "out", real, 4)
    _check_sizes(out, "out", shape)
    if bias is not None:
        reads(bias, "bias", real, 1)
        sized(bias, "bias", 0, x.shape[3])
    separate(("out", "x", "weight", "bias"), (out, x, weight, bias), 1)


def check_depthwise_backward(
    x: Array,
    weight: Array,
    dy: Array,
    dx: Array | None,
    dweight: Array,
    dbias: Array | None,
    stride: Pair,
    padding: tuple[int, int, int, int],
) -> None:
    """Operands and targets of depthwise_conv2d_backward."""
    real, shape = _check_filters(x, weight, stride, padding)
    reads(dy, "dy", real, 4)
    _check_sizes(dy, "dy", shape)
    writes(dweight, "dweight", real, 3)
    same_shape(dweight, "dweight", weight, "weight")
    if dbias is not None:
        writes(dbias, "dbias", real, 1)
        sized(dbias, "dbias", 0, x.shape[3])
    if dx is not None:
        writes(dx, "dx", real, 4)
        same_shape(dx, "dx", x, "x")
    separate(("dx", "dweight", "dbias", "x", "weight", "dy"), (dx, dweight, dbias, x, weight, dy), 3)


def _check_filters(
    x: Array, weight: Array, stride: Pair, padding: tuple[int, int, int, int]
) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """The dtype, and the shape of the output."""
    real = real_of(x, "x")
    reads(x, "x", real, 4)
    reads(weight, "weight", real, 3)
    sized(weight, "weight", 2, x.shape[3])
    rows, columns = ConvGeometry(stride, padding).output(x.shape, (*weight.shape, 1))
    return real, (x.shape[0], rows, columns, x.shape[3])


def _check_sizes(array: Array, name: str, shape: tuple[int, ...]) -> None:
    for axis, length in enumerate(shape):
        sized(array, name, axis, length)
