"""The filters that a convolutional network has learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crmsprop.display.axes import axes_for, require_matplotlib
from crmsprop.display.fitted import last_step
from crmsprop.errors import check_integer
from crmsprop.nn import Conv2D, Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Array = np.ndarray[Any, np.dtype[Any]]


class FiltersDisplay:
    """The filters of a convolution as a grid of small pictures, in rows from the top left.

    Filters on one channel are grey, those on red, green and blue are in colours. All are on one scale: a weight of 0 is
    middle grey, the largest of all weights, with its sign, is white or black.

    Parameters
    ----------
    filters : array-like of shape (height, width, channels, n_filters)
        The weights of a convolution.
    channel : int or None, default=None
        The one to draw, in grey; None for all, where there are 1 or 3.

    Attributes
    ----------
    ax_ : Axes
        All filters are in it, as one picture.
    figure_ : Figure
        The figure that it is in.
    im_ : AxesImage
        The picture; one empty row or column of pixels lies between two filters.

    Raises
    ------
    TypeError, ValueError
        If the filters have another shape or are not finite, or `channel` is none of theirs.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from crmsprop import CNNClassifier
    >>> from crmsprop.datasets import load_digits
    >>> from crmsprop.display import FiltersDisplay
    >>> (X, y), _ = load_digits()
    >>> model = CNNClassifier(filters=(4,), max_epochs=1, random_state=0).fit(X, y)
    >>> display = FiltersDisplay.from_estimator(model, ax=Figure())
    >>> display.im_.get_array().shape  # two rows and columns of filters of 3 x 3
    (7, 7)
    """

    def __init__(self, filters: Any, *, channel: int | None = None) -> None:
        self.filters: Array = np.asarray(filters)
        self.channel = channel
        if self.filters.ndim != 4 or not self.filters.size or not np.isfinite(self.filters).all():
            rule = "filters must be finite numbers of shape (height, width, channels, n_filters)"
            raise ValueError(f"{rule}, got {self.filters.dtype} of {self.filters.shape}")
        n_channels = self.filters.shape[2]
        if channel is not None:
            check_integer("channel", channel, 0, n_channels - 1)
        elif n_channels not in (1, 3):
            raise ValueError(f"channel must say which to draw of filters on {n_channels} channels, got None")

    @classmethod
    def from_estimator(cls, estimator: Any, *, channel: int | None = None, ax: Any = None) -> FiltersDisplay:
        """Draw the filters of the first convolution of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted one of ours, or a pipeline or search that ends in one.
        channel : int or None, default=None
            The one to draw; None for all, where there are 1 or 3.
        ax : Axes or Figure, default=None
            As in `plot`.

        Returns
        -------
        FiltersDisplay

        Raises
        ------
        ValueError
            If it has no convolution.
        """
        return cls(_first_filters(last_step(estimator).network_), channel=channel).plot(ax=ax)

    def plot(self, ax: Any = None) -> FiltersDisplay:
        """Draw the grid.

        Parameters
        ----------
        ax : Axes or Figure, default=None
            Where to draw; None makes a figure with pyplot.

        Returns
        -------
        self

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        require_matplotlib()
        self.ax_: Axes = axes_for(1, ax)[0]
        self.im_: AxesImage = self.ax_.imshow(self._mosaic(), cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
        self.ax_.set_axis_off()
        figure: Any = self.ax_.figure
        self.figure_: Figure = figure
        return self

    def _mosaic(self) -> Array:
        """Return all filters as one picture: grey with NaN between them, or colours with opacity 0 there."""
        weights = self.filters if self.channel is None else self.filters[:, :, [self.channel]]
        shades = 0.5 + weights / (2 * (float(np.abs(weights).max()) or 1.0))
        height, width, n_channels, n = shades.shape
        columns = int(np.ceil(np.sqrt(n)))
        shape = (-(-n // columns) * (height + 1) - 1, columns * (width + 1) - 1)
        picture = np.full(shape, np.nan) if n_channels == 1 else np.zeros((*shape, 4))
        for i in range(n):
            top, left = i // columns * (height + 1), i % columns * (width + 1)
            picture[top : top + height, left : left + width] = _tile(shades[..., i])
        return picture


def _tile(shades: Array) -> Array:
    """Return one filter as it goes into the picture: plain grey, or opaque colours."""
    if shades.shape[2] == 1:
        return shades[..., 0]
    return np.concatenate([shades, np.ones((*shades.shape[:2], 1))], axis=2)


def _first_filters(network: Network) -> Array:
    for i, layer in enumerate(network.layers):
        if isinstance(layer, Conv2D):
            return network.arena.views[f"{i}.weight"]
    kinds = ", ".join(type(layer).__name__ for layer in network.layers)
    raise ValueError(f"estimator must have a Conv2D layer to show the filters of, got {kinds}")
