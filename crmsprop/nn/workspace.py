"""What a network needs for one running batch."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from crmsprop.nn.arena import Arena, aligned_zeros
from crmsprop.nn.chain import Chain, bytes_of, cut
from crmsprop.nn.layer import Array, Own, Run, Site


class Ends(NamedTuple):
    """Views for a batch of n samples: the network's output, and the gradient to it."""

    output: Array
    gradient: Array


class Workspace:
    """Memory for one running batch of up to `batch_size` samples; made once, used for every batch, one call at a time.

    Parameters
    ----------
    chain : Chain
    params : sequence of ndarray
        Of the whole chain, in order.
    gradients : Arena or None
        Gradients by the names of what is learned; None outside of training.
    site : Site

    Attributes
    ----------
    batch_size, n_threads : int
    training : bool
    own : Own
        What the chain's passes get.
    run : Run
        A pass for prediction on these threads: to make one takes longer than a small layer.
    x : ndarray or None
        What the last forward pass read: the backward pass reads it again.
    nbytes : int
        Bytes of the buffers, and of what the layers have of their own.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import Dense, Network
    >>> network = Network([Dense(3)], (4,))
    >>> workspace = network.workspace(batch_size=8)
    >>> network.forward(np.ones((5, 4), np.float32), workspace) is workspace.output(5)
    True
    """

    def __init__(self, chain: Chain, params: Sequence[Array], gradients: Arena | None, site: Site) -> None:
        self.batch_size, self.n_threads, self.training = site.batch_size, site.n_threads, site.training
        self.gradients = gradients
        self.own = Own(params, [] if gradients is None else list(gradients.views.values()), chain.memory(site))
        self.run = Run(n_threads=site.n_threads)
        self.x: Array | None = None
        self._shape = chain.output_shape
        size = site.batch_size * math.prod(self._shape)
        self._output = aligned_zeros(size, site.dtype)
        self._gradient = aligned_zeros(size if site.training else 0, site.dtype)
        self._ends: dict[int, Ends] = {}
        self.nbytes = self._output.nbytes + self._gradient.nbytes + bytes_of(self.own.memory)

    def output(self, n: int) -> Array:
        """Return where the network's output for a batch of `n` samples goes."""
        return (self._ends.get(n) or self._cut(n)).output

    def output_gradient(self, n: int) -> Array:
        """Return where the loss writes the gradient to the network's output, for a batch of `n` samples."""
        return (self._ends.get(n) or self._cut(n)).gradient

    def _cut(self, n: int) -> Ends:
        gradient = cut(self._gradient, n if self.training else 0, self._shape)
        self._ends[n] = ends = Ends(cut(self._output, n, self._shape), gradient)
        return ends
