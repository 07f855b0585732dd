"""Every model of crmsprop.nn.models under weights that golden/models.npz holds the outputs of torch and Keras for.

The weights are millions, and are not stored: they are drawn by name and shape, as each library has them, with numbers
that every version of NumPy draws alike (PCG64, and doubles of 53 of its bits).
"""

import math

import numpy as np

from crmsprop.nn import models

CLASSES = list("abcdefghij")
IMAGE = (32, 32, 3)
#: Hidden layers.
MODELS = {
    "reference_cnn": models.reference_cnn(),
    "reference_cnn_norm": models.reference_cnn(batch_norm=True),
    "resnet20": models.resnet20(),
    "fast_cnn": models.fast_cnn(),
    "vgg16": models.vgg16(units=64),
    "vgg16_norm": models.vgg16(batch_norm=True, units=64),
}
LIBRARIES = ("torch", "keras")


def images(n, seed=1):
    """Return `n` images of uint8: patches of 8 x 8 pixels, so that they differ in more than noise."""
    patches = np.random.Generator(np.random.PCG64(seed)).random((n, 4, 4, 3))
    return (256 * patches.repeat(8, axis=1).repeat(8, axis=2)).astype(np.uint8)


def weights(library, shapes):
    """Return an array for each name and shape, as `library` has them: nothing is 0, or what it begins as.

    Filters and matrices keep the size of what goes through them (He et al., 2015). A gamma is in [0.5, 1.5), a variance
    in [1, 1.5), so that residual blocks do not blow up, and everything else in [-0.25, 0.25).
    """
    rng = np.random.Generator(np.random.PCG64(0))
    return {name: _drawn(library, name, shape, 2 * rng.random(shape) - 1) for name, shape in shapes.items()}


def _drawn(library, name, shape, numbers):
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)  # torch counts, we do not
    if len(shape) > 1:
        numbers *= math.sqrt(6 / math.prod(shape[1:] if library == "torch" else shape[:-1]))
    elif name.endswith("running_var") or _is_of_norm(name, "vars/3"):
        numbers = 1.25 + numbers / 4
    else:
        is_gamma = name.endswith("weight") or _is_of_norm(name, "vars/0")
        numbers = 1 + numbers / 2 if is_gamma else numbers / 4
    return numbers.astype(np.float32)


def _is_of_norm(name, number):
    return "batch_normalization" in name and name.endswith(number)
