# The compiled kernels have the signatures of their twins.
from crmsprop.kernels.reference import average_pool2d_backward as average_pool2d_backward
from crmsprop.kernels.reference import average_pool2d_forward as average_pool2d_forward
from crmsprop.kernels.reference import max_pool2d_backward as max_pool2d_backward
from crmsprop.kernels.reference import max_pool2d_forward as max_pool2d_forward
