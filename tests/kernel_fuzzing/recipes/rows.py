"""What takes rows or images of a larger array: gather and augment."""

import numpy as np
from kernel_calls import COMPILED

from crmsprop.kernels.sampling import FILL_MODES, INTERPOLATIONS, Sampling

U8, F64 = np.dtype(np.uint8), np.dtype(np.float64)


def source_rows(d, *shape):
    return d.rows(d.one_of((U8, *(np.dtype(real) for real in "fd"))), d.size(9), *shape)


def gather(d):
    shape = d.shape(d.integer(0, 3))
    source = source_rows(d, *shape)
    indices = d.integers(len(source), d.size(17) if len(source) else 0)
    return {"source": source, "indices": indices, "out": d.unset(d.real(), len(indices), *shape),
            "scale": d.one_of((1.0, 1 / 255)), "n_threads": d.n_threads}  # fmt: skip


def sampling(d):
    return Sampling(d.one_of(FILL_MODES), d.random.random(), d.one_of(INTERPOLATIONS))


def image_shape(d):
    return (d.integer(10, 20), d.integer(10, 20), 3) if d.large else (d.size(9), d.size(9), d.size(5))


def augment_scratch(d):
    return {"shape": image_shape(d), "sampling": sampling(d), "dtype": d.real(), "n_threads": d.n_threads}


def maps(d, count, height, width):
    """Whole pixels moved, a little turned, or anywhere: the kernel has a way for each."""
    still = np.array([[1, 0, 0], [0, 1, 0]], F64) + np.zeros((count, 1, 1))
    kind = d.random.random()
    if kind < 0.3:
        still[..., 2] = d.rng.integers(-5, 6, (count, 2))
        return still
    if kind < 0.7:
        return still + d.rng.normal(0, 0.3, (count, 2, 3)) * [1, 1, 5]
    far = d.one_of((10.0, 1e4, 5e7))
    return d.rng.uniform(-far, far, (count, 2, 3))


def holes(d, count, height, width):
    ends = np.sort(d.rng.integers(0, [[height + 1], [width + 1]], (count, d.integer(0, 2), 2, 2)), axis=-1)
    return np.ascontiguousarray(ends.swapaxes(-1, -2)).reshape(*ends.shape[:2], 4)


def augment(d):
    shape, real, chosen = image_shape(d), d.real(), sampling(d)
    source = source_rows(d, *shape)
    indices = d.integers(len(source), d.size(9) if len(source) else 0)
    count, cut = len(indices), holes(d, len(indices), *shape[:2])
    return {"source": source, "indices": indices, "maps": maps(d, count, *shape[:2]),
            "tones": d.maybe(d.array(F64, count, 2)), "holes": cut,
            "hole_values": d.array(F64, cut.shape[1]), "shares": d.maybe(d.array(F64, count)),
            "out": d.array(real, count, *shape), "sampling": chosen, "scale": d.one_of((1.0, 1 / 255)),
            "scratch": d.scratch(F64, COMPILED.augment_scratch(shape, chosen, real, d.n_threads)),
            "n_threads": d.n_threads}  # fmt: skip


RECIPES = {
    "gather": gather,
    "augment_scratch": augment_scratch,
    "augment": augment,
}
