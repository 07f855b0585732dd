"""What is drawn for each image, and what the operations make of it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from crmsprop.kernels.counters import bits_of, key_of

Array = np.ndarray[Any, np.dtype[Any]]

#: Keeps these numbers apart from dropout's, whose keys have three words.
_DOMAIN = int.from_bytes(b"augment", "big")


class Numbers:
    """The random numbers of one operation, one of each stream for each image.

    Parameters
    ----------
    seed, epoch, place : int
        What they are drawn from; `place` is that of the operation in its sum.
    images : ndarray of shape (n,)
        Numbers of the images in the training data, as int64.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.augment import Numbers
    >>> numbers = Numbers(seed=0, epoch=3, place=0, images=np.array([7, 8]))
    >>> bool(numbers.uniform(0)[1] == Numbers(0, 3, 0, np.array([8])).uniform(0)[0])
    True
    """

    def __init__(self, seed: int, epoch: int, place: int, images: Array) -> None:
        self._words = (seed, epoch, _DOMAIN, place)
        self._images = images.astype(np.uint64)

    def uniform(self, stream: int, low: float = 0.0, high: float = 1.0) -> Array:
        """Return a number in [low, high) for each image, as float64; every `stream` is independent of the others."""
        bits = bits_of(key_of(*self._words, stream), self._images)
        fractions: Array = (bits >> np.uint64(11)) * 2.0**-53
        return low + (high - low) * fractions

    def integers(self, stream: int, count: int) -> Array:
        """Return an integer in [0, count) for each image, as int64."""
        return np.minimum((self.uniform(stream) * count).astype(np.int64), count - 1)


class Image(NamedTuple):
    """Shape of the images of a call, as the operations see it."""

    height: int
    width: int
    channels: int


class Changes:
    """What becomes of each of n images: each operation of a sum adds its part, in order.

    Parameters
    ----------
    n : int
    shape : sequence of int
        (height, width, channels) of an image.

    Attributes
    ----------
    image : Image
        The shape.
    partners : ndarray of shape (n,) or None
        For mixup: a number in [0, 1) that chooses the other image.
    shares : ndarray of shape (n,) or None
        For mixup: the share of the image itself.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.augment import Changes
    >>> changes = Changes(1, (32, 32, 3))
    >>> changes.move(np.eye(2)[None], np.array([[0.0, 5.0]]))
    >>> changes.maps()[0].tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 5.0]]
    """

    def __init__(self, n: int, shape: Sequence[int]) -> None:
        self.image = Image(*shape)
        self._matrices = np.tile(np.eye(2), (n, 1, 1))
        self._shifts = np.zeros((n, 2))
        self._tones: Array | None = None
        self._holes: list[Array] = []
        self._hole_values: list[float] = []
        self.partners: Array | None = None
        self.shares: Array | None = None

    def move(self, matrices: Array, shifts: Array) -> None:
        """Read the pixel at x from ``matrix @ x + shift`` of what was there before; x counts from the image's centre.

        Parameters
        ----------
        matrices : ndarray of shape (n, 2, 2)
        shifts : ndarray of shape (n, 2)
            In pixels; rows first in both.
        """
        self._shifts = _product(self._matrices, shifts[:, :, None])[:, :, 0] + self._shifts
        self._matrices = _product(self._matrices, matrices)

    def tone(self, gains: Array | float, contrasts: Array | float) -> None:
        """Pull each channel away from its mean by the factors `contrasts`, then multiply it by `gains`."""
        tones = np.tile([1.0, 0.0], (len(self._shifts), 1)) if self._tones is None else self._tones
        pixel, mean = tones.T  # a pixel is pixel * (what it was) + mean * (its channel's mean)
        self._tones = np.stack(
            [gains * contrasts * pixel, gains * (contrasts * mean + (1.0 - contrasts) * (pixel + mean))], axis=1
        )

    def cut(self, tops: Array, lefts: Array, height: int, width: int, value: float) -> None:
        """Put `value` into a rectangle of each image; what lies outside of the image is cut off."""
        edges = np.stack([tops, lefts, tops + height, lefts + width], axis=1)
        self._holes.append(np.clip(edges, 0, [self.image.height, self.image.width] * 2))
        self._hole_values.append(value)

    def maps(self) -> Array:
        """Where each pixel comes from, with pixels counted from the corner: float64 of shape (n, 2, 3)."""
        centre = np.array([[[(self.image.height - 1) / 2], [(self.image.width - 1) / 2]]])
        shifts = (centre - _product(self._matrices, centre)) + self._shifts[:, :, None]
        return np.concatenate([self._matrices, shifts], axis=2)

    def tones(self) -> Array | None:
        """Factors on a pixel and on its channel's mean: float64 of shape (n, 2); None where nothing changes."""
        return self._tones

    def holes(self) -> Array:
        """Rectangles of each image: int64 of shape (n, k, 4)."""
        return np.stack(self._holes, axis=1) if self._holes else np.zeros((len(self._shifts), 0, 4), np.int64)

    def hole_values(self) -> Array:
        """The value of each of the k holes."""
        return np.array(self._hole_values, np.float64)


def _product(a: Array, b: Array) -> Array:
    """Matrix products of (n, 2, 2) and (n, 2, k), term by term: each alone has the bits that it has among others."""
    product: Array = a[:, :, :1] * b[:, :1] + a[:, :, 1:] * b[:, 1:]
    return product
