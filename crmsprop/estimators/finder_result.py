"""What a learning-rate finder leaves: the curve, the rates that it suggests, and a picture of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crmsprop.errors import require_extra
from crmsprop.estimators import suggestions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray[Any, np.dtype[np.float64]]

#: A ramp ends where the smoothed loss is above this many times its lowest value so far: fastai's rule.
DIVERGED = 4.0
#: This share of the steps at the beginning is not looked at: averages over few batches say little, as fastai found.
WARM_UP = 0.1


@dataclass(frozen=True, eq=False, repr=False)
class LearningRateFinderResult:
    """The losses that one batch after the other had under a growing learning rate; `find_learning_rate` makes it.

    Parameters
    ----------
    learning_rates : array-like of shape (n_steps,)
        Rate of each step, increasing.
    losses : array-like of shape (n_steps,)
        Loss of each step's batch, before the step; all finite.
    smoothed_losses : array-like of shape (n_steps,)
        Their exponential averages, corrected for their start.
    diverged : bool, default=False
        Whether the loss grew so much, or became NaN or infinite, that the ramp ended early.

    Raises
    ------
    ValueError
        If the three are not rows of the same length.

    Examples
    --------
    >>> from crmsprop.estimators import LearningRateFinderResult
    >>> losses = [2.0, 1.9, 1.0, 0.1, 3.0]
    >>> result = LearningRateFinderResult([1e-4, 1e-3, 1e-2, 1e-1, 1.0], losses, losses)
    >>> result
    LearningRateFinderResult(5 steps from 0.0001 to 1, suggestion 0.01)
    >>> result.minimum()
    0.01
    """

    learning_rates: Array
    losses: Array
    smoothed_losses: Array
    diverged: bool = False

    def __post_init__(self) -> None:
        for name in ("learning_rates", "losses", "smoothed_losses"):
            array = np.array(getattr(self, name), np.float64)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        shapes = [self.learning_rates.shape, self.losses.shape, self.smoothed_losses.shape]
        if len(set(shapes)) != 1 or self.learning_rates.ndim != 1 or not self.learning_rates.size:
            rule = "learning_rates, losses and smoothed_losses must be rows of the same length"
            raise ValueError(f"{rule}, got shapes {shapes}")

    def __repr__(self) -> str:
        rates = self.learning_rates
        found = self.suggestions().get("steepest")
        last = "no suggestion" if found is None else f"suggestion {found:.3g}"
        return f"LearningRateFinderResult({len(rates)} steps from {rates[0]:.3g} to {rates[-1]:.3g}, {last})"

    @property
    def suggestion(self) -> float:
        """The rate at which the smoothed loss falls fastest, on the way to its minimum.

        Raises ValueError if the loss never falls.
        """
        return suggestions.steepest(*self._settled())

    def valley(self) -> float:
        """Return the rate two thirds of the way down the longest valley of the smoothed loss.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If the loss never falls.
        """
        return suggestions.valley(*self._settled())

    def minimum(self) -> float:
        """Return a tenth of the rate that has the lowest smoothed loss.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If the loss never falls.
        """
        return suggestions.minimum(*self._settled())

    def suggestions(self) -> dict[str, float]:
        """Return all that is suggested: steepest, valley and minimum; nothing where the loss never falls.

        Returns
        -------
        dict of str to float
        """
        try:
            return {"steepest": self.suggestion, "valley": self.valley(), "minimum": self.minimum()}
        except ValueError:
            return {}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the losses over the learning rate, and mark what is suggested.

        Parameters
        ----------
        ax : Axes or None, default=None
            Where to draw; None makes a figure with pyplot.

        Returns
        -------
        Axes

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        require_extra("matplotlib", "a plot", "cli")
        if ax is None:
            from matplotlib import pyplot

            ax = pyplot.figure(layout="constrained").subplots()
        ax.plot(self.learning_rates, self.losses, ".", color="C0", alpha=0.3, label="loss of a batch")
        ax.plot(self.learning_rates, self.smoothed_losses, color="C0", label="smoothed")
        for i, (name, rate) in enumerate(self.suggestions().items(), start=1):
            loss = np.interp(np.log(rate), np.log(self.learning_rates), self.smoothed_losses)
            size = 13 - 3 * i  # a smaller dot on a larger one: where two rates are the same, both are seen
            ax.plot([rate], [loss], "o", color=f"C{i}", markersize=size, label=f"{name}: {rate:.2g}")
        ax.set(xlabel="learning rate", ylabel="loss", xscale="log", ylim=self._visible())
        ax.grid(alpha=0.3)
        ax.legend()
        return ax

    def _settled(self) -> tuple[Array, Array]:
        start = int(WARM_UP * len(self.learning_rates))
        return self.learning_rates[start:], self.smoothed_losses[start:]

    def _visible(self) -> tuple[float, float]:
        """What the picture shows of the losses: an explosion at the end would flatten all that went before."""
        smoothed, lowest = self.smoothed_losses, self.smoothed_losses.argmin()
        low = min(float(smoothed[lowest]), float(self.losses[: lowest + 1].min()))
        high = max(float(smoothed[: lowest + 1].max()), min(float(smoothed.max()), DIVERGED * float(smoothed[lowest])))
        margin = 0.05 * (high - low) or 0.05
        return low - margin, high + margin
