"""Pictures of one's own: a folder that holds a folder for each class."""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmsprop.datasets.folder_listing import Listing, list_parts, skipped
from crmsprop.datasets.memory import available_bytes
from crmsprop.datasets.pictures import MODES, measure_picture, read_picture
from crmsprop.errors import FileFormatError, check_bool, check_integer, shown, warn_user

Part = tuple[NDArray[np.uint8], NDArray[np.str_]]
#: Pictures that cannot be read, and why.
Broken = dict[Path, Exception]

#: Pictures that an error names, beside the first.
NAMED = 50
#: Pictures that are left out which a warning names.
NAMED_AS_LEFT_OUT = 3
#: How an error tells of the parameter that leaves them out.
SKIPPING = "skip_broken=True"


def load_image_folder(
    folder: str | os.PathLike[str],
    image_shape: tuple[int, ...] | None = None,
    test_fraction: float = 0.2,
    random_state: Any = 0,
    skip_broken: bool = False,
) -> tuple[Part, Part]:
    """Return the pictures in a folder as two pairs of images and labels; the class of each is its folder's name.

    The folder holds a folder for each class, ``photos/cat/1.jpg``, and a share of each is held out. Or it holds two
    folders, ``train`` and ``test`` (or ``val``, ``valid``, ``validation``), with folders for the classes in each; then
    they are the two parts. Names that begin with a dot are skipped, and with a warning files that are no pictures by
    their names, and pictures beside the folders of the classes; links are followed.

    A picture is turned as its EXIF data say. Of several frames the first is taken, transparency is dropped, more than 8
    bits a channel are refused.

    Parameters
    ----------
    folder : str or path-like
        Where the pictures are.
    image_shape : tuple of int, default=None
        Height and width, in pixels, to which pictures of another size are resized, without keeping their proportions;
        and perhaps the channels, 1 for grey, 3 for colours or 4 with opacity. Without channels: 3, or 1 if no picture
        has colours. None for the size that all of them have.
    test_fraction : float, default=0.2
        About the share of each class that is held out, at least one picture and not all of them; 0 for none. A picture
        keeps its side when others come and go. It does nothing where the folder has the two parts.
    random_state : int, RandomState or None, default=0
        What chooses the pictures to hold out, and shuffles the others.
    skip_broken : bool, default=False
        Whether pictures that cannot be read are left out, with one warning that names the first of them. No other
        picture changes sides for that. At least one of each class has to be left in the training part, and one in all
        to test with.

    Returns
    -------
    X_train : uint8 array of shape (n, height, width, channels)
        The images, 0 to 255.
    y_train : str array of shape (n,)
        The names of their classes.
    X_test : uint8 array of shape (n_test, height, width, channels)
        The images that were held out.
    y_test : str array of shape (n_test,)
        The names of their classes.

    Raises
    ------
    FileFormatError
        If there are no classes, a class has no pictures or holds folders, or a picture is damaged, hostile or too
        large. All are tried before the error names those that failed. With `skip_broken`, if too few are left.
    ValueError
        If a parameter is out of its range, the pictures differ in size and `image_shape` is None, or a class has one
        picture and a share is to be held out.
    MemoryError
        If the pixels would take more memory than there is. Nothing has been decoded then.
    MissingExtraError
        If Pillow is not installed.
    OSError
        If the folder cannot be read, or, without `skip_broken`, a file in it.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> from crmsprop.datasets import load_image_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ["green", "red"]:
    ...         pathlib.Path(folder, name).mkdir()
    ...         for i in range(10):
    ...             Image.new("RGB", (64 + i, 48), name).save(pathlib.Path(folder, name, f"{i}.jpg"))
    ...     (X_train, y_train), (X_test, y_test) = load_image_folder(folder, image_shape=(24, 32))
    >>> X_train.shape[1:], len(X_train) + len(X_test), sorted(set(y_test.tolist()))
    ((24, 32, 3), 20, ['green', 'red'])
    """
    train, test = list_parts(folder, test_fraction, random_state)
    if others := [*train.others, *test.others]:
        warn_user(skipped(others))
    leave_out = (lambda broken: warn_user(left_out(broken))) if check_bool("skip_broken", skip_broken) else None
    return read_parts(train, test, image_shape, leave_out=leave_out)


def load_image(path: str | os.PathLike[str], image_shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return one picture as `load_image_folder` reads those of a folder: to ask a model about it.

    Parameters
    ----------
    path : str or path-like
        The file of the picture.
    image_shape : tuple of int
        Height, width and channels: the `image_shape_` of the model that is asked. Two numbers stand for three channels.

    Returns
    -------
    uint8 array of shape (height, width, channels)
        The pixels, 0 to 255. A model takes several images: give it ``image[np.newaxis]``.

    Raises
    ------
    FileFormatError
        If the file is no picture of a format that is read, is damaged, or too large.
    ValueError
        If `image_shape` is none.
    MissingExtraError
        If Pillow is not installed.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> from crmsprop.datasets import load_image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (640, 480), "red").save(pathlib.Path(folder, "new.jpg"))
    ...     image = load_image(pathlib.Path(folder, "new.jpg"), (24, 32, 3))
    >>> image.shape, image[0, 0].tolist()
    ((24, 32, 3), [254, 0, 0])
    """
    shape = _checked_shape(image_shape)
    return read_picture(Path(path).expanduser(), shape if len(shape) == 3 else (*shape, 3))


def read_parts(
    train: Listing,
    test: Listing,
    image_shape: tuple[int, ...] | None = None,
    advance: Callable[[int], object] = lambda done: None,
    leave_out: Callable[[Broken], object] | None = None,
) -> tuple[Part, Part]:
    """Return the pixels and labels of two listings; `advance` is told of each picture that is done.

    `leave_out` is told of the pictures that cannot be read, if there are any, which are then left out; without it, they
    are an error. Other parameters and errors are those of `load_image_folder`.
    """
    broken: Broken = {}
    shape = common_shape([*train.paths, *test.paths], image_shape, None if leave_out is None else broken)
    _check_memory(len(train.paths) + len(test.paths), shape)
    pixels = [_read(part.paths, shape, broken, advance) for part in (train, test)]
    if broken and leave_out is None:
        raise _failure(broken)
    if broken and leave_out is not None:
        _check_left(train, test, broken)
        leave_out(broken)
    return (pixels[0], _labels(train, broken)), (pixels[1], _labels(test, broken))


def left_out(broken: Mapping[Path, Exception]) -> str:
    """Return what to say of pictures that are left out."""
    names = ", ".join([*map(str, sorted(broken)[:NAMED_AS_LEFT_OUT]), *["..."] * (len(broken) > NAMED_AS_LEFT_OUT)])
    kind, were = ("1 picture", "was") if len(broken) == 1 else (f"{len(broken):,} pictures", "were")
    return f"{kind} that cannot be read {were} left out: {names}"


def common_shape(paths: Sequence[Path], image_shape: Any, broken: Broken | None = None) -> tuple[int, int, int]:
    """Return height, width and channels: those that are wanted, or else those that the pictures have.

    Parameters and errors are those of `load_image_folder`. Pictures are opened only where `image_shape` leaves some of
    it open; `broken` takes up those that cannot be, which are an error where it is None.
    """
    wanted = None if image_shape is None else _checked_shape(image_shape)
    if wanted is not None and len(wanted) == 3:
        return wanted[0], wanted[1], wanted[2]
    failed: Broken = {} if broken is None else broken
    measure = measure_picture if broken is None else _measure_whole
    sizes = {path: size for path, size in zip(paths, _each(measure, paths, failed), strict=True) if size}
    if failed and (broken is None or not sizes):
        raise _failure(failed, skips=broken is not None)
    channels = max(size[2] for size in sizes.values())
    height, width = _common_size(sizes) if wanted is None else wanted
    return height, width, channels


def _measure_whole(path: Path) -> tuple[int, int, int]:
    """As `measure_picture`, of a picture that can be read to its end: others have no say in what all become."""
    size = measure_picture(path)
    read_picture(path, size)
    return size


def _common_size(sizes: dict[Path, tuple[int, int, int]]) -> tuple[int, int]:
    """Return height and width of all pictures; ValueError where two of them differ."""
    first, (h, w, _) = min(sizes.items())
    for path, (height, width, _) in sorted(sizes.items()):
        if (height, width) != (h, w):
            got = f"{first} has {w} x {h} pixels, width first, and {path} {width} x {height}"
            raise ValueError(f"image_shape must be given, such as (64, 64), for pictures that differ in size: {got}")
    return h, w


def _checked_shape(image_shape: Any) -> tuple[int, ...]:
    if not isinstance(image_shape, Sequence) or isinstance(image_shape, str) or len(image_shape) not in (2, 3):
        rule = "image_shape must be height, width and perhaps channels, such as (64, 64)"
        raise ValueError(f"{rule}, got {shown(image_shape)}")
    shape = tuple(check_integer(f"image_shape[{i}]", size, 1) for i, size in enumerate(image_shape))
    if len(shape) == 3 and shape[2] not in MODES:
        raise ValueError(f"image_shape[2] must be 1, 3 or 4 channels, got {shape[2]}")
    return shape


def _check_memory(n: int, shape: tuple[int, int, int]) -> None:
    n_bytes, there = n * math.prod(shape), available_bytes()
    if there is not None and n_bytes > there:
        sizes = " x ".join(map(str, shape))
        got = f"{n:,} pictures of {sizes} take {n_bytes / 1e9:.1f} GB, and {there / 1e9:.1f} GB are free"
        raise MemoryError(f"image_shape must be smaller: {got}")


def _read(
    paths: Sequence[Path], shape: tuple[int, int, int], broken: Broken, advance: Callable[[int], object]
) -> NDArray[np.uint8]:
    """Return the pictures that can be read, decoded one by one; `broken` takes up the others."""
    array, n = np.empty((len(paths), *shape), np.uint8), 0
    for pixels in _each(lambda path: read_picture(path, shape), paths, broken, advance):
        if pixels is not None:
            array[n] = pixels
            n += 1
    return array[:n]


def _labels(listing: Listing, broken: Broken) -> NDArray[np.str_]:
    pairs = zip(listing.paths, listing.labels, strict=True)
    return np.array([label for path, label in pairs if path not in broken], np.str_)


def _each(
    function: Callable[[Path], Any],
    paths: Sequence[Path],
    broken: Broken,
    advance: Callable[[int], object] = lambda done: None,
) -> Iterator[Any]:
    """Yield the value for each picture, None for those in `broken`, to which those that fail are added."""
    for path in paths:
        value = None
        if path not in broken:
            try:
                value = function(path)
            except (FileFormatError, OSError) as error:
                broken[path] = error
        yield value
        advance(1)


def _check_left(train: Listing, test: Listing, broken: Broken) -> None:
    """FileFormatError where no picture of a class is left to train on, or none at all to test with."""
    lost = sorted(set(train.labels) - set(_labels(train, broken).tolist()))
    if lost:
        pairs = zip(train.paths, train.labels, strict=True)
        error = _failure({path: broken[path] for path, label in pairs if label == lost[0]}, skips=True)
        raise FileFormatError(f"{SKIPPING} must leave a picture of class {shown(lost[0])} to train on: {error}")
    if test.paths and set(test.paths) <= set(broken):
        error = _failure({path: broken[path] for path in test.paths}, skips=True)
        raise FileFormatError(f"{SKIPPING} must leave a picture to test with: {error}")


def _failure(broken: Broken, skips: bool = False) -> Exception:
    """Return one error for all; it tells how to leave them out, unless that `skips` them is what has failed."""
    (_, error), *others = sorted(broken.items(), key=lambda one: one[0])
    if not others:
        return _with_remedy(error, "" if skips else f", or give {SKIPPING} to leave it out")
    names = ", ".join(str(path) for path, _ in others[:NAMED])
    more = "" if len(others) <= NAMED else f" and {len(others) - NAMED} more"
    way = "" if skips else f", or give {SKIPPING} to leave them out"
    return FileFormatError(f"{error}; nor can be read {names}{more}: remove or replace them{way}")


def _with_remedy(error: Exception, way: str) -> Exception:
    """Return the error of one picture with what to do, as far as it does not say so, or the system is to blame."""
    if not isinstance(error, FileFormatError):
        return error
    return FileFormatError(f"{error}{'' if ': save it ' in str(error) else '; remove or replace it'}{way}")
