"""Makes augment.npz: what Keras's ImageDataGenerator makes of an image that is turned, moved and zoomed.

    python tests/golden/make_augment.py

Needs keras with tensorflow-cpu. The file has an image, the parameters of each run (degrees, pixels and factors, rows
before columns), and the images that come out, with fill_mode "nearest" and "reflect". The image is square, since Keras
takes half the height for half the width and the reverse. Its "constant" is left out: behind the outermost pixels it
does not blend with the constant, other than Keras's own RandomRotation.
"""

import os
from importlib.metadata import version
from pathlib import Path

os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")

import numpy as np
from keras.src.legacy.preprocessing.image import apply_affine_transform

MODES = ("nearest", "reflect")
RANGES = ((-40, 40), (-3, 3), (-3, 3), (0.7, 1.3), (0.7, 1.3))
AXES = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}


def transformed(image, run, mode):
    """Keras's x is the column and its y the row, so that its angles turn the other way in rows and columns."""
    degrees, row, column, tall, wide = run
    return apply_affine_transform(image, -degrees, tx=column, ty=row, zx=wide, zy=tall, fill_mode=mode, **AXES)


def main():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(8, 8, 2))
    runs = np.stack([rng.uniform(low, high, 8) for low, high in RANGES], axis=1)
    found = {mode: np.array([transformed(image, run, mode) for run in runs]) for mode in MODES}
    path = Path(__file__).parent / "augment.npz"
    np.savez_compressed(path, image=image, runs=runs, keras=version("keras"), **found)


if __name__ == "__main__":
    main()
