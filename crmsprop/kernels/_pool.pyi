# The compiled kernels have the signatures of their twins.
from crmsprop.kernels.reference import max_pool2d_backward as max_pool2d_backward
from crmsprop.kernels.reference import max_pool2d_forward as max_pool2d_forward
