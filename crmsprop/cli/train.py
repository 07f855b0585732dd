"""``crmsprop train``: train a network, show how it went, and leave a folder with the model and its history."""

import argparse
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from crmsprop.cli.data import add_data_options, load_data
from crmsprop.cli.fitting import print_results, report_interruption, watched_fit
from crmsprop.cli.models import check_parameters, make_job, watched, without_data
from crmsprop.cli.options import add_network_options, add_training_options
from crmsprop.cli.output import FILES, add_output_options, check_output, output_folder, written_results
from crmsprop.cli.resuming import (
    CHECKPOINT,
    add_resume_options,
    can_go_on,
    check_checkpoint,
    check_no_links,
    checkpoint_of,
    resume_command,
    resumed_folder,
)
from crmsprop.cli.scales import warn_of_scales
from crmsprop.display import require_matplotlib

DESCRIPTION = """\
Trains a network with RMSprop and tests it. It shows a progress bar for the
epoch, a table of the history, and loss and accuracy on the test data, which
take no part in the training; and it leaves a folder with the model, its history
and a picture of its learning curves. Without options it learns to read the
digits that come with scikit-learn, in a few seconds.
"""

EXAMPLES = """\
examples:
  crmsprop train
      Learn the digits.
  crmsprop train --model mlp --hidden-layer-sizes 256 128 --dropout 0.3
      The same with dense layers only.
  crmsprop train --data cifar10 --model reference
      The reference program on CIFAR-10, downloaded if need be.
  crmsprop train --data photos --image-shape 64 64
      Pictures of your own, photos/cat/1.jpg, photos/dog/2.png, ..., resized to 64 x 64.
  crmsprop train --data mine.npz --epochs 20 --early-stopping --output mine
      Images of your own, as numpy.savez("mine.npz", X=images, y=labels) writes them.
  crmsprop train --schedule "step:factor=0.5,every=10*inverse-time:decay=1e-6"
      A product of two schedules.
  crmsprop train --schedule "warmup:epochs=3 then@3 cosine"
      One schedule for three epochs, and then another.
  crmsprop train --data cifar10 --augment "flip + rotation:15 + translation:0.1 + zoom:0.1"
      Other images in every epoch.
  crmsprop train --resume crmsprop-run
      Go on with a run that was killed or interrupted.

then:
  crmsprop predict crmsprop-run/model.crms picture.jpg

or, in Python:
  model = crmsprop.load("crmsprop-run/model.crms")
  model.predict(X)
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "train",
        help="train a network and test it",
        usage="crmsprop train [OPTION ...]",
        description=DESCRIPTION,
        epilog=EXAMPLES,
    )
    add_data_options(parser)
    add_network_options(parser)
    add_training_options(parser)
    add_output_options(parser)
    add_resume_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train, write, test and report.

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
    check_checkpoint(options)
    check_output(options.output if options.resume is None else None)
    check_parameters(without_data(options))
    data = load_data(options)
    estimator, fit = job = make_job(options, data)
    warn_of_scales(data)
    with _folder(options) as folder:
        checkpoints, shown = checkpoint_of(options, folder), watched(data, job)
        interrupted = watched_fit(estimator, lambda: estimator.fit(**fit), shown, options.quiet, checkpoints)
        if options.resume is not None:
            check_no_links(folder, FILES)  # again: a training takes long
        with written_results(folder, estimator):
            score = estimator.evaluate(data.X_test, data.y_test)
        if not interrupted:
            (folder / CHECKPOINT).unlink(missing_ok=True)
    print_results(estimator, score, data, folder, options)
    way_on = resume_command(folder) if can_go_on(folder) else ""
    return report_interruption(estimator, folder, way_on) if interrupted else 0


def _folder(options: argparse.Namespace) -> AbstractContextManager[Path]:
    if options.resume is not None:
        return resumed_folder(options.resume, FILES)
    return output_folder(options.output, arguments=options.arguments)
