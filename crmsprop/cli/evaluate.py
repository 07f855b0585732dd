"""``crmsprop evaluate``: how well a trained model does on data whose labels or numbers are known."""

import argparse
from pathlib import Path
from typing import Any

from crmsprop.cli.agreement import check_labels, check_samples, other_data
from crmsprop.cli.assessing import Assessment, assess, table
from crmsprop.cli.data import Labelled, add_data_options, add_part_option, load_part
from crmsprop.cli.options import add_training_options, given_parameters
from crmsprop.cli.output import add_quiet_option, write_picture
from crmsprop.cli.parser import UsageError
from crmsprop.cli.saved import add_model_argument, describe, load_model
from crmsprop.cli.targets import CLASSES, targets_of
from crmsprop.cli.terminal import show
from crmsprop.display import ConfusionDisplay, require_matplotlib
from crmsprop.display.fitted import images_in

DESCRIPTION = """\
Tests a trained model on data: the mean loss, without the L2 penalty, the accuracy,
and for each class how many samples it has, how many of them are recognized
(recall), how many of those that are taken for it belong to it (precision), and the
harmonic mean of both (F1). Of a model for several labels at once, y has a column of
0 and 1 for each label, and a sample counts as right where all of them are.

Of a regressor, y has a number a sample, or a column for each output: the mean loss,
the share of the variance that is explained (R2), and for each output the mean, that
of its predictions, and the mean absolute and the root mean squared error.
"""

EXAMPLES = """\
examples:
  crmsprop evaluate crmsprop-run/model.crms
      On the test part of the digits, as "crmsprop train" does.
  crmsprop evaluate model.crms --data cifar10 --confusion mistakes.png
      On the test part of CIFAR-10, with a picture of what is taken for what.
  crmsprop evaluate model.crms --data photos/new --part all
      On all pictures in a folder with a folder for each class.
  crmsprop evaluate model.crms --data new.npz --part all
      On all samples of a file by numpy.savez("new.npz", X=images, y=labels).
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "evaluate",
        help="test a trained model",
        usage="crmsprop evaluate MODEL [OPTION ...]",
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
    model = load_model(options.file).set_params(**given_parameters(options))
    if options.confusion is not None:
        _check_confusion(options.confusion, model)
    data = load_part(options, targets_of(model), model.image_shape_)
    check_samples(data.name, data.X, model, other_data(options, "with samples such as it was trained on"))
    labels = other_data(options, "with its classes; crmsprop fine-tune teaches it others")
    check_labels(data.name, data.y, model, labels)
    found = assess(model, data, options.quiet)
    if options.confusion is not None:
        _draw(options.confusion, model, data, found)
    if not options.quiet:
        show(f"{describe(model)}\n{data.name}, {data.part}\n\n{table(model, data.y, found.predicted)}\n")
    show(f"{found.words()} on {len(data.y):,} samples")
    return 0


def _check_confusion(path: Path, model: Any) -> None:
    """Refuse what cannot be drawn, before the time is spent."""
    require_matplotlib()
    if targets_of(model) is not CLASSES:
        raise UsageError(f"--confusion is for classes that exclude each other, got a {describe(model)}")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"--confusion must be a file in a folder that exists, got {str(path)!r}")


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
    write_picture(path, figure)
