"""A bar for the epoch in progress, and a line for each finished one."""

from __future__ import annotations

import importlib
import math
import sys
import time
from typing import Any

from crmsprop.callbacks.epoch_printer import format_epoch
from crmsprop.errors import MissingExtraError
from crmsprop.training import Callback, Training

#: Seconds between two drawings. A drawing costs tens of microseconds, about as much as a whole step of a small network.
INTERVAL = 0.2


class ProgressBar(Callback):
    """Shows the epoch in progress as a bar with its loss and accuracy, and leaves a line for each finished epoch.

    A regression has no accuracy. Everything goes to standard error. Where that is no terminal there is no bar, only the
    lines. Needs tqdm, which comes with the extra ``cli``.

    Raises
    ------
    MissingExtraError
        When the training begins, if tqdm is not installed.

    Examples
    --------
    >>> from crmsprop import MLPClassifier
    >>> from crmsprop.callbacks import ProgressBar
    >>> model = MLPClassifier(max_epochs=2, callbacks=[ProgressBar()]).fit([[0.0], [1.0]], [0, 1])
    """

    _bar: Any = None

    def on_train_begin(self, context: Training) -> None:
        """Find tqdm, before the first epoch is lost without it."""
        _import_tqdm()

    def on_epoch_begin(self, context: Training) -> None:
        """Begin a bar."""
        self.close()
        self._bar = _import_tqdm()(
            desc=f"epoch {context.epoch + 1}/{context.plan.max_epochs}",
            total=context.n_batches,
            unit="batch",
            leave=False,
            dynamic_ncols=True,
            delay=INTERVAL,  # an epoch that is over by then shows no bar
            mininterval=0,
            file=sys.stderr,
            disable=None,  # tqdm's word for: unless it is a terminal
        )
        # A bar that is never due costs nothing but the comparison.
        self._due = math.inf if self._bar.disable else time.perf_counter() + INTERVAL

    def on_batch_end(self, context: Training) -> None:
        """Draw the bar, if that is due."""
        if time.perf_counter() < self._due:
            return
        accuracy = "" if math.isnan(context.accuracy) else f", accuracy {context.accuracy:.4f}"
        self._bar.set_postfix_str(f"loss {context.loss:.4f}{accuracy}", refresh=False)
        self._bar.update(context.batch + 1 - self._bar.n)
        self._due = time.perf_counter() + INTERVAL

    def on_epoch_end(self, context: Training) -> None:
        """Replace the bar by a line: losses, accuracies, learning rate, seconds."""
        self.close()
        row = {column: values[-1] for column, values in context.history.items()}
        print(format_epoch(row, context.plan.max_epochs), file=sys.stderr, flush=True)

    def on_train_close(self, context: Training) -> None:
        """Leave no bar behind."""
        self.close()

    def close(self) -> None:
        """Erase the bar, if there is one."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _import_tqdm() -> Any:
    try:
        return importlib.import_module("tqdm").tqdm
    except ImportError as error:
        raise MissingExtraError('the progress bar needs tqdm: pip install "crmsprop[cli]"') from error
