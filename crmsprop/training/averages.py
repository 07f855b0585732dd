"""The averages that a network predicts with, and the weights that train while it does."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from crmsprop import kernels
from crmsprop.nn import Network
from crmsprop.nn.arena import Arena
from crmsprop.optimizer import RMSprop

Array = np.ndarray[Any, np.dtype[Any]]


class Paused(NamedTuple):
    """What a network that holds averages lacks: the weights that train, as in its arena, and the buffers' averages."""

    trained: Array
    buffers: dict[str, Array]


class Averages:
    """Averages of all that a network's arena holds: the optimizer's own, and those of the buffers, which nobody learns.

    A buffer, such as a running mean, follows the weights: it would not fit averages of them. So it is averaged with
    their decay, in each update. Either the weights that train are in the network, or, where somebody is to see what the
    training will leave, the averages.

    Parameters
    ----------
    network : Network
    optimizer : RMSprop
        With averages, of what the network learns.
    n_threads : int

    Attributes
    ----------
    buffers : dict of str to ndarray
        The averages of what is not learned, by the names of the network.
    swapped : bool
        Whether the averages are in the network.
    """

    def __init__(self, network: Network, optimizer: RMSprop, n_threads: int) -> None:
        self._network, self._optimizer, self._n_threads = network, optimizer, n_threads
        views = network.arena.views
        self.buffers = {name: view.copy() for name, view in views.items() if not network.parameters[name].learned}
        self._moving = [views[name] for name in self.buffers], list(self.buffers.values())
        self._rest = Arena({name: view.shape for name, view in views.items()}, network.dtype)
        self.swapped = False

    def step(self, grads: Sequence[Array], *, learning_rate: float) -> None:
        """Let the optimizer take a step, and move the averages of the buffers if it has moved the weights."""
        n_steps = self._optimizer.n_steps
        self._optimizer.step(grads, learning_rate=learning_rate)
        if self.buffers and self._optimizer.n_steps > n_steps:
            decay = self._optimizer.options.average_decay(n_steps)
            kernels.rmsprop_average(*self._moving, decay, self._n_threads)

    def swap_in(self) -> None:
        """Put the averages into the network, whatever of them is there already."""
        if not self.swapped:
            self._rest.flat[:] = self._network.arena.flat
        self.swapped = True
        for name, average in self._all():
            self._network.arena.views[name][...] = average

    def swap_out(self) -> None:
        """Put the weights that train back; what somebody has changed in the network meanwhile is changed in both."""
        for name, average in self._all():
            view = self._network.arena.views[name]
            np.copyto(self._rest.views[name], view, where=view != average)
            average[...] = view
        self._network.arena.flat[:] = self._rest.flat
        self.swapped = False

    def pause(self) -> Paused:
        """Return what another training of the network, which has the averages in it, needs to go on."""
        return Paused(self._rest.flat, self.buffers)

    def resume(self, paused: Paused) -> None:
        """Go on from what `pause` returned, in a network with the averages in it, or what it was given since."""
        self._rest.flat[:] = paused.trained
        for name, own in self.buffers.items():
            own[...] = paused.buffers[name]
        self.swapped = True

    def _all(self) -> Iterator[tuple[str, Array]]:
        """Every average by its name; the optimizer's are other arrays after a reset."""
        learned = zip(self._network.learned, self._optimizer.averages or (), strict=True)
        return itertools.chain(learned, self.buffers.items())
