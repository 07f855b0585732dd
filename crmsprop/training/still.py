"""What the frozen layers at the beginning of a network make of each sample: computed once, and kept."""

import math
from typing import Any

import numpy as np

from crmsprop import kernels
from crmsprop.nn import Network, Run
from crmsprop.nn.workspace import Workspace
from crmsprop.training.batches import Batch, DataSet

Array = np.ndarray[Any, np.dtype[Any]]

#: Outputs are kept where they take at most so many bytes: 1 GiB has room for those of the reference CNN's convolutions
#: for the 50,000 images of CIFAR-10.
KEPT_BYTES = 1 << 30


class StillLayers:
    """The forward pass of a training, without what frozen layers have once computed for the same samples.

    The first epoch in which layers at the beginning are frozen keeps their output for each sample; the epochs after it
    gather these outputs, bit for bit what another pass would give, and compute the layers behind them alone. Before
    each epoch it is seen whether the same layers are still frozen, and their parameters what they were.

    Parameters
    ----------
    network : Network
    workspace : Workspace
        For training.
    data : DataSet
        Whose samples come in the same form in each epoch.
    n_threads : int
    """

    def __init__(self, network: Network, workspace: Workspace, data: DataSet, n_threads: int) -> None:
        self._network, self._workspace, self._data, self._n_threads = network, workspace, data, n_threads
        self._known = np.zeros(len(data.x), np.bool_)
        self._outputs: Array | None = None
        self._frozen: frozenset[int] = frozenset()
        self._parameters: list[Array] = []
        self._complete = False

    def begin_epoch(self, run: Run) -> None:
        """Forget what no longer holds, and see whether the outputs for all samples are known."""
        parameters = [view for name, view in self._network.arena.views.items() if int(name.split(".")[0]) in run.frozen]
        if run.frozen != self._frozen or not all(map(np.array_equal, parameters, self._parameters)):
            self._frozen, self._parameters = run.frozen, [view.copy() for view in parameters]
            self._known[:] = False
            self._outputs = self._room(run)
        known = self._known if self._data.rows is None else self._known[self._data.rows]
        self._complete = self._outputs is not None and bool(known.all())

    def _room(self, run: Run) -> Array | None:
        """Memory for the outputs, which the system gives as it is filled; None where there is nothing, or too much."""
        output = self._network.still_output(1, self._workspace, run)
        if output is None or len(self._data.x) * output.nbytes > KEPT_BYTES:
            return None
        return np.empty((len(self._data.x), math.prod(output.shape)), output.dtype)

    def forward(self, batch: Batch, run: Run) -> Array:
        """Return the network's output for a batch, as `Network.forward` does."""
        if self._outputs is None:
            return self._network.forward(batch.x, self._workspace, run)
        n = len(batch.x)
        if self._complete:
            kernels.gather(self._outputs, batch.rows, self._still(n, run), 1.0, self._n_threads)
            return self._network.forward_behind(batch.x, self._workspace, run)
        output = self._network.forward(batch.x, self._workspace, run)
        self._outputs[batch.rows] = self._still(n, run)
        self._known[batch.rows] = True
        return output

    def _still(self, n: int, run: Run) -> Array:
        """Where the frozen layers leave their output, as rows."""
        output = self._network.still_output(n, self._workspace, run)
        assert output is not None
        return output.reshape(n, -1)
