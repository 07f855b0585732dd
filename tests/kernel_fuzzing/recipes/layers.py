"""Dense layers and batch normalization: rows of numbers."""

import numpy as np
from kernel_calls import COMPILED

F64 = np.dtype(np.float64)

# ---- dense


def dense_sizes(d):
    return {"samples": d.size(), "inputs": d.size(), "units": d.size()}


def dense_scratch(d):
    return {**dense_sizes(d), "dtype": d.real(), "training": d.chance(0.5), "n_threads": d.n_threads}


def dense_room(d, sizes, real, training):
    return d.scratch(real, COMPILED.dense_scratch(*sizes.values(), real, training, d.n_threads))


def dense_forward(d):
    sizes, real = dense_sizes(d), d.real()
    samples, inputs, units = sizes.values()
    return {"x": d.array(real, samples, inputs), "weight": d.array(real, inputs, units),
            "bias": d.maybe(d.array(real, units)), "out": d.unset(real, samples, units), "relu": d.chance(0.5),
            "sparse": d.chance(0.5), "scratch": dense_room(d, sizes, real, False),
            "n_threads": d.n_threads}  # fmt: skip


def dense_backward(d):
    sizes, real = dense_sizes(d), d.real()
    samples, inputs, units = sizes.values()
    return {"x": d.array(real, samples, inputs), "weight": d.array(real, inputs, units),
            "dy": d.array(real, samples, units), "dx": d.maybe(d.unset(real, samples, inputs)),
            "dweight": d.unset(real, inputs, units), "dbias": d.maybe(d.unset(real, units)),
            "sparse_x": d.chance(0.5), "sparse_dy": d.chance(0.5), "cut_dx": d.chance(0.5),
            "scratch": dense_room(d, sizes, real, True), "n_threads": d.n_threads}  # fmt: skip


# ---- batch normalization


def batch_norm_sizes(d):
    return {"rows": d.size(many=600), "channels": d.size(many=60)}


def per_channel(d, real, count, *names):
    return {name: d.array(real, count) for name in names}


def batch_norm_forward(d):
    real, sizes = d.real(), batch_norm_sizes(d)
    vectors = per_channel(d, real, sizes["channels"], "gamma", "beta", "running_mean", "running_variance", "mean",
                          "scale")  # fmt: skip
    return {"x": d.array(real, *sizes.values()), **vectors, "out": d.unset(real, *sizes.values()), "epsilon": 0.1,
            "decay": 0.9, "scratch": d.scratch(F64, COMPILED.batch_norm_scratch(*sizes.values())),
            "n_threads": d.n_threads}  # fmt: skip


def batch_norm_apply(d):
    real, sizes = d.real(), batch_norm_sizes(d)
    vectors = per_channel(d, real, sizes["channels"], "gamma", "beta", "running_mean", "running_variance", "scale")
    return {"x": d.array(real, *sizes.values()), **vectors, "out": d.unset(real, *sizes.values()), "epsilon": 0.1,
            "n_threads": d.n_threads}  # fmt: skip


def batch_norm_fold(d):
    real, channels = d.real(), d.size(many=60)
    vectors = per_channel(d, real, channels, "gamma", "beta", "running_mean", "running_variance", "bias")
    return {**vectors, "bias": d.maybe(vectors["bias"]), "scale": d.unset(real, channels),
            "shift": d.unset(real, channels), "epsilon": 0.1}  # fmt: skip


def batch_norm_backward(d):
    real, sizes = d.real(), batch_norm_sizes(d)
    x, dy, dx = (d.array(real, *sizes.values()) for _ in range(3))
    return {"x": x, **per_channel(d, real, sizes["channels"], "gamma", "mean", "scale"), "dy": dy, "dx": d.maybe(dx),
            **per_channel(d, real, sizes["channels"], "dgamma", "dbeta"),
            "scratch": d.scratch(F64, COMPILED.batch_norm_scratch(*sizes.values())),
            "n_threads": d.n_threads}  # fmt: skip


RECIPES = {
    "dense_scratch": dense_scratch,
    "dense_forward": dense_forward,
    "dense_backward": dense_backward,
    "batch_norm_scratch": batch_norm_sizes,
    "batch_norm_forward": batch_norm_forward,
    "batch_norm_apply": batch_norm_apply,
    "batch_norm_fold": batch_norm_fold,
    "batch_norm_backward": batch_norm_backward,
}
