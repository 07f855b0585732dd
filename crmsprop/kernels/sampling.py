"""How an image is read between its pixels and beyond its edge; shared by the kernel, its twin and the augmentations."""

from collections.abc import Sequence
from typing import NamedTuple

from crmsprop.errors import check_choice, check_real

FILL_MODES = ("nearest", "constant", "reflect")
INTERPOLATIONS = ("bilinear", "nearest")

#: float32 counts pixels of a row exactly up to here.
LARGEST_SIDE = 1 << 24
#: Offsets into an image with its margins and padding are 32-bit integers.
LARGEST_PLANE = (1 << 31) - 1
#: Coordinates are truncated to 32-bit integers.
FARTHEST = 1 << 30


class Sampling(NamedTuple):
    """How `augment` reads an image.

    ``fill_mode`` says what lies beyond the edge: the pixel at the edge ("nearest"), ``fill_value`` ("constant"), or the
    image mirrored at its outer border, ``d c b a | a b c d | d c b a`` ("reflect"). ``interpolation`` is "bilinear" or
    "nearest".
    """

    fill_mode: str = "nearest"
    fill_value: float = 0.0
    interpolation: str = "bilinear"

    def check(self) -> None:
        """ValueError or TypeError where a part is none of its choices."""
        check_choice("fill_mode", self.fill_mode, FILL_MODES)
        check_real("fill_value", self.fill_value, "(-inf, inf)")
        check_choice("interpolation", self.interpolation, INTERPOLATIONS)


def check_image_size(shape: Sequence[int]) -> None:
    """ValueError where an image of (height, width, channels) is larger than the kernel can count."""
    height, width, channels = shape
    if min(height, width, channels) < 0:
        raise ValueError(f"images must have no negative size, got {height} x {width} x {channels}")
    plane = (height + 3) * (width + 3) * (channels + 3)
    if max(height, width) > LARGEST_SIDE or plane > LARGEST_PLANE:
        limit = f"images must have sides of at most {LARGEST_SIDE} pixels and fewer than {LARGEST_PLANE} numbers"
        raise ValueError(f"{limit} with a margin of 3, got {height} x {width} x {channels}")
