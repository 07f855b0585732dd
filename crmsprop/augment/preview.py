"""The picture of an augmentation. matplotlib is imported where it is drawn with, and never configured."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from crmsprop.augment.batches import as_images
from crmsprop.augment.draws import Array
from crmsprop.errors import MissingExtraError, check_integer

if TYPE_CHECKING:
    from crmsprop.augment.base import Augmentation


def draw_preview(augmentation: Augmentation, X: Array, n_epochs: int, seed: int, epoch: int, figure: Any) -> Any:
    """Draw each image of X, and beside it what some epochs make of it; see Augmentation.plot."""
    images = as_images(X)
    if not len(images) or images.shape[3] not in (1, 3):
        raise ValueError(f"X must hold at least one image of 1 or 3 channels to be drawn, got shape {X.shape}")
    n_epochs, epoch = check_integer("n_epochs", n_epochs, 1), check_integer("epoch", epoch, 0)
    columns = {"original": images}
    columns |= {f"epoch {e + 1}": augmentation(images, seed, e) for e in range(epoch, epoch + n_epochs)}
    figure = _figure(1 + n_epochs, len(images)) if figure is None else figure
    axes = figure.subplots(len(images), 1 + n_epochs, squeeze=False)
    for column, (title, shown) in enumerate(columns.items()):
        axes[0, column].set_title(title)
        for ax, image in zip(axes[:, column], _as_colours(shown, images), strict=True):
            ax.imshow(image, cmap="gray", vmin=0, vmax=1)
            ax.set_axis_off()
    return axes


def _figure(columns: int, rows: int) -> Any:
    """An empty figure of pyplot's; MissingExtraError without matplotlib."""
    try:
        pyplot = importlib.import_module("matplotlib.pyplot")
    except ImportError as error:
        raise MissingExtraError('a plot needs matplotlib: pip install "crmsprop[cli]"') from error
    return pyplot.figure(figsize=(1.2 * columns, 1.3 * rows), layout="constrained")


def _as_colours(images: Array, originals: Array) -> Array:
    """Numbers in [0, 1]: uint8 by its range, others from the least to the greatest of the originals."""
    low, high = (0.0, 255.0) if images.dtype == np.uint8 else (float(originals.min()), float(originals.max()))
    colours = np.clip((images - low) / ((high - low) or 1.0), 0, 1)
    return colours[..., 0] if images.shape[3] == 1 else colours
