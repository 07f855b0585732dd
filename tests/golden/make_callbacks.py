"""Makes callbacks.npz: what Keras's EarlyStopping and ReduceLROnPlateau do in the trainings of tests/peer_callbacks.py.

    python tests/golden/make_callbacks.py

Needs keras with tensorflow-cpu. For each training `stopping` has the epochs run, the best epoch counted from 1 (0 for
none), its value and the weight at the end, which is the number of the epoch that it is from; `plateau` has the learning
rate after each epoch.
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path

os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import keras
import numpy as np
from peer_callbacks import LEARNING_RATE, PLATEAU, STOPPING


class Model:
    """All that the callbacks want of a model: one weight, an optimizer, and a flag."""

    def __init__(self):
        self.weight, self.stop_training = 0, False
        self.optimizer = keras.optimizers.SGD(LEARNING_RATE)

    def get_weights(self):
        return self.weight

    def set_weights(self, weight):
        self.weight = weight


def epochs_of(callback, model, values):
    """Run a training, and yield at the end of each epoch."""
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        model.weight = epoch + 1
        callback.on_epoch_end(epoch, {"val_loss": value})
        yield epoch + 1
        if model.stop_training:
            break
    callback.on_train_end()


def stopping(case):
    names = {"restore_best": "restore_best_weights"}
    options = {names.get(name, name): value for name, value in case.parameters.items()}
    callback, model = keras.callbacks.EarlyStopping("val_loss", **options), Model()
    n_epochs = max(epochs_of(callback, model, case.values))
    if callback.best is None:
        return n_epochs, 0, np.nan, model.weight
    return n_epochs, callback.best_epoch + 1, callback.best, model.weight


def plateau(case):
    names = {"min_learning_rate": "min_lr"}
    options = {names.get(name, name): value for name, value in case.parameters.items()}
    callback, model = keras.callbacks.ReduceLROnPlateau("val_loss", **options), Model()
    return [float(model.optimizer.learning_rate.numpy()) for _ in epochs_of(callback, model, case.values)]


def main():
    versions = " ".join(f"{name}-{version(name)}" for name in ("keras", "tensorflow-cpu"))
    np.savez_compressed(
        Path(__file__).with_name("callbacks.npz"),
        stopping=np.array([stopping(case) for case in STOPPING]),
        plateau=np.array([plateau(case) for case in PLATEAU]),
        versions=np.array(versions),
    )
    print(f"{len(STOPPING)} and {len(PLATEAU)} trainings; {versions}")


if __name__ == "__main__":
    main()
