"""What ``crmsprop predict`` predicts: the arrays and pictures in the files that it is given."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from crmsprop.cli.agreement import check_samples
from crmsprop.cli.npy import Array, read_npy
from crmsprop.cli.npz import read_arrays
from crmsprop.cli.parser import UsageError
from crmsprop.datasets.pictures import MODES, measure_picture, read_picture
from crmsprop.errors import FileFormatError


class Samples(NamedTuple):
    """Samples from one file.

    Attributes
    ----------
    names : list of str
        What to call each.
    X : ndarray of shape (n, ...)
    """

    names: list[str]
    X: Array


def read_samples(path: Path, model: Any, resize: bool, scale: float | None) -> Samples:
    """Return the samples in a file: those of an array, or the one picture.

    Parameters
    ----------
    path : Path
        An .npy file, an .npz file with the array X, or a picture.
    model : estimator
        What they are for.
    resize : bool
        Whether a picture of another size is resized.
    scale : float or None
        Factor on the pixels of a picture, for a model that was trained on other numbers than uint8.

    Raises
    ------
    FileFormatError
        If the file is damaged, truncated or hostile, or holds something else.
    ValueError
        If a picture does not fit the model.
    UsageError
        If the scale is needed and not given, or the reverse.
    MissingExtraError
        If there is a picture, and Pillow is not installed.
    OSError
        If the file cannot be read.
    """
    if path.is_dir():
        raise FileFormatError(f"{path} must be a file, got a folder: give the files in it, such as {path}/*")
    if path.suffix.lower() in (".npy", ".npz"):
        X = _checked(path, read_npy(path) if path.suffix.lower() == ".npy" else _read_npz(path))
        check_samples(str(path), X, model, "give samples such as it was trained on")
        return Samples([f"{path}[{i}]" for i in range(len(X))], X)
    _check_takes_pictures(path, model, scale)
    if not resize:
        _check_size(path, model.image_shape_)
    picture = read_picture(path, model.image_shape_)[None]
    return Samples([str(path)], picture if scale is None else picture * scale)


def _check_takes_pictures(path: Path, model: Any, scale: float | None) -> None:
    if model.image_shape_ is None:
        rule = f"{path}: the model takes rows of {model.n_features_in_} numbers, no pictures"
        raise ValueError(f"{rule}: give an .npy or .npz file")
    if model.image_shape_[2] not in MODES:
        rule = f"{path}: pictures have 1, 3 or 4 channels, the model takes {model.image_shape_[2]}"
        raise ValueError(f"{rule}: give an .npy or .npz file")
    if model._fitted_on_uint8 and scale is not None:
        raise UsageError("--scale is for models that were trained on other numbers than uint8; this one scales itself")
    if not model._fitted_on_uint8 and scale is None:
        rule = "the model was trained on other numbers than the 0..255 of a picture"
        raise UsageError(f"{rule}: give --scale, such as 0.00392157 where they were divided by 255")


def _check_size(path: Path, image_shape: tuple[int, int, int]) -> None:
    height, width, _ = measure_picture(path)
    if (height, width) != image_shape[:2]:
        got = f"{path} has {width} x {height} pixels, width first"
        raise ValueError(f"{got}, the model takes {image_shape[1]} x {image_shape[0]}: leave out --no-resize")


def _read_npz(path: Path) -> Array:
    arrays, others = read_arrays(path, ("X",))
    if "X" not in arrays:
        raise FileFormatError(f"{path} must hold the array X, got {', '.join(others) or 'none':.200}")
    return arrays["X"]


def _checked(path: Path, X: Array) -> Array:
    if X.ndim not in (2, 3, 4) or X.dtype.kind not in "biuf" or not X.size:
        shapes = "(n, height, width[, channels]) or (n, features)"
        raise FileFormatError(f"{path} must hold numbers of shape {shapes}, got {X.dtype} of {X.shape}")
    if X.dtype.kind == "f" and not np.isfinite(X).all():
        raise FileFormatError(f"{path} must hold finite numbers, got NaN or infinity")
    return X
