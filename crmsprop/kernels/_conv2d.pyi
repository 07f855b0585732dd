# The compiled kernels have the signatures of their twins.
from crmsprop.kernels.reference import conv2d_backward as conv2d_backward
from crmsprop.kernels.reference import conv2d_forward as conv2d_forward
from crmsprop.kernels.reference import conv2d_scratch as conv2d_scratch
