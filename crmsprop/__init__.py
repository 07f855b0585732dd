"""Train neural networks on a CPU, from scikit-learn, with a compiled, threaded RMSprop."""

from importlib.metadata import PackageNotFoundError, version

from crmsprop.estimators import CNNClassifier, MLPClassifier, load
from crmsprop.optimizer import RMSprop
from crmsprop.versions import show_versions

try:
    __version__ = version("crmsprop")
except PackageNotFoundError:  # a source tree that was built in place and not installed
    __version__ = "0+unknown"

__all__ = ["CNNClassifier", "MLPClassifier", "RMSprop", "__version__", "load", "show_versions"]
