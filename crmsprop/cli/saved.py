"""The model that a command works on: a file that a training left."""

import argparse
import warnings
from pathlib import Path
from typing import Any

from sklearn.base import is_classifier

from crmsprop.cli.output import MODEL
from crmsprop.cli.parser import UsageError
from crmsprop.cli.resuming import CHECKPOINT, can_go_on, resume_command
from crmsprop.datasets.folder_listing import EXTENSIONS
from crmsprop.errors import FileFormatError
from crmsprop.estimators import load

MEANING = "a file that crmsprop train, or save in Python, has written"

#: What files are that are given in place of a model, by their endings, and what to do with them.
OTHERS = {
    **dict.fromkeys(EXTENSIONS, "it is a picture by its name, and the model comes first: crmsprop predict MODEL FILE"),
    **dict.fromkeys((".npy", ".npz"), "it is data by its name, and the model comes first"),
    ".csv": f"it is a table by its name; the model of a run is the file {MODEL} beside it",
    **dict.fromkeys(
        (".h5", ".onnx", ".pt", ".pth", ".safetensors"),
        "it is of another library by its name; load_weights in Python takes weights from safetensors and Keras",
    ),
}

#: Models that an error names where there is none of the name that was given.
SHOWN = 3


def add_model_argument(parser: argparse.ArgumentParser, **keywords: Any) -> None:
    """Add the positional argument MODEL."""
    parser.add_argument("file", type=Path, metavar="MODEL", **{"help": MEANING, **keywords})


def load_model(path: Path) -> Any:
    """Return the model in a file.

    Raises
    ------
    UsageError
        If there is no such file, or it is a folder.
    FileFormatError
        If the file is damaged, truncated, hostile or no model.
    OSError
        If it cannot be read.
    """
    if path.is_dir() or not path.exists():
        raise UsageError(f"MODEL must be {MEANING}, got {_not_a_file(path)}")
    try:
        return _loaded(path)
    except FileFormatError as error:
        if hint := _what_it_is(path):
            error.add_note(hint)
        raise


def _not_a_file(path: Path) -> str:
    """Return what there is in place of a model, and where models are."""
    if not path.is_dir():
        return f"{str(path)!r}, which does not exist{_models_in(path.parent)}"
    if can_go_on(path) and not (path / MODEL).exists():
        return f"the folder {str(path)!r} of a run that is not over: {resume_command(path)}"
    return f"the folder {str(path)!r}{_models_in(path)}"


def _models_in(folder: Path) -> str:
    found = [*sorted(folder.glob("*.crms")), *sorted(folder.glob("*/*.crms"))]
    names = [str(path) for path in found if path.name != CHECKPOINT]
    more = ", ..." if len(names) > SHOWN else ""
    return f"; there is {', '.join(names[:SHOWN])}{more}" if names else ""


def _what_it_is(path: Path) -> str:
    """Return what a file is that is no model, as far as its name says, and what to do."""
    if path.name == CHECKPOINT:
        return f"it is the state of a run that is not over: {resume_command(path.parent)}"
    return OTHERS.get(path.suffix.lower(), "")


def _loaded(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a schedule that stays behind does not matter here
        return load(path)


def describe(model: Any) -> str:
    """Return one line: what a model is, what it takes, what it tells apart or predicts, and how it was trained."""
    kind = kind_of_samples(model.image_shape_, model.n_features_in_)
    plural = "" if model.n_epochs_ == 1 else "s"
    name = type(model).__name__
    averaged = f", weights averaged with decay {model.ema:g}" if model.ema and model.n_epochs_ else ""
    return f"{name} for {kind}, {_answers(model)}, trained {model.n_epochs_} epoch{plural}{averaged}"


def kind_of_samples(image_shape: tuple[int, ...] | None, n_features: int) -> str:
    """Return what samples are: images of a shape, or rows of so many numbers where that is None."""
    return f"rows of {n_features}" if image_shape is None else f"images of {' x '.join(map(str, image_shape))}"


def _answers(model: Any) -> str:
    """Return what comes out of a model, and how many of it."""
    (n,) = model.network_.output_shape
    if not is_classifier(model):
        return f"{n} number{'s' if n > 1 else ''}"
    return f"{n} labels at once" if model.multilabel_ else f"{n} classes"
