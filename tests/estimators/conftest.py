"""Small data sets and models that many tests of the estimators share."""

import numpy as np
import pytest
from sklearn_versions import HAS_CALLBACKS

from crmsprop import CNNClassifier, MLPClassifier, MLPRegressor
from crmsprop.datasets import load_digits

#: One of the two is for the scikit-learn that is installed.
collect_ignore = ["test_sklearn_before_callbacks.py" if HAS_CALLBACKS else "test_sklearn_callbacks.py"]


@pytest.fixture(scope="session")
def digits():
    """The scanned digits: (X_train, y_train), (X_test, y_test), uint8 of shape (n, 8, 8, 1)."""
    return load_digits()


def rows(n=61, features=6, classes=3, seed=0, dtype=np.float64):
    """Rows of three clouds that overlap."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    return (rng.normal(size=(n, features)) + 2 * y[:, None]).astype(dtype), y


def images(n=61, height=7, width=6, channels=2, classes=3, seed=0, dtype=np.uint8):
    """Images whose brightness says their class."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    X = np.clip(rng.normal(60 + 60 * y[:, None, None, None], 40, (n, height, width, channels)), 0, 255)
    return (X.astype(np.uint8) if dtype == np.uint8 else (X / 255).astype(dtype)), y


def mlp(**parameters):
    """A small MLPClassifier."""
    return MLPClassifier(
        **{"hidden_layer_sizes": (9,), "max_epochs": 3, "batch_size": 16, "random_state": 0} | parameters
    )


def cnn(**parameters):
    """A small CNNClassifier."""
    defaults = {"filters": (4,), "dense_units": (8,), "max_epochs": 2, "batch_size": 16, "random_state": 0}
    return CNNClassifier(**defaults | parameters)


def numbers(n=61, features=6, columns=None, seed=0, dtype=np.float64):
    """Rows, and numbers that depend on them smoothly; `columns` of them a row, or a plain row of numbers."""
    rng = np.random.default_rng(seed)
    X, mix = rng.normal(size=(n, features)), rng.normal(size=(features, columns or 1))
    y = np.tanh(X @ mix) + 0.5 * X[:, :1]
    return X.astype(dtype), (y if columns else y[:, 0]).astype(dtype)


def labels(n=61, features=6, columns=4, seed=0, dtype=np.float64):
    """Rows, and labels that do not exclude each other: an indicator for each."""
    X, y = numbers(n, features, columns, seed, dtype)
    return X, (y > 0).astype(np.int64)


def regressor(**parameters):
    """A small MLPRegressor."""
    defaults = {"hidden_layer_sizes": (9,), "max_epochs": 3, "batch_size": 16, "random_state": 0}
    return MLPRegressor(**defaults | parameters)


class Cases:
    """The functions above, for tests: conftest.py cannot be imported by name."""

    rows = staticmethod(rows)
    images = staticmethod(images)
    mlp = staticmethod(mlp)
    cnn = staticmethod(cnn)
    numbers = staticmethod(numbers)
    labels = staticmethod(labels)
    regressor = staticmethod(regressor)


@pytest.fixture
def cases():
    return Cases
