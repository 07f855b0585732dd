"""A training as the commands show it: a fit that is watched, its results, and what Ctrl-C leaves of them."""

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from crmsprop.callbacks import Callback, ProgressBar
from crmsprop.cli.announcement import Announcement
from crmsprop.cli.data import Data
from crmsprop.cli.report import history_table, result_lines, training_line
from crmsprop.cli.terminal import show
from crmsprop.errors import TrainingInterruptedWarning

#: The exit status after Ctrl-C.
INTERRUPTED = 130


def watched_fit(
    estimator: Any, fit: Callable[[], object], data: Data, quiet: bool, more: Iterable[Callback] = ()
) -> bool:
    """Fit an estimator, with a bar and a line for each epoch unless `quiet`.

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
    shown = [] if quiet else [progress, Announcement(data)]
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
    n_samples: int,
    folder: Path,
    quiet: bool,
    more: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Print how the training went, unless `quiet`, how it did on the test data, and where everything is.

    `more` says what the files are that are there beside those of a training.
    """
    if not quiet:
        if not (sys.stdout.isatty() and sys.stderr.isatty()):  # there its lines were shown, an epoch each
            show(history_table(estimator.history_))
        show(training_line(estimator))
    show(result_lines(score, n_samples, folder, more))


def report_interruption(estimator: Any, folder: Path, way_on: str = "") -> int:
    """Say on standard error what Ctrl-C has left, and perhaps how to go on; returns the exit status."""
    done = f"interrupted after {estimator.n_epochs_} of {estimator.max_epochs} epochs, whose results are in {folder}"
    show(f"crmsprop: {done}{way_on and f'; {way_on}'}", sys.stderr)
    return INTERRUPTED
