"""Augmentation of images."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from crmsprop.kernels.reference.augment_checks import check_augment
from crmsprop.kernels.reference.checks import Array, silent
from crmsprop.kernels.sampling import Sampling, check_image_size


def augment_scratch(shape: Sequence[int], sampling: Sampling, dtype: Any, n_threads: int) -> int:
    """Elements, of float64, of the scratch that `augment` needs for images of shape (height, width, channels)."""
    sampling.check()
    check_image_size(shape)
    return 0


@silent
def augment(
    source: Array,
    indices: Array,
    maps: Array,
    tones: Array | None,
    holes: Array,
    hole_values: Array,
    shares: Array | None,
    out: Array,
    sampling: Sampling,
    scale: float,
    scratch: Array,
    n_threads: int,
) -> None:
    """out[i] = source[indices[i]] after an affine map, tones, holes, a scale and a mix; the same bits on every build.

    Shapes: source (rows, height, width, channels) of uint8, float32 or float64, with contiguous rows; indices (n,)
    int64; maps (n, 2, 3), tones (n, 2), hole_values (k,) and shares (n,) float64; holes (n, k, 4) int64; out (n,
    height, width, channels). For each image:

    1. Pixel (row, column) is read at ``map @ (row, column, 1)``, in pixels of the source; see Sampling.
    2. It becomes ``gain * pixel + share * mean``, where (gain, share) are its tones and mean is that of its channel in
       the whole image of the source; what came from uint8 is cut off at 0 and 255.
    3. Holes, each (top, left, bottom, right) with the last two exclusive, get their value.
    4. All is multiplied by `scale`; ``out = share * image + (1 - share) * out`` where there are shares.
    """
    check_augment(source, indices, maps, tones, holes, hole_values, shares, out, sampling)
    real = out.dtype.type
    for i, index in enumerate(indices if out.size else []):
        image = _sampled(source[index], maps[i], sampling, out.dtype)
        if tones is not None and tuple(tones[i]) != (1, 0):
            image = _toned(image, source[index], *tones[i])
        for (top, left, bottom, right), value in zip(holes[i], hole_values, strict=True):
            image[top:bottom, left:right] = value
        image *= real(scale)
        out[i] = image if shares is None else image * real(shares[i]) + out[i] * real(1.0 - shares[i])


def _sampled(image: Array, map: Array, sampling: Sampling, dtype: np.dtype[Any]) -> Array:
    # Coordinates are as precise as the pixels; where whole pixels move, they are whole, however far away.
    precision = np.dtype(np.float64) if _moves_whole_pixels(map) else dtype
    y, x = (_coordinates(row, image.shape, precision) for row in map)
    (top, down), (left, right) = (_place(y, image.shape[0], sampling), _place(x, image.shape[1], sampling))
    plane = _with_margin(image, sampling, dtype)
    down, right = down.astype(dtype)[..., None], right.astype(dtype)[..., None]
    a, b, c, d = (plane[top + i, left + j] for i in (0, 1) for j in (0, 1))
    above, below = a + right * (b - a), c + right * (d - c)
    blend: Array = above + down * (below - above)
    return blend


def _moves_whole_pixels(map: Array) -> bool:
    turns, shifts = np.abs(map[:, :2]), map[:, 2]
    return bool((turns == np.eye(2)).all() and (shifts % 1 == 0).all())


def _coordinates(row: Array, shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
    """One coordinate of each pixel of the output, of shape (height, width)."""
    first = (row[0] * np.arange(shape[0], dtype=np.float64) + row[2]).astype(dtype)
    steps: Array = np.arange(shape[1], dtype=dtype) * dtype.type(row[1])
    coordinates: Array = steps[None] + first[:, None]
    return coordinates


def _place(x: Array, size: int, sampling: Sampling) -> tuple[Array, Array]:
    """Whole coordinates in the image with its margin, and the fractions."""
    real = x.dtype.type
    low, high = (-1, size) if sampling.fill_mode == "constant" else (0, size - 1)
    if sampling.fill_mode == "reflect":
        turns = np.floor((x + real(0.5)) * real(0.5 / size))
        x = size - np.abs(x + real(0.5) - turns * (real(2) * real(size)) - real(size)) - real(0.5)
    x = np.clip(x, real(low), real(high)) - real(low)
    if sampling.interpolation == "nearest":
        x = np.floor(x + real(0.5))
    whole = x.astype(np.int64)
    return whole, x - whole.astype(x.dtype)


def _with_margin(image: Array, sampling: Sampling, dtype: np.dtype[Any]) -> Array:
    wide = image.astype(dtype)
    plane: Array = np.pad(wide, ((0, 1), (0, 1), (0, 0)), mode="edge")
    if sampling.fill_mode == "constant":
        plane = np.pad(wide, ((1, 2), (1, 2), (0, 0)), constant_values=sampling.fill_value)
    return plane


def _toned(image: Array, source: Array, gain: float, share: float) -> Array:
    real = image.dtype.type
    pixels = source.reshape(-1, source.shape[2]).astype(np.float64)
    means = pixels.cumsum(axis=0)[-1] / len(pixels)  # one after the other, as the compiled kernel adds
    toned: Array = image * real(gain) + (share * means).astype(image.dtype)
    return toned.clip(real(0), real(255)) if source.dtype == np.uint8 else toned
