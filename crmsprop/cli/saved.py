"""The model that a command works on: a file that a training left."""

import argparse
import warnings
from pathlib import Path
from typing import Any

from sklearn.base import is_classifier

from crmsprop.estimators import load

MEANING = "a file that crmsprop train, or save in Python, has written"


def add_model_argument(parser: argparse.ArgumentParser, **keywords: Any) -> None:
    """Add the positional argument MODEL."""
    parser.add_argument("file", type=Path, metavar="MODEL", **{"help": MEANING, **keywords})


def load_model(path: Path) -> Any:
    """Return the model in a file.

    Raises
    ------
    FileFormatError
        If the file is damaged, truncated, hostile or no model.
    OSError
        If it cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a schedule that stays behind does not matter here
        return load(path)


def describe(model: Any) -> str:
    """Return one line: what a model is, what it takes, what it tells apart or predicts, and how it was trained."""
    shape = model.image_shape_
    kind = f"rows of {model.n_features_in_}" if shape is None else f"images of {' x '.join(map(str, shape))}"
    plural = "" if model.n_epochs_ == 1 else "s"
    name = type(model).__name__
    averaged = f", weights averaged with decay {model.ema:g}" if model.ema and model.n_epochs_ else ""
    return f"{name} for {kind}, {_answers(model)}, trained {model.n_epochs_} epoch{plural}{averaged}"


def _answers(model: Any) -> str:
    """Return what comes out of a model, and how many of it."""
    (n,) = model.network_.output_shape
    if not is_classifier(model):
        return f"{n} number{'s' if n > 1 else ''}"
    return f"{n} labels at once" if model.multilabel_ else f"{n} classes"
