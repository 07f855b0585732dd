"""Whether the columns of a table are of one size: a network learns little from small ones beside large ones."""

from typing import Any, NamedTuple

import numpy as np

from crmsprop.cli.data import Data
from crmsprop.cli.terminal import warn

Array = np.ndarray[Any, np.dtype[Any]]

#: The largest standard deviation may be so many times the smallest. 5-fold accuracy of --model mlp on scikit-learn's
#: tables, as they are and standardised: iris, 4 times, 0.95 and 0.88; wine, 2,500 times, 0.88 and 0.98; breast cancer,
#: 215,000 times, 0.93 and 0.98.
UNEVEN = 100
#: A column of which fewer values differ from the median is not small, but seldom there: a pixel of the border in images
#: without their shape, or a word in few texts.
SELDOM = 0.1
#: Rows that are looked at, and numbers in them.
ROWS, NUMBERS = 10_000, 20_000_000
#: Columns that are named before "..." stands for the rest.
NAMED = 5


class Uneven(NamedTuple):
    """Columns whose standard deviations are far apart.

    Attributes
    ----------
    large : list of int
        Those that vary too much, the one that does most first.
    small : int
        The one that varies least.
    stds : ndarray of shape (n_features,)
    """

    large: list[int]
    small: int
    stds: Array

    def __str__(self) -> str:
        plural, vary = ("", "varies") if len(self.large) == 1 else ("s", "vary")
        names = ", ".join([*map(str, self.large[:NAMED]), *["..."] * (len(self.large) > NAMED)])
        stds = f"{self.stds[self.large[0]]:.4g} and {self.stds[self.small]:.4g}"
        times = f"{vary} over {UNEVEN} times as much as column {self.small}"
        remedy = "standardise the columns of all X, later ones too, as one StandardScaler of scikit-learn does"
        found = f"column{plural} {names} of X, counted from 0, {times} (standard deviations {stds})"
        return f"{found}, and such tables train badly: {remedy}"


def warn_of_scales(data: Data) -> None:
    """Warn of a table whose columns are of very different size."""
    if not data.holds_images and (found := uneven(data.X)) is not None:
        warn(str(found))


def uneven(X: Array) -> Uneven | None:
    """Return the columns whose standard deviations are far apart, or None; of uint8, the type of pixels, always None.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
        Of which some rows from all over it are looked at.
    """
    if X.dtype.kind not in "iuf" or X.dtype == np.uint8:
        return None
    n_rows = max(2, min(ROWS, NUMBERS // X.shape[1]))
    rows = X[:: -(-len(X) // n_rows)]
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers that the network will refuse
        stds = rows.std(axis=0, dtype=np.float64)
        often = (rows != np.median(rows, axis=0)).mean(axis=0) >= SELDOM
    (small,) = np.nonzero(often & (stds > 0))
    if not small.size:
        return None
    least = int(small[stds[small].argmin()])
    large = [int(i) for i in np.argsort(-stds, kind="stable") if stds[i] > UNEVEN * stds[least]]
    return Uneven(large, least, stds) if large else None
