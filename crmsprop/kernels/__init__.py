"""The compiled leaf of the package: threaded C kernels under thin Cython wrappers, and their NumPy twins.

reference/ says what each kernel does. The compiled ones are used unless ``CRMSPROP_KERNELS=reference``; nothing
falls back silently. ``CRMSPROP_ISA`` (baseline, v3 or v4) forces an instruction set; by default the best that the CPU
has is chosen at import.
"""

import os
from typing import TYPE_CHECKING

from crmsprop.errors import check_choice

try:
    from crmsprop.kernels._cpu import active_isa, effective_n_threads, openmp_version, supported_isas, use_isa
except ModuleNotFoundError:
    raise ImportError(
        f"crmsprop's kernels are not compiled in {os.path.dirname(__file__)}: if this is a source tree, run "
        '"pip install ." in it and then Python in another folder, or "pip install -e ." to work on it'
    ) from None

active_kernels = check_choice(
    "CRMSPROP_KERNELS", os.environ.get("CRMSPROP_KERNELS", "compiled"), ("compiled", "reference")
)

if TYPE_CHECKING or active_kernels == "reference":
    from crmsprop.kernels.reference import (
        RMSpropArrays,
        activation_backward,
        activation_forward,
        add,
        all_finite,
        augment,
        augment_scratch,
        average_pool2d_backward,
        average_pool2d_forward,
        batch_norm_apply,
        batch_norm_backward,
        batch_norm_fold,
        batch_norm_forward,
        batch_norm_scratch,
        conv2d_backward,
        conv2d_forward,
        conv2d_scratch,
        cross_entropy,
        dense_backward,
        dense_forward,
        dense_scratch,
        depthwise_conv2d_backward,
        depthwise_conv2d_forward,
        depthwise_conv2d_scratch,
        dropout,
        dropout_channels,
        gather,
        max_pool2d_backward,
        max_pool2d_forward,
        pointwise_loss,
        relu_backward,
        relu_forward,
        rmsprop_accumulate,
        rmsprop_average,
        rmsprop_check,
        rmsprop_squares,
        rmsprop_update,
        softmax,
    )
else:
    from crmsprop.kernels._activation import activation_backward, activation_forward
    from crmsprop.kernels._augment import augment, augment_scratch
    from crmsprop.kernels._batch_norm import (
        batch_norm_apply,
        batch_norm_backward,
        batch_norm_fold,
        batch_norm_forward,
        batch_norm_scratch,
    )
    from crmsprop.kernels._conv2d import conv2d_backward, conv2d_forward, conv2d_scratch
    from crmsprop.kernels._dense import dense_backward, dense_forward, dense_scratch
    from crmsprop.kernels._depthwise import (
        depthwise_conv2d_backward,
        depthwise_conv2d_forward,
        depthwise_conv2d_scratch,
    )
    from crmsprop.kernels._elementwise import (
        add,
        all_finite,
        dropout,
        dropout_channels,
        gather,
        relu_backward,
        relu_forward,
    )
    from crmsprop.kernels._pointwise_loss import pointwise_loss
    from crmsprop.kernels._pool import (
        average_pool2d_backward,
        average_pool2d_forward,
        max_pool2d_backward,
        max_pool2d_forward,
    )
    from crmsprop.kernels._rmsprop import (
        RMSpropArrays,
        rmsprop_accumulate,
        rmsprop_average,
        rmsprop_check,
        rmsprop_squares,
        rmsprop_update,
    )
    from crmsprop.kernels._softmax import cross_entropy, softmax

__all__ = [
    "RMSpropArrays",
    "activation_backward",
    "activation_forward",
    "active_isa",
    "active_kernels",
    "add",
    "all_finite",
    "augment",
    "augment_scratch",
    "average_pool2d_backward",
    "average_pool2d_forward",
    "batch_norm_apply",
    "batch_norm_backward",
    "batch_norm_fold",
    "batch_norm_forward",
    "batch_norm_scratch",
    "conv2d_backward",
    "conv2d_forward",
    "conv2d_scratch",
    "cross_entropy",
    "dense_backward",
    "dense_forward",
    "dense_scratch",
    "depthwise_conv2d_backward",
    "depthwise_conv2d_forward",
    "depthwise_conv2d_scratch",
    "dropout",
    "dropout_channels",
    "effective_n_threads",
    "gather",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "openmp_version",
    "pointwise_loss",
    "relu_backward",
    "relu_forward",
    "rmsprop_accumulate",
    "rmsprop_average",
    "rmsprop_check",
    "rmsprop_squares",
    "rmsprop_update",
    "softmax",
    "supported_isas",
    "use_isa",
]
