"""``crmsprop find-lr``: see at which learning rates the loss falls, and suggest one."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from crmsprop.callbacks import Callback
from crmsprop.cli.announcement import Announcement
from crmsprop.cli.data import Data, add_data_options, load_data
from crmsprop.cli.models import Job, check_parameters, make_job, without_data
from crmsprop.cli.options import FINDER, TRAINING, add_finder_options, add_network_options, add_training_options
from crmsprop.cli.output import add_output_options, check_output, output_folder, write_picture, write_table
from crmsprop.cli.progress import progress
from crmsprop.cli.scales import warn_of_scales
from crmsprop.cli.terminal import show, warn
from crmsprop.display import LearningRateFinderDisplay, require_matplotlib
from crmsprop.estimators import LearningRateFinderResult, find_learning_rate
from crmsprop.estimators.finder import checked_ramp
from crmsprop.training import Training

DEFAULT_FOLDER = "crmsprop-find-lr"
CURVE, PICTURE = FILES = ("learning_rates.csv", "learning_rates.png")

#: A smoothed loss that falls by less than so many standard deviations of a batch may do so by chance. In ramps of 100
#: steps, labels that nothing can tell, and rates too low to learn from, gave 0.1 to 1.5 of them, most below 1;
#: CNNClassifier on the digits 1.9 to 2.9, and what is learned easily 4 and more.
CHANCE = 1.25

#: Parameters of a training that a ramp sets itself, or has no use for.
NOT_OF_A_RAMP = (
    "max_epochs",
    "learning_rate",
    "schedule",
    "ema",
    "validation_fraction",
    "early_stopping",
    "monitor",
    "patience",
    "min_delta",
    "restore_best",
    "flip_predictions",
)

DESCRIPTION = """\
Trains a fresh network on one batch after the other, each at a higher learning
rate, until the loss explodes, and suggests a rate for a training: where the
smoothed loss falls fastest. The test data take no part in it. It leaves a folder
with the losses as CSV and a picture of them. A good rate for "crmsprop train" is
often between the valley and the steepest descent: look at the picture. A warning
says where the loss falls so little that it may be chance.
"""

EXAMPLES = """\
examples:
  crmsprop find-lr
      The default network on the digits.
  crmsprop find-lr --data cifar10 --model reference --steps 300
      The reference program on CIFAR-10, in smaller steps.
  crmsprop find-lr --data photos --image-shape 64 64
      Pictures of your own, a folder a class.
  crmsprop find-lr --data mine.npz --batch-size 128 --max-learning-rate 1
      Data of your own, with the batch size that the training will have.

then:
  crmsprop train --learning-rate 0.003
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "find-lr",
        help="suggest a learning rate",
        usage="crmsprop find-lr [OPTION ...]",
        description=DESCRIPTION,
        epilog=EXAMPLES,
    )
    add_finder_options(parser)
    add_data_options(parser)
    add_network_options(parser)
    add_training_options(parser, [option.parameter for option in TRAINING if option.parameter not in NOT_OF_A_RAMP])
    add_output_options(parser, DEFAULT_FOLDER, FILES)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the ramp, write and report.

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
    check_output(options.output)
    checked_ramp(options.min_learning_rate, options.max_learning_rate, options.steps)
    check_parameters(without_data(options))
    data = load_data(options)
    job = make_job(options, data)
    warn_of_scales(data)
    with output_folder(options.output, DEFAULT_FOLDER, FILES) as folder:
        result = _find(job, data, options)
        problem = doubt(result, exploded=len(result.losses) < options.steps)
        lines = _suggestions(result, "no suggestion, see the warning" if problem else "the suggestion")
        _write(folder, result)
    show("\n".join([*lines, *_files(folder)]))
    if problem:
        warn(problem)
    return 0


class _Steps(Callback):
    """Tells a progress bar of each batch."""

    def __init__(self, advance: Callable[[int], object]) -> None:
        self.advance = advance

    def on_batch_end(self, context: Training) -> None:
        self.advance(1)


def _find(job: Job, data: Data, options: argparse.Namespace) -> LearningRateFinderResult:
    ramp = {option.parameter: getattr(options, option.parameter) for option in FINDER}
    with progress(options.steps, "batch", options.quiet) as advance:
        watching = [] if options.quiet else [Announcement(data), _Steps(advance)]
        return find_learning_rate(job.estimator, job.fit["X"], job.fit["y"], **ramp, callbacks=watching)


def doubt(result: LearningRateFinderResult, exploded: bool) -> str:
    """Return what to say where the loss falls by no more than chance would have it, and what to do; or nothing.

    How much single batches differ is taken from one to the next, in the first third of the ramp, where little is
    learned: of independent numbers the differences have sqrt(2) times the standard deviation.
    """
    smoothed = result.smoothed_losses[len(result.losses) // 10 :]
    fall = float(smoothed[0] - smoothed.min())
    steps = np.diff(result.losses[: len(result.losses) // 3])
    noise = float(np.sqrt(np.mean(steps**2) / 2)) if steps.size else 0.0
    if fall >= CHANCE * noise:
        return ""
    found = f"the rates may be chance: the smoothed loss falls by {fall:.2g}, and single batches differ by {noise:.2g}"
    remedies = "a larger --batch-size or more --steps"
    if not exploded:  # higher rates are of no use where the loss was too high already
        remedies = "a larger --batch-size, more --steps or a higher --max-learning-rate"
    return f"{found}; try {remedies}, and look at the data"


def _suggestions(result: LearningRateFinderResult, steepest: str) -> list[str]:
    """Return a line a suggestion; ValueError if the loss never falls."""
    return [
        f"steepest  {result.suggestion:<8.2g}  where the smoothed loss falls fastest: {steepest}",
        f"valley    {result.valley():<8.2g}  two thirds of the way down its longest fall",
        f"minimum   {result.minimum():<8.2g}  a tenth of the rate at which it is lowest",
    ]


def _write(folder: Path, result: LearningRateFinderResult) -> None:
    """Write the losses as CSV and the picture as PNG; without pyplot, so that no display is needed."""
    from matplotlib.figure import Figure

    columns = {
        "learning_rate": result.learning_rates.tolist(),
        "loss": result.losses.tolist(),
        "smoothed_loss": result.smoothed_losses.tolist(),
    }
    write_table(folder / CURVE, columns)
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    LearningRateFinderDisplay.from_result(result, ax=figure)
    write_picture(folder / PICTURE, figure)


def _files(folder: Path) -> list[str]:
    width = max(len(str(folder / name)) for name in FILES)
    meanings = {CURVE: "the losses, a batch a line", PICTURE: "the picture of them"}
    return [f"{folder / name!s:{width}}  {meaning}" for name, meaning in meanings.items()]
