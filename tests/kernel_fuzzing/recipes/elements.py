"""What is done element by element, and the losses, which go row by row."""

import numpy as np

from crmsprop.kernels.activations import KINDS
from crmsprop.kernels.pointwise_losses import LOSSES

U8 = np.dtype(np.uint8)


def alike(d, *names, ndim=None):
    """Return arrays of one shape, the last one to be filled."""
    real, shape = d.real(), d.shape(ndim)
    return {name: d.array(real, *shape) for name in names}


def dropout(d):
    return {**alike(d, "x", "out"), "rate": d.random.random(), "key": d.random.getrandbits(64),
            "n_threads": d.n_threads}  # fmt: skip


def dropout_channels(d):
    return {**alike(d, "x", "out", ndim=4), "rate": d.random.random(), "key": d.random.getrandbits(64),
            "n_threads": d.n_threads}  # fmt: skip


def activation(*names):
    def draw(d):
        return {**alike(d, *names), "kind": d.one_of(KINDS), "slope": 0.5, "n_threads": d.n_threads}

    return draw


def elementwise(*names, ndim=None):
    return lambda d: {**alike(d, *names, ndim=ndim), "n_threads": d.n_threads}


def cross_entropy(d):
    real, count, classes = d.real(), d.size(many=400), d.size(many=40)
    count = count if classes else 0
    mixed = d.chance(0.5)
    return {"logits": d.array(real, count, classes), "labels": d.integers(classes, count),
            "weights": d.array(real, count), "losses": d.unset(real, count), "hits": d.unset(U8, count),
            "dlogits": d.maybe(d.unset(real, count, classes)), "n_threads": d.n_threads,
            "others": d.integers(classes, count) if mixed else None,
            "shares": d.rng.random(count).astype(real) if mixed else None,
            "smoothing": d.one_of((0.0, 0.25))}  # fmt: skip


def pointwise_loss(d):
    real, count, width = d.real(), d.size(many=700), d.size(9, many=9)
    return {"output": d.array(real, count, width), "target": d.array(real, count, width),
            "weights": d.array(real, count), "losses": d.unset(real, count), "hits": d.maybe(d.unset(U8, count)),
            "gradient": d.maybe(d.unset(real, count, width)), "kind": d.one_of(LOSSES), "parameter": 1.0,
            "n_threads": d.n_threads}  # fmt: skip


RECIPES = {
    "relu_forward": elementwise("x", "out"),
    "relu_backward": elementwise("out", "dy", "dx"),
    "add": elementwise("x", "out"),
    "dropout": dropout,
    "dropout_channels": dropout_channels,
    "all_finite": lambda d: alike(d, "x"),
    "softmax": elementwise("logits", "out", ndim=2),
    "cross_entropy": cross_entropy,
    "pointwise_loss": pointwise_loss,
    "activation_forward": activation("x", "out"),
    "activation_backward": activation("x", "out", "dy", "dx"),
}
