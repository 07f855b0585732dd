"""Whether a training has taught a classifier anything, and was not too long, by the samples that it has not seen."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from crmsprop.cli.data import Data
from crmsprop.cli.scales import uneven
from crmsprop.cli.targets import CLASSES

#: A loss above this share of that of a guess is no better: a network that only knows how frequent the classes are ends
#: within a thousandth of it. CNNClassifier on the digits with a rate of 1 has 1.0003 times 2.3026 after five epochs.
NO_BETTER = 0.99

#: A validation loss that ends at more than so many times its lowest has risen. It moves up and down by a fifth from one
#: epoch to the next where there are few samples, as in the default run on the digits, so that means are compared.
RISEN = 1.1
#: Epochs in such a mean.
TOGETHER = 3


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
    if not data.holds_images and uneven(data.X) is not None:
        return f"{found}: standardise the columns first, which are of very different size"
    if estimator.history_["accuracy"][-1] > (1 + chance) / 2:
        return f"{found}, though the training data are known: it needs more of them, or --l2 or --augment"
    rate = f"another --learning-rate than {estimator.learning_rate:g}"
    return f'{found}: it needs {rate}, which "{find_lr}" suggests, or more --epochs'


def overlong(estimator: Any, data: Data) -> str:
    """Return what to say of a training whose validation loss was lowest in its first half and has risen since.

    Nothing of any other one, nor where it could have stopped early.
    """
    val_loss = estimator.history_["val_loss"]
    n = len(val_loss)
    if estimator.early_stopping or n < 2 * TOGETHER or None in val_loss:
        return ""
    best = int(np.argmin(val_loss))
    around = val_loss[max(0, best - 1) : best + TOGETHER - 1]
    if best >= n // 2 or not np.mean(val_loss[-TOGETHER:]) > RISEN * np.mean(around):
        return ""
    found = f"val_loss was lowest after epoch {best + 1} of {n}, {val_loss[best]:.4f}, and ended at {val_loss[-1]:.4f}"
    remedy = "--early-stopping keeps the weights of the best epoch"
    if data.holds_images and estimator.augmentation is None:
        remedy += "; --augment often lowers val_loss further, where images may be mirrored or shifted"
    return f"{found}: {remedy}"
