# The compiled kernels have the signatures of their twins.
from crmsprop.kernels.reference import RMSpropArrays as RMSpropArrays
from crmsprop.kernels.reference import rmsprop_accumulate as rmsprop_accumulate
from crmsprop.kernels.reference import rmsprop_average as rmsprop_average
from crmsprop.kernels.reference import rmsprop_check as rmsprop_check
from crmsprop.kernels.reference import rmsprop_squares as rmsprop_squares
from crmsprop.kernels.reference import rmsprop_update as rmsprop_update
