"""The article's CIFAR-10 program: layer for layer, and line for line."""

import math
from typing import Any

import numpy as np

from crmsprop.schedules import InverseTimeDecay

Array = np.ndarray[Any, np.dtype[Any]]


def tenth_from_twelfth_epoch(epoch: int, learning_rate: float) -> float:
    """Return the rate of the epoch before, times 0.1 from epoch 11 on, counted from 0: the article's ``scheduler``."""
    return learning_rate * 0.1 if epoch > 10 else learning_rate


#: What CNNClassifier is given. The article: Conv2D(32, 3), MaxPooling2D(2), Conv2D(64, 3), MaxPooling2D(2), Flatten,
#: Dense(128), Dropout(0.5), Dense(10), all ReLU but the last; RMSprop(1e-3, decay=1e-6) under LearningRateScheduler;
#: fit(epochs=30, batch_size=32, validation_split=0.2) with EarlyStopping("val_loss", patience=5).
PARAMETERS: dict[str, Any] = {
    "filters": (32, 64),
    "kernel_size": 3,
    "pool_size": 2,
    "padding": "valid",
    "dense_units": (128,),
    "activation": "relu",
    "dropout": 0.5,
    "learning_rate": 1e-3,
    "schedule": InverseTimeDecay(1e-6) * tenth_from_twelfth_epoch,
    "rho": 0.9,
    "epsilon": 1e-7,  # under the root: Keras 3's default and its formula
    "eps_in_sqrt": True,
    "max_epochs": 30,
    "batch_size": 32,
    "validation_fraction": 0.2,
    "early_stopping": True,
    "patience": 5,
    "restore_best": False,
}


def split_last(X: Array, y: Array, fraction: float) -> dict[str, Array]:
    """Return the arguments of ``fit`` that validate on the last `fraction` of the data, as Keras's validation_split.

    Raises
    ------
    ValueError
        If one of the parts is empty, or the last one holds a label that the rest has not.
    """
    n = math.floor(len(X) * (1.0 - fraction))
    if not 0 < n < len(X):
        raise ValueError(f"validation_fraction must leave samples in both parts, got {fraction} of {len(X)}")
    unseen = np.setdiff1d(y[n:], y[:n])
    if unseen.size:
        rule = f"y must have every label before its last {len(y) - n} samples, which validate"
        raise ValueError(f"{rule}; got {unseen!r:.80} only there: shuffle the samples")
    return {"X": X[:n], "y": y[:n], "X_val": X[n:], "y_val": y[n:]}
