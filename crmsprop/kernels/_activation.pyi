# The compiled kernels have the signatures of their twins.
from crmsprop.kernels.reference import activation_backward as activation_backward
from crmsprop.kernels.reference import activation_forward as activation_forward
