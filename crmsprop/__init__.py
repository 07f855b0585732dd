"""Train neural networks on a CPU, from scikit-learn, with a compiled, threaded RMSprop."""

from crmsprop.estimators import (
    CNNClassifier,
    CNNRegressor,
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    find_learning_rate,
    load,
)
from crmsprop.optimizer import RMSprop, rmsprop_update
from crmsprop.versions import __version__, show_versions

__all__ = [
    "CNNClassifier",
    "CNNRegressor",
    "MLPClassifier",
    "MLPRegressor",
    "NetworkClassifier",
    "NetworkRegressor",
    "RMSprop",
    "__version__",
    "find_learning_rate",
    "load",
    "rmsprop_update",
    "show_versions",
]
