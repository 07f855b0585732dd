"""Estimators in the manner of scikit-learn: thin, they validate, encode, build and train."""

from crmsprop.estimators.cnn import CNNClassifier
from crmsprop.estimators.finder import find_learning_rate
from crmsprop.estimators.finder_result import LearningRateFinderResult
from crmsprop.estimators.loading import load
from crmsprop.estimators.mlp import MLPClassifier
from crmsprop.estimators.network import NetworkClassifier

__all__ = [
    "CNNClassifier",
    "LearningRateFinderResult",
    "MLPClassifier",
    "NetworkClassifier",
    "find_learning_rate",
    "load",
]
