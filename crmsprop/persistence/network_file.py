"""A network alone in a file: what a checkpoint of a training writes."""

import os
from collections.abc import Iterable
from typing import Any

from crmsprop.errors import FileFormatError
from crmsprop.files import read_container, write_container
from crmsprop.nn import Network
from crmsprop.persistence.layers import known_classes
from crmsprop.persistence.network import network_from_parts, network_to_parts
from crmsprop.versions import __version__, other_writer

#: What the container calls our files.
KIND = "network"


def save_network(path: str | os.PathLike[str], network: Network) -> None:
    """Write a network to one file, wholly or not at all; `load_network` reads it.

    Parameters
    ----------
    path : str or path-like
        An existing file is replaced.
    network : Network

    Raises
    ------
    TypeError
        If a layer of one's own is of a kind that a file cannot hold: no dataclass, or one with other parameters than
        numbers, text, booleans, None, layers and initializers.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from crmsprop.nn import Dense, Network
    >>> from crmsprop.persistence import load_network, save_network
    >>> network = Network([Dense(3)], (4,))
    >>> network.initialize(np.random.default_rng(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "network.crms")
    ...     save_network(path, network)
    ...     again = load_network(path)
    >>> again.layers == network.layers, np.array_equal(again.arena.flat, network.arena.flat)
    (True, True)
    """
    arrays, config = network_to_parts(network)
    write_container(path, arrays, {"version": __version__, **config}, KIND)


def load_network(path: str | os.PathLike[str], custom_classes: Iterable[type[Any]] = ()) -> Network:
    """Return the network that `save_network`, or a checkpoint of a training, wrote.

    Nothing in the file is run or imported.

    Parameters
    ----------
    path : str or path-like
    custom_classes : iterable of type, default=()
        Classes of your own that layers of the network have; the file knows their names.

    Returns
    -------
    Network
        With the same bits in every parameter.

    Raises
    ------
    TypeError
        If `custom_classes` does not hold dataclasses that are layers, initializers or losses.
    FileFormatError
        If the file is damaged, truncated, hostile or no network: a model of an estimator is read by ``crmsprop.load``.
        If it needs a class that is not there.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> from crmsprop import MLPClassifier
    >>> from crmsprop.callbacks import ModelCheckpoint
    >>> from crmsprop.persistence import load_network
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "best.crms")
    ...     model = MLPClassifier(max_epochs=3, callbacks=[ModelCheckpoint(path, "loss")]).fit([[0.0], [1.0]], [0, 1])
    ...     model.network_ = load_network(path)  # what the best epoch left
    """
    known = known_classes(custom_classes)
    arrays, config = read_container(path, KIND)
    try:
        network = network_from_parts(arrays, config, known)
        if len(arrays) != len(network.arena.views):
            raise FileFormatError(f"it must hold the arrays of its network alone, got {len(arrays)} arrays")
    except FileFormatError as error:
        raise FileFormatError(f"cannot read {os.fsdecode(path)}: {error}{other_writer(config)}") from error
    return network
