"""Makes keras_*.weights.h5 and keras_weights.npz: small Keras models, some images, and what the models make of them.

    python tests/golden/make_keras_weights.py

Needs keras with tensorflow-cpu. The models are those of tests/weight_cases.py, with weights and running statistics
away from their first values.
"""

import os
from importlib.metadata import version
from pathlib import Path

os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")

import keras
import numpy as np
from keras import layers

FOLDER = Path(__file__).parent


def sequential():
    return keras.Sequential(
        [
            *(keras.Input((9, 7, 3)), layers.Conv2D(4, (3, 2), strides=2, padding="same"), layers.BatchNormalization()),
            *(layers.ReLU(), layers.MaxPooling2D(2), layers.Conv2D(4, 1, use_bias=False), layers.Flatten()),
            *(layers.BatchNormalization(), layers.Dense(6, activation="relu"), layers.Dropout(0.5), layers.Dense(5)),
        ]
    )


def block(x, filters, stride, shortcut):
    """The shortcut is built first, so that Keras sorts it between the two convolutions."""
    around = x
    if shortcut:
        around = layers.BatchNormalization()(layers.Conv2D(filters, 1, strides=stride, padding="same")(x))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(filters, 3, strides=stride, padding="same")(x)))
    x = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(x))
    return layers.ReLU()(layers.Add()([x, around]))


def functional():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    x = block(block(x, 4, 1, False), 6, 2, True)
    return keras.Model(inputs, layers.Dense(5)(layers.Dense(7, activation="relu")(layers.Flatten()(x))))


def nested():
    """Parts within parts, trained: the optimizer is in the file."""
    inner = keras.Sequential([layers.Conv2D(5, 3), layers.BatchNormalization(), layers.ReLU(), layers.Conv2D(6, 3)])
    between = keras.Input((2, 2, 6))
    tail = layers.BatchNormalization()(layers.Conv2D(6, 1)(between))
    outer = keras.Sequential(
        [
            *(keras.Input((8, 8, 3)), layers.Conv2D(4, 3, activation="relu"), inner, keras.Model(between, tail)),
            *(layers.Flatten(), keras.Sequential([layers.Dense(7), layers.Dense(7), layers.Dense(7)]), layers.Dense(5)),
        ]
    )
    outer.compile("rmsprop", "mse")
    outer.fit(np.ones((4, 8, 8, 3)), np.ones((4, 5)), verbose=0)
    return outer


MODELS = {"sequential": sequential, "functional": functional, "nested": nested}


def disturb(model, rng):
    """Give every number a value that no other one has."""
    for variable in model.weights:
        if "variance" in variable.path or "gamma" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif len(variable.shape) == 1:
            variable.assign(rng.normal(size=variable.shape) / 4)


def main():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    values = {"versions": np.array(" ".join(f"{name}-{version(name)}" for name in ("keras", "tensorflow-cpu", "h5py")))}
    for name, make in MODELS.items():
        model = make()
        disturb(model, rng)
        x = rng.normal(size=(6, *model.input_shape[1:])).astype(np.float32)
        values[f"{name}_x"], values[f"{name}_y"] = x, model.predict(x, verbose=0)
        model.save_weights(FOLDER / f"keras_{name}.weights.h5")
    np.savez_compressed(FOLDER / "keras_weights.npz", **values)
    print(f"{len(MODELS)} models; {values['versions']}")


if __name__ == "__main__":
    main()
