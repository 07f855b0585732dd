"""What all augmentations share: the sum, the call, the picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from crmsprop.augment.batches import augmented
from crmsprop.augment.draws import Array, Changes, Numbers
from crmsprop.augment.preview import draw_preview
from crmsprop.errors import check_real, shown
from crmsprop.kernels.sampling import Sampling


class Augmentation(ABC):
    """What every operation and every sum of them can do.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.augment import Cutout, Flip, Rotation
    >>> augmentation = Flip() + Rotation(15) + Cutout(8)
    >>> images = np.zeros((10, 32, 32, 3), np.uint8)
    >>> augmentation(images, seed=0, epoch=0).shape
    (10, 32, 32, 3)
    """

    @property
    @abstractmethod
    def terms(self) -> tuple[Operation, ...]:
        """The operations, in order."""

    def __add__(self, other: Augmentation) -> Sum:
        """Return the sum: what `self` does, and then what `other` does."""
        return Sum((*self.terms, *other.terms)) if isinstance(other, Augmentation) else NotImplemented

    def __call__(self, X: Array, seed: int = 0, epoch: int = 0, n_threads: int | None = None) -> Array:
        """Return the images as one epoch of a training with this seed sees them.

        Parameters
        ----------
        X : ndarray of shape (n, height, width[, channels])
            uint8, float32 or float64; not changed.
        seed, epoch : int, default=0
        n_threads : int or None, default=None
            None for every core that the process may use. The number never changes a bit of the result.

        Returns
        -------
        ndarray
            Of the shape and dtype of X; uint8 is rounded. With `Mixup` the images are mixed; labels are mixed only in
            a training.

        Raises
        ------
        TypeError, ValueError
            If X holds no images, or an argument is out of its range.
        """
        return augmented(self, X, seed, epoch, n_threads)

    def plot(self, X: Array, n_epochs: int = 7, seed: int = 0, epoch: int = 0, figure: Any = None) -> Any:
        """Draw a grid: each row an image, as it is and then as it is in some epochs.

        Parameters
        ----------
        X : ndarray of shape (n, height, width[, channels])
            A row each; 1 or 3 channels. With `Mixup` they mix with each other.
        n_epochs : int, default=7
            Columns beside the original.
        seed, epoch : int, default=0
            What the images are drawn from, and the epoch of the first column.
        figure : matplotlib Figure or None, default=None
            Where to draw; None makes one with pyplot.

        Returns
        -------
        ndarray of Axes of shape (n, 1 + n_epochs)

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        TypeError, ValueError
            If X holds no images that can be drawn, or an argument is out of its range.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from crmsprop.augment import Rotation
        >>> from crmsprop.datasets import load_digits
        >>> (X, _), _ = load_digits()
        >>> Rotation(15).plot(X[:3], n_epochs=4, figure=Figure()).shape
        (3, 5)
        """
        return draw_preview(self, X, n_epochs, seed, epoch, figure)

    def sampling(self) -> Sampling:
        """How images are read between and beyond their pixels: what the operations say, and else the defaults.

        Raises
        ------
        ValueError
            If two operations say different things: all of them are one interpolation.
        """
        found: dict[str, Any] = {}
        for term in self.terms:
            for name in Sampling._fields:
                value = getattr(term, name, None)
                if value is not None and found.setdefault(name, value) != value:
                    rule = f"{name} must be the same in all operations of a sum, which are one interpolation"
                    raise ValueError(f"{rule}, got {found[name]!r} and {value!r}")
        return Sampling(**found)

    def check_values(self, dtype: np.dtype[Any]) -> None:
        """ValueError where images of `dtype` cannot hold a `fill_value` or a `value`, or nothing is filled with it."""
        given = [(term, name) for term in self.terms for name in ("fill_value", "value") if _has(term, name)]
        for term, name in given if dtype.kind == "u" else ():
            check_real(f"{name} of {term!r}, for uint8 images,", getattr(term, name), "[0, 255]")
        mode = self.sampling().fill_mode
        for term, name in given:
            if name == "fill_value" and mode != "constant":
                raise ValueError(f"fill_value of {term!r} needs an operation with fill_mode='constant', got {mode!r}")


@dataclass(frozen=True, repr=False)
class Operation(Augmentation):
    """Base of all operations; one of your own is a frozen dataclass that overrides `draw`.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from crmsprop.augment import Operation
    >>> @dataclass(frozen=True)
    ... class Darken(Operation):
    ...     least: float
    ...     def draw(self, numbers, changes):
    ...         changes.tone(gains=numbers.uniform(0, self.least, 1.0), contrasts=1.0)
    >>> bool((Darken(0.5)(np.full((4, 8, 8), 100, np.uint8)) < 100).all())
    True
    """

    @property
    def terms(self) -> tuple[Operation, ...]:
        """The operation itself."""
        return (self,)

    @abstractmethod
    def draw(self, numbers: Numbers, changes: Changes) -> None:
        """Add to `changes` what becomes of each image.

        Parameters
        ----------
        numbers : Numbers
            The only source of chance.
        changes : Changes
        """

    def __repr__(self) -> str:
        """The parameters that are not None: an operation has some that it seldom needs."""
        in_order = sorted(fields(self), key=lambda field: bool(field.kw_only))
        items = {field.name: getattr(self, field.name) for field in in_order}
        given = ", ".join(f"{name}={value!r}" for name, value in items.items() if value is not None)
        return f"{type(self).__name__}({given})"


@dataclass(frozen=True, repr=False)
class Sum(Augmentation):
    """One operation after the other, in one pass: what ``+`` makes.

    Parameters
    ----------
    operations : sequence of Augmentation
        Sums within are flattened; none change nothing.

    Raises
    ------
    TypeError, ValueError
        If a term is no augmentation, two of them fill differently, or there is more than one `Mixup`.

    Examples
    --------
    >>> from crmsprop.augment import Flip, Rotation, Sum
    >>> Flip() + Rotation(15) == Sum((Flip(), Rotation(15)))
    True
    """

    operations: tuple[Operation, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.operations, list | tuple):
            raise TypeError(f"operations must be a sequence of augmentations, got {shown(self.operations)}")
        for term in self.operations:
            check_augmentation("each of operations", term)
        object.__setattr__(self, "operations", tuple(part for term in self.operations for part in term.terms))
        self.sampling()
        if sum(getattr(term, "mixes", False) for term in self.terms) > 1:
            raise ValueError(f"a sum must have at most one Mixup, got {self!r}")

    @property
    def terms(self) -> tuple[Operation, ...]:
        """The operations, in order."""
        return self.operations

    def __repr__(self) -> str:
        return " + ".join(map(repr, self.terms)) if len(self.terms) > 1 else f"Sum({self.operations!r})"


def _has(term: Operation, name: str) -> bool:
    return getattr(term, name, None) is not None


def check_augmentation(name: str, value: Any) -> Augmentation:
    """Return `value` if it is an augmentation; TypeError otherwise."""
    if not isinstance(value, Augmentation):
        raise TypeError(f"{name} must be an augmentation, such as Flip() + Rotation(15), got {shown(value)}")
    return value
