"""Where a display draws: the Axes, Figure or nothing that the user gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crmsprop.errors import require_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AxesArray = np.ndarray[Any, np.dtype[np.object_]]


def require_matplotlib() -> None:
    """Raise MissingExtraError unless matplotlib is installed: better before a long training than after it.

    Examples
    --------
    >>> from crmsprop.display import require_matplotlib
    >>> require_matplotlib()
    """
    require_extra("matplotlib", "a plot", "cli")


def axes_for(n_panels: int, ax: Any) -> AxesArray:
    """Return the Axes to draw on; pyplot is used only where the user gives nothing.

    Parameters
    ----------
    n_panels : int
    ax : Axes, sequence of Axes, Figure or None
        One Axes a panel; or one Axes or an empty Figure, which the panels share; None makes a figure with pyplot.

    Raises
    ------
    ValueError
        If there are several Axes, and not one a panel.
    """
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.figure(figsize=(5 * n_panels, 4), layout="constrained")
    if hasattr(ax, "subplots"):
        return np.atleast_1d(ax.subplots(1, n_panels))
    if hasattr(ax, "plot"):
        return _divided(ax, n_panels)
    axes = np.ravel(np.asarray(ax, dtype=object))
    if len(axes) != n_panels:
        raise ValueError(f"ax must be one Axes, or {n_panels} of them, one a panel, got {len(axes)}")
    return axes


def grid_within(ax: Axes, n_cells: int, gap: float) -> list[Axes]:
    """Return `n_cells` Axes in rows and columns in the place of `ax`, `gap` of a cell's size apart."""
    ax.set_axis_off()
    columns = int(np.ceil(np.sqrt(n_cells)))
    rows = -(-n_cells // columns)
    size = ((1 - gap) / columns, (1 - gap) / rows)
    corners = [((i % columns) / columns, 1 - (i // columns + 1) / rows) for i in range(n_cells)]
    return [ax.inset_axes((*corner, *size)) for corner in corners]


def _divided(ax: Axes, n_panels: int) -> AxesArray:
    """Return panels side by side in the place of `ax`."""
    if n_panels == 1:
        return np.array([ax], dtype=object)
    ax.set_axis_off()
    gap = 0.2 / n_panels
    width = (1 - gap * (n_panels - 1)) / n_panels
    insets = [ax.inset_axes((i * (width + gap), 0, width, 1)) for i in range(n_panels)]
    return np.array(insets, dtype=object)
