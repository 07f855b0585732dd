"""Rewrites a list of layers so that neighbours run as one pass; the only place where layers are fused."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from crmsprop.nn.batch_norm import BatchNorm
from crmsprop.nn.conv2d import Conv2D, FusedConv2D
from crmsprop.nn.dense import Dense, FusedDense
from crmsprop.nn.dropout import Dropout
from crmsprop.nn.flatten import Flatten
from crmsprop.nn.folded_conv2d import FoldedConv2D
from crmsprop.nn.layer import Layer
from crmsprop.nn.max_pool2d import MaxPool2D
from crmsprop.nn.relu import ReLU


def fuse(layers: Sequence[Layer], training: bool = True) -> list[tuple[Layer, int]]:
    """Return (layer, how many of `layers` it stands for), in order: the same function in fewer passes.

    ======================================  ============
    Conv2D, [ReLU], [MaxPool2D]             FusedConv2D
    Conv2D, BatchNorm, [ReLU], [MaxPool2D]  FoldedConv2D
    Dense, ReLU                             FusedDense
    Dense behind a ReLU                     FusedDense
    ======================================  ============

    Only what does not train is folded: in training the statistics of a batch are those of all its outputs. A pool is
    fused if its windows do not overlap. A ReLU behind the pool is the same as one before it. A fused layer
    has the parameters of the layers that it stands for. A layer is also behind a ReLU where a view or a dropout lies
    between them; of a pooled one too few zeros are left. Between two dense layers the second one's backward pass goes
    through the ReLU too.
    """
    fused: list[tuple[Layer, int]] = []
    index, behind_relu = 0, False
    while index < len(layers):
        layer, count = _fuse_head(layers[index], layers[index + 1 : index + 4], behind_relu, training)
        fused.append((layer, count))
        index += count
        behind_relu = _leaves_zeros(layer, behind_relu)
    _cut_gradients(fused)
    return fused


def _fuse_head(head: Layer, following: Sequence[Layer], behind_relu: bool, training: bool) -> tuple[Layer, int]:
    # By exact type: a user's subclass means something else.
    if type(head) is Dense:
        relu = bool(following) and type(following[0]) is ReLU
        if relu or behind_relu:
            return FusedDense(**_values(head), fused_relu=relu, behind_relu=behind_relu), 1 + relu
    if type(head) is Conv2D and following:
        norm = following[0]
        if type(norm) is BatchNorm and not training:
            return _fold(head, norm, following[1:])
        return _fuse_conv(head, following)
    return head, 1


def _leaves_zeros(layer: Layer, behind_relu: bool) -> bool:
    """Whether about half of what `layer` gives is exactly 0."""
    if type(layer) is Dropout or type(layer) is Flatten:
        return behind_relu
    if isinstance(layer, FusedDense):
        return layer.fused_relu
    return type(layer) is ReLU or (isinstance(layer, FusedConv2D) and layer.epilogue == ((1, 1), True))


def _cut_gradients(fused: list[tuple[Layer, int]]) -> None:
    """Have each dense layer cut the gradient to its input for the dense layer whose ReLU it is behind.

    A dropout between them leaves nothing above 0 that the ReLU did not, and where it makes a 0 the gradient is 0.
    """
    before: tuple[int, FusedDense] | None = None
    for i, (layer, count) in enumerate(fused):
        if isinstance(layer, FusedDense):
            if before is not None:
                k, earlier = before
                fused[k] = replace(earlier, dy_is_cut=True), fused[k][1]
                layer = replace(layer, cuts_dx=True)
                fused[i] = layer, count
            before = (i, layer) if layer.fused_relu else None
        elif type(layer) is not Dropout:
            before = None


def _fuse_conv(conv: Conv2D, following: Sequence[Layer]) -> tuple[Layer, int]:
    relu, pool, count = _epilogue(following)
    return (FusedConv2D(**_values(conv), fused_pool=pool, fused_relu=relu), 1 + count) if count else (conv, 1)


def _fold(conv: Conv2D, norm: BatchNorm, following: Sequence[Layer]) -> tuple[Layer, int]:
    relu, pool, count = _epilogue(following)
    folded = FoldedConv2D(**_values(conv), fused_pool=pool, fused_relu=relu, epsilon=norm.epsilon)
    return folded, 2 + count


def _epilogue(following: Sequence[Layer]) -> tuple[bool, tuple[int, int], int]:
    """ReLU and pool that a convolution can take in, and how many layers that is."""
    relu, pool, count = False, (1, 1), 0
    for layer in following[:2]:
        if type(layer) is ReLU and not relu:
            relu = True
        elif type(layer) is MaxPool2D and layer.steps == layer.window and pool == (1, 1):
            pool = layer.window
        else:
            break
        count += 1
    return relu, pool, count


def _values(layer: Dense | Conv2D) -> dict[str, Any]:
    return {field.name: getattr(layer, field.name) for field in fields(layer)}
