"""Weights in from torch, a model out to ONNX: what was trained elsewhere predicts here, and the reverse.

In torch, ``safetensors.torch.save_file(model.state_dict(), "model.safetensors")`` writes the weights of a model. Here a
file with the names and the layout of torch's is made without torch.
Run this with ``python examples/torch_and_onnx.py``; it needs onnx, onnxruntime and safetensors.
"""

import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from safetensors.numpy import save_file

from crmsprop import NetworkClassifier
from crmsprop.datasets import load_digits
from crmsprop.nn import Conv2D, Flatten, MaxPool2D, ReLU

#: torch.nn.Sequential(Conv2d(1, 8, 3), ReLU(), MaxPool2d(2), Flatten(), Linear(72, 10)), without its last layer: an
#: estimator adds the one for its classes.
LAYERS = [Conv2D(8, 3, padding=0), ReLU(), MaxPool2D(2), Flatten()]


def torch_weights():
    """Return a state_dict: kernels are (out, in, height, width) and dense weights (out, in), with channels first."""
    rng = np.random.default_rng(0)
    shapes = {"0.weight": (8, 1, 3, 3), "0.bias": (8,), "4.weight": (10, 72), "4.bias": (10,)}
    return {name: rng.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}


def predict_by_hand(weights, images):
    """The same network in NumPy, with images as torch takes them: (n, channels, height, width)."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(2, 3))
    x = np.einsum("nchwij,ocij->nohw", windows, weights["0.weight"]) + weights["0.bias"][:, None, None]
    x = np.maximum(x, 0).reshape(len(x), 8, 3, 2, 3, 2).max(axis=(3, 5))
    return (x.reshape(len(x), -1) @ weights["4.weight"].T + weights["4.bias"]).argmax(axis=1)


def main():
    (X, y), (X_test, y_test) = load_digits()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_file(torch_weights(), path)
        model = NetworkClassifier(LAYERS, max_epochs=10, learning_rate=3e-3, random_state=0)
        model.load_weights(path, X[:1], classes=range(10))  # one image tells the shape, and that it is uint8
        expected = predict_by_hand(torch_weights(), (X_test / 255).transpose(0, 3, 1, 2))
        print("predicts as the torch model does:", np.array_equal(model.predict(X_test), expected))

        model.fine_tune(X, y, freeze=None)
        print(f"accuracy after fine-tuning {model.score(X_test, y_test):.3f}")

        model.export_onnx(Path(folder) / "model.onnx")  # scaling, labels and probabilities included
        session = onnxruntime.InferenceSession(Path(folder) / "model.onnx")
        label, probabilities = session.run(None, {"X": X_test})
        print("onnxruntime gives the same labels:", np.array_equal(label, model.predict(X_test)))
        print("and probabilities, within 1e-5:", np.allclose(probabilities, model.predict_proba(X_test), atol=1e-5))


if __name__ == "__main__":
    main()
