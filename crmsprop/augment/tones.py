"""What changes the values of pixels: brightness and contrast."""

from dataclasses import dataclass

from crmsprop.augment.base import Operation
from crmsprop.augment.draws import Changes, Numbers
from crmsprop.errors import check_real


@dataclass(frozen=True, repr=False)
class Brightness(Operation):
    """Multiply an image by a factor that is uniform in [1 - amount, 1 + amount].

    uint8 is cut off at 0 and 255, once, behind all operations of a sum; other images are not cut off.

    Parameters
    ----------
    amount : float
        In [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.augment import Brightness
    >>> image = np.full((1, 8, 8), 100, np.uint8)
    >>> changed = Brightness(0.2)(image)
    >>> bool((changed >= 80).all() and (changed <= 120).all() and np.ptp(changed) == 0)
    True
    """

    amount: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", check_real("amount", self.amount, "[0, 1]"))

    def draw(self, numbers: Numbers, changes: Changes) -> None:
        """Multiply."""
        changes.tone(numbers.uniform(0, 1.0 - self.amount, 1.0 + self.amount), 1.0)


@dataclass(frozen=True, repr=False)
class Contrast(Operation):
    """Pull the pixels of each channel away from their mean, or towards it: ``(x - mean) * factor + mean``.

    The factor is uniform in [1 - amount, 1 + amount], and the mean that of the whole image before anything moves, as in
    Keras's RandomContrast. uint8 is cut off at 0 and 255, once, behind all operations of a sum.

    Parameters
    ----------
    amount : float
        In [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.augment import Contrast
    >>> Contrast(1.0)(np.array([[[4.0, 6.0]]])).mean()
    np.float64(5.0)
    """

    amount: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", check_real("amount", self.amount, "[0, 1]"))

    def draw(self, numbers: Numbers, changes: Changes) -> None:
        """Spread the pixels, or draw them together."""
        changes.tone(1.0, numbers.uniform(0, 1.0 - self.amount, 1.0 + self.amount))
