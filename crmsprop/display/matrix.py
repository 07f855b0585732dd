"""A matrix as colours, with its values written in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

Array = np.ndarray[Any, np.dtype[Any]]


def draw_matrix(ax: Axes, values: Array, values_format: str | None, cmap: str) -> tuple[AxesImage, Array]:
    """Draw a matrix, row 0 at the top; a cell that is NaN stays empty.

    Parameters
    ----------
    ax : Axes
    values : ndarray of shape (n_rows, n_columns)
    values_format : str or None
        How a value is written; None for not at all.
    cmap : str
        Name of a colour map.

    Returns
    -------
    image : AxesImage
    texts : ndarray of shape (n_rows, n_columns) of Text or None
    """
    image = ax.imshow(np.ma.masked_invalid(values), cmap=cmap, aspect="auto")
    texts = np.full(values.shape, None, dtype=object)
    if values_format is not None:
        # The two ends of the colour map: one of them can be read on any of its colours.
        low, high = image.cmap(0.0), image.cmap(1.0)
        middle = (np.nanmin(values) + np.nanmax(values)) / 2
        for i, j in zip(*np.nonzero(~np.isnan(values)), strict=True):
            color = high if values[i, j] < middle else low
            text = format(values[i, j], values_format)
            texts[i, j] = ax.text(j, i, text, ha="center", va="center", color=color)
    return image, texts


def label_cells(ax: Axes, columns: Sequence[str], rows: Sequence[str]) -> None:
    """Write what the columns and rows stand for; long names slant."""
    slanted = sum(map(len, columns)) > 40
    turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
    ax.set_xticks(range(len(columns)), columns, **turned)
    ax.set_yticks(range(len(rows)), rows)
