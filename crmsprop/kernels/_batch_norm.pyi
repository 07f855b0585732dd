# The compiled kernels have the signatures of their twins.
from crmsprop.kernels.reference import batch_norm_apply as batch_norm_apply
from crmsprop.kernels.reference import batch_norm_backward as batch_norm_backward
from crmsprop.kernels.reference import batch_norm_fold as batch_norm_fold
from crmsprop.kernels.reference import batch_norm_forward as batch_norm_forward
from crmsprop.kernels.reference import batch_norm_scratch as batch_norm_scratch
