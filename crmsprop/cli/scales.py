"""Whether the columns of a table are of one size: a network learns little from small ones beside large ones."""

from typing import Any, NamedTuple

import numpy as np

from crmsprop.cli.data import Data
from crmsprop.cli.terminal import warn

Array = np.ndarray[Any, np.dtype[Any]]

#: The largest standard deviation may be so many times the middle one. 5-fold accuracy of --model mlp on scikit-learn's
#: tables, as they are and standardised: iris, 2 times, 0.95 and 0.88; wine, 390 times, 0.88 and 0.98; breast cancer,
#: 8,700 times, 0.93 and 0.98. Single columns that are small beside the others do no harm.
UNEVEN = 100
#: A column that varies by less of its largest value is constant, but for what rounding left.
CONSTANT = 1e-7
#: A column of which fewer values differ from the median is not small, but seldom there: a pixel of the border in images
#: without their shape, or a word in few texts.
SELDOM = 0.1
#: Rows that are looked at, and numbers in them.
ROWS, NUMBERS = 10_000, 20_000_000
#: Columns that are named before "..." stands for the rest.
NAMED = 5


class Uneven(NamedTuple):
    """Columns whose standard deviation is far above that of most.

    Attributes
    ----------
    large : list of int
        These columns, the one that varies most first.
    largest, middle : float
        The largest standard deviation, and the middle one.
    """

    large: list[int]
    largest: float
    middle: float

    def __str__(self) -> str:
        plural, vary = ("", "varies") if len(self.large) == 1 else ("s", "vary")
        names = ", ".join([*map(str, self.large[:NAMED]), *["..."] * (len(self.large) > NAMED)])
        times = f"{vary} over {UNEVEN} times as much as half of the others"
        stds = f"standard deviations up to {self.largest:.4g} and {self.middle:.4g}"
        remedy = "standardise the columns of all X, later ones too, as one StandardScaler of scikit-learn does"
        return f"column{plural} {names} of X, counted from 0, {times} ({stds}), and such tables train badly: {remedy}"


def warn_of_scales(data: Data) -> None:
    """Warn of a table whose columns are of very different size."""
    if not data.holds_images and (found := uneven(data.X)) is not None:
        warn(str(found))


def uneven(X: Array) -> Uneven | None:
    """Return the columns whose standard deviation is far above that of most; of uint8, the type of pixels, always None.

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
        varies = stds > CONSTANT * np.abs(rows).max(axis=0)
        often = (rows != np.median(rows, axis=0)).mean(axis=0) >= SELDOM
    some = np.sort(stds[often & varies])
    if not some.size:
        return None
    middle = float(some[(len(some) - 1) // 2])
    large = [int(i) for i in np.argsort(-stds, kind="stable") if stds[i] > UNEVEN * middle]
    return Uneven(large, float(stds[large[0]]), middle) if large else None
