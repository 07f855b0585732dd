"""Mixup."""

from dataclasses import dataclass
from typing import ClassVar

from scipy.special import betaincinv

from crmsprop.augment.base import Operation
from crmsprop.augment.draws import Changes, Numbers
from crmsprop.errors import check_real


@dataclass(frozen=True, repr=False)
class Mixup(Operation):
    """Mix an image with another one of the training data: ``share * image + (1 - share) * other`` (Zhang et al., 2018).

    The share is drawn from Beta(alpha, alpha), the other image from all that train, each with the same chance; it is
    augmented as it is in the same epoch by itself. The target is mixed alike: a classifier's loss is ``share`` times
    the cross-entropy for the one label and ``1 - share`` times that for the other, and counts the label with the larger
    share as the right one; numbers that are to be predicted are mixed themselves. Samples with weights are mixed by
    share times weight.

    Parameters
    ----------
    alpha : float, default=0.2
        In (0, 100]; the larger, the more even the shares.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.augment import Mixup
    >>> images = np.stack([np.zeros((8, 8)), np.ones((8, 8))])
    >>> mixed = Mixup(1.0)(images)
    >>> bool(((mixed >= 0) & (mixed <= 1)).all())
    True
    """

    mixes: ClassVar[bool] = True

    alpha: float = 0.2

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", check_real("alpha", self.alpha, "(0, 100]"))

    def draw(self, numbers: Numbers, changes: Changes) -> None:
        """Choose the other image, and the share by the inverse of its distribution function."""
        changes.partners = numbers.uniform(0)
        changes.shares = betaincinv(self.alpha, self.alpha, numbers.uniform(1))
