"""``crmsprop predict``: what a trained model makes of pictures and arrays."""

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from crmsprop.cli.options import add_training_options, given_parameters
from crmsprop.cli.output import add_quiet_option
from crmsprop.cli.progress import progress
from crmsprop.cli.report import aligned
from crmsprop.cli.samples import Samples, read_samples
from crmsprop.cli.saved import add_model_argument, load_classifier, printable
from crmsprop.errors import check_integer, check_real

#: Samples that are predicted between two looks at the progress bar.
PART = 4096
#: Classes that are shown of each sample, if there are so many.
TOP = 3

DESCRIPTION = """\
Predicts with a trained model, and prints the most probable classes of each sample
with their probabilities. A picture has to have the size that the model was trained
on, or is resized with --resize; colours become grey where the model takes grey, and
transparency is dropped. Of a picture with several frames the first one is taken.
"""

EXAMPLES = """\
examples:
  crmsprop predict crmsprop-run/model.crms cat.png dog.jpg
      Two pictures.
  crmsprop predict --resize --top 1 model.crms photos/*.jpg
      Pictures of any size, and only the most probable class of each.
  crmsprop predict --csv model.crms new.npz > predictions.csv
      The samples in the array X of new.npz, as CSV with all digits.
"""


class Prediction(NamedTuple):
    """The most probable classes of a sample, the first the most probable."""

    sample: str
    labels: list[str]
    probabilities: list[float]


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "predict",
        help="predict the classes of pictures and arrays",
        usage="crmsprop predict [OPTION ...] MODEL FILE [FILE ...]",
        description=DESCRIPTION,
        epilog=EXAMPLES,
    )
    add_model_argument(parser)
    parser.add_argument(
        "samples",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="a picture (PNG, JPEG, BMP, GIF, PPM, TIFF or WebP), an .npy file with an array of samples, or an .npz "
        "file with one called X",
    )
    _add_picture_options(parser)
    _add_output_options(parser)
    add_training_options(parser, ["n_threads"], "speed")
    parser.set_defaults(run=run)


def _add_picture_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("pictures")
    group.add_argument(
        "--resize",
        action="store_true",
        help="resize pictures to what the model takes, whatever their proportions (default: refuse other sizes)",
    )
    group.add_argument(
        "--scale",
        type=float,
        metavar="F",
        help="factor on the pixels 0..255, for a model that was trained on other numbers than uint8, such as "
        "0.00392157 for numbers in 0..1 (default: none, a model trained on uint8 scales them itself)",
    )


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--top",
        type=int,
        metavar="N",
        help=f"classes to print for each sample (default: {TOP}, or all if there are fewer)",
    )
    group.add_argument(
        "--csv",
        action="store_true",
        help="print CSV with the columns sample, rank, label, probability, a class a line (default: print a table)",
    )
    add_quiet_option(group, "bar for the files that are done and the time left")


def run(options: argparse.Namespace) -> int:
    """Predict and print.

    Parameters
    ----------
    options : argparse.Namespace
        What the parser made of the command line.

    Returns
    -------
    int
        The exit status, 0.
    """
    model = load_classifier(options.file).set_params(**given_parameters(options))
    top = _checked_top(options.top, len(model.classes_))
    if options.scale is not None:
        check_real("--scale", options.scale, "(0, inf)")
    with progress(len(options.samples), "file", options.quiet) as advance:
        predictions: list[Prediction] = []
        for path in options.samples:
            predictions += _predict(model, read_samples(path, model, options.resize, options.scale), top)
            advance(1)
    if options.csv:
        _print_csv(predictions)
    else:
        print(_table(predictions))
    sys.stdout.flush()
    return 0


def _checked_top(top: int | None, n_classes: int) -> int:
    return min(TOP, n_classes) if top is None else check_integer("--top", top, 1, n_classes)


def _predict(model: Any, samples: Samples, top: int) -> Iterator[Prediction]:
    for start in range(0, len(samples.X), PART):
        probabilities = model.predict_proba(samples.X[start : start + PART])
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
        for name, row, best in zip(samples.names[start : start + PART], probabilities, order, strict=True):
            labels = [printable(label) for label in model.classes_[best]]
            yield Prediction(printable(name), labels, row[best].tolist())


def _table(predictions: list[Prediction]) -> str:
    """Return a line a sample: its name, then label and probability of each class."""
    columns = [("sample", [one.sample for one in predictions], "<")]
    for k in range(len(predictions[0].labels)):
        columns.append(("class", [one.labels[k] for one in predictions], ">"))
        columns.append(("probability", [f"{one.probabilities[k]:.4f}" for one in predictions], ">"))
    return aligned(columns)


def _print_csv(predictions: list[Prediction]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["sample", "rank", "label", "probability"])
    for one in predictions:
        for rank, (label, probability) in enumerate(zip(one.labels, one.probabilities, strict=True), start=1):
            writer.writerow([one.sample, rank, label, probability])
