"""Whether a network is better than a guess."""

from types import SimpleNamespace

import numpy as np
import pytest

from crmsprop.cli.data import Data
from crmsprop.cli.targets import NUMBERS
from crmsprop.cli.verdict import chance_accuracy, doubt, no_better_than_a_guess, overlong

#: 60, 30 and 10 of 100 to train on, and the same shares of 50 to test.
Y, Y_TEST = (np.repeat(["a", "b", "c"], [6 * n, 3 * n, n]) for n in (10, 5))
DATA = Data("mine", np.zeros((100, 2)), Y, np.zeros((50, 2)), Y_TEST)
#: The entropy of the shares: the loss of a network that knows no more than them.
GUESSED = -(0.6 * np.log(0.6) + 0.3 * np.log(0.3) + 0.1 * np.log(0.1))


@pytest.mark.parametrize(
    ("loss", "accuracy", "expected"),
    [
        (GUESSED, 0.6, True),
        (30.0, 0.0, True),
        (np.nan, 0.1, True),
        (GUESSED, 0.72, True),  # less than two standard errors more, 0.1386
        (GUESSED, 0.76, False),
        (0.98 * GUESSED, 0.6, False),
    ],
)
def test_no_better_than_a_guess(loss, accuracy, expected):
    score = {"loss": loss, "accuracy": accuracy}
    assert no_better_than_a_guess(score, DATA) is expected
    assert no_better_than_a_guess(score, DATA._replace(targets=NUMBERS)) is False


def test_chance_is_that_of_the_class_that_training_has_most_of():
    assert chance_accuracy(DATA) == 0.6
    assert chance_accuracy(DATA._replace(y_test=np.array(["b", "b", "c", "a"]))) == 0.25


def fitted(accuracy):
    return SimpleNamespace(history_={"accuracy": [0.3, accuracy]}, learning_rate=1.0)


def test_what_is_said():
    bad = {"loss": 2.0, "accuracy": 0.5}
    head = "a test accuracy of 0.5000 is no better than a guess, 0.6000 +- 0.1386 on 50 samples"
    assert doubt(fitted(0.55), bad, DATA, "crmsprop find-lr") == (
        f'{head}: it needs another --learning-rate than 1, which "crmsprop find-lr" suggests, or more --epochs'
    )
    assert doubt(fitted(0.95), bad, DATA, "").startswith(f"{head}, though the training data are known: it needs more")
    assert doubt(fitted(0.55), {"loss": 0.1, "accuracy": 0.95}, DATA, "") == ""


def test_columns_of_very_different_size_are_the_first_thing_to_mend():
    X = np.random.default_rng(0).standard_normal((100, 2)) * [1, 1e4]
    said = doubt(fitted([0.5]), {"loss": 1.0, "accuracy": 0.5}, DATA._replace(X=X), "crmsprop find-lr")
    assert said.endswith(": standardise the columns first, which are of very different size")


def trained(val_loss, **parameters):
    parameters = {"early_stopping": False, "augmentation": None, **parameters}
    return SimpleNamespace(history_={"val_loss": val_loss}, **parameters)


RISING = [0.9, 0.5, 0.6, 0.6, 0.8, 0.8, 0.9]


def test_a_training_that_was_too_long():
    hint = (
        "val_loss was lowest after epoch 2 of 7, 0.5000, and ended at 0.9000: --early-stopping keeps the weights of "
        "the best epoch"
    )
    assert overlong(trained(RISING), DATA) == hint
    images = DATA._replace(X=np.zeros((100, 4, 4)))
    augmented = f"{hint}; --augment often lowers val_loss further, where images may be mirrored or shifted"
    assert overlong(trained(RISING), images) == augmented
    assert overlong(trained(RISING, augmentation="some"), images) == hint


@pytest.mark.parametrize(
    ("val_loss", "parameters"),
    [
        (RISING, {"early_stopping": True}),
        ([None] * 7, {}),
        (RISING[:5], {}),
        (RISING[:2] * 4 + [0.4, 0.9], {}),  # lowest near the end
        ([0.9, 0.6, 0.4, 0.6, 0.5, 0.6, 0.5], {}),  # a single low epoch
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.6], {}),  # a single high one
        ([0.0] * 6, {}),
    ],
)
def test_what_was_not_too_long(val_loss, parameters):
    assert overlong(trained(val_loss, **parameters), DATA) == ""
