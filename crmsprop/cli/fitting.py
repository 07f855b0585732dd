"""A training as the commands show it: a fit that is watched, its results, and what Ctrl-C leaves of them."""

import argparse
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from crmsprop.callbacks import Callback, EpochPrinter, ProgressBar
from crmsprop.cli.announcement import Announcement
from crmsprop.cli.data import Data
from crmsprop.cli.next_step import search_of_rate, use_of_model
from crmsprop.cli.progress import bars
from crmsprop.cli.report import history_table, result_lines, training_line
from crmsprop.cli.terminal import show, shown_together, warn
from crmsprop.cli.verdict import doubt, overlong
from crmsprop.errors import TrainingInterruptedWarning

#: The exit status after Ctrl-C.
INTERRUPTED = 130


def watched_fit(
    estimator: Any, fit: Callable[[], object], data: Data, quiet: bool, more: Iterable[Callback] = ()
) -> bool:
    """Fit an estimator, with a bar, if tqdm is installed, and a line for each epoch unless `quiet`.

    Parameters
    ----------
    estimator : estimator
        Gets its callbacks.
    fit : callable
        Fits it.
    data : Data
        What it is trained on.
    quiet : bool
    more : iterable of Callback, default=()
        What else to call.

    Returns
    -------
    bool
        Whether Ctrl-C has ended it; the estimator is then fitted with the epochs that it has.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C left no whole epoch.
    """
    progress = ProgressBar()
    epochs = EpochPrinter(lambda line: show(line, sys.stderr)) if bars() is None else progress
    shown = [] if quiet else [epochs, Announcement(data)]
    estimator.set_params(callbacks=[*shown, *more])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", TrainingInterruptedWarning)
            fit()
    except TrainingInterruptedWarning:
        if not estimator.n_epochs_:
            raise KeyboardInterrupt from None
        return True
    finally:
        progress.close()
    return False


def print_results(
    estimator: Any,
    score: Mapping[str, float],
    data: Data,
    folder: Path,
    options: argparse.Namespace,
    more: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Print how the training went, how it did on the test data, where everything is, and what to do next.

    Parameters
    ----------
    estimator : estimator
    score : mapping of str to float
        On the test data.
    data : Data
    folder : Path
        Of the run.
    options : argparse.Namespace
        Whether to be quiet: then there is only the result, and what is wrong with it.
    more : mapping of str to str
        What the files are that are there beside those of a training.
    """
    if not options.quiet:
        if not shown_together():  # there its lines were shown, an epoch each
            show(history_table(estimator.history_))
        show(training_line(estimator))
    show(result_lines(score, len(data.X_test), folder, more))
    if problem := doubt(estimator, score, data, search_of_rate(options)):
        warn(problem)
    elif not options.quiet:
        if hint := overlong(estimator, data):
            show(f"hint: {hint}")
        show(f"then: {use_of_model(folder, data, options)}")


def report_interruption(estimator: Any, folder: Path, way_on: str = "") -> int:
    """Say on standard error what Ctrl-C has left, and perhaps how to go on; returns the exit status."""
    done = f"interrupted after {estimator.n_epochs_} of {estimator.max_epochs} epochs, whose results are in {folder}"
    show(f"crmsprop: {done}{way_on and f'; {way_on}'}", sys.stderr)
    return INTERRUPTED
