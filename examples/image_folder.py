"""Your own pictures: a folder that holds a folder for each class, such as ``photos/cat/1.jpg``.

Run this with ``python examples/image_folder.py``, and it draws a folder of pictures first, or add the path of yours. On
the command line the same is ``crmsprop train --data FOLDER --image-shape 32 32``.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from crmsprop import CNNClassifier
from crmsprop.augment import Flip
from crmsprop.datasets import load_image_folder
from crmsprop.schedules import CosineAnnealing


def draw_pictures(folder, n=150):
    """Fill a folder with JPEGs of circles and squares, of many sizes and colours."""
    rng = np.random.default_rng(0)
    for name in ("circle", "square"):
        (folder / name).mkdir()
        for i in range(n):
            width, height = rng.integers(60, 120, 2)
            paper = tuple(int(value) for value in rng.integers(150, 256, 3))
            ink = tuple(int(value) for value in rng.integers(0, 100, 3))
            picture = Image.new("RGB", (width, height), paper)
            left, top, size = (int(value) for value in rng.integers((4, 4, 30), (15, 15, 45)))
            draw = getattr(ImageDraw.Draw(picture), {"circle": "ellipse", "square": "rectangle"}[name])
            draw((left, top, left + size, top + size), fill=ink)
            picture.save(folder / name / f"{i}.jpg")


def learn(folder):
    # A fifth of each class is held out.
    (X, y), (X_test, y_test) = load_image_folder(folder, image_shape=(32, 32))
    classes = sorted(set(y.tolist()))
    print(f"{len(X)} training and {len(X_test)} test images of {X.shape[1:]}, classes {classes}")
    model = CNNClassifier((16, 32), max_epochs=40, random_state=0)
    model.set_params(schedule=CosineAnnealing(), augmentation=Flip()).fit(X, y)
    print(f"test accuracy {model.score(X_test, y_test):.3f}")
    answers = model.predict(X_test[::8]).tolist()
    print("the first test images:", list(zip(y_test[::8].tolist(), answers, strict=True)))


def main():
    if len(sys.argv) > 1:
        return learn(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        draw_pictures(Path(folder))
        return learn(folder)


if __name__ == "__main__":
    main()
