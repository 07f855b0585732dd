# The compiled kernels have the signatures of their twins.
from crmsprop.kernels.reference import augment as augment
from crmsprop.kernels.reference import augment_scratch as augment_scratch
