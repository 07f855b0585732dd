"""A small stand-in for CIFAR-10 in its official binary layout, so that the guide's code runs without a download.

It shows what can be learnt in seconds: scikit-learn's scanned digits, enlarged to 32 x 32 pixels, in colours by chance.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

FILES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")
IMAGES = 250  # in each file


def write_stand_in(folder: str) -> None:
    """Write the six files of ``cifar-10-batches-bin``: a byte of label, then 1,024 bytes of each colour."""
    target = Path(folder, "cifar-10-batches-bin")
    target.mkdir()
    images, labels = coloured_digits()
    records = np.column_stack([labels.astype(np.uint8), images.transpose(0, 3, 1, 2).reshape(len(images), -1)])
    for number, name in enumerate(FILES):
        (target / f"{name}.bin").write_bytes(records[number * IMAGES : (number + 1) * IMAGES].tobytes())


def coloured_digits() -> tuple[np.ndarray, np.ndarray]:
    """Return uint8 images of shape (n, 32, 32, 3) and their labels."""
    chance = np.random.default_rng(0)
    pixels, labels = load_digits(return_X_y=True)
    order = chance.permutation(len(pixels))[: len(FILES) * IMAGES]
    ink = np.kron(pixels[order].reshape(-1, 8, 8) / 16, np.ones((4, 4)))[..., np.newaxis]
    paper, pen = chance.uniform(0, 90, (len(order), 1, 1, 3)), chance.uniform(120, 255, (len(order), 1, 1, 3))
    noise = chance.normal(0, 12, (len(order), 32, 32, 3))
    return np.clip(paper + ink * (pen - paper) + noise, 0, 255).astype(np.uint8), labels[order]
