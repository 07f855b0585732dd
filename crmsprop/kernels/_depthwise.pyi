# The compiled kernels have the signatures of their twins.
from crmsprop.kernels.reference import depthwise_conv2d_backward as depthwise_conv2d_backward
from crmsprop.kernels.reference import depthwise_conv2d_forward as depthwise_conv2d_forward
from crmsprop.kernels.reference import depthwise_conv2d_scratch as depthwise_conv2d_scratch
