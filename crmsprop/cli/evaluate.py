"""``crmsprop evaluate``: how well a trained model classifies data."""

import argparse
import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from crmsprop.cli.data import Labelled, add_data_options, add_part_option, load_part
from crmsprop.cli.options import add_training_options, given_parameters
from crmsprop.cli.output import add_quiet_option
from crmsprop.cli.parser import UsageError
from crmsprop.cli.progress import progress
from crmsprop.cli.report import aligned
from crmsprop.cli.saved import add_model_argument, describe, load_classifier, printable
from crmsprop.display import ConfusionDisplay, require_matplotlib
from crmsprop.display.fitted import images_in

Array = np.ndarray[Any, np.dtype[Any]]

#: Samples that are evaluated between two looks at the progress bar.
PART = 4096

DESCRIPTION = """\
Tests a trained model on data: the mean loss, without the L2 penalty, the accuracy,
and for each class how many samples it has, how many of them are recognized
(recall), how many of those that are taken for it belong to it (precision), and the
harmonic mean of both (F1).
"""

EXAMPLES = """\
examples:
  crmsprop evaluate crmsprop-run/model.crms
      On the test part of the digits, as "crmsprop train" does.
  crmsprop evaluate --data cifar10 --confusion mistakes.png model.crms
      On the test part of CIFAR-10, with a picture of what is taken for what.
  crmsprop evaluate --data new.npz --part all model.crms
      On all samples of a file by numpy.savez("new.npz", X=images, y=labels).
"""


class Assessment(NamedTuple):
    """What a model makes of labelled data: the means, and the predicted class and its probability for each sample."""

    loss: float
    accuracy: float
    predicted: Array
    confidences: Array


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "evaluate",
        help="test a trained model",
        usage="crmsprop evaluate [OPTION ...] MODEL",
        description=DESCRIPTION,
        epilog=EXAMPLES,
    )
    add_model_argument(parser)
    add_data_options(parser)
    add_part_option(parser)
    group = parser.add_argument_group("output")
    group.add_argument(
        "--confusion",
        type=lambda text: Path(text).expanduser(),
        metavar="FILE.png",
        help="draw the confusion matrix, and beside it the images that were most surely mistaken; an existing file is "
        "replaced (default: no picture)",
    )
    add_quiet_option(group, "progress and no table, only loss and accuracy")
    add_training_options(parser, ["n_threads"], "speed")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Evaluate, draw and report.

    Parameters
    ----------
    options : argparse.Namespace
        What the parser made of the command line.

    Returns
    -------
    int
        The exit status, 0.
    """
    if options.confusion is not None:
        require_matplotlib()
        _check_place(options.confusion)
    model = load_classifier(options.file).set_params(**given_parameters(options))
    data = load_part(options)
    found = _assess(model, data, options.quiet)
    if options.confusion is not None:
        _draw(options.confusion, model, data, found)
    if not options.quiet:
        print(
            f"{describe(model)}\n{data.name}, {data.part}\n\n{_class_table(model.classes_, data.y, found.predicted)}\n"
        )
    print(f"loss {found.loss:.4f}, accuracy {found.accuracy:.4f} on {len(data.y):,} samples", flush=True)
    return 0


def _check_place(path: Path) -> None:
    """UsageError where no file can be, before the time is spent."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"--confusion must be a file in a folder that exists, got {str(path)!r}")


def _assess(model: Any, data: Labelled, quiet: bool) -> Assessment:
    loss, accuracy, predicted, confidences = 0.0, 0.0, [], []
    with progress(len(data.y), "sample", quiet) as advance:
        for start in range(0, len(data.y), PART):
            X, y = data.X[start : start + PART], data.y[start : start + PART]
            score, probabilities = model.evaluate(X, y), model.predict_proba(X)
            loss, accuracy = loss + score["loss"] * len(y), accuracy + score["accuracy"] * len(y)
            predicted.append(model.classes_[probabilities.argmax(axis=1)])
            confidences.append(probabilities.max(axis=1))
            advance(len(y))
    n = len(data.y)
    return Assessment(loss / n, accuracy / n, np.concatenate(predicted), np.concatenate(confidences))


def _class_table(classes: Array, y: Array, predicted: Array) -> str:
    """Return a line a class; what cannot be said of it, such as the recall of a class without samples, is "-"."""
    samples, taken, right = (
        np.array([np.count_nonzero(chosen == label) for label in classes])
        for chosen in (y, predicted, y[y == predicted])
    )
    columns = [
        ("class", [printable(label) for label in classes], "<"),
        ("samples", [f"{count:,}" for count in samples], ">"),
        ("correct", [f"{count:,}" for count in right], ">"),
        ("recall", _shares(right, samples), ">"),
        ("precision", _shares(right, taken), ">"),
        ("F1", _shares(2 * right, samples + taken), ">"),
    ]
    return aligned(columns)


def _shares(part: Array, whole: Array) -> list[str]:
    return ["-" if all_ == 0 else f"{some / all_:.4f}" for some, all_ in zip(part, whole, strict=True)]


def _draw(path: Path, model: Any, data: Labelled, found: Assessment) -> None:
    """Draw the confusions as PNG; without pyplot, so that no display is needed. The file is written whole."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 6), layout="constrained")
    ConfusionDisplay.from_predictions(
        data.y,
        found.predicted,
        labels=model.classes_,
        images=images_in(data.X, model),
        confidences=found.confidences,
        include_values=len(model.classes_) <= 30,  # more have no room
        ax=figure,
    )
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=120, format="png")
    path.write_bytes(drawn.getbuffer())
