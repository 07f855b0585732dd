"""Batch normalization of rows of channels."""

import numpy as np

from crmsprop.kernels.reference import layer_checks
from crmsprop.kernels.reference.checks import Array, silent


def batch_norm_scratch(rows: int, channels: int) -> int:
    """Elements of float64 scratch that the kernels below need for up to `rows` rows."""
    return 0


@silent
def batch_norm_forward(
    x: Array,
    gamma: Array,
    beta: Array,
    running_mean: Array,
    running_variance: Array,
    mean: Array,
    scale: Array,
    out: Array,
    epsilon: float,
    decay: float,
    scratch: Array,
    n_threads: int,
) -> None:
    """out = gamma * (x - mean) * scale + beta, where mean and scale are of the batch, for each channel.

    Shapes: x and out (rows, channels), all others (channels,). Fills `mean` and ``scale = 1 / sqrt(variance +
    epsilon)``, and moves the running statistics: ``running = decay * running + (1 - decay) * batch``. The variance is
    that of the rows, divided by their number. Without rows nothing moves.
    """
    layer_checks.check_batch_norm(x, gamma, beta, running_mean, running_variance, mean, scale, out)
    if len(x):
        wide = x.astype(np.float64)
        means = wide.mean(axis=0)
        means += (wide - means).mean(axis=0)  # the sum of many equal numbers is rounded
        variances = ((wide - means) ** 2).mean(axis=0)
        mean[...], scale[...] = means, 1 / np.sqrt(variances + epsilon)
        running_mean[...] = decay * running_mean.astype(np.float64) + (1 - decay) * means
        running_variance[...] = decay * running_variance.astype(np.float64) + (1 - decay) * variances
    out[...] = (x - mean) * (gamma * scale) + beta


@silent
def batch_norm_apply(
    x: Array,
    gamma: Array,
    beta: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Array,
    out: Array,
    epsilon: float,
    n_threads: int,
) -> None:
    """out = gamma * (x - running_mean) * scale + beta; fills ``scale = 1 / sqrt(running_variance + epsilon)``."""
    layer_checks.check_batch_norm_apply(x, gamma, beta, running_mean, running_variance, scale, out)
    scale[...] = 1 / np.sqrt(running_variance.astype(np.float64) + epsilon)
    out[...] = (x - running_mean) * (gamma * scale) + beta


@silent
def batch_norm_fold(
    gamma: Array,
    beta: Array,
    running_mean: Array,
    running_variance: Array,
    bias: Array | None,
    scale: Array,
    shift: Array,
    epsilon: float,
) -> None:
    """What batch_norm_apply does to ``x + bias`` as ``scale * x + shift``; of shape (channels,), bias or None.

    ``scale = gamma / sqrt(running_variance + epsilon)``, and ``shift = beta + (bias - running_mean) * scale``.
    """
    layer_checks.check_batch_norm_fold(gamma, beta, running_mean, running_variance, bias, scale, shift)
    wide = gamma.astype(np.float64) / np.sqrt(running_variance.astype(np.float64) + epsilon)
    distance = (0.0 if bias is None else bias.astype(np.float64)) - running_mean.astype(np.float64)
    scale[...], shift[...] = wide, beta.astype(np.float64) + distance * wide


@silent
def batch_norm_backward(
    x: Array,
    gamma: Array,
    mean: Array,
    scale: Array,
    dy: Array,
    dx: Array | None,
    dgamma: Array,
    dbeta: Array,
    scratch: Array,
    n_threads: int,
) -> None:
    """Gradients of batch_norm_forward, from the `mean` and `scale` that it filled; `dx` may be None."""
    layer_checks.check_batch_norm_backward(x, gamma, mean, scale, dy, dx, dgamma, dbeta)
    normal = (x - mean) * scale
    dgamma[...] = (dy * normal).sum(axis=0, dtype=np.float64)
    dbeta[...] = dy.sum(axis=0, dtype=np.float64)
    if dx is not None:
        count = x.dtype.type(max(len(x), 1))
        dx[...] = gamma * scale * (dy - dbeta / count - normal * (dgamma / count))
