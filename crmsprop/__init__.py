"""Train neural networks on a CPU, from scikit-learn, with a compiled, threaded RMSprop."""

# First, and from here: from among the modules below, deep in the stack, CPython would map and unmap memory for frames
# 20,000 times while scikit-learn's modules run, and take 0.2 s more.
import sklearn  # noqa: F401

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
