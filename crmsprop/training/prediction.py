"""Outputs of a network for samples as the user gave them."""

from typing import Any

import numpy as np

from crmsprop import kernels
from crmsprop.nn import Network, Workspace
from crmsprop.training.evaluation import evaluation_batch

Array = np.ndarray[Any, np.dtype[Any]]


def predict(network: Network, x: Array, scale: float, n_threads: int, flip: bool = False) -> Array:
    """Return the network's outputs for all samples; several threads may predict with one network at once.

    Parameters
    ----------
    network : Network
    x : ndarray of shape (n, *input_shape)
        uint8, float32 or float64, C-contiguous and aligned; read where it is if nothing is to be changed.
    scale : float
        Factor on x.
    n_threads : int
    flip : bool, default=False
        Whether x holds images of which each counts twice: the mean of its outputs and of those for its mirror image.

    Returns
    -------
    ndarray of shape (n, *output_shape)
    """
    size = min(len(x), evaluation_batch(network)) if len(x) > 1 else 1
    workspace = network.borrow_workspace(size, n_threads)
    if len(x) == size and not flip and _is_as_read(network, x, scale):  # a single row feels whatever else is done
        outputs = network.forward(x, workspace).copy()
    else:
        outputs = _in_parts(network, x, scale, workspace, size, flip)
    network.return_workspace(workspace)
    return outputs


def _is_as_read(network: Network, x: Array, scale: float) -> bool:
    """Whether the network reads x where it is."""
    return bool(x.dtype == network.dtype) and scale == 1.0


def _in_parts(network: Network, x: Array, scale: float, workspace: Workspace, size: int, flip: bool) -> Array:
    """Return the outputs, `size` samples at a time; what is not as the network reads it is copied first."""
    outputs = np.empty((len(x), *network.output_shape), network.dtype)
    buffer = None if _is_as_read(network, x, scale) else np.empty((size, *x.shape[1:]), network.dtype)
    for start in range(0, len(x), size):
        part = x[start : start + size]
        if buffer is not None:
            rows = np.arange(len(part))
            kernels.gather(part, rows, buffer[: len(part)], scale, workspace.n_threads)
            part = buffer[: len(part)]
        outputs[start : start + size] = network.forward(part, workspace)
        if flip:
            mirrored = np.ascontiguousarray(part[:, :, ::-1])
            outputs[start : start + size] += network.forward(mirrored, workspace)
    if flip:
        outputs *= network.dtype.type(0.5)
    return outputs
