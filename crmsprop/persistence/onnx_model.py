"""A network as a model in ONNX, which many other programs run."""

import os
from typing import Any

import numpy as np

from crmsprop.errors import check_bool, check_choice, check_real, shown
from crmsprop.files import write_file
from crmsprop.nn import Network
from crmsprop.persistence.onnx_graph import Array, Graph
from crmsprop.persistence.onnx_layers import TO_CHANNELS_FIRST, TO_CHANNELS_LAST, Site, add_layers


def export_onnx(
    network: Network,
    path: str | os.PathLike[str],
    *,
    classes: Any = None,
    link: str | None = None,
    input_dtype: str = "float32",
    scale: float = 1.0,
    flip: bool = False,
) -> None:
    """Write a network as a model in ONNX: opset 17, in float32, for batches of any size; needs the extra ``onnx``.

    Its input ``X`` has shape (n, *input_shape), so that images are (n, height, width, channels). It predicts: Dropout
    does nothing, and a normalization goes by its running statistics.

    Parameters
    ----------
    network : Network
        A float64 one is rounded to float32.
    path : str or path-like
        An existing file is replaced.
    classes : array-like of shape (n_outputs,) or None, default=None
        Labels of the outputs: the model has then the outputs ``label``, shape (n,), and ``probabilities``, shape
        (n, n_outputs), a softmax. None for what `link` says.
    link : {"sigmoid", "exp"} or None, default=None
        Without `classes`: None for one output, ``outputs``, that of the network; "exp" for its exponential, the means
        of a log link; "sigmoid" for ``probabilities``, and ``label``, 1 where they are above a half and else 0.
    input_dtype : {"float32", "uint8"}, default="float32"
        Of X.
    scale : float, default=1.0
        Factor on X that is a part of the model, in (0, inf).
    flip : bool, default=False
        Whether the network's output is the mean of those for an image and for its mirror image, left for right.

    Raises
    ------
    TypeError
        If a layer is of a class of one's own, or the labels are neither numbers nor text.
    ValueError
        If a parameter is out of its range, a weight is not finite in float32, there is not a label for each output, or
        what is to be flipped is no image.
    MissingExtraError
        If onnx is not installed.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> from crmsprop.nn import Dense, Network
    >>> from crmsprop.persistence import export_onnx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.onnx")
    ...     export_onnx(Network([Dense(3)], (4,)), path, classes=["a", "b", "c"])
    ...     os.path.getsize(path) > 0
    True
    """
    check_choice("input_dtype", input_dtype, ("float32", "uint8"))
    check_real("scale", scale, "(0, inf)")
    _check_link(link, classes)
    _check_flip(flip, network)
    graph = Graph()
    x = _scaled(graph, input_dtype, scale)
    x = _mean_of_both(graph, network, x) if flip else _output(graph, network, x)
    inputs = [graph.value("X", input_dtype, network.input_shape)]
    outputs = _linked(graph, network, x, link) if classes is None else _labelled(graph, network, x, classes)
    write_file(path, graph.bytes_of_model(inputs, outputs))


def _check_link(link: str | None, classes: Any) -> None:
    if link is not None and check_choice("link", link, ("sigmoid", "exp")) and classes is not None:
        raise ValueError(f"link must be None where there are classes, whose link is the softmax, got {link!r}")


def _check_flip(flip: bool, network: Network) -> None:
    if check_bool("flip", flip) and len(network.input_shape) != 3:
        raise ValueError(f"flip must be False unless samples are images, got True for the shape {network.input_shape}")


def _output(graph: Graph, network: Network, x: str) -> str:
    """What the network makes of x."""
    if len(network.input_shape) == 3:
        x = graph.add("Transpose", x, perm=TO_CHANNELS_FIRST)
    x = add_layers(graph, network.layers, Site("", network.input_shape, network.arena.views), x)
    return graph.add("Transpose", x, perm=TO_CHANNELS_LAST) if len(network.output_shape) == 3 else x


def _mean_of_both(graph: Graph, network: Network, x: str) -> str:
    """Images and their mirror images go through the network as one batch, so that its weights stand there once."""
    columns = graph.constant("mirrored_columns", np.arange(network.input_shape[1])[::-1])
    both = graph.add("Concat", x, graph.add("Gather", x, columns, axis=2), axis=0)
    shape = graph.constant("of_both", np.array([2, -1, *network.output_shape], np.int64))
    apart = graph.add("Reshape", _output(graph, network, both), shape)
    return graph.add("ReduceMean", apart, axes=[0], keepdims=0)


def _scaled(graph: Graph, input_dtype: str, scale: float) -> str:
    x = "X" if input_dtype == "float32" else graph.add("Cast", "X", to=1)  # TensorProto.FLOAT
    return x if scale == 1 else graph.add("Mul", x, graph.weight("scale", scale))


def _linked(graph: Graph, network: Network, x: str, link: str | None) -> list[Any]:
    if link == "sigmoid":
        return _several_labels(graph, network, x)
    graph.add("Exp" if link else "Identity", x, output="outputs")
    return [graph.value("outputs", "float32", network.output_shape)]


def _several_labels(graph: Graph, network: Network, x: str) -> list[Any]:
    probabilities = graph.add("Sigmoid", x, output="probabilities")
    likely = graph.add("Greater", probabilities, graph.weight("half", 0.5))
    graph.add("Cast", likely, to=7, output="label")  # TensorProto.INT64
    return [
        graph.value(name, kind, network.output_shape) for name, kind in (("label", "int64"), (probabilities, "float32"))
    ]


def _labelled(graph: Graph, network: Network, x: str, classes: Any) -> list[Any]:
    labels = _checked_labels(classes)
    if labels.shape != network.output_shape:
        raise ValueError(f"classes must have a label for each output, shape {network.output_shape}, got {labels.shape}")
    best = graph.add("ArgMax", x, axis=1, keepdims=0)
    graph.add("Gather", graph.constant("classes", labels), best, output="label")
    graph.add("Softmax", x, axis=1, output="probabilities")
    kind = "string" if labels.dtype.kind in "UO" else labels.dtype.name
    return [graph.value("label", kind, ()), graph.value("probabilities", "float32", network.output_shape)]


def _checked_labels(classes: Any) -> Array:
    labels = np.asarray(classes)
    if labels.dtype.kind == "U" or (labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels.flat)):
        return _checked_text(labels)
    if labels.dtype.kind == "O":
        labels = np.asarray(labels.tolist())  # numbers, or what is none; of text it would take "\0" off the end
    if labels.dtype.kind == "b":
        return labels
    if labels.dtype.kind == "f":
        return labels.astype(np.float64)
    if labels.dtype.kind in "iu" and int(labels.max(initial=0)) < 2**63:
        return labels.astype(np.int64)
    raise TypeError(f"classes must be text, booleans, floats or integers below 2**63, got {labels!r:.100}")


def _checked_text(labels: Array) -> Array:
    for label in labels.flat:
        try:
            str(label).encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"classes must be valid Unicode to be exported, got {shown(str(label))}") from error
    return labels
