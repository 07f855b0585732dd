"""RMSprop: lists of arrays, each of a shape of its own."""

import numpy as np

from crmsprop.kernels.rule import RMSpropRates, RMSpropRule, RMSpropState


def shapes(d):
    """Return the shapes of some parameters."""
    return [d.shape() for _ in range(d.integer(0, 4))]


def arrays(d, real, sizes):
    """Return an array a parameter."""
    return [d.array(real, *shape) for shape in sizes]


def rule(d):
    return RMSpropRule(
        rho=d.random.random(),
        correction=d.one_of((1.0, 10.0)),
        epsilon_inside=d.one_of((0.0, 1e-8)),
        momentum=d.one_of((0.0, 0.5)),
        nesterov=d.chance(0.5),
        lr_in_momentum=d.chance(0.5),
        clip_value=d.one_of((np.inf, 0.5)),
        scale=d.one_of((1.0, -1.0, 0.25)),
        ema=d.one_of((0.0, 0.5)),
    )


def rates(d):
    return RMSpropRates(d.one_of((None, 0.1)), d.one_of((0.0, 0.1)), d.one_of((0.0, 0.1)))


def rmsprop_step(d):
    real, sizes = d.real(), shapes(d)
    params, grads, mean_squares = (arrays(d, real, sizes) for _ in range(3))
    others = {name: d.maybe(arrays(d, real, sizes)) for name in ("means", "velocities", "averages", "sums")}
    scales = d.maybe([d.random.random() for _ in sizes])
    return {"params": params, "grads": grads, "mean_squares": mean_squares, **others,
            "rates": [rates(d) for _ in sizes], "scales": scales, "rule": rule(d), "learning_rate": 0.1,
            "n_threads": d.maybe(d.n_threads)}  # fmt: skip


def rmsprop_arrays(d):
    """Of what may happen to the arrays, and to the object, in between the calls; see `calls.use_arrays`."""
    real, sizes = d.real(), shapes(d)
    state = RMSpropState(arrays(d, real, sizes), *(d.maybe(arrays(d, real, sizes)) for _ in range(4)))
    acts = [d.one_of(("step", "check", "resize", "freeze", "again", "pop", "retype")) for _ in range(d.integer(1, 5))]
    return {"params": arrays(d, real, sizes), "state": state, "rates": [rates(d) for _ in sizes],
            "grads": arrays(d, real, sizes), "begun": d.chance(0.9), "acts": acts}  # fmt: skip


def rmsprop_update(d):
    real, shape = d.real(), d.shape()
    param, grad, mean_square = (d.array(real, *shape) for _ in range(3))
    others = {name: d.maybe(d.array(real, *shape)) for name in ("mean", "velocity", "average")}
    numbers = {"learning_rate": 0.1, "l2": 0.1, "weight_decay": 0.1, "grad_scale": 0.5}
    return {"param": param, "grad": grad, "mean_square": mean_square, **others, **numbers, "rule": rule(d),
            "n_threads": d.maybe(d.n_threads)}  # fmt: skip


def pairs(d, *names):
    real, sizes = d.real(), shapes(d)
    return {name: arrays(d, real, sizes) for name in names}


def rmsprop_squares(d):
    given = pairs(d, "grads", "sums")
    return {**given, "sums": d.maybe(given["sums"]), "n_threads": d.n_threads}


RECIPES = {
    "RMSpropArrays": rmsprop_arrays,
    "Table": lambda d: {},  # the base of RMSpropArrays
    "rmsprop_step": rmsprop_step,
    "rmsprop_update": rmsprop_update,
    "rmsprop_accumulate": lambda d: {**pairs(d, "grads", "sums"), "n_threads": d.n_threads},
    "rmsprop_average": lambda d: {**pairs(d, "params", "averages"), "ema": 0.5, "n_threads": d.n_threads},
    "rmsprop_squares": rmsprop_squares,
    "rmsprop_check": lambda d: pairs(d, "params"),
}
