"""The one training loop."""

import itertools
import math
import numbers
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from crmsprop.errors import DivergenceError
from crmsprop.nn import Loss, Run
from crmsprop.training.batches import Batch, Batches, DataSet
from crmsprop.training.callback import Callback, Hooks
from crmsprop.training.context import Training
from crmsprop.training.evaluation import Evaluator
from crmsprop.training.history import append, measured
from crmsprop.training.identity import check_identity, identity_of
from crmsprop.training.state import SavedState, restore, restore_callbacks
from crmsprop.training.still import StillLayers

Array = np.ndarray[Any, np.dtype[Any]]


def train(
    training: Training,
    loss: Loss,
    data: DataSet,
    validation: DataSet | None = None,
    callbacks: Sequence[Callback] = (),
    saved: SavedState | None = None,
) -> None:
    """Train the network of `training` in place, epoch by epoch, until the plan ends or a callback stops it.

    Where the optimizer averages, the averages are what validates and what the network has at the end.

    Ctrl-C ends it too: the network then has the weights of the end of the last whole epoch, or, in the first one, those
    of its last step, and `training` says that it was interrupted. A second one raises KeyboardInterrupt.

    Parameters
    ----------
    training : Training
        Fresh, with a network that has its weights and an optimizer that has made no step.
    loss : Loss
    data : DataSet
    validation : DataSet or None, default=None
    callbacks : sequence of Callback, default=()
    saved : SavedState or None, default=None
        What to go on from; None for the beginning.

    Raises
    ------
    ValueError
        If `saved` is of a training with other data or parameters.
    FileFormatError
        If it is damaged.
    DivergenceError
        If the loss of a batch, or the validation loss, is NaN or infinite: names the epoch, the batch and the learning
        rate. The network then has the weights of the end of the epoch before, its last good ones.
    """
    _Loop(training, loss, data, validation, callbacks, saved).run(saved)


class _Loop:
    """The loop's fixed parts, made once: batches, workspace, buffers of the loss, hooks."""

    def __init__(
        self,
        training: Training,
        loss: Loss,
        data: DataSet,
        validation: DataSet | None,
        callbacks: Sequence[Callback],
        saved: SavedState | None,
    ) -> None:
        network, plan = training.network, training.plan
        self.training = training
        self._network, self._loss, self._optimizer, self._plan = network, loss, training.optimizer, plan
        self._batches = Batches(data, plan.batch_size, network.dtype, plan.n_threads, plan.augmentation)
        self._workspace = network.workspace(self._batches.batch_size, plan.n_threads, training=True)
        self._memory = loss.memory(self._batches.batch_size, network.dtype)
        self._row_weights = np.empty(self._batches.batch_size, network.dtype)
        self._equal, self._n_shared = data.weights is None, 0
        # Where no epoch sees the samples again as they are, there is nothing to keep.
        again = plan.augmentation is None and plan.max_epochs > 1
        self._still = StillLayers(network, self._workspace, data, plan.n_threads) if again else None
        assert self._workspace.gradients is not None
        self._gradients = list(self._workspace.gradients.views.values())
        self._evaluator = None if validation is None else Evaluator(network, loss, validation, plan.n_threads)
        self._total_steps = plan.max_epochs * len(self._batches)
        self._update = self._optimizer.step if training.averages is None else training.averages.step
        self._pass = Run(training=True, n_threads=plan.n_threads, seed=plan.seed)
        self._hooks = Hooks(callbacks, training)
        training.n_batches, training.callbacks = len(self._batches), callbacks
        if saved is not None or self._hooks.has("on_safe_point"):
            training.identity = identity_of(training, loss, data, validation)

    def run(self, saved: SavedState | None) -> None:
        try:
            self._train(saved)
        finally:
            self._hooks.close()

    def _train(self, saved: SavedState | None) -> None:
        training, weights = self.training, self._network.arena.flat
        training.good = weights.copy()
        if training.averages is not None and training.averages.swapped:
            training.averages.swap_out()
        self._begin(saved)
        try:
            while not training.stopped and training.epoch < self._plan.max_epochs:
                self._epoch()
            self._swap_in()
        except DivergenceError:
            weights[:] = training.good
            raise
        except KeyboardInterrupt:
            training.interrupted = True
            self._keep_whole_epochs()
        self._hooks.call("on_train_end")

    def _begin(self, saved: SavedState | None) -> None:
        if saved is None:
            self._factor()  # a schedule that gives none is refused before a callback replaces a file
        else:
            check_identity(saved, self.training.identity)
            restore(self.training, saved)  # so that the callbacks see where it goes on
        self._hooks.call("on_train_begin")
        if saved is None:
            return
        if self.training.position:
            self._hooks.call("on_epoch_begin")
            restore(self.training, saved)  # what it was made of in the epoch's first process counts
        restore_callbacks(self.training, saved)

    def _keep_whole_epochs(self) -> None:
        """Ctrl-C can come anywhere: back to the last whole epoch; before there is one, what is finite is kept."""
        history, weights = self.training.history, self._network.arena.flat
        n_epochs = min(map(len, history.values()))  # it may have come between two columns
        for values in history.values():
            del values[n_epochs:]
        if not n_epochs:
            self._swap_in()
        if n_epochs or not np.isfinite(weights).all():
            weights[:] = self.training.good

    def _epoch(self) -> None:
        training = self.training
        if not training.position:
            self._begin_epoch()
        self._all_batches()
        self._check_finite("mean loss", training.loss)  # a sum of finite losses may not be
        self._check_weights()
        self._swap_in()
        val_loss, val_accuracy = self._validate()
        self._note_good_weights()
        append(training.history, self._row(val_loss, val_accuracy))
        self._hooks.call("on_epoch_end")
        self._note_good_weights()  # callbacks may change them
        if training.averages is not None:
            training.averages.swap_out()
        training.epoch, training.first_step = training.epoch + 1, training.step
        self._hooks.call("on_safe_point")

    def _begin_epoch(self) -> None:
        training = self.training
        training.loss = training.accuracy = math.nan
        training.sums, training.epoch_began = (0.0, 0.0, 0.0), time.perf_counter()
        self._hooks.call("on_epoch_begin")

    def _row(self, val_loss: float | None, val_accuracy: float | None) -> dict[str, float | None]:
        """What the history gets of the epoch that ends."""
        training = self.training
        return {
            "epoch": training.epoch + 1,
            "loss": training.loss,
            "val_loss": val_loss,
            "accuracy": measured(training.accuracy),
            "val_accuracy": val_accuracy,
            "learning_rate": training.learning_rate,
            "seconds": time.perf_counter() - training.epoch_began,
        }

    def _swap_in(self) -> None:
        if self.training.averages is not None:
            self.training.averages.swap_in()

    def _note_good_weights(self) -> None:
        np.copyto(self.training.good, self._network.arena.flat)

    def _all_batches(self) -> None:
        """Take one step a batch, from where the epoch is, until a callback wants to stop."""
        training, done = self.training, self.training.position
        self._pass.frozen = training.frozen
        if self._still is not None:
            self._still.begin_epoch(self._pass)
        batches = self._batches.shuffled(self._plan.seed, training.epoch)
        for index, batch in enumerate(itertools.islice(batches, done, None), done):
            training.batch = index
            self._hooks.call("on_batch_begin")
            losses, hits = self._step(batch)
            before = training.sums
            training.sums = before[0] + losses, before[1] + hits, before[2] + batch.total_weight
            training.loss, training.accuracy = training.sums[0] / training.sums[2], training.sums[1] / training.sums[2]
            self._hooks.call("on_batch_end")
            if training.stopped:
                return
            if index + 1 < training.n_batches:
                self._hooks.call("on_safe_point")

    def _step(self, batch: Batch) -> tuple[float, float]:
        """Forward, loss, backward, update; returns the weighted sums of losses and hits."""
        training, n = self.training, len(batch.x)
        self._pass.step = training.step
        training.learning_rate = self._optimizer.learning_rate * self._factor()
        weights = self._shares(batch)
        output = self._forward(batch)
        gradient = self._workspace.output_gradient(n)
        result = self._loss.evaluate(output, batch.target, weights, gradient, self._memory, self._plan.n_threads)
        self._check_finite("loss", result.loss)
        self._network.backward(self._workspace, self._pass)
        self._update(self._gradients, learning_rate=training.learning_rate)
        training.step, training.batch_loss = training.step + 1, result.loss
        return result.loss * batch.total_weight, result.hits * batch.total_weight

    def _forward(self, batch: Batch) -> Array:
        if self._still is None:
            return self._network.forward(batch.x, self._workspace, self._pass)
        return self._still.forward(batch, self._pass)

    def _shares(self, batch: Batch) -> Array:
        """Each sample's share of the batch's weight; those of equal samples are filled once for each size of batch."""
        n = len(batch.x)
        if not self._equal:
            return np.divide(batch.weights, batch.total_weight, out=self._row_weights[:n])
        if n != self._n_shared:
            self._row_weights[:n] = 1.0 / n
            self._n_shared = n
        return self._row_weights[:n]

    def _factor(self) -> float:
        """What the schedule makes of the learning rate in this step."""
        factor = self._plan.schedule(self.training.step, len(self._batches), self._total_steps)
        # float first: numbers.Real takes half a microsecond.
        if not isinstance(factor, (float, numbers.Real)) or not 0 <= factor < math.inf:
            rule = "schedule must give a factor in [0, inf)"
            raise ValueError(f"{rule}, got {factor!r:.100} at step {self.training.step}")
        return float(factor)

    def _validate(self) -> tuple[float | None, float | None]:
        if self._evaluator is None:
            return None, None
        loss, accuracy = self._evaluator.evaluate()
        self._check_finite("validation loss", loss)
        return loss, measured(accuracy)

    def _check_weights(self) -> None:
        """The last step can ruin the weights after the last look at the loss; an infinite mean square stops them."""
        optimizer, weights = self._optimizer, [self._network.arena.flat]
        looked_at = ("weight", weights), ("mean square", optimizer.mean_squares), ("average", optimizer.averages or ())
        for name, arrays in looked_at:
            for array in arrays:
                if not np.isfinite(array).all():
                    self._check_finite(f"largest {name}", float(np.abs(array).max()))

    def _check_finite(self, name: str, value: float) -> None:
        if not math.isfinite(value):
            training = self.training
            raise DivergenceError(
                f"the {name} became {value} in epoch {training.epoch + 1}, batch {training.batch + 1} of "
                f"{training.n_batches}, at learning rate {training.learning_rate:g}; the weights are those of the end "
                f"of epoch {training.epoch}. Try a lower learning_rate, or look for NaN and huge values in the data."
            )
