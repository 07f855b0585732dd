"""NumPy twins of the compiled kernels: the same names, arguments, effects and errors, one idea a line.

They say what each kernel means, they stand beside the compiled ones in every kernel test, and
``CRMSPROP_KERNELS=reference`` runs the whole library on them. All arrays of a call are C-contiguous and of one dtype,
float32 or float64, unless said otherwise; arrays to be written are allocated by the caller. `scratch` is working
memory, from the ``*_scratch`` function of the same name; the twins need none.
"""

from crmsprop.kernels.reference.activation import activation_backward, activation_forward
from crmsprop.kernels.reference.augment import augment, augment_scratch
from crmsprop.kernels.reference.batch_norm import (
    batch_norm_apply,
    batch_norm_backward,
    batch_norm_fold,
    batch_norm_forward,
    batch_norm_scratch,
)
from crmsprop.kernels.reference.conv2d import conv2d_backward, conv2d_forward, conv2d_scratch
from crmsprop.kernels.reference.dense import dense_backward, dense_forward, dense_scratch
from crmsprop.kernels.reference.depthwise import (
    depthwise_conv2d_backward,
    depthwise_conv2d_forward,
    depthwise_conv2d_scratch,
)
from crmsprop.kernels.reference.elementwise import (
    add,
    all_finite,
    dropout,
    dropout_channels,
    gather,
    relu_backward,
    relu_forward,
)
from crmsprop.kernels.reference.pointwise_loss import pointwise_loss
from crmsprop.kernels.reference.pool import (
    average_pool2d_backward,
    average_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from crmsprop.kernels.reference.rmsprop import (
    RMSpropArrays,
    rmsprop_accumulate,
    rmsprop_average,
    rmsprop_check,
    rmsprop_squares,
    rmsprop_update,
)
from crmsprop.kernels.reference.softmax import cross_entropy, softmax

__all__ = [
    "RMSpropArrays",
    "activation_backward",
    "activation_forward",
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
    "gather",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "pointwise_loss",
    "relu_backward",
    "relu_forward",
    "rmsprop_accumulate",
    "rmsprop_average",
    "rmsprop_check",
    "rmsprop_squares",
    "rmsprop_update",
    "softmax",
]
