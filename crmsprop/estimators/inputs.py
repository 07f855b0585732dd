"""What an estimator makes of X: rows for scikit-learn's checks, samples of one shape for the network, a dtype."""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from crmsprop.errors import check_choice, check_integer, shown, warn_user

Array = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, ...]

#: Kept as they are; anything else becomes the first.
DTYPES = (np.float64, np.float32, np.uint8)

#: Rows of so many numbers are no flattened images.
FEW = 3

#: As many as images have: gray, colour, colour and opacity. No picture is as low or as narrow.
CHANNELS = (1, 3, 4)

#: Kinds of dtypes that NumPy would make numbers of that mean nothing: dates and spans of time.
NO_NUMBERS = "mM"

#: How NumPy and pandas begin where they cannot make numbers of what there is.
NO_CONVERSION = re.compile(r"could not convert|float\(\) argument|setting an array element|Cannot (cast|convert)")


def checked_image_shape(image_shape: Sequence[int] | None) -> Shape | None:
    """Return `image_shape` as (height, width, channels); (height, width) has one channel."""
    if image_shape is None:
        return None
    if not isinstance(image_shape, Sequence) or len(image_shape) not in (2, 3):
        raise ValueError(f"image_shape must be None or (height, width, channels), got {image_shape!r}")
    sizes = tuple(check_integer(f"image_shape[{i}]", size, 1) for i, size in enumerate(image_shape))
    return sizes if len(sizes) == 3 else (*sizes, 1)


def rows_of_images(X: Any, image_shape: Shape | None) -> tuple[Any, Shape | None]:
    """Return images as rows, without a copy where memory allows, and the shape of one image.

    Parameters
    ----------
    X : array-like of shape (n, height, width, channels), (n, height, width) or (n, n_features)
    image_shape : tuple of int or None
        What it has to be; None for whatever X says: a flat row is then a 1 x n_features x 1 image.

    Raises
    ------
    ValueError
        If X has images of another shape.
    """
    if isinstance(X, (list, tuple)) or (hasattr(X, "__array__") and not hasattr(X, "shape")):
        with naming_what_is_no_number("X"):
            X = np.asarray(X)
    n_axes = getattr(X, "ndim", 2)
    if n_axes > 4:
        rule = "X must have at most 4 dimensions, (n, height, width, channels)"
        raise ValueError(f"{rule}, got shape {X.shape}")
    if n_axes < 3:
        _check_no_gray_image(X, image_shape)
        return X, image_shape
    X = np.asarray(X)
    shape = X.shape[1:] if X.ndim == 4 else (*X.shape[1:], 1)
    if image_shape is not None and shape != image_shape:
        raise ValueError(f"X must hold images of shape {image_shape}, got {_found(X.shape, image_shape)}")
    return X.reshape(len(X), math.prod(shape)), shape


def _found(shape: Shape, image_shape: Shape) -> str:
    """What X holds in place of images of `image_shape`, and what to give where it is plain which slip that is."""
    if shape == image_shape:
        return "one image: give X[np.newaxis]"
    if len(shape) == 3:
        return f"{(*shape[1:], 1)}"
    channels, height, width = shape[1:]
    return f"{shape[1:]}{': give X.transpose(0, 2, 3, 1)' if (height, width, channels) == image_shape else ''}"


def _check_no_gray_image(X: Any, image_shape: Shape | None) -> None:
    """One image of one channel without the axis of samples looks like rows, of too few numbers."""
    shape: Shape = getattr(X, "shape", ())
    if image_shape is not None and (*shape, 1) == image_shape and shape[0] > 1:
        raise ValueError(f"X must hold images of shape {image_shape}, got one image: give X[np.newaxis]")


def number_of_samples(X: Any) -> int:
    """Return how many samples there are; TypeError for what has no number of them."""
    try:
        return X.shape[0] if hasattr(X, "shape") else len(X)
    except (TypeError, IndexError) as error:
        raise TypeError(f"X must be an array of samples, got {shown(X)}") from error


def refuse_images(X: Any) -> None:
    """ValueError where images come to an estimator of rows."""
    shape: Shape = getattr(X, "shape", ())
    if len(shape) in (3, 4) and 0 not in shape:
        remedy = f"for images set image_shape={tuple(shape[1:])}, or give X.reshape(len(X), -1)"
        raise ValueError(f"X must have 2 dimensions unless image_shape is set, got shape {shape}: {remedy}")


def validated(estimator: Any, X: Any, **checks: Any) -> Any:
    """Return what scikit-learn's `validate_data` returns: X as one of DTYPES, and y where it is among `checks`.

    Raises
    ------
    TypeError, ValueError
        If that refuses them; NumPy's warnings about a number that is refused anyway are not issued.
    """
    names = "X and y" if checks.get("y_numeric") else "X"
    with np.errstate(over="ignore", invalid="ignore"), naming_what_is_no_number(names):
        try:
            return validate_data(estimator, X, dtype=DTYPES, **checks)
        except OverflowError as error:
            raise ValueError("X and y must hold numbers that float64 can hold, got a larger integer") from error


@contextmanager
def naming_what_is_no_number(names: str) -> Iterator[None]:
    """NumPy does not say of what it cannot make an array of numbers; here it does."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if type(error) in (TypeError, ValueError) and NO_CONVERSION.match(str(error)):
            raise type(error)(f"{names} must hold numbers, equally many for each sample: {error}") from error
        raise


def refuse_what_is_no_number(name: str, array: Any) -> None:
    """TypeError for dates, spans of time and records: which numbers they are depends on their unit, and NaT is one."""
    for dtype in [array.dtype] if hasattr(array, "dtype") else getattr(array, "dtypes", ()):  # of a column or a table
        kind = getattr(dtype, "kind", "f")
        if kind in NO_NUMBERS or (kind == "V" and issubclass(dtype.type, np.void)):  # bfloat16 is of that kind, too
            raise TypeError(f"{name} must hold numbers, got {dtype!r:.100}")


def refuse_masked(name: str, array: Any) -> None:
    """ValueError where values of a masked array are masked: what is beneath the mask would be taken for data."""
    masked = np.count_nonzero(array.mask) if isinstance(array, np.ma.MaskedArray) else 0
    if masked:
        raise ValueError(f"{name} must have no masked values, got {masked} of them")


def native(X: Any) -> Any:
    """Return an array in the byte order of this machine; anything else as it is, unless it is masked or no numbers."""
    refuse_masked("X", X)
    refuse_what_is_no_number("X", X)
    if isinstance(X, np.ndarray) and X.dtype.kind == "f" and not X.dtype.isnative:
        return X.astype(X.dtype.newbyteorder("="))
    return X


def check_finite_in(X: Array, dtype: np.dtype[Any]) -> None:
    """ValueError where a number of `X` is too large for the dtype that the network computes in."""
    if X.dtype.itemsize > dtype.itemsize and X.size:
        largest = np.abs(X).max()
        if largest > np.finfo(dtype).max:
            raise ValueError(f"X must be finite in {dtype}, which the network computes in, got {largest}")


def check_row_length(X: Array, image_shape: Shape) -> None:
    """ValueError unless the rows of `X` hold images of `image_shape`."""
    if X.shape[1] != math.prod(image_shape):
        raise ValueError(
            f"image_shape must fit the {X.shape[1]} features of X, got {image_shape}, which is {math.prod(image_shape)}"
        )


def warn_of_flat_images(X: Array) -> None:
    """Warn where rows that look like flattened images are about to be taken for images of one pixel's height."""
    n = X.shape[1]
    if n <= FEW:
        return
    found = f"X has rows of {n} numbers and image_shape is None: each is taken as an image of 1 x {n} x 1"
    warn_user(f"{found}; set image_shape={_square(n)}, or (1, {n}) to say that this is meant")


def warn_of_channels_first(n: int, shape: Shape) -> None:
    """Warn where `n` images look as if they were laid out as PyTorch's are, (n, channels, height, width)."""
    if shape[0] not in CHANNELS or min(shape[1:]) <= max(CHANNELS):
        return
    height, width, channels = shape
    found = f"X has shape {(n, *shape)}: its images are taken to be {height} x {width} pixels of {channels} channels"
    remedy = "give X.transpose(0, 2, 3, 1) if their channels come first"
    warn_user(f"{found}; {remedy}, or set image_shape={shape} to say that this is meant")


def _square(n: int) -> str:
    """The shape of square images of n numbers, gray or in colour, where there is one."""
    for channels, last in ((1, ""), (3, ", 3")):
        side = math.isqrt(n // channels)
        if side**2 * channels == n:
            return f"({side}, {side}{last})"
    return "(height, width)"


def computing_dtype(dtype: Any, X: Array) -> np.dtype[Any]:
    """Return the dtype that the network computes in; for None float32 for uint8 and float32 input, else float64."""
    if dtype is None:
        return np.dtype(np.float64 if X.dtype == np.float64 else np.float32)
    if isinstance(dtype, type | np.dtype):
        name = np.dtype(dtype).name if dtype in (np.float32, np.float64, float) else shown(dtype)
        return np.dtype(check_choice("dtype", name, ("float32", "float64")))
    return np.dtype(check_choice("dtype", dtype, ("float32", "float64")))


def check_same_kind(X: Array, fitted_on_uint8: bool, image_shape: Shape | None) -> None:
    """ValueError where `X` is uint8 and what fit saw was not, or the reverse: their scales differ."""
    if (X.dtype == np.uint8) == fitted_on_uint8:
        return
    wanted = "uint8" if fitted_on_uint8 else "of another dtype than uint8"
    why = "uint8 images are scaled by 1/255, others are not" if image_shape else "the two are rarely on one scale"
    remedy = ".astype(np.uint8) of numbers from 0 to 255" if fitted_on_uint8 else ".astype(float), scaled as in fit"
    raise ValueError(f"X must be {wanted}, as it was in fit, got {X.dtype}: {why}; give {remedy}")
