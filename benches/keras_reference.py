"""The article's program in Keras 3 on TensorFlow: the yardstick for ``crmsprop train --model reference``.

    python benches/keras_reference.py DATA_HOME --seeds 0 1 2 [--epochs 30]

needs ``keras`` and ``tensorflow-cpu``, and nothing of crmsprop. DATA_HOME holds ``cifar-10-batches-bin``.
The program is the article's, line for line, with the two changes that Keras 3 forces: the optimizer's argument is
called ``learning_rate``, and its ``decay`` argument is gone, so that ``rate / (1 + decay * step)`` is applied in the
optimizer at each batch, as Keras 2 did.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
from keras import layers

DECAY = 1e-6


def read_binary(folder: Path, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 images in [0, 1] of shape (n, 32, 32, 3) and labels of shape (n,)."""
    rows = np.concatenate([np.fromfile(folder / name, np.uint8).reshape(-1, 3073) for name in names])
    images = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return images.astype("float32") / 255.0, rows[:, 0].astype("int64")


class RMSpropWithDecay(keras.optimizers.RMSprop):
    """RMSprop whose rate is divided by ``1 + decay * step``, as Keras 2's ``decay`` argument did."""

    def _get_current_learning_rate(self):
        step = keras.ops.cast(self.iterations, "float32")
        return super()._get_current_learning_rate() / (1.0 + DECAY * step)


class EpochTimes(keras.callbacks.Callback):
    """Collects the wall-clock seconds of every epoch, validation included."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self._start)


def build() -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=RMSpropWithDecay(learning_rate=0.001, rho=0.9),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def run(seed: int, epochs: int, train, test) -> dict:
    keras.utils.set_random_seed(seed)
    model, times = build(), EpochTimes()
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.1 if epoch > 10 else rate)
    stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5)
    history = model.fit(
        *train,
        batch_size=32,
        epochs=epochs,
        validation_split=0.2,
        callbacks=[scheduler, stopping, times],
        verbose=0,
    )
    loss, accuracy = model.evaluate(*test, verbose=0)
    return {
        "seed": seed,
        "epochs": len(times.seconds),
        "test_loss": round(loss, 4),
        "test_accuracy": round(accuracy, 4),
        "median_epoch_seconds": round(float(np.median(times.seconds)), 2),
        "val_loss": [round(v, 4) for v in history.history["val_loss"]],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_home", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    folder = options.data_home / "cifar-10-batches-bin"
    x, y = read_binary(folder, [f"data_batch_{i}.bin" for i in range(1, 6)])
    x_test, y_test = read_binary(folder, ["test_batch.bin"])
    train, test = (x, keras.utils.to_categorical(y)), (x_test, keras.utils.to_categorical(y_test))
    for seed in options.seeds:
        print(json.dumps(run(seed, options.epochs, train, test)), flush=True)


if __name__ == "__main__":
    main()
