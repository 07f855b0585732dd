"""The weights of other libraries into a network, and a network's weights into a file that torch reads."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import numpy as np

from crmsprop.errors import FileFormatError, shown
from crmsprop.files import Stored, open_hdf5, open_safetensors, regular_only, write_safetensors
from crmsprop.files.hdf5 import SIGNATURE
from crmsprop.nn import BatchNorm, Network
from crmsprop.nn.layer import describe_shape
from crmsprop.persistence.layouts import KERAS, TORCH, Array, Library
from crmsprop.persistence.matching import Module, Needed, match, match_in_order
from crmsprop.persistence.places import places_of, possible_orders

#: What a zip archive, and torch.save of before version 1.6, begin with. A header of that length there is not.
_ARCHIVES = (b"PK\x03\x04", b"\x80\x02\x8a\nl\xfc\x9cF")


def import_weights(network: Network, path: str | os.PathLike[str], order: Sequence[str] | None = None) -> None:
    """Fill a network with the weights of a torch or Keras model, wholly or not at all.

    The file is a torch ``state_dict`` in safetensors, or what Keras 3 writes as ``.weights.h5``; which of the two, its
    first bytes say. Layers are matched by order and shape, whatever their names are and whatever they stand in, and
    axes are turned to ours: those of torch's filters and matrices, and what torch flattens as (channels, height,
    width). Activations, paddings, strides and what a normalization adds to the variance are no weights, and have to be
    right in the network: ``BatchNorm(epsilon=1e-5, decay=0.9)`` is torch's default, ``BatchNorm(epsilon=1e-3,
    decay=0.99)`` Keras's.

    Parameters
    ----------
    network : Network
    path : str or path-like
    order : sequence of str or None, default=None
        Names of the layers or arrays of the file in the order of the layers, those of a residual block before those of
        its shortcut, such as ``list(model.state_dict())`` in torch, or ``["layers/dense", "layers/dense_1"]`` in a file
        of Keras; names without weights are passed over. None takes the order from the numbers in the names and from the
        shapes, and refuses what that leaves open.

    Raises
    ------
    FileFormatError
        If the file is damaged, truncated, hostile or neither of the two; if a layer has no counterpart in it, or more
        than one; or if a number is not finite.
    TypeError
        If a layer of one's own has parameters, or `order` is no sequence of strings.
    ValueError
        If `order` leaves out a layer of the file.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from crmsprop.files import write_safetensors
    >>> from crmsprop.nn import Dense, Network
    >>> from crmsprop.persistence import import_weights
    >>> network = Network([Dense(2)], (3,))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "linear.safetensors")
    ...     write_safetensors(path, {"fc.weight": np.arange(6.0).reshape(2, 3), "fc.bias": np.ones(2)})
    ...     import_weights(network, path)
    >>> network.arena.views["0.weight"].tolist()
    [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    """
    library, opened = _open(path)
    with opened as arrays:
        converted = _converted(network, arrays, library, order)
    for name, array in converted.items():
        network.arena.views[name][...] = array


def export_safetensors(network: Network, path: str | os.PathLike[str]) -> None:
    """Write the weights of a network as a torch model has them: names, axes and the order of what is flattened.

    ``torch.nn.Sequential`` with one module for each layer of the network has the same names, ``0.weight`` and so on;
    the two ways of a residual block are its parts ``layers`` and ``shortcut``. `import_weights` reads the file too.

    Parameters
    ----------
    network : Network
    path : str or path-like
        An existing file is replaced.

    Raises
    ------
    TypeError
        If a layer of one's own has parameters.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> from crmsprop.files import open_safetensors
    >>> from crmsprop.nn import Conv2D, Network
    >>> from crmsprop.persistence import export_safetensors
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     export_safetensors(Network([Conv2D(16, (3, 5))], (8, 8, 1)), path)
    ...     with open_safetensors(path) as arrays:
    ...         {name: array.shape for name, array in arrays.items()}
    {'0.bias': (16,), '0.weight': (16, 1, 3, 5)}
    """
    arrays: dict[str, Array] = {}
    for place in places_of(network, TORCH.channels_first):
        for one in TORCH.exchanges(place):
            arrays[f"{place.name}.{one.theirs}"] = one.to_theirs(network.arena.views[f"{place.name}.{one.ours}"])
        if isinstance(place.layer, BatchNorm):
            arrays[f"{place.name}.num_batches_tracked"] = np.zeros((), np.int64)  # torch counts, we do not
    write_safetensors(path, arrays)


def _open(path: str | os.PathLike[str]) -> tuple[Library, AbstractContextManager[dict[str, Stored]]]:
    """Return whose file it is, and the file; a pipe or the like is refused."""
    with open(os.fsdecode(path), "rb", opener=regular_only) as file:
        first = file.read(8)
    if first.startswith(_ARCHIVES):
        raise FileFormatError(
            f"cannot read {os.fsdecode(path)}: it is an archive or a pickle, as torch.save and Keras's save make them: "
            "write the weights alone, by safetensors.torch.save_file or by save_weights"
        )
    return (KERAS, open_hdf5(path)) if first == SIGNATURE else (TORCH, open_safetensors(path))


def _converted(
    network: Network, arrays: Mapping[str, Stored], library: Library, order: Sequence[str] | None
) -> dict[str, Array]:
    """Return every parameter of the network from the arrays of a file; reads those that are needed alone."""
    places = places_of(network, library.channels_first)
    exchanges = {place.name: library.exchanges(place) for place in places}
    shapes = {name: {one.theirs: one.shape for one in parts} for name, parts in exchanges.items() if parts}
    orders = [
        [Needed(place, shapes[place.name]) for place in order if place.name in shapes]
        for order in possible_orders(places)
    ]
    modules = _modules(arrays, library)
    if order is None:
        matched = match(modules, orders, library)
    else:
        matched = match_in_order(_in_order(modules, order, library), orders)
    converted: dict[str, Array] = {}
    for place, module in matched.items():
        for one in exchanges[place]:
            source, target = f"{module.name}{library.separator}{one.theirs}", f"{place}.{one.ours}"
            name = source.removeprefix(library.separator)
            view = network.arena.views[target]
            converted[target] = _checked(name, one.to_ours(arrays[name].load(), view.shape), network, target)
    return converted


def _modules(arrays: Mapping[str, Stored], library: Library) -> list[Module]:
    """Return the layers of a file that have arrays, in the order of their names."""
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, stored in arrays.items():
        if library.left_out.search(name) is None:
            module, own = library.split(name)
            shapes.setdefault(module, {})[own] = stored.shape
    return [Module(name, own) for name, own in sorted(shapes.items())]


def _in_order(modules: Sequence[Module], order: Sequence[str], library: Library) -> list[Module]:
    """Return the layers of a file in the order of names that the user gives, of layers or of arrays."""
    if isinstance(order, str | bytes) or not isinstance(order, Sequence):
        raise TypeError(f"order must be None or a sequence of names, got {shown(order)}")
    by_name = {module.name: module for module in modules}
    chosen: dict[str, Module] = {}
    for name in order:
        if not isinstance(name, str):
            raise TypeError(f"order must hold strings, got {shown(name)}")
        module = by_name.get(name) or by_name.get(library.split(name)[0])
        if module is not None:
            chosen.setdefault(module.name, module)
    missing = [name for name in by_name if name not in chosen]
    if missing:
        raise ValueError(f"order must name every layer of the file, got none of {missing!r:.200}")
    return list(chosen.values())


def _checked(name: str, array: Array, network: Network, target: str) -> Array:
    """Return an array in the dtype of the network, once its numbers are as the layer would have them."""
    if array.dtype.kind != "f":
        raise FileFormatError(f"array {name!r:.100} must hold floating-point numbers, got {array.dtype}")
    with np.errstate(over="ignore"):
        values: Array = array.astype(network.dtype)
    if not np.isfinite(values).all():
        raise FileFormatError(f"array {name!r:.100} of shape {describe_shape(array.shape)} must be finite")
    minimum = network.parameters[target].minimum
    if (values < minimum).any():
        raise FileFormatError(f"array {name!r:.100} must be at least {minimum}, got {values.min()}")
    return values
