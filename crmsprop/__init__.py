"""Train neural networks on a CPU, from scikit-learn, with a compiled, threaded RMSprop."""

from crmsprop.estimators import CNNClassifier, MLPClassifier, NetworkClassifier, find_learning_rate, load
from crmsprop.optimizer import RMSprop, rmsprop_update
from crmsprop.versions import __version__, show_versions

__all__ = [
    "CNNClassifier",
    "MLPClassifier",
    "NetworkClassifier",
    "RMSprop",
    "__version__",
    "find_learning_rate",
    "load",
    "rmsprop_update",
    "show_versions",
]
