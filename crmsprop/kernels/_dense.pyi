# The compiled kernels have the signatures of their twins.
from crmsprop.kernels.reference import dense_backward as dense_backward
from crmsprop.kernels.reference import dense_forward as dense_forward
from crmsprop.kernels.reference import dense_scratch as dense_scratch
