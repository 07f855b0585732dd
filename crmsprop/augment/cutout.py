"""Cutout."""

from dataclasses import dataclass

from crmsprop.augment.base import Operation
from crmsprop.augment.draws import Changes, Numbers
from crmsprop.errors import check_integer, check_real


@dataclass(frozen=True, repr=False)
class Cutout(Operation):
    """Put a square of one value into an image (DeVries and Taylor, 2017).

    Its centre is any pixel of the image with the same chance, so that part of the square may lie outside. It comes
    last, whatever its place in a sum: nothing turns it.

    Parameters
    ----------
    size : int
        Side of the square in pixels, at least 1.
    value : float, default=0.0
        In the units of the data.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.augment import Cutout
    >>> hole = Cutout(4)(np.ones((1, 32, 32, 3), np.float32)) == 0
    >>> bool(4 * 3 <= hole.sum() <= 16 * 3)
    True
    """

    size: int
    value: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", check_integer("size", self.size, 1, 1 << 30))
        object.__setattr__(self, "value", check_real("value", self.value, "(-inf, inf)"))

    def draw(self, numbers: Numbers, changes: Changes) -> None:
        """Choose a pixel as the centre."""
        tops = numbers.integers(0, changes.image.height) - self.size // 2
        lefts = numbers.integers(1, changes.image.width) - self.size // 2
        changes.cut(tops, lefts, self.size, self.size, self.value)
