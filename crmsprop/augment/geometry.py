"""What moves pixels: flip, rotation, translation, zoom and crop."""

from dataclasses import dataclass

import numpy as np

from crmsprop.augment.base import Operation
from crmsprop.augment.draws import Array, Changes, Numbers
from crmsprop.errors import check_choice, check_integer, check_real
from crmsprop.kernels.sampling import FILL_MODES, INTERPOLATIONS


@dataclass(frozen=True, repr=False)
class Flip(Operation):
    """Mirror an image, left to right.

    Parameters
    ----------
    rate : float, default=0.5
        The share of the images that are mirrored, in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.augment import Flip
    >>> Flip(rate=1.0)(np.array([[[1, 2, 3]]], np.uint8))
    array([[[3, 2, 1]]], dtype=uint8)
    """

    rate: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", check_real("rate", self.rate, "[0, 1]"))

    def draw(self, numbers: Numbers, changes: Changes) -> None:
        """Read columns backwards where the number is below the rate."""
        signs = np.where(numbers.uniform(0) < self.rate, -1.0, 1.0)
        changes.move(_diagonal(np.ones_like(signs), signs), np.zeros((len(signs), 2)))


@dataclass(frozen=True, repr=False, kw_only=True)
class Geometric(Operation):
    """Base of the operations that may read beyond the edge of an image, or between its pixels.

    All operations of a sum are one interpolation, so that what one of them says holds for all.

    Parameters
    ----------
    fill_mode : {"nearest", "constant", "reflect"} or None, default=None
        What lies beyond the edge: the pixel at the edge, `fill_value`, or the image mirrored at its outer border,
        ``d c b a | a b c d | d c b a``. None for what the other operations of the sum say, and else "nearest".
    fill_value : float or None, default=None
        For "constant", which it needs, in the units of the data; None as above, and else 0.
    interpolation : {"bilinear", "nearest"} or None, default=None
        None as above, and else "bilinear".

    Examples
    --------
    >>> from crmsprop.augment import Crop, Rotation
    >>> (Crop(4) + Rotation(15, fill_mode="reflect")).sampling().fill_mode
    'reflect'
    """

    fill_mode: str | None = None
    fill_value: float | None = None
    interpolation: str | None = None

    def __post_init__(self) -> None:
        if self.fill_mode is not None:
            check_choice("fill_mode", self.fill_mode, FILL_MODES)
        if self.fill_value is not None:
            object.__setattr__(self, "fill_value", check_real("fill_value", self.fill_value, "(-inf, inf)"))
        if self.interpolation is not None:
            check_choice("interpolation", self.interpolation, INTERPOLATIONS)


@dataclass(frozen=True, repr=False)
class Rotation(Geometric):
    """Turn an image about its centre, by an angle that is uniform in [-degrees, degrees].

    The ``rotation_range`` of Keras's ImageDataGenerator.

    Parameters
    ----------
    degrees : float
        The largest angle, in [0, 180].
    fill_mode, fill_value, interpolation : str, float and str, or None, default=None
        As in `Geometric`.

    Examples
    --------
    >>> from crmsprop.augment import Rotation, Translation
    >>> Rotation(15, fill_mode="reflect") + Translation(0.1)
    Rotation(degrees=15.0, fill_mode='reflect') + Translation(height=0.1)
    """

    degrees: float

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "degrees", check_real("degrees", self.degrees, "[0, 180]"))

    def draw(self, numbers: Numbers, changes: Changes) -> None:
        """Read from a turned grid."""
        angles = np.deg2rad(numbers.uniform(0, -self.degrees, self.degrees))
        cosines, sines = np.cos(angles), np.sin(angles)
        matrices = np.stack([np.stack([cosines, -sines], axis=1), np.stack([sines, cosines], axis=1)], axis=1)
        changes.move(matrices, np.zeros((len(angles), 2)))


@dataclass(frozen=True, repr=False)
class Translation(Geometric):
    """Move an image by fractions of its height and width, uniform in [-height, height] and [-width, width].

    The ``height_shift_range`` and ``width_shift_range`` of Keras's ImageDataGenerator.

    Parameters
    ----------
    height : float
        The largest fraction, in [0, 1].
    width : float or None, default=None
        None for that of `height`; the two are drawn apart from each other in any case.
    fill_mode, fill_value, interpolation : str, float and str, or None, default=None
        As in `Geometric`.

    Examples
    --------
    >>> from crmsprop.augment import Translation
    >>> Translation(0.1) == Translation(0.1, 0.1)
    False
    """

    height: float
    width: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "height", check_real("height", self.height, "[0, 1]"))
        if self.width is not None:
            object.__setattr__(self, "width", check_real("width", self.width, "[0, 1]"))

    def draw(self, numbers: Numbers, changes: Changes) -> None:
        """Read from elsewhere."""
        width = self.height if self.width is None else self.width
        shifts = (
            changes.image.height * numbers.uniform(0, -self.height, self.height),
            changes.image.width * numbers.uniform(1, -width, width),
        )
        changes.move(np.tile(np.eye(2), (len(shifts[0]), 1, 1)), np.stack(shifts, axis=1))


@dataclass(frozen=True, repr=False)
class Zoom(Geometric):
    """Show more or less of an image: `1 + z` times its height and width, with z uniform in [-height, height].

    Above 1 the image becomes smaller and what lies beyond its edge comes into view, as in Keras's RandomZoom. The
    ``zoom_range`` of its ImageDataGenerator draws height and width apart: ``Zoom(0.1, 0.1)``.

    Parameters
    ----------
    height : float
        The largest change, in [0, 1).
    width : float or None, default=None
        None for the factor of the height, so that shapes keep their proportions; a number is drawn apart from it.
    fill_mode, fill_value, interpolation : str, float and str, or None, default=None
        As in `Geometric`.

    Examples
    --------
    >>> from crmsprop.augment import Zoom
    >>> Zoom(0.1)
    Zoom(height=0.1)
    """

    height: float
    width: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "height", check_real("height", self.height, "[0, 1)"))
        if self.width is not None:
            object.__setattr__(self, "width", check_real("width", self.width, "[0, 1)"))

    def draw(self, numbers: Numbers, changes: Changes) -> None:
        """Read from a wider or a narrower grid."""
        rows = 1.0 + numbers.uniform(0, -self.height, self.height)
        columns = rows if self.width is None else 1.0 + numbers.uniform(1, -self.width, self.width)
        changes.move(_diagonal(rows, columns), np.zeros((len(rows), 2)))


@dataclass(frozen=True, repr=False)
class Crop(Geometric):
    """Pad an image on all sides, as `fill_mode` says, and cut an image of the old size out of it, anywhere.

    Moves whole pixels: alone, or with `Flip`, nothing is interpolated.

    Parameters
    ----------
    padding : int
        Pixels on each side, at least 0.
    fill_mode, fill_value, interpolation : str, float and str, or None, default=None
        As in `Geometric`. He et al. (2016) pad CIFAR-10 with 4 pixels of 0: ``Crop(4, fill_mode="constant")``.

    Examples
    --------
    >>> from crmsprop.augment import Crop, Flip
    >>> Flip() + Crop(4, fill_mode="constant")
    Flip(rate=0.5) + Crop(padding=4, fill_mode='constant')
    """

    padding: int

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "padding", check_integer("padding", self.padding, 0, 1 << 20))

    def draw(self, numbers: Numbers, changes: Changes) -> None:
        """Read from a whole number of pixels away."""
        shifts = [numbers.integers(stream, 2 * self.padding + 1) - self.padding for stream in (0, 1)]
        changes.move(np.tile(np.eye(2), (len(shifts[0]), 1, 1)), np.stack(shifts, axis=1).astype(np.float64))


def _diagonal(rows: Array, columns: Array) -> Array:
    """Matrices of shape (n, 2, 2) with these diagonals."""
    matrices = np.zeros((len(rows), 2, 2))
    matrices[:, 0, 0], matrices[:, 1, 1] = rows, columns
    return matrices
