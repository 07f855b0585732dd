"""Makes rmsprop.npz: what the RMSprops of other libraries do in the runs of tests/peer_runs.py.

    python tests/golden/make_rmsprop.py

Needs torch, keras with tensorflow-cpu, jax and optax. For each run the file has the parameters after steps 1, 100, 101
(102 where two gradients make a step) and 200, and the state after step 100, all arrays of the list in one row.
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path

os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="", JAX_ENABLE_X64="1", TF_CPP_MIN_LOG_LEVEL="3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import jax
import keras
import numpy as np
import optax
import tensorflow as tf
import torch
from peer_runs import RUNS, SHARED, STEPS, start


class Torch:
    """torch.optim.RMSprop."""

    def __init__(self, run):
        names = {"rho": "alpha", "epsilon": "eps", "learning_rate": "lr", "l2": "weight_decay"}
        self.params = [torch.nn.Parameter(torch.tensor(array)) for array in start(run.dtype)]
        self.optimizer = torch.optim.RMSprop(
            self.params, **{names.get(name, name): value for name, value in run.overrides().items()}
        )

    def step(self, grads):
        for param, grad in zip(self.params, grads, strict=True):
            param.grad = torch.tensor(grad)
        self.optimizer.step()

    def values(self):
        return [param.detach().numpy() for param in self.params]

    def state(self):
        names = {"mean_squares": "square_avg", "means": "grad_avg", "velocities": "momentum_buffer"}
        states = [self.optimizer.state[param] for param in self.params]
        return {
            ours: [state[theirs].numpy() for state in states] for ours, theirs in names.items() if theirs in states[0]
        }


class Keras:
    """keras.optimizers.RMSprop."""

    def __init__(self, run):
        keras.config.set_floatx(run.dtype)
        names = {
            "clip_value": "clipvalue",
            "clip_norm": "clipnorm",
            "global_clip_norm": "global_clipnorm",
            "ema": "ema_momentum",
            "accumulate_steps": "gradient_accumulation_steps",
        }
        options = {names.get(name, name): value for name, value in run.overrides().items()}
        self.variables = [keras.Variable(array, dtype=run.dtype) for array in start(run.dtype)]
        self.optimizer = keras.optimizers.RMSprop(**options, use_ema="ema_momentum" in options)
        self.optimizer.build(self.variables)

    def step(self, grads):
        self.optimizer.apply([tf.constant(grad) for grad in grads])

    def values(self):
        return [variable.numpy() for variable in self.variables]

    def state(self):
        found = {
            "mean_squares": self.optimizer._velocities,
            "means": self.optimizer._average_gradients,
            "velocities": self.optimizer._momentums,
            "averages": getattr(self.optimizer, "_model_variables_moving_average", None),
        }
        return {name: [one.numpy() for one in values] for name, values in found.items() if values}


class TF1:
    """tf.compat.v1.train.RMSPropOptimizer."""

    def __init__(self, run):
        options = run.overrides()
        names = {"rho": "decay"}
        options = {names.get(name, name): value for name, value in options.items()}
        self.variables = [tf.Variable(array) for array in start(run.dtype)]
        self.optimizer = tf.compat.v1.train.RMSPropOptimizer(options.pop("learning_rate", 1e-3), **options)

    def step(self, grads):
        self.optimizer.apply_gradients(zip([tf.constant(grad) for grad in grads], self.variables, strict=True))

    def values(self):
        return [variable.numpy() for variable in self.variables]

    def state(self):
        names = {"mean_squares": "rms", "means": "mg", "velocities": "momentum"}
        slots = {
            ours: [self.optimizer.get_slot(variable, theirs) for variable in self.variables]
            for ours, theirs in names.items()
            if theirs in self.optimizer.get_slot_names()
        }
        return {name: [slot.numpy() for slot in found] for name, found in slots.items()}


class Optax:
    """optax.rmsprop, with further transformations before and behind it."""

    def __init__(self, run):
        options = run.overrides()
        rate = options.pop("learning_rate", 1e-3)
        before = [
            transform(options.pop(name))
            for name, transform in {
                "maximize": lambda _: optax.scale(-1.0),
                "clip_value": optax.clip,
                "global_clip_norm": optax.clip_by_global_norm,
                "l2": optax.add_decayed_weights,
            }.items()
            if name in options
        ]
        decay, every = options.pop("weight_decay", 0.0), options.pop("accumulate_steps", 1)
        names = {"rho": "decay", "epsilon": "eps", "initial_mean_square": "initial_scale"}
        named = {names.get(name, name): value for name, value in options.items()}
        after = [optax.add_decayed_weights(-rate * decay)] if decay else []
        chain = optax.chain(*before, optax.rmsprop(rate, **named), *after)
        self.optimizer = optax.MultiSteps(chain, every, accumulator_dtype=run.dtype) if every > 1 else chain
        self.params = [jax.numpy.asarray(array) for array in start(run.dtype)]
        self.memory = self.optimizer.init(self.params)
        self.update = jax.jit(self._update)

    def _update(self, grads, memory, params):
        updates, memory = self.optimizer.update(grads, memory, params)
        return optax.apply_updates(params, updates), memory

    def step(self, grads):
        self.params, self.memory = self.update([jax.numpy.asarray(grad) for grad in grads], self.memory, self.params)

    def values(self):
        return [np.asarray(param) for param in self.params]

    def state(self):
        """The trace comes behind the factor -learning_rate: it is our velocity with the other sign."""
        names = {"mean_squares": "nu", "means": "mu", "velocities": "trace"}
        parts = jax.tree.leaves(self.memory, is_leaf=lambda part: not {"nu", "trace"}.isdisjoint(fields(part)))
        return {
            ours: [-np.asarray(one) if ours == "velocities" else np.asarray(one) for one in getattr(part, theirs)]
            for ours, theirs in names.items()
            for part in parts
            if theirs in fields(part)
        }


def fields(part):
    return getattr(part, "_fields", ())


PEERS = {"torch": Torch, "keras": Keras, "tf1": TF1, "optax": Optax}


def frozen(run):
    """What a run leaves, by the key of each row."""
    peer, rows = PEERS[run.peer](run), {}
    every = dict(run.options).get("accumulate_steps", 1)
    for number, grads in enumerate(run.gradients(), start=1):
        peer.step(grads)
        if number in (every, SHARED, SHARED + every, STEPS):
            rows[f"{run.name}/params/{number}"] = np.concatenate(peer.values())
        if number == SHARED:
            for name, arrays in peer.state().items():
                rows[f"{run.name}/{name}"] = np.concatenate(arrays)
    assert all(row.dtype == run.dtype for row in rows.values()), run
    return rows


def main():
    rows = {}
    for run in RUNS:
        rows.update(frozen(run))
    versions = " ".join(f"{name}-{version(name)}" for name in ("torch", "keras", "tensorflow-cpu", "optax", "jax"))
    tables = {
        f"{kind}_{dtype}": np.array(part)
        for dtype in ("float32", "float64")
        for kind, part in (
            ("names", [name for name, row in rows.items() if row.dtype == dtype]),
            ("rows", [row for row in rows.values() if row.dtype == dtype]),
        )
    }
    np.savez_compressed(Path(__file__).with_name("rmsprop.npz"), versions=np.array(versions), **tables)
    print(f"{len(RUNS)} runs, {len(rows)} rows; {versions}")


if __name__ == "__main__":
    main()
