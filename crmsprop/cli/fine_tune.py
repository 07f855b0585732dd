"""``crmsprop fine-tune``: go on from a trained model, with other data and other classes."""

import argparse
import sys
from typing import Any

from crmsprop.callbacks import ProgressBar
from crmsprop.cli.announcement import Announcement
from crmsprop.cli.data import Data, add_data_options, load_data
from crmsprop.cli.options import add_freezing_options, add_training_options, given_parameters
from crmsprop.cli.output import add_output_options, output_folder, write_results
from crmsprop.cli.report import history_table, result_lines, training_line
from crmsprop.cli.saved import add_model_argument, load_model
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
  crmsprop fine-tune --data pets.npz crmsprop-run/model.crms
      A new output layer for the classes of pets.npz, on the features of the model.
  crmsprop fine-tune --data pets.npz --unfreeze-after 5 --epochs 20 model.crms
      From the sixth epoch on all layers learn.
  crmsprop fine-tune --data more.npz --freeze none --keep-head --learning-rate 1e-4 model.crms
      More images of the same classes, for all layers.
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "fine-tune",
        help="go on from a trained model with other data",
        usage="crmsprop fine-tune [OPTION ...] MODEL",
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
    """Load, train, test, write and report.

    Parameters
    ----------
    options : argparse.Namespace
        What the parser made of the command line.

    Returns
    -------
    int
        The exit status, 0.
    """
    require_matplotlib()
    model = load_model(options.file).set_params(**given_parameters(options))
    data = load_data(options)
    with output_folder(options.output, "crmsprop-fine-tuned") as folder:
        _fine_tune(model, data, options)
        score = model.evaluate(data.X_test, data.y_test)
        write_results(folder, model)
    if not options.quiet:
        if not (sys.stdout.isatty() and sys.stderr.isatty()):  # there its lines were shown, an epoch each
            print(history_table(model.history_))
        print(training_line(model))
    print(result_lines(score, len(data.X_test), folder), flush=True)
    return 0


def _fine_tune(model: Any, data: Data, options: argparse.Namespace) -> None:
    how = {"freeze": options.freeze, "unfreeze_after": options.unfreeze_after, "reset_head": not options.keep_head}
    if options.quiet:
        model.fine_tune(data.X, data.y, **how)
        return
    progress = ProgressBar()
    try:
        model.set_params(callbacks=[progress, Announcement(data)]).fine_tune(data.X, data.y, **how)
    finally:
        progress.close()
