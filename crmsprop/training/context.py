"""How to train, and a training in progress: what the loop works on and callbacks see."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from crmsprop.augment import Augmentation
from crmsprop.nn import Network
from crmsprop.optimizer import RMSprop
from crmsprop.schedules import Schedule
from crmsprop.training.averages import Averages
from crmsprop.training.callback import Callback
from crmsprop.training.history import History, new_history

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes
    ----------
    max_epochs, batch_size : int
    schedule : Schedule
        Ready to be called: its factor multiplies the optimizer's learning rate.
    seed : int
        What the order of the samples, the dropout and the augmentation are drawn from.
    n_threads : int
    augmentation : Augmentation or None, default=None
        What is done to the images that train.
    """

    max_epochs: int
    batch_size: int
    schedule: Schedule
    seed: int
    n_threads: int
    augmentation: Augmentation | None = None


@dataclass
class Training:
    """A training in progress: what callbacks get as their `context`.

    Attributes
    ----------
    network : Network
        What is trained. Where the optimizer averages, the averages are in it while it validates, in `on_epoch_end` and
        in `on_train_end`: what the training will leave.
    optimizer : RMSprop
    plan : Plan
    history : dict of lists
        One value an epoch; the epoch in progress is not in it.
    epoch : int
        The epoch in progress, counted from 0.
    step : int
        Steps taken since the beginning.
    batch, n_batches : int
        The batch in progress, counted from 0, and how many an epoch has.
    learning_rate : float
        The rate of the latest step.
    loss, accuracy : float
        Means over the epoch so far; the accuracy is NaN where the loss knows no right and wrong.
    frozen : frozenset of int
        Layers of the network that work as in prediction and cost no backward pass where none before them learns; what
        the optimizer does to their parameters is its own affair. May be changed at the beginning of an epoch, and so
        may their parameters: where samples come again as they were, the output of those at the beginning is kept.
    batch_loss : float
        Mean of the latest batch alone, before its step.
    first_step : int
        Steps taken before the epoch in progress.
    sums : tuple of float
        Sums of losses, hits and weights over the epoch so far: what `loss` and `accuracy` are made of.
    good : ndarray of shape (total,)
        The network's arena at the end of the last whole epoch, with the averages in it if there are any.
    epoch_began : float
        When the epoch in progress began, by ``time.perf_counter``.
    stopped, interrupted, resumed : bool
        Whether a callback has stopped the training, Ctrl-C has ended it, or it goes on from a saved state.
    callbacks : sequence of Callback
    origin : dict
        What whoever began the training wants to find the same when it goes on, by name: plain JSON.
    identity : dict
        All that decides what the training leaves, by name: plain JSON; empty where no callback needs it.
    averages : Averages or None
        None where the optimizer does not average.
    """

    network: Network
    optimizer: RMSprop
    plan: Plan
    history: History = field(default_factory=new_history)
    epoch: int = 0
    step: int = 0
    batch: int = 0
    n_batches: int = 0
    learning_rate: float = math.nan
    loss: float = math.nan
    accuracy: float = math.nan
    batch_loss: float = math.nan
    frozen: frozenset[int] = frozenset()
    first_step: int = 0
    sums: tuple[float, float, float] = (0.0, 0.0, 0.0)
    good: Array = field(default_factory=lambda: np.empty(0))
    epoch_began: float = 0.0
    stopped: bool = False
    interrupted: bool = False
    resumed: bool = False
    callbacks: Sequence[Callback] = ()
    origin: dict[str, Any] = field(default_factory=dict)
    identity: dict[str, Any] = field(default_factory=dict)
    averages: Averages | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.optimizer.averages is not None:
            self.averages = Averages(self.network, self.optimizer, self.plan.n_threads)

    @property
    def position(self) -> int:
        """Batches of the epoch in progress that are done."""
        return self.step - self.first_step
