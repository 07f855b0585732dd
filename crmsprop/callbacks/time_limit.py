"""Stop the training when its time is over."""

import time

from crmsprop.errors import check_real
from crmsprop.training import Callback, Training


class TimeLimit(Callback):
    """Stop the training after the first batch or epoch that ends later than `seconds` after its beginning.

    The epoch in progress then ends with what it has: its row of the history is that of the batches until then.

    Parameters
    ----------
    seconds : float
        In (0, inf).

    Attributes
    ----------
    stopped_epoch_ : int or None
        The epoch in which training was stopped, counted from 1; None if it was not.

    Raises
    ------
    TypeError, ValueError
        If `seconds` is no number, or out of its range.

    Examples
    --------
    >>> from crmsprop import MLPClassifier
    >>> from crmsprop.callbacks import TimeLimit
    >>> model = MLPClassifier(max_epochs=10**9, callbacks=[TimeLimit(0.01)]).fit([[0.0], [1.0]], [0, 1])
    >>> model.n_epochs_ < 10**9
    True
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = check_real("seconds", seconds, "(0, inf)")

    def on_train_begin(self, context: Training) -> None:
        """Begin to count."""
        self.stopped_epoch_: int | None = None
        self._end = time.monotonic() + self.seconds

    def on_batch_end(self, context: Training) -> bool:
        """Look at the clock."""
        return self._is_over(context)

    def on_epoch_end(self, context: Training) -> bool:
        """Look at the clock: validation took its time too."""
        return self._is_over(context)

    def _is_over(self, context: Training) -> bool:
        over = time.monotonic() >= self._end
        if over and self.stopped_epoch_ is None:
            self.stopped_epoch_ = context.epoch + 1
        return over
