"""Whether a training has taught a classifier anything, by the samples that it has not seen."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from crmsprop.cli.data import Data
from crmsprop.cli.targets import CLASSES

#: A loss above this share of that of a guess is no better: a network that only knows how frequent the classes are ends
#: within a thousandth of it. CNNClassifier on the digits with a rate of 1 has 1.0003 times 2.3026 after five epochs.
NO_BETTER = 0.99


def no_better_than_a_guess(score: Mapping[str, float], data: Data) -> bool:
    """Return whether loss and accuracy on the test data are those of a guess by the frequencies of the classes.

    Parameters
    ----------
    score : mapping of str to float
        ``loss`` and ``accuracy`` on the test data.
    data : Data
        Of anything else than classes the answer is False.
    """
    if data.targets is not CLASSES:
        return False
    labels, counts = np.unique(data.y, return_counts=True)
    shares = counts / counts.sum()
    guessed = float(-np.log(shares[np.searchsorted(labels, data.y_test)]).mean())
    return not score["loss"] < NO_BETTER * guessed and score["accuracy"] <= chance_accuracy(data) + _margin(data)


def chance_accuracy(data: Data) -> float:
    """Return the share of the test data that is of the class that is the most frequent one in training."""
    labels, counts = np.unique(data.y, return_counts=True)
    return float(np.mean(data.y_test == labels[counts.argmax()]))


def _margin(data: Data) -> float:
    """Return two standard errors of the accuracy of a guess: with few test data more than that may be chance."""
    chance = chance_accuracy(data)
    return 2 * math.sqrt(chance * (1 - chance) / len(data.y_test))


def doubt(estimator: Any, score: Mapping[str, float], data: Data, find_lr: str) -> str:
    """Return what to say of a training that has taught nothing, and what to do; nothing of any other one.

    `find_lr` is the command that suggests a learning rate for these data.
    """
    if not no_better_than_a_guess(score, data):
        return ""
    chance = chance_accuracy(data)
    guess = f"{chance:.4f} +- {_margin(data):.4f} on {len(data.y_test):,} samples"
    found = f"a test accuracy of {score['accuracy']:.4f} is no better than a guess, {guess}"
    if estimator.history_["accuracy"][-1] > (1 + chance) / 2:
        return f"{found}, though the training data are known: it needs more of them, or --l2 or --augment"
    rate = f"another --learning-rate than {estimator.learning_rate:g}"
    return f'{found}: it needs {rate}, which "{find_lr}" suggests, or more --epochs'
