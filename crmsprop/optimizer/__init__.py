"""RMSprop on any list of NumPy arrays; knows no network."""

from crmsprop.optimizer.rmsprop import RMSprop

__all__ = ["RMSprop"]
