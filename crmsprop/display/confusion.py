"""Which classes a classifier takes for which, and the images that it is most wrong about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import confusion_matrix
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import check_is_fitted

from crmsprop.display.axes import axes_for, grid_within, require_matplotlib
from crmsprop.display.fitted import images_in
from crmsprop.display.matrix import draw_matrix, label_cells
from crmsprop.display.pictures import displayable
from crmsprop.errors import check_integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, np.dtype[Any]]


class ConfusionDisplay:
    """The confusion matrix of a classifier, and beside it the images that it was surest about and got wrong.

    It is made by `from_estimator` or `from_predictions`, which also draw it; `plot` draws it again, elsewhere.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,)
        The labels as they are, and as they were predicted.
    labels : array-like of shape (n_classes,) or None, default=None
        The classes in order; None for those that occur, sorted.
    images : array-like of shape (n, height, width[, channels]) or None, default=None
        The samples, grey or in colours; None where they are no images.
    confidences : array-like of shape (n,) or None, default=None
        The probability of each predicted label; None where it is not known: mistakes are then in the order of the data.

    Attributes
    ----------
    confusion_matrix_ : ndarray of shape (n_classes, n_classes)
        Rows are true classes, columns predicted ones; counts, or shares where they are normalized.
    mistakes_ : ndarray of int
        The samples that are drawn, the surest first.
    ax_ : ndarray of Axes
        The panel of the matrix, and that of the images if there are any.
    image_axes_ : list of Axes
        One an image.
    figure_ : Figure
        The figure that they are in.
    im_ : AxesImage
        The matrix.
    text_ : ndarray of Text or None
        The numbers in it.

    Raises
    ------
    ValueError
        If the arguments differ in length, or hold no label or image.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from crmsprop import CNNClassifier
    >>> from crmsprop.datasets import load_digits
    >>> from crmsprop.display import ConfusionDisplay
    >>> (X, y), (X_test, y_test) = load_digits()
    >>> model = CNNClassifier(filters=(16,), max_epochs=5, random_state=0).fit(X, y)
    >>> display = ConfusionDisplay.from_estimator(model, X_test, y_test, ax=Figure())
    >>> int(display.confusion_matrix_.sum()), len(display.image_axes_) == len(display.mistakes_)
    (450, True)
    """

    def __init__(
        self, y_true: Any, y_pred: Any, *, labels: Any = None, images: Any = None, confidences: Any = None
    ) -> None:
        self.y_true, self.y_pred = np.asarray(y_true), np.asarray(y_pred)
        self.labels = unique_labels(self.y_true, self.y_pred) if labels is None else np.asarray(labels)
        self.images = None if images is None else np.asarray(images)
        self.confidences = None if confidences is None else np.asarray(confidences)
        for name in ("y_pred", "images", "confidences"):
            value = getattr(self, name)
            if value is not None and value.shape[:1] != self.y_true.shape:
                raise ValueError(
                    f"{name} must have one entry a label of y_true, got {len(value)} for {self.y_true.size}"
                )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        labels: Any = None,
        normalize: str | None = None,
        n_images: int = 12,
        ax: Any = None,
        cmap: str = "Blues",
        include_values: bool = True,
        values_format: str | None = None,
    ) -> ConfusionDisplay:
        """Draw how a fitted classifier takes data that it has not seen.

        Parameters
        ----------
        estimator : classifier
            A fitted one. One of ours knows what its images look like; others get images only where X has their shape.
            Images of other than 1, 3 or 4 channels cannot be shown.
        X : array-like
            Data, as for its `predict`.
        y : array-like of shape (n,)
            The true labels.
        labels : array-like or None, default=None
            The classes in order; None for those that occur, sorted.
        normalize, n_images, ax, cmap, include_values, values_format : object
            As in `plot`.

        Returns
        -------
        ConfusionDisplay
        """
        check_is_fitted(estimator)
        confidences = estimator.predict_proba(X).max(axis=1) if hasattr(estimator, "predict_proba") else None
        display = cls(y, estimator.predict(X), labels=labels, images=images_in(X, estimator), confidences=confidences)
        return display.plot(
            ax=ax,
            normalize=normalize,
            n_images=n_images,
            cmap=cmap,
            include_values=include_values,
            values_format=values_format,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        labels: Any = None,
        images: Any = None,
        confidences: Any = None,
        normalize: str | None = None,
        n_images: int = 12,
        ax: Any = None,
        cmap: str = "Blues",
        include_values: bool = True,
        values_format: str | None = None,
    ) -> ConfusionDisplay:
        """Draw predictions.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n,)
            The labels as they are, and as they were predicted.
        labels : array-like or None, default=None
            The classes in order; None for those that occur, sorted.
        images : array-like of shape (n, height, width[, channels]) or None, default=None
            The samples, where they are images.
        confidences : array-like of shape (n,) or None, default=None
            The probability of each predicted label.
        normalize, n_images, ax, cmap, include_values, values_format : object
            As in `plot`.

        Returns
        -------
        ConfusionDisplay
        """
        display = cls(y_true, y_pred, labels=labels, images=images, confidences=confidences)
        return display.plot(
            ax=ax,
            normalize=normalize,
            n_images=n_images,
            cmap=cmap,
            include_values=include_values,
            values_format=values_format,
        )

    def plot(
        self,
        ax: Any = None,
        *,
        normalize: str | None = None,
        n_images: int = 12,
        cmap: str = "Blues",
        include_values: bool = True,
        values_format: str | None = None,
    ) -> ConfusionDisplay:
        """Draw the matrix and the images.

        Parameters
        ----------
        ax : Axes, pair of Axes, or Figure, default=None
            One Axes a panel; or one Axes or an empty Figure, which the panels share; None makes a figure with pyplot.
        normalize : {"true", "pred", "all"} or None, default=None
            What the numbers are shares of: a true class, a predicted one, or everything; None for counts.
        n_images : int, default=12
            At most so many images, at least 0; with 0 there is the matrix alone.
        cmap : str, default="Blues"
            Colour map of the matrix.
        include_values : bool, default=True
            Whether the numbers are written into the matrix.
        values_format : str or None, default=None
            How numbers are written; None for counts as they are, and for shares with two decimals.

        Returns
        -------
        self

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        require_matplotlib()
        n_images = check_integer("n_images", n_images, 0)
        self.mistakes_ = self._surest_mistakes(n_images)
        self.confusion_matrix_: Array = confusion_matrix(
            self.y_true, self.y_pred, labels=self.labels, normalize=normalize
        )
        shows_images = self.images is not None and n_images > 0
        self.ax_ = axes_for(1 + shows_images, ax)
        values_format = values_format or ("d" if normalize is None else ".2f")
        self._draw_matrix(self.ax_[0], cmap, values_format if include_values else None)
        self.image_axes_ = self._draw_images(self.ax_[1]) if shows_images else []
        self.figure_: Figure = self.ax_[0].figure
        return self

    def _surest_mistakes(self, n: int) -> Array:
        mistakes = np.flatnonzero(self.y_true != self.y_pred)
        if self.confidences is not None:
            mistakes = mistakes[np.argsort(-self.confidences[mistakes], kind="stable")]
        return mistakes[:n]

    def _draw_matrix(self, ax: Axes, cmap: str, values_format: str | None) -> None:
        self.im_, self.text_ = draw_matrix(ax, self.confusion_matrix_, values_format, cmap)
        names = [str(label) for label in self.labels]
        label_cells(ax, names, names)
        ax.set(xlabel="predicted class", ylabel="true class")

    def _draw_images(self, panel: Axes) -> list[Axes]:
        """Draw each mistake under what it is, what it was taken for, and how surely."""
        panel.set_title("surest mistakes" if self.confidences is not None else "mistakes")
        if not len(self.mistakes_):
            panel.set_axis_off()
            panel.text(0.5, 0.5, "none", ha="center", va="center", transform=panel.transAxes)
            return []
        assert self.images is not None
        axes = grid_within(panel, len(self.mistakes_), gap=0.3)
        for ax, sample, picture in zip(axes, self.mistakes_, displayable(self.images[self.mistakes_]), strict=True):
            ax.imshow(picture, cmap="gray", vmin=0.0, vmax=1.0)
            ax.set(xticks=[], yticks=[])
            sure = "" if self.confidences is None else f"\n{self.confidences[sample]:.2f}"
            ax.set_title(f"{self.y_true[sample]} as {self.y_pred[sample]}{sure}", fontsize="small")
        return axes
