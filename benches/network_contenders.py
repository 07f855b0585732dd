"""Training and prediction of one network by crmsprop and by everybody else.

A network is a list of layers: ("conv", filters, size, padding), ("pool", size), ("norm",), ("relu",), ("gelu",),
("flatten",), ("dense", units) and ("dropout", rate), on images of 0..255 as uint8 or on rows of float32. Every
contender has `train`, which trains `epochs` epochs in batches of a random order with RMSprop and returns the mean loss
of the last, and `predict`, which takes and returns NumPy. One whose library is missing raises ImportError when it is
made.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

REFERENCE = [
    ("conv", 32, 3, "valid"), ("relu",), ("pool", 2), ("conv", 64, 3, "valid"), ("relu",), ("pool", 2), ("flatten",),
    ("dense", 128), ("relu",), ("dropout", 0.5), ("dense", 10),
]  # fmt: skip

NORMALIZED = [
    ("conv", 32, 3, "same"), ("norm",), ("relu",), ("pool", 2), ("conv", 64, 3, "same"), ("norm",), ("relu",),
    ("pool", 2), ("flatten",), ("dense", 128), ("relu",), ("dropout", 0.5), ("dense", 10),
]  # fmt: skip

WIDE = [
    ("conv", 24, 2, "valid"), ("gelu",),
    *(layer for filters in (32, 128, 128) for layer in (
        ("conv", filters, 3, "same"), ("pool", 2), ("norm",), ("gelu",),
        ("conv", filters, 3, "same"), ("norm",), ("gelu",),
    )),
    ("pool", 3), ("flatten",), ("dense", 10),
]  # fmt: skip


def output_size(size: int, kind: str, numbers: list[Any]) -> int:
    """Pixels along a side of the image behind a layer."""
    if kind == "pool":
        return size // numbers[0]
    return size - numbers[1] + 1 if kind == "conv" and numbers[2] == "valid" else size


def mlp(*sizes: int) -> list[tuple[Any, ...]]:
    """Dense layers with ReLU between them."""
    layers = [layer for size in sizes[:-1] for layer in (("dense", size), ("relu",))]
    return [*layers, ("dense", sizes[-1])]


class Contender(ABC):
    """What all need: the data, and batches in a random order."""

    epochs = 1

    def __init__(self, layers, X, y, batch):
        self.layers, self.X, self.y, self.batch = layers, X, y, batch
        self.rng = np.random.default_rng(0)
        self.build()

    @abstractmethod
    def build(self):
        """Make the model."""

    def order(self):
        """Rows of each batch of an epoch; all batches are full, which suits the jitted."""
        rows = self.rng.permutation(len(self.X))
        return [rows[i : i + self.batch] for i in range(0, len(rows) - self.batch + 1, self.batch)]

    def loss_after(self, epochs):
        """Mean loss of the last of some epochs."""
        return [self.train() for _ in range(epochs)][-1]

    def floats(self, X):
        """What the others get: uint8 scaled by 1/255."""
        return X.astype(np.float32) / 255 if X.dtype == np.uint8 else X


class Crmsprop(Contender):
    """Through the fit of CNNClassifier, MLPClassifier or, for what these do not have, NetworkClassifier.

    A fit checks the data and makes the network; the others made theirs before the clock starts.
    """

    epochs = 5

    def build(self):
        from crmsprop import CNNClassifier, MLPClassifier, NetworkClassifier, nn

        dense = [layer[1] for layer in self.layers if layer[0] == "dense"][:-1]
        dropout = next((layer[1] for layer in self.layers if layer[0] == "dropout"), 0.0)
        common = {"dropout": dropout, "max_epochs": self.epochs, "batch_size": self.batch, "random_state": 0}
        if ("norm",) in self.layers:
            kinds = {
                "conv": nn.Conv2D,
                "pool": nn.MaxPool2D,
                "norm": nn.BatchNorm,
                "relu": nn.ReLU,
                "gelu": nn.GELU,
                "flatten": nn.Flatten,
                "dense": nn.Dense,
                "dropout": nn.Dropout,
            }
            layers = [
                nn.Conv2D(*numbers[:2], padding=numbers[2]) if kind == "conv" else kinds[kind](*numbers)
                for kind, *numbers in self.layers[:-1]
            ]
            common.pop("dropout")
            self.model = NetworkClassifier(layers, **common)
        elif self.layers[0][0] == "conv":
            filters = [layer[1] for layer in self.layers if layer[0] == "conv"]
            self.model = CNNClassifier(filters, padding="valid", dense_units=dense, **common)
        else:
            self.model = MLPClassifier(dense, **common)

    def train(self):
        self.model.fit(self.X, self.y)
        return self.model.history_["loss"][-1]

    def loss_after(self, epochs):
        """`fit` begins afresh each time."""
        loss = self.model.set_params(max_epochs=epochs).fit(self.X, self.y).history_["loss"][-1]
        self.model.set_params(max_epochs=self.epochs)
        return loss

    def predict(self, X):
        return self.model.predict_proba(X)


class Torch(Contender):
    """torch, eager."""

    channels_last, compiled = False, False

    def build(self):
        import torch

        torch.manual_seed(0)
        self.torch = torch
        shape, modules = self.X.shape[1:], []
        channels, size = (shape[2], shape[0]) if len(shape) == 3 else (shape[0], 1)
        for kind, *numbers in self.layers:
            size = output_size(size, kind, numbers)
            if kind == "conv":
                modules.append(torch.nn.Conv2d(channels, numbers[0], numbers[1], padding=numbers[2]))
                channels = numbers[0]
            elif kind == "pool":
                modules.append(torch.nn.MaxPool2d(numbers[0]))
            elif kind == "norm":
                modules.append(torch.nn.BatchNorm2d(channels))
            elif kind in ("relu", "gelu"):
                modules.append(torch.nn.ReLU() if kind == "relu" else torch.nn.GELU())
            elif kind == "flatten":
                modules.append(torch.nn.Flatten())
                channels *= size * size
            elif kind == "dense":
                modules.append(torch.nn.Linear(channels, numbers[0]))
                channels = numbers[0]
            else:
                modules.append(torch.nn.Dropout(numbers[0]))
        model = torch.nn.Sequential(*modules)
        self.model = model.to(memory_format=torch.channels_last) if self.channels_last else model
        self.optimizer = torch.optim.RMSprop(self.model.parameters(), 1e-3, 0.9, 1e-8, foreach=True)
        self.data = torch.from_numpy(np.ascontiguousarray(self.X))
        self.target = torch.from_numpy(self.y.astype(np.int64))
        self.loss = torch.nn.CrossEntropyLoss()
        self.forward = torch.compile(self.model) if self.compiled else self.model

    def inputs(self, x):
        x = x.float() / 255 if x.dtype == self.torch.uint8 else x
        if x.ndim < 4:
            return x
        x = x.permute(0, 3, 1, 2)  # NHWC in memory: that is torch's channels_last
        return x if self.channels_last else x.contiguous()

    def train(self):
        self.model.train()
        total = 0.0
        batches = self.order()
        for rows in batches:
            index = self.torch.from_numpy(rows)
            loss = self.loss(self.forward(self.inputs(self.data[index])), self.target[index])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return total / len(batches)

    def predict(self, X):
        self.model.eval()
        with self.torch.inference_mode():
            return self.forward(self.inputs(self.torch.from_numpy(X))).softmax(1).numpy()


class TorchChannelsLast(Torch):
    """torch, eager, channels_last."""

    channels_last = True


class TorchCompile(Torch):
    """torch.compile, channels_last."""

    channels_last, compiled = True, True


class Keras(Contender):
    """Keras on TensorFlow."""

    def build(self):
        import keras

        keras.utils.set_random_seed(0)
        makers = {
            "conv": lambda filters, size, padding: keras.layers.Conv2D(filters, size, padding=padding),
            "pool": keras.layers.MaxPooling2D,
            "norm": lambda: keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
            "relu": lambda: keras.layers.Activation("relu"),
            "gelu": lambda: keras.layers.Activation("gelu"),
            "flatten": keras.layers.Flatten,
            "dense": keras.layers.Dense,
            "dropout": keras.layers.Dropout,
        }
        scale = [keras.layers.Rescaling(1 / 255)] if self.X.dtype == np.uint8 else []
        stack = [makers[kind](*numbers) for kind, *numbers in self.layers]
        self.model = keras.Sequential([keras.Input(self.X.shape[1:]), *scale, *stack])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(keras.optimizers.RMSprop(1e-3, 0.9, epsilon=1e-8), loss)

    def train(self):
        return self.model.fit(self.X, self.y, self.batch, 1, verbose=0).history["loss"][-1]

    def predict(self, X):
        return self.model.predict(X, verbose=0)


class Jax(Contender):
    """JAX and optax under jit."""

    def build(self):
        if ("norm",) in self.layers:
            raise ImportError("no batch normalization in JAX itself")
        import jax
        import optax

        self.jax, self.key = jax, jax.random.key(0)
        rng, self.params = np.random.default_rng(0), []
        shape = self.X.shape[1:]
        channels, size = (shape[2], shape[0]) if len(shape) == 3 else (shape[0], 1)
        for kind, *numbers in self.layers:
            size = output_size(size, kind, numbers)
            if kind == "conv":
                self.params.append(self._glorot(rng, (numbers[1], numbers[1], channels, numbers[0])))
                channels = numbers[0]
            elif kind == "flatten":
                channels *= size * size
            elif kind == "dense":
                self.params.append(self._glorot(rng, (channels, numbers[0])))
                channels = numbers[0]
        optimizer = optax.rmsprop(1e-3, 0.9, 1e-8)
        self.state = optimizer.init(self.params)

        def loss_of(params, x, y, key):
            logits = self._forward(params, x, key)
            return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

        def step(params, state, x, y, key):
            loss, grads = jax.value_and_grad(loss_of)(params, x, y, key)
            updates, state = optimizer.update(grads, state, params)
            return optax.apply_updates(params, updates), state, loss

        self.step = jax.jit(step, donate_argnums=(0, 1))
        self.apply = jax.jit(lambda params, x: jax.nn.softmax(self._forward(params, x, None)))

    @staticmethod
    def _glorot(rng, shape):
        limit = np.sqrt(6 / (np.prod(shape[:-2], dtype=int) * (shape[-2] + shape[-1])))
        return [rng.uniform(-limit, limit, shape).astype(np.float32), np.zeros(shape[-1], np.float32)]

    def _forward(self, params, x, key):
        jax, params = self.jax, iter(params)
        x = x.astype(np.float32) / 255 if x.dtype == np.uint8 else x
        for kind, *numbers in self.layers:
            if kind == "conv":
                weight, bias = next(params)
                layout = ("NHWC", "HWIO", "NHWC")
                x = jax.lax.conv_general_dilated(x, weight, (1, 1), "VALID", dimension_numbers=layout) + bias
            elif kind == "pool":
                window = (1, numbers[0], numbers[0], 1)
                x = jax.lax.reduce_window(x, -np.inf, jax.lax.max, window, window, "VALID")
            elif kind == "flatten":
                x = x.reshape(len(x), -1)
            elif kind == "dense":
                weight, bias = next(params)
                x = x @ weight + bias
            elif kind == "relu":
                x = jax.nn.relu(x)
            elif key is not None:
                x = jax.numpy.where(jax.random.bernoulli(key, 1 - numbers[0], x.shape), x / (1 - numbers[0]), 0)
        return x

    def train(self):
        losses = []
        for rows in self.order():
            self.key, key = self.jax.random.split(self.key)
            self.params, self.state, loss = self.step(self.params, self.state, self.X[rows], self.y[rows], key)
            losses.append(loss)
        return float(sum(losses)) / len(losses)

    def predict(self, X):
        return np.asarray(self.apply(self.params, X))


class ScikitLearn(Contender):
    """scikit-learn's MLPClassifier with Adam, since it has no RMSprop."""

    def build(self):
        from sklearn.neural_network import MLPClassifier

        if self.layers[0][0] == "conv":
            raise ImportError("no convolution")
        dense = [layer[1] for layer in self.layers if layer[0] == "dense"][:-1]
        self.model = MLPClassifier(dense, batch_size=self.batch, max_iter=1, warm_start=True, alpha=0, random_state=0)

    def train(self):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.model.fit(self.floats(self.X), self.y)
        return self.model.loss_

    def predict(self, X):
        return self.model.predict_proba(X)


CONTENDERS = {
    "crmsprop": Crmsprop,
    "torch channels_last": TorchChannelsLast,
    "torch": Torch,
    "torch.compile": TorchCompile,
    "Keras": Keras,
    "JAX": Jax,
    "scikit-learn": ScikitLearn,
}
PACKAGES = ("crmsprop", "numpy", "scikit-learn", "torch", "jax", "optax", "keras", "tensorflow-cpu")
