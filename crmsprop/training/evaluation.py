"""Loss and accuracy of a network on a data set, without training it."""

from typing import Any

from crmsprop.nn import Loss, Network
from crmsprop.training.batches import Batches, DataSet

#: Samples a pass where nothing is kept for a backward pass: enough to fill the cores.
EVALUATION_BATCH = 256
#: Fewer where they would take more than this: large images.
EVALUATION_BYTES = 1 << 26


def evaluation_batch(network: Network) -> int:
    """Return how many samples to pass at once; a sample's output does not depend on it."""
    each: int = 3 * network.largest_array * network.dtype.itemsize  # the input, and two buffers that take turns
    return max(1, min(EVALUATION_BATCH, EVALUATION_BYTES // each))


class Evaluator:
    """Evaluates one network on one data set, as often as asked, in the same memory.

    Parameters
    ----------
    network : Network
    loss : Loss
    data : DataSet
    n_threads : int
    """

    def __init__(self, network: Network, loss: Loss, data: DataSet, n_threads: int) -> None:
        self._network = network
        self._loss = loss
        self._n_threads = n_threads
        self._batches = Batches(data, evaluation_batch(network), network.dtype, n_threads)
        self._workspace = network.workspace(self._batches.batch_size, n_threads)
        self._memory: Any = loss.memory(self._batches.batch_size, network.dtype)

    def evaluate(self) -> tuple[float, float]:
        """Return the mean loss and the mean accuracy, each sample by its weight; NaN where there is no accuracy."""
        loss = hits = weight = 0.0
        for batch in self._batches.in_order():
            output = self._network.forward(batch.x, self._workspace)
            result = self._loss.evaluate(output, batch.target, batch.weights, None, self._memory, self._n_threads)
            loss, hits, weight = loss + result.loss, hits + result.hits, weight + batch.total_weight
        return loss / weight, hits / weight
