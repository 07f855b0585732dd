"""Whether samples and labels are such as a trained model takes; an error says which these are, and which it takes."""

import argparse
import math
from typing import Any

import numpy as np

from crmsprop.cli.data import DEFAULT
from crmsprop.cli.saved import kind_of_samples
from crmsprop.cli.targets import CLASSES, targets_of

Array = np.ndarray[Any, np.dtype[Any]]

#: Classes that are named before "..." stands for the rest.
NAMED = 10


def check_samples(name: str, X: Array, model: Any, remedy: str) -> None:
    """Raise ValueError unless a model takes these samples.

    Parameters
    ----------
    name : str
        Where they are from.
    X : ndarray of shape (n, height, width[, channels]) or (n, n_features)
    model : estimator
        Fitted.
    remedy : str
        What to do about it.
    """
    found = None if X.ndim == 2 else (*X.shape[1:], 1)[:3]
    wanted = model.image_shape_
    n_wanted = model.n_features_in_ if wanted is None else math.prod(wanted)
    takes = kind_of_samples(wanted, model.n_features_in_)
    fits = X.shape[1] == n_wanted if found is None else found == wanted
    if not fits:
        raise ValueError(f"{name} has {kind_of_samples(found, X.shape[1])}, and the model takes {takes}: {remedy}")
    if (X.dtype == np.uint8) != model._fitted_on_uint8:
        takes = "uint8" if model._fitted_on_uint8 else "numbers other than uint8"
        raise ValueError(f"{name} has samples of {X.dtype}, and the model was trained on {takes}: {remedy}")


def check_labels(name: str, y: Array, model: Any, remedy: str) -> None:
    """Raise ValueError where a classifier is to know labels that it does not; parameters as for `check_samples`."""
    if targets_of(model) is not CLASSES:
        return
    unknown = np.setdiff1d(y, model.classes_)
    if unknown.size:
        of_which = "" if len(unknown) == len(np.unique(y)) else f", and among them {_listed(unknown)},"
        has = f"{name} has the classes {_listed(np.unique(y))}{of_which} and the model knows"
        raise ValueError(f"{has} {_listed(model.classes_)}: {remedy}")


def other_data(options: argparse.Namespace, rule: str) -> str:
    """Return what to do where the data do not fit a model; of the default, which nobody may have meant, it says so."""
    default = "; without --data it is tried on the digits" if options.data == DEFAULT else ""
    return f"give --data {rule}{default}"


def _listed(labels: Array) -> str:
    names = [str(label) for label in labels[:NAMED]]
    return ", ".join([*names, "..."] if len(labels) > NAMED else names)
