"""Let a function set the learning rate at the beginning of each epoch."""

from collections.abc import Callable

from crmsprop.errors import shown
from crmsprop.schedules import Schedule
from crmsprop.schedules.rates import check_rate, check_takes_two
from crmsprop.training import Callback, Training


class LearningRateScheduler(Callback):
    """Set the optimizer's learning rate to ``function(epoch, learning_rate)`` at the beginning of each epoch.

    That is Keras's callback of that name. The function is given the rate that the optimizer has, and so sees what other
    callbacks make of it, such as `ReduceOnPlateau`. Where that is not needed, give the estimator the same function as
    its `schedule`: there the rates depend on the epoch alone. With both, the rate of a step is the one that is set here
    times the schedule's factor.

    Parameters
    ----------
    function : callable
        Takes the epoch, counted from 0, and the optimizer's learning rate; returns the new one, in [0, inf).

    Raises
    ------
    TypeError
        If `function` is no function, or does not take an epoch and a rate.
    ValueError
        At the beginning of an epoch, before its first batch, if it returns anything but a finite number of at least 0.

    Examples
    --------
    >>> from crmsprop import MLPClassifier
    >>> from crmsprop.callbacks import LearningRateScheduler
    >>> def halve(epoch, learning_rate):
    ...     return learning_rate / 2 if epoch else learning_rate
    >>> model = MLPClassifier(max_epochs=3, learning_rate=0.01, callbacks=[LearningRateScheduler(halve)])
    >>> model.fit([[0.0], [1.0]], [0, 1]).history_["learning_rate"]
    [0.01, 0.005, 0.0025]
    """

    def __init__(self, function: Callable[[int, float], float]) -> None:
        if isinstance(function, Schedule):
            raise TypeError(
                f"function must be none of our schedules, which an estimator takes as `schedule`, got {function!r}"
            )
        if not callable(function) or isinstance(function, type):
            raise TypeError(f"function must be callable as function(epoch, learning_rate), got {shown(function)}")
        check_takes_two("function", function)
        self.function = function

    def on_epoch_begin(self, context: Training) -> None:
        """Set the rate."""
        rate = self.function(context.epoch, context.optimizer.learning_rate)
        context.optimizer.learning_rate = check_rate("function", rate, context.epoch)
