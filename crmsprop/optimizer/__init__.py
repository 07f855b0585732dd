"""RMSprop on any list of NumPy arrays; knows no network."""

from crmsprop.optimizer.functional import rmsprop_update
from crmsprop.optimizer.options import RMSpropOptions
from crmsprop.optimizer.rmsprop import RMSprop

__all__ = ["RMSprop", "RMSpropOptions", "rmsprop_update"]
