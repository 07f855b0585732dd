"""Images as a plot takes them."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

#: Grey, red-green-blue, and with opacity.
CHANNELS = (1, 3, 4)


def displayable(images: Any) -> Array:
    """Return images as brightness in [0, 1]; all of them are scaled alike.

    uint8 is divided by 255. Of other numbers 0 becomes black and 1 white; numbers beyond these stretch the scale.

    Parameters
    ----------
    images : array-like of shape (n, height, width[, channels])
        1, 3 or 4 channels: grey, red-green-blue, and with opacity.

    Returns
    -------
    float64 array of shape (n, height, width) or (n, height, width, channels)

    Raises
    ------
    ValueError
        If they have another shape.
    """
    images = _checked(np.asarray(images))
    if images.dtype == np.uint8:
        low, high = 0.0, 255.0
    else:
        low, high = float(images.min(initial=0)), float(images.max(initial=1))
    brightness: Array = (images.astype(np.float64) - low) / (high - low)
    return brightness


def _checked(images: Array) -> Array:
    """Return images without the axis of a single channel."""
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in CHANNELS):
        rule = "images must have the shape (n, height, width[, channels]) with 1, 3 or 4 channels"
        raise ValueError(f"{rule}, got {images.shape}")
    return images[..., 0] if images.ndim == 4 and images.shape[3] == 1 else images
