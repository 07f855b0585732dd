"""What the twin of augmentation demands of its arguments; see checks.py."""

import numpy as np

from crmsprop.kernels._boundary import py_reads as reads
from crmsprop.kernels._boundary import py_real_of as real_of
from crmsprop.kernels._boundary import py_separate as separate
from crmsprop.kernels._boundary import py_sized as sized
from crmsprop.kernels._boundary import py_writes as writes
from crmsprop.kernels.reference.checks import INT64, Array, check_gather
from crmsprop.kernels.sampling import FARTHEST, Sampling, check_image_size

FLOAT64 = np.dtype(np.float64)


def check_augment(
    source: Array,
    indices: Array,
    maps: Array,
    tones: Array | None,
    holes: Array,
    hole_values: Array,
    shares: Array | None,
    out: Array,
    sampling: Sampling,
) -> None:
    """Source, changes and target of augment."""
    writes(out, "out", real_of(out, "out"), 4)
    check_gather(source, indices, out)
    sampling.check()
    check_image_size(out.shape[1:])
    _check_changes(len(indices), maps, tones, holes, hole_values, shares)
    _check_maps(maps, out.shape[1:])
    _check_holes(holes, out.shape[1:])
    names = ("out", "indices", "maps", "tones", "holes", "hole_values", "shares")
    separate(names, (out, indices, maps, tones, holes, hole_values, shares), 1)


def _check_changes(
    count: int, maps: Array, tones: Array | None, holes: Array, hole_values: Array, shares: Array | None
) -> None:
    reads(maps, "maps", FLOAT64, 3)
    if tones is not None:
        reads(tones, "tones", FLOAT64, 2)
    if shares is not None:
        reads(shares, "shares", FLOAT64, 1)
    reads(holes, "holes", INT64, 3)
    reads(hole_values, "hole_values", FLOAT64, 1)
    for array, name in ((maps, "maps"), (tones, "tones"), (holes, "holes"), (shares, "shares")):
        if array is not None:
            sized(array, name, 0, count)
    sized(maps, "maps", 1, 2)
    sized(maps, "maps", 2, 3)
    if tones is not None:
        sized(tones, "tones", 1, 2)
    sized(holes, "holes", 2, 4)
    sized(hole_values, "hole_values", 0, holes.shape[1])


def _check_maps(maps: Array, shape: tuple[int, ...]) -> None:
    height, width = shape[:2]
    for i, row in enumerate(maps.reshape(-1, 3)):
        if not abs(row[0]) * height + abs(row[1]) * width + abs(row[2]) < FARTHEST:
            raise ValueError(f"maps[{i // 2}] must stay within {FARTHEST} pixels, got {row.tolist()} in row {i % 2}")


def _check_holes(holes: Array, shape: tuple[int, ...]) -> None:
    height, width = shape[:2]
    for i, (top, left, bottom, right) in enumerate(holes.reshape(-1, 4).tolist()):
        if not (0 <= top <= bottom <= height and 0 <= left <= right <= width):
            rule = f"holes[{i // holes.shape[1]}] must lie within {height} x {width} pixels"
            raise ValueError(f"{rule}, got {[top, left, bottom, right]}")
