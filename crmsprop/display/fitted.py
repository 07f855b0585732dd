"""The network behind what the user hands over: itself, or at the end of pipelines and searches; and its images."""

import math
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from crmsprop.display.pictures import CHANNELS

Array = np.ndarray[Any, np.dtype[Any]]


def last_step(estimator: Any) -> Any:
    """Return the fitted estimator at the end of a pipeline or a search; NotFittedError if it is not fitted."""
    check_is_fitted(estimator)
    estimator = getattr(estimator, "best_estimator_", estimator)
    return getattr(estimator, "_final_estimator", estimator)


def images_in(X: Any, estimator: Any) -> Array | None:
    """Return samples as images that can be shown; None where they are none, or have other than 1, 3 or 4 channels.

    Parameters
    ----------
    X : array-like
        What `estimator` predicts.
    estimator : estimator
        A fitted one: one of ours knows what images its rows hold.

    Returns
    -------
    ndarray of shape (n, height, width[, channels]) or None
    """
    images: Array = np.asarray(X)
    shape = getattr(last_step(estimator), "image_shape_", None)
    if images.ndim == 2 and shape is not None and shape[0] > 1 and images.shape[1] == math.prod(shape):
        images = images.reshape(-1, *shape)
    shown = images.ndim == 3 or (images.ndim == 4 and images.shape[3] in CHANNELS)
    return images if shown else None
