"""The batch pass: images of a training set, gathered and augmented in one call of the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmsprop import kernels
from crmsprop.augment.draws import Array, Changes, Numbers
from crmsprop.errors import check_integer

if TYPE_CHECKING:
    from crmsprop.augment.base import Augmentation

#: Images that are drawn for at once, at least: for 32 at a time, NumPy's overhead would exceed the cost of the pixels.
BLOCK = 2048


class Drawn(NamedTuple):
    """What becomes of n images, as the kernel takes it; ``rows`` are their numbers in the source.

    With mixup `other` is what becomes of the other image of each, and `shares` the share of the image itself.
    """

    rows: Array
    maps: Array
    tones: Array | None
    holes: Array
    hole_values: Array
    shares: Array | None = None
    other: Drawn | None = None

    def part(self, start: int, stop: int) -> Drawn:
        """Return what was drawn for some of the images."""
        cut = slice(start, stop)
        return Drawn(
            self.rows[cut],
            self.maps[cut],
            None if self.tones is None else self.tones[cut],
            self.holes[cut],
            self.hole_values,
            None if self.shares is None else self.shares[cut],
            None if self.other is None else self.other.part(start, stop),
        )


class Augmenter:
    """Fills batches with augmented images, always in the same memory.

    Parameters
    ----------
    augmentation : Augmentation
    x : ndarray of shape (n, height, width, channels)
        uint8, float32 or float64, each image contiguous; never copied.
    rows : ndarray of shape (m,) or None
        Numbers of the images that mixup chooses from, as int64; None for all.
    scale : float
        Factor on x.
    dtype : {float32, float64}
        Of the batches.
    n_threads : int

    Raises
    ------
    ValueError
        If x has no images, images that are too large to count, or of a dtype that cannot hold a fill value.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.augment import Flip
    >>> from crmsprop.augment.batches import Augmenter
    >>> x = np.array([[[[1], [2]]]], np.uint8)
    >>> augmenter = Augmenter(Flip(1.0), x, None, 0.5, np.float32, 1)
    >>> out = np.empty((1, 1, 2, 1), np.float32)
    >>> augmenter.fill(augmenter.draw(np.array([0]), seed=0, epoch=0), out)
    >>> out.ravel()
    array([1. , 0.5], dtype=float32)
    """

    def __init__(
        self, augmentation: Augmentation, x: Array, rows: Array | None, scale: float, dtype: Any, n_threads: int
    ) -> None:
        if x.ndim != 4:
            raise ValueError(f"augmentation needs images of shape (height, width, channels), got {x.shape[1:]}")
        augmentation.check_values(x.dtype)
        self._terms, self._sampling = augmentation.terms, augmentation.sampling()
        self._x, self._rows, self._scale, self._n_threads = x, rows, scale, n_threads
        self._scratch = np.zeros(kernels.augment_scratch(x.shape[1:], self._sampling, dtype, n_threads))

    def draw(self, rows: Array, seed: int, epoch: int) -> Drawn:
        """Return what becomes of the images of these numbers: what (seed, epoch, number) decide for each."""
        changes = self._changes(rows, seed, epoch)
        drawn = _drawn(rows, changes)
        if changes.partners is None:
            return drawn
        others = self._chosen(changes.partners)
        return drawn._replace(shares=changes.shares, other=_drawn(others, self._changes(others, seed, epoch)))

    def fill(self, drawn: Drawn, out: Array) -> None:
        """Fill `out`, of shape (n, height, width, channels), with the images."""
        if drawn.other is not None:
            self.fill(drawn.other, out)
        kernels.augment(self._x, *drawn[:6], out, self._sampling, self._scale, self._scratch, self._n_threads)

    def _changes(self, rows: Array, seed: int, epoch: int) -> Changes:
        changes = Changes(len(rows), self._x.shape[1:])
        for place, term in enumerate(self._terms):
            term.draw(Numbers(seed, epoch, place, rows), changes)
        return changes

    def _chosen(self, fractions: Array) -> Array:
        """The images at these fractions of all that train."""
        count = len(self._x) if self._rows is None else len(self._rows)
        places = np.minimum((fractions * count).astype(np.int64), count - 1)
        return places if self._rows is None else self._rows[places]


def _drawn(rows: Array, changes: Changes) -> Drawn:
    """What becomes of images, all but the mix."""
    return Drawn(rows, changes.maps(), changes.tones(), changes.holes(), changes.hole_values())


def augmented(augmentation: Augmentation, X: Array, seed: int, epoch: int, n_threads: int | None) -> Array:
    """Return images as an epoch sees them, of the shape and dtype of X; see Augmentation.__call__."""
    images = as_images(X)
    dtype = np.dtype(np.float64 if images.dtype == np.float64 else np.float32)
    seed, epoch = check_integer("seed", seed, 0, 2**64 - 1), check_integer("epoch", epoch, 0, 2**64 - 1)
    augmenter = Augmenter(augmentation, images, None, 1.0, dtype, kernels.effective_n_threads(n_threads))
    found = np.empty_like(images, order="C")
    buffer = np.empty((min(len(images), 256), *images.shape[1:]), dtype)
    for start in range(0, len(images), 256):
        rows = np.arange(start, min(start + 256, len(images)))
        augmenter.fill(augmenter.draw(rows, seed, epoch), buffer[: len(rows)])
        part = buffer[: len(rows)]
        found[rows] = np.clip(np.rint(part), 0, 255) if found.dtype == np.uint8 else part
    return found.reshape(X.shape)


def as_images(X: Array) -> Array:
    """Return X as contiguous images with channels; TypeError or ValueError where it holds none."""
    if not isinstance(X, np.ndarray) or X.dtype not in (np.uint8, np.float32, np.float64) or not X.dtype.isnative:
        kind = X.dtype if isinstance(X, np.ndarray) else type(X).__name__
        raise TypeError(f"X must be an array of uint8, float32 or float64, got {kind}")
    if X.ndim not in (3, 4) or 0 in X.shape[1:]:
        raise ValueError(f"X must hold images, of shape (n, height, width[, channels]), got {X.shape}")
    X = np.require(X, requirements=["C", "A"])
    return X[..., None] if X.ndim == 3 else X
