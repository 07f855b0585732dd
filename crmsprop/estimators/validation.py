"""Which samples validate, and errors about a validation set of the user's own."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from crmsprop.estimators.inputs import Array
from crmsprop.training import DataSet


class Split(NamedTuple):
    """What trains, what validates, and the y that the latter's targets were made from, by the numbers of its rows."""

    training: DataSet
    validation: DataSet | None
    y_val: Array


def held_out(rows: Array, fraction: float, seed: int, strata: Array | None) -> tuple[Array, Array]:
    """Return which of `rows`, numbers of samples, train, and which validate."""
    try:
        kept, validating = train_test_split(rows, test_size=fraction, random_state=seed, stratify=strata)
    except ValueError as error:
        rule = "validation_fraction (a tenth by default with early_stopping) must leave samples of every class in both"
        found = f"got {fraction} of {len(rows)} samples: {error}"
        raise ValueError(f"{rule} parts, {found}; {_remedy(len(rows), fraction, strata)}") from error
    return kept, validating


def _remedy(n: int, fraction: float, strata: Array | None) -> str:
    """What to do where a split has failed: a larger fraction, in hundredths, if that has a sample of every class."""
    classes = 1 if strata is None else len(np.unique(strata))
    enough = (100 * (classes - 1) // n + 1) / 100
    if math.ceil(fraction * n) < classes <= n - math.ceil(enough * n):
        return f"set validation_fraction={enough} or more"
    return "give more samples, or X_val and y_val"


@contextmanager
def naming_validation_data() -> Iterator[None]:
    """Errors about X and y are about X_val and y_val here; names stand before a verb, and values behind."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if type(error) in (TypeError, ValueError):
            raise type(error)(_about_validation(str(error))) from error
        raise


def _about_validation(message: str) -> str:
    """Return a message about X and y as one about X_val and y_val; they stand before it where it names neither."""
    if message.startswith("X and y must"):
        return message.replace("X and y", "X_val and y_val", 1)
    named = re.sub(r"^(.*?)\b([Xy])\b(?=:| must| has| contains| is| should)", r"\1\2_val", message, count=1)
    return named if named != message else f"X_val, y_val: {message}"
