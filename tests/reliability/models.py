"""Small models of every kind, whose kernels do share their work between threads, and what tells two trainings apart."""

import hashlib

import numpy as np

from crmsprop import CNNClassifier, MLPClassifier, NetworkRegressor
from crmsprop.augment import Flip, Rotation
from crmsprop.nn import (
    GELU,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    MaxPool2D,
    ReLU,
    Residual,
    SpatialDropout2D,
)

SAMPLES = 96

LAYERS = [
    *(Conv2D(16, 3, padding="same"), BatchNorm(), ReLU(), MaxPool2D(2)),
    Residual([DepthwiseConv2D(3, padding="same"), GELU(), SpatialDropout2D(0.2), Conv2D(16, 1)]),
    *(AveragePool2D(2), Flatten(), Dense(40), ReLU()),
]


def rows():
    """Rows of float64, for a perceptron with every option of the optimizer that has a pass of its own."""
    rng = np.random.default_rng(0)
    y = np.arange(SAMPLES) % 3
    model = MLPClassifier((100, 50), dropout=0.3, momentum=0.5, centered=True, global_clip_norm=5.0, l2=1e-3)
    return model, rng.normal(size=(SAMPLES, 60)) + y[:, None], y


def images():
    """Images of uint8, augmented, for a convolutional network that stops early."""
    rng = np.random.default_rng(1)
    y = np.arange(SAMPLES) % 3
    X = (rng.integers(0, 120, (SAMPLES, 12, 12, 3)) + 60 * y[:, None, None, None]).astype(np.uint8)
    return CNNClassifier((16, 16), dense_units=(40,), augmentation=Flip() + Rotation(15), early_stopping=True), X, y


def layers():
    """Images of float32, and numbers that they show, for a network of many kinds of layers."""
    X = np.random.default_rng(2).random((SAMPLES, 12, 12, 4), np.float32)
    return NetworkRegressor(LAYERS, loss="huber"), X, X.mean(axis=(1, 2)) * 4


KINDS = {"rows": rows, "images": images, "layers": layers}


def trained(kind, n_threads=None, **parameters):
    """Return a model of a kind that has been trained, and its data."""
    model, X, y = KINDS[kind]()
    model.set_params(**{"max_epochs": 2, "random_state": 0, "n_threads": n_threads, **parameters})
    return model.fit(X, y), X, y


def digest(*arrays):
    """Return what two lists of arrays share only if they have the same bytes."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()[:16]


def weights(model):
    """Return the digest of all that a training has left in a model."""
    return digest(model.network_.arena.flat, model.history_["loss"])


def outputs(model, X):
    """Return the digest of what a model makes of X."""
    return digest(model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X))
