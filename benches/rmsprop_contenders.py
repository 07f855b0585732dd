"""RMSprop on a list of float32 arrays, by crmsprop and by everybody else: each a class with `step` and `values`.

Learning rate 1e-3, decay 0.9, epsilon 1e-8 (Keras and optax have it under the root). A contender whose library
is missing raises ImportError when it is made.
"""

import functools
from typing import Any

import numpy as np

RATE, RHO, EPSILON = 1e-3, 0.9, 1e-8
SMALL = 50_000  # elements below which threads cost numba more than they save


class Crmsprop:
    """crmsprop.RMSprop."""

    def __init__(self, params, grads):
        from crmsprop import RMSprop

        self.params, self.grads = params, grads
        self.optimizer = RMSprop(params, RATE, RHO, EPSILON)

    def step(self):
        self.optimizer.step(self.grads)

    def values(self):
        return self.params


class Update(Crmsprop):
    """crmsprop.rmsprop_update, array by array."""

    def __init__(self, params, grads):
        from crmsprop import rmsprop_update

        self.params, self.triples = params, [(p, g, np.zeros_like(p)) for p, g in zip(params, grads, strict=True)]
        self.update = rmsprop_update

    def step(self):
        for param, grad, mean_square in self.triples:
            self.update(param, grad, mean_square, learning_rate=RATE, rho=RHO, epsilon=EPSILON)


class NumPy:
    """The formula in place, with one buffer an array."""

    def __init__(self, params, grads):
        self.params, self.grads = params, grads
        self.mean_squares, self.buffers = ([np.zeros_like(p) for p in params] for _ in range(2))

    def step(self):
        for p, g, v, b in zip(self.params, self.grads, self.mean_squares, self.buffers, strict=True):
            np.multiply(g, g, out=b)
            b *= 1 - RHO
            v *= RHO
            v += b
            np.sqrt(v, out=b)
            b += EPSILON
            np.divide(g, b, out=b)
            b *= RATE
            p -= b

    def values(self):
        return self.params


class Torch:
    """torch.optim.RMSprop, one array after the other."""

    foreach = False

    def __init__(self, params, grads):
        import torch

        self.params = [torch.nn.Parameter(torch.from_numpy(param)) for param in params]
        for param, grad in zip(self.params, grads, strict=True):
            param.grad = torch.from_numpy(grad)
        self.optimizer = torch.optim.RMSprop(self.params, RATE, RHO, EPSILON, foreach=self.foreach)

    def step(self):
        self.optimizer.step()

    def values(self):
        return [param.detach().numpy() for param in self.params]


class TorchForeach(Torch):
    """The same over the whole list at once."""

    foreach = True


class TorchCompile(Torch):
    """The same, compiled."""

    foreach = True

    def __init__(self, params, grads):
        super().__init__(params, grads)
        import torch

        self.step = torch.compile(self.optimizer.step)


class Optax:
    """optax.rmsprop under jit, with donated buffers."""

    def __init__(self, params, grads):
        import jax
        import optax

        optimizer = optax.rmsprop(RATE, RHO, EPSILON)
        self.params = [jax.numpy.array(param) for param in params]
        self.grads = [jax.numpy.array(grad) for grad in grads]
        self.state = optimizer.init(self.params)
        self.wait = jax.block_until_ready

        @functools.partial(jax.jit, donate_argnums=(0, 1))
        def step(params, state, grads):
            updates, state = optimizer.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        self.jitted = step

    def step(self):
        self.params, self.state = self.jitted(self.params, self.state, self.grads)
        self.wait(self.params)

    def values(self):
        return [np.asarray(param) for param in self.params]


@functools.cache
def _numba(fastmath: bool, parallel: bool) -> Any:
    import numba

    def update(param, grad, mean_square, rate, rho, rest, epsilon):
        for i in numba.prange(param.size):
            g = grad[i]
            v = rho * mean_square[i] + rest * (g * g)
            mean_square[i] = v
            param[i] -= rate * g / (np.sqrt(v) + epsilon)

    return numba.njit(update, fastmath=fastmath, parallel=parallel)


class Numba:
    """One loop, compiled by numba, with threads where the array is large."""

    fastmath = False

    def __init__(self, params, grads):
        self.params = params
        self.numbers = [np.float32(value) for value in (RATE, RHO, 1 - RHO, EPSILON)]
        self.calls = [
            (_numba(self.fastmath, p.size >= SMALL), p.reshape(-1), g.reshape(-1), np.zeros(p.size, p.dtype))
            for p, g in zip(params, grads, strict=True)
        ]

    def step(self):
        for update, param, grad, mean_square in self.calls:
            update(param, grad, mean_square, *self.numbers)

    def values(self):
        return self.params


class NumbaFast(Numba):
    """The same with inexact arithmetic."""

    fastmath = True


class Keras:
    """keras.optimizers.RMSprop on TensorFlow."""

    def __init__(self, params, grads):
        import keras
        import tensorflow as tf

        self.variables = [keras.Variable(param) for param in params]
        self.grads = [tf.constant(grad) for grad in grads]
        self.optimizer = keras.optimizers.RMSprop(RATE, RHO, epsilon=EPSILON)
        self.optimizer.build(self.variables)

    def step(self):
        self.optimizer.apply(self.grads)

    def values(self):
        return [variable.numpy() for variable in self.variables]


CONTENDERS = {
    "crmsprop": Crmsprop,
    "rmsprop_update": Update,
    "torch for-loop": Torch,
    "torch foreach": TorchForeach,
    "torch.compile": TorchCompile,
    "optax": Optax,
    "numba": Numba,
    "numba fastmath": NumbaFast,
    "NumPy": NumPy,
    "Keras": Keras,
}
EPSILON_UNDER_ROOT = ("optax", "Keras")
PACKAGES = ("crmsprop", "numpy", "torch", "jax", "optax", "numba", "keras", "tensorflow-cpu")
