"""``crmsprop fine-tune``: go on from a trained model, with other data and other classes."""

import argparse
from typing import Any

from crmsprop.cli.agreement import check_labels, check_samples, other_data
from crmsprop.cli.data import Data, add_data_options, load_data
from crmsprop.cli.fitting import print_results, report_interruption, watched_fit
from crmsprop.cli.models import Job, watched
from crmsprop.cli.options import add_freezing_options, add_training_options, given_parameters
from crmsprop.cli.output import add_output_options, check_output, output_folder, written_results
from crmsprop.cli.saved import add_model_argument, load_model
from crmsprop.cli.targets import targets_of
from crmsprop.display import require_matplotlib

DESCRIPTION = """\
Goes on from a trained model with other data. The output layer starts anew, for the
classes of these data, unless --keep-head is given; the layers before the first
dense one stay as they are, unless --freeze says otherwise, so that few images are
enough and an epoch takes a fraction of the time. It leaves a folder with the new
model, its history and a picture of its learning curves. How to train is what the
model was trained with, unless an option says otherwise.
"""

EXAMPLES = """\
examples:
  crmsprop fine-tune crmsprop-run/model.crms --data pets.npz
      A new output layer for the classes of pets.npz, on the features of the model.
  crmsprop fine-tune crmsprop-run/model.crms --data pets
      The same with pictures, pets/cat/1.jpg; they are resized to what the model takes.
  crmsprop fine-tune model.crms --data pets.npz --unfreeze-after 5 --epochs 20
      From the sixth epoch on all layers learn.
  crmsprop fine-tune model.crms --data more.npz --freeze none --keep-head --learning-rate 1e-4
      More images of the same classes, for all layers.
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "fine-tune",
        help="go on from a trained model with other data",
        usage="crmsprop fine-tune MODEL [OPTION ...]",
        description=DESCRIPTION,
        epilog=EXAMPLES,
    )
    add_model_argument(parser)
    add_data_options(parser)
    add_freezing_options(parser)
    add_training_options(parser, default="the model's")
    add_output_options(parser, default="crmsprop-fine-tuned")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Load, train, write, test and report.

    Parameters
    ----------
    options : argparse.Namespace
        What the parser made of the command line.

    Returns
    -------
    int
        The exit status: 0, or 130 after Ctrl-C.
    """
    require_matplotlib()
    model = load_model(options.file).set_params(**given_parameters(options))
    check_output(options.output)
    model._plan(model._seeds().order)  # checks the parameters before the data are read
    data = load_data(options, targets_of(model), model.image_shape_)
    _check_data(data, model, options)
    with output_folder(options.output, "crmsprop-fine-tuned") as folder:
        how = {"freeze": options.freeze, "unfreeze_after": options.unfreeze_after, "reset_head": not options.keep_head}
        shown = watched(data, Job(model, {"X": data.X}))
        interrupted = watched_fit(model, lambda: model.fine_tune(data.X, data.y, **how), shown, options.quiet)
        with written_results(folder, model):
            score = model.evaluate(data.X_test, data.y_test)
    print_results(model, score, data, folder, options)
    return report_interruption(model, folder) if interrupted else 0


def _check_data(data: Data, model: Any, options: argparse.Namespace) -> None:
    """Refuse what the model cannot learn, before the time is spent."""
    check_samples(data.name, data.X, model, other_data(options, "with samples such as it was trained on"))
    if options.keep_head:
        check_labels(data.name, data.y, model, "leave out --keep-head, for a new output layer that learns them")
