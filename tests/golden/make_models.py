"""Makes models.npz: what torch and Keras make of every model of crmsprop.nn.models, and how they name its weights.

    python tests/golden/make_models.py

Needs torch, keras with tensorflow-cpu, and h5py. Weights and images are those of tests/peer_models.py. For each library
and model there are the names of its arrays as JSON, with their shapes, and the logits.
"""

import json
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import h5py
import keras
import numpy as np
import stack_in_keras
import stack_in_torch
import torch
from peer_models import CLASSES, IMAGE, MODELS, images, weights

from crmsprop.nn import Dense


def by_torch(layers, x):
    model = stack_in_torch.stack(layers, IMAGE)
    shapes = {name: tuple(array.shape) for name, array in model.state_dict().items()}
    arrays = weights("torch", shapes)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return shapes, stack_in_torch.outputs(model, x)


def by_keras(layers, x):
    keras.backend.clear_session()  # or names would go on counting
    model, _ = stack_in_keras.stack(layers, IMAGE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.weights.h5"
        model.save_weights(path)
        with h5py.File(path, "r+") as file:
            shapes = shapes_in(file)
            for name, array in weights("keras", shapes).items():
                file[name][...] = array
        model.load_weights(path)
    return shapes, stack_in_keras.outputs(model, x)


def shapes_in(file):
    """Return the shape of every weight by its name."""
    shapes = {}
    file.visititems(lambda name, item: shapes.update({name: item.shape} if isinstance(item, h5py.Dataset) else {}))
    return {name: shape for name, shape in shapes.items() if "seed_generator" not in name}


def main():
    x = images(4).astype(np.float32) / np.float32(255)
    packages = ("torch", "keras", "tensorflow-cpu", "h5py")
    values = {"versions": np.array(" ".join(f"{name}-{version(name)}" for name in packages))}
    for name, layers in MODELS.items():
        whole = [*layers, Dense(len(CLASSES))]
        for library, make in (("torch", by_torch), ("keras", by_keras)):
            shapes, logits = make(whole, x)
            assert np.isfinite(logits).all()
            assert logits.std(axis=0).max() > 0.01, "they do not depend on the image"
            values |= {f"{library}/{name}/shapes": np.array(json.dumps(shapes)), f"{library}/{name}/logits": logits}
            print(f"{library} {name}: {len(shapes)} arrays, logits {logits.min():.3g} to {logits.max():.3g}")
    np.savez_compressed(Path(__file__).with_name("models.npz"), **values)
    print(values["versions"])


if __name__ == "__main__":
    main()
