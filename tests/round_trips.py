"""Every model of crmsprop.nn.models goes to ONNX, torch and Keras and comes back, on the images of CIFAR-10.

    python tests/round_trips.py DATA_HOME

Each model is trained for 20 steps, so that no weight and no running statistic has its first value. Then

- ``export_onnx`` writes it, and onnxruntime runs it;
- ``export_safetensors`` writes its weights, a torch model of the same stack loads them and saves them again, and
  ``load_weights`` reads them into a new estimator;
- a Keras model of the same stack gets its weights and saves them as .weights.h5, and ``load_weights`` reads them.

What each makes of test images must agree with `predict_proba` and `decision_function` within 1e-5, of the largest logit
of the image where that is above 1; and the weights that come back must be those that went, to the bit. Prints the
largest differences, as they stand in benches/RESULTS.md, and how far everybody's logits are from those in float64.

Needs onnx, onnxruntime, torch, safetensors, keras with tensorflow-cpu, and h5py.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")

import numpy as np
import onnxruntime
import safetensors.torch
import stack_in_keras
import stack_in_torch

from crmsprop import NetworkClassifier
from crmsprop.datasets import load_cifar10
from crmsprop.nn import models
from crmsprop.persistence import export_onnx

LIMIT = 1e-5
#: Hidden layers, and on how many of the 1,000 images they are held against the others.
MODELS = {
    "reference_cnn()": (models.reference_cnn(), 1),
    "reference_cnn(batch_norm=True)": (models.reference_cnn(batch_norm=True), 1),
    "resnet20()": (models.resnet20(), 1),
    "fast_cnn()": (models.fast_cnn(), 1),
    "vgg16()": (models.vgg16(), 1 / 20),
    "vgg16(batch_norm=True)": (models.vgg16(batch_norm=True), 1 / 20),
}


def trained(layers, X, y):
    """Return an estimator after 20 steps at a rate that suits all of them."""
    return NetworkClassifier(layers, learning_rate=1e-4, max_epochs=1, random_state=0).fit(X[:640], y[:640])


def come_back(model, path, X):
    """Return whether `load_weights` finds in a file the parameters that the model has, to the bit."""
    again = NetworkClassifier(model.layers).load_weights(path, X[:1], model.classes_)
    return again.network_.arena.flat.tobytes() == model.network_.arena.flat.tobytes()


def through_onnx(model, X, folder):
    """Return logits and probabilities; the weights have no way back."""
    model.export_onnx(folder / "model.onnx")
    export_onnx(model.network_, folder / "logits.onnx", input_dtype="uint8", scale=1 / 255)
    sessions = [onnxruntime.InferenceSession(folder / name) for name in ("logits.onnx", "model.onnx")]
    logits, probabilities = (
        np.concatenate([session.run([name], {"X": X[i : i + 100]})[0] for i in range(0, len(X), 100)])
        for session, name in zip(sessions, ("outputs", "probabilities"), strict=True)
    )
    return logits, probabilities, True


def through_torch(model, X, folder):
    model.export_safetensors(folder / "ours.safetensors")
    theirs = stack_in_torch.stack(model.network_.layers, X.shape[1:])
    theirs.load_state_dict(safetensors.torch.load_file(folder / "ours.safetensors"))
    safetensors.torch.save_file(theirs.state_dict(), folder / "theirs.safetensors")
    logits = stack_in_torch.outputs(theirs, scaled(X))
    return logits, softmax(logits), come_back(model, folder / "theirs.safetensors", X)


def through_keras(model, X, folder):
    theirs, parts = stack_in_keras.stack(model.network_.layers, X.shape[1:])
    stack_in_keras.give(parts, model.network_.arena.views)
    theirs.save_weights(folder / "theirs.weights.h5")
    logits = stack_in_keras.outputs(theirs, scaled(X))
    return logits, softmax(logits), come_back(model, folder / "theirs.weights.h5", X)


def scaled(X):
    return X.astype(np.float32) / np.float32(255)


def softmax(logits):
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


ROUTES = {"ONNX": through_onnx, "torch": through_torch, "Keras": through_keras}


def in_float64(model, X, folder):
    """Return the logits that the same weights give in float64."""
    model.export_safetensors(folder / "ours.safetensors")
    exact = NetworkClassifier(model.layers, dtype="float64")
    return exact.load_weights(folder / "ours.safetensors", X[:1], model.classes_).decision_function(X)


class Compared(NamedTuple):
    """The largest logit, and for each route the largest differences; the largest ones from float64, ours first."""

    logit: float
    differences: list[float]
    from_float64: list[float]
    wrong: list[str]


def compared(model, X):
    logits, probabilities = model.decision_function(X), model.predict_proba(X)
    assert logits.std(axis=0).max() > 0.01, "a network that says the same of every image shows nothing"
    largest = np.abs(logits).max(axis=1, keepdims=True)
    with tempfile.TemporaryDirectory() as folder:
        exact = in_float64(model, X, Path(folder))
        routes = {name: route(model, X, Path(folder)) for name, route in ROUTES.items()}
    differences, distances, wrong = [], [np.abs(logits - exact).max()], []
    for name, (their_logits, their_probabilities, same_weights) in routes.items():
        of_logits, of_probabilities = np.abs(logits - their_logits), np.abs(probabilities - their_probabilities)
        differences += [of_logits.max(), of_probabilities.max()]
        distances.append(np.abs(their_logits - exact).max())
        if of_probabilities.max() > LIMIT or (of_logits > LIMIT * np.maximum(1, largest)).any():
            wrong.append(f"{name}: a difference above {LIMIT}")
        if not same_weights:
            wrong.append(f"{name}: other weights came back")
    return Compared(largest.max(), differences, distances, wrong)


def table_head():
    routes = [f"{name}: logits | probabilities" for name in ROUTES]
    exact = [f"{name} from float64" for name in ("crmsprop", *ROUTES)]
    head = " | ".join(["model | images | largest logit", *routes, *exact])
    return f"| {head} |\n|{'---|' * (head.count('|') + 1)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_home", type=Path)
    parser.add_argument("--images", type=int, default=1000)
    options = parser.parse_args()
    (X, y), (X_test, _) = load_cifar10(options.data_home, download=False)
    print(table_head(), flush=True)
    failed = []
    for name, (layers, share) in MODELS.items():
        n = round(options.images * share)
        found = compared(trained(layers, X, y), X_test[:n])
        cells = [f"`{name}`", str(n), f"{found.logit:.2f}"]
        cells += [f"{value:.1e}" for value in (*found.differences, *found.from_float64)]
        print(f"| {' | '.join(cells)} |", flush=True)
        failed += [f"{name}: {what}" for what in found.wrong]
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
