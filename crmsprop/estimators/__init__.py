"""Estimators in the manner of scikit-learn: thin, they validate, encode, build and train."""

from crmsprop.estimators.cnn import CNNClassifier, CNNRegressor
from crmsprop.estimators.finder import find_learning_rate
from crmsprop.estimators.finder_result import LearningRateFinderResult
from crmsprop.estimators.loading import load
from crmsprop.estimators.mlp import MLPClassifier, MLPRegressor
from crmsprop.estimators.network import NetworkClassifier, NetworkRegressor

__all__ = [
    "CNNClassifier",
    "CNNRegressor",
    "LearningRateFinderResult",
    "MLPClassifier",
    "MLPRegressor",
    "NetworkClassifier",
    "NetworkRegressor",
    "find_learning_rate",
    "load",
]
