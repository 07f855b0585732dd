"""Each layer as nodes of ONNX: one small function a layer, in one table.

Images are (n, channels, height, width) between the nodes, as ONNX wants them, and everything else is as in the network.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from crmsprop import nn
from crmsprop.nn import Layer, output_shapes
from crmsprop.nn.layer import Shape
from crmsprop.persistence.onnx_graph import Graph

Array = np.ndarray[Any, np.dtype[Any]]

TO_CHANNELS_FIRST, TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


class Site(NamedTuple):
    """Where a layer is: the name of its place, the shape of what it gets, and the parameters of the whole network."""

    name: str
    input_shape: Shape
    parameters: Mapping[str, Array]

    def parameter(self, name: str) -> Array:
        """Return a parameter of the layer."""
        return self.parameters[f"{self.name}.{name}"]


def add_layers(graph: Graph, layers: Sequence[Layer], site: Site, x: str) -> str:
    """Add the nodes of layers, whose names begin with that of `site`, and return the name of what they make.

    Raises
    ------
    TypeError
        If a layer is of a class of one's own.
    """
    shapes = [site.input_shape, *output_shapes(layers, site.input_shape)]
    for i, layer in enumerate(layers):
        if type(layer) not in NODES:
            raise TypeError(f"layers must be of crmsprop's own classes to be exported, got {layer!r:.100}")
        x = NODES[type(layer)](graph, layer, Site(f"{site.name}{i}", shapes[i], site.parameters), x)
    return x


def _conv2d(graph: Graph, layer: nn.Conv2D, site: Site, x: str) -> str:
    weight, geometry = site.parameter("weight"), layer.geometry(site.input_shape)
    top, bottom, left, right = geometry.padding
    inputs = [graph.weight(f"{site.name}.weight", weight.transpose(3, 2, 0, 1))]
    if layer.use_bias:
        inputs.append(graph.weight(f"{site.name}.bias", site.parameter("bias")))
    return graph.add(
        "Conv", x, *inputs, kernel_shape=weight.shape[:2], strides=geometry.stride, pads=(top, left, bottom, right)
    )


def _depthwise_conv2d(graph: Graph, layer: nn.DepthwiseConv2D, site: Site, x: str) -> str:
    weight, channels = site.parameter("weight"), site.input_shape[2]
    top, bottom, left, right = layer.geometry(site.input_shape).padding
    inputs = [graph.weight(f"{site.name}.weight", weight.transpose(2, 0, 1)[:, None])]
    if layer.use_bias:
        inputs.append(graph.weight(f"{site.name}.bias", site.parameter("bias")))
    strides, pads = layer.geometry(site.input_shape).stride, (top, left, bottom, right)
    return graph.add("Conv", x, *inputs, kernel_shape=weight.shape[:2], strides=strides, pads=pads, group=channels)


def _average_pool2d(graph: Graph, layer: nn.AveragePool2D, site: Site, x: str) -> str:
    return graph.add("AveragePool", x, kernel_shape=layer.window, strides=layer.steps)


def _global_average_pool2d(graph: Graph, layer: nn.GlobalAveragePool2D, site: Site, x: str) -> str:
    return graph.add("Flatten", graph.add("GlobalAveragePool", x), axis=1)


def _max_pool2d(graph: Graph, layer: nn.MaxPool2D, site: Site, x: str) -> str:
    return graph.add("MaxPool", x, kernel_shape=layer.window, strides=layer.steps)


def _whitening2d(graph: Graph, layer: nn.Whitening2D, site: Site, x: str) -> str:
    return _conv2d(graph, layer.convolution(site.input_shape), site, x)


def _dense(graph: Graph, layer: nn.Dense, site: Site, x: str) -> str:
    names = ("weight", "bias")[: 1 + layer.use_bias]
    return graph.add("Gemm", x, *(graph.weight(f"{site.name}.{name}", site.parameter(name)) for name in names))


def _flatten(graph: Graph, layer: nn.Flatten, site: Site, x: str) -> str:
    if len(site.input_shape) == 3:
        x = graph.add("Transpose", x, perm=TO_CHANNELS_LAST)
    return graph.add("Flatten", x, axis=1)


def _batch_norm(graph: Graph, layer: nn.BatchNorm, site: Site, x: str) -> str:
    names = ("gamma", "beta", "running_mean", "running_variance")
    gamma, beta, mean, variance = (site.parameter(name).astype(np.float64) for name in names)
    if len(site.input_shape) in (1, 3):  # channels behind the batch, where ONNX looks for them
        inputs = [graph.weight(f"{site.name}.{name}", site.parameter(name)) for name in names]
        return graph.add("BatchNormalization", x, *inputs, epsilon=layer.epsilon)
    scale = gamma / np.sqrt(variance + layer.epsilon)
    x = graph.add("Mul", x, graph.weight(f"{site.name}.scale", scale))
    return graph.add("Add", x, graph.weight(f"{site.name}.shift", beta - mean * scale))


def _dropout(graph: Graph, layer: nn.Dropout | nn.SpatialDropout2D, site: Site, x: str) -> str:
    return x  # drops in training alone


def _residual(graph: Graph, layer: nn.Residual, site: Site, x: str) -> str:
    main = add_layers(graph, layer.layers, site._replace(name=f"{site.name}.layers."), x)
    around = add_layers(graph, layer.shortcut, site._replace(name=f"{site.name}.shortcut."), x)
    return graph.add("Add", main, around)


def _gelu(graph: Graph, layer: nn.GELU, site: Site, x: str) -> str:
    """By erf: there is no Gelu before opset 20."""
    scaled = graph.add("Mul", x, graph.weight(f"{site.name}.inverse_root", math.sqrt(0.5)))
    above = graph.add("Add", graph.add("Erf", scaled), graph.weight(f"{site.name}.one", 1.0))
    half = graph.add("Mul", x, graph.weight(f"{site.name}.half", 0.5))
    return graph.add("Mul", half, above)


def _silu(graph: Graph, layer: nn.SiLU, site: Site, x: str) -> str:
    return graph.add("Mul", x, graph.add("Sigmoid", x))


def _leaky_relu(graph: Graph, layer: nn.LeakyReLU, site: Site, x: str) -> str:
    return graph.add("LeakyRelu", x, alpha=float(layer.slope))


def _scale(graph: Graph, layer: nn.Scale, site: Site, x: str) -> str:
    return graph.add("Mul", x, graph.weight(f"{site.name}.factor", layer.factor))


def _elu(graph: Graph, layer: nn.ELU, site: Site, x: str) -> str:
    return graph.add("Elu", x, alpha=float(layer.alpha))


def _plain(operator: str) -> Callable[[Graph, Any, Site, str], str]:
    """A layer that ONNX has, without attributes."""

    def add(graph: Graph, layer: Layer, site: Site, x: str) -> str:
        return graph.add(operator, x)

    return add


NODES: dict[type[Layer], Callable[[Graph, Any, Site, str], str]] = {
    nn.AveragePool2D: _average_pool2d,
    nn.BatchNorm: _batch_norm,
    nn.Conv2D: _conv2d,
    nn.Dense: _dense,
    nn.DepthwiseConv2D: _depthwise_conv2d,
    nn.Dropout: _dropout,
    nn.ELU: _elu,
    nn.Flatten: _flatten,
    nn.GELU: _gelu,
    nn.GlobalAveragePool2D: _global_average_pool2d,
    nn.LeakyReLU: _leaky_relu,
    nn.MaxPool2D: _max_pool2d,
    nn.ReLU: _plain("Relu"),
    nn.Residual: _residual,
    nn.SiLU: _silu,
    nn.Scale: _scale,
    nn.Sigmoid: _plain("Sigmoid"),
    nn.SpatialDropout2D: _dropout,
    nn.Tanh: _plain("Tanh"),
    nn.Whitening2D: _whitening2d,
}
