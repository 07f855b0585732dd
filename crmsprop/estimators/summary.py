"""The table that ``summary()`` returns."""

import math

from crmsprop.nn import Network
from crmsprop.nn.layer import Shape, describe_shape

HEADER = ("layer", "output shape", "parameters", "MFLOP")


def summarize(network: Network, batch_size: int) -> str:
    """Return one line a layer, and the totals.

    MFLOP are millions of floating-point operations of the forward pass of one sample; a training step takes about
    three times as many. Memory is that of the parameters, and of the activations of a training batch.
    """
    rows = [_row(network, i) for i in range(len(network.layers))]
    total = ("total", "", f"{network.n_parameters:,}", f"{sum(_flops(network)) / 1e6:.3f}")
    widths = [max(len(row[k]) for row in [HEADER, *rows, total]) for k in range(len(HEADER))]
    lines = [_line(row, widths) for row in [HEADER, *rows, total]]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], _memory(network, batch_size)])


def _row(network: Network, i: int) -> tuple[str, str, str, str]:
    count = sum(view.size for name, view in network.learned.items() if int(name.split(".")[0]) == i)
    return (
        f"{i:{len(str(len(network.layers) - 1))}} {type(network.layers[i]).__name__}",
        describe_shape(network.shapes[i]),
        f"{count:,}",
        f"{_flops(network)[i] / 1e6:.3f}",
    )


def _flops(network: Network) -> list[int]:
    inputs = [network.input_shape, *network.shapes[:-1]]
    return [layer.flops(shape) for layer, shape in zip(network.layers, inputs, strict=True)]


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    name, shape, *numbers = row
    cells = [name.ljust(widths[0]), shape.ljust(widths[1])]
    cells += [number.rjust(width) for number, width in zip(numbers, widths[2:], strict=True)]
    return "  ".join(cells)


def _memory(network: Network, batch_size: int) -> str:
    shapes: list[Shape] = [network.input_shape, *network.shapes]
    activations = sum(math.prod(shape) for shape in shapes) * network.dtype.itemsize * batch_size
    return (
        f"{network.dtype.name}: {network.arena.flat.nbytes / 1e6:.2f} MB of parameters, "
        f"{activations / 1e6:.2f} MB of activations for a batch of {batch_size}"
    )
