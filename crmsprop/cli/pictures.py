"""Pictures from files, as the pixels that a network takes; Pillow is imported where it is used."""

import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from crmsprop.cli.parser import UsageError
from crmsprop.errors import FileFormatError, require_extra

Array = np.ndarray[Any, np.dtype[Any]]

#: Formats that are read. Others of Pillow's start programs (EPS), are rare, or were seldom looked at for attacks.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
#: More pixels than this are refused before any is decoded: with what the decoders take, 0.8 GB in the worst formats.
MAX_PIXELS = 50_000_000
#: libwebp holds two pictures of its own beside Pillow's two: the same memory for fewer pixels.
SHARES = {"WEBP": 0.6}
#: What Pillow calls pixels of so many channels.
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
#: Modes with more than 8 bits a channel; Pillow would cut them off at 255.
DEEP = ("I", "F")


def read_picture(path: Path, image_shape: tuple[int, ...], resize: bool) -> Array:
    """Return a picture as pixels: the first, where the file holds several; turned as its EXIF data say.

    Parameters
    ----------
    path : Path
    image_shape : tuple of int
        Height, width and channels that are wanted. Colours become grey, and grey colours, where they have to.
    resize : bool
        Whether a picture of another size is resized, without keeping its proportions.

    Returns
    -------
    uint8 array of shape `image_shape`

    Raises
    ------
    FileFormatError
        If the file is no picture of a format that is read, is damaged, truncated or too large, or has more than 8 bits
        a channel.
    UsageError
        If the picture has another size, and is not to be resized; or no picture has so many channels.
    MissingExtraError
        If Pillow is not installed.
    OSError
        If the file cannot be read.
    """
    height, width, channels = image_shape
    if channels not in MODES:
        raise UsageError(f"pictures have 1, 3 or 4 channels, the model takes {channels}: give an .npy file")
    Image = require_extra("PIL.Image", "reading pictures", "images", "pillow")
    picture = _decoded(path, MODES[channels], Image)
    if picture.size != (width, height):
        if not resize:
            got = f"{path} has {picture.size[0]} x {picture.size[1]} pixels, width first"
            raise UsageError(f"{got}, the model takes {width} x {height}: give --resize to resize it")
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture, np.uint8).reshape(image_shape)


class _Bounded(io.BufferedReader):
    """A file of which nobody can ask for more than it has: Python takes the memory before it looks."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return that many bytes, or those up to the end."""
        return super().read(size if size is None else min(size, os.fstat(self.fileno()).st_size))


def _decoded(path: Path, mode: str, Image: Any) -> Any:
    """Return a picture in one of Pillow's modes; whatever a hostile file does, the error is FileFormatError."""
    ImageOps = require_extra("PIL.ImageOps", "reading pictures", "images", "pillow")
    if path.exists() and not path.is_file():
        raise FileFormatError(f"{path} must be a regular file")
    with _Bounded(io.FileIO(path)) as file:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a large picture, which is refused below, and of odd metadata
                with Image.open(file, formats=FORMATS) as picture:
                    _check(picture)
                    ImageOps.exif_transpose(picture, in_place=True)
                    return picture.copy() if picture.mode == mode else picture.convert(mode)
        except Exception as error:  # a hostile file makes Pillow and its decoders raise many types
            what = "no picture of a known format" if type(error).__name__ == "UnidentifiedImageError" else error
            raise FileFormatError(f"{path} cannot be read: {str(what) or type(error).__name__}") from error


def _check(picture: Any) -> None:
    width, height = picture.size
    limit = int(MAX_PIXELS * SHARES.get(picture.format, 1.0))
    if width * height > limit:
        raise ValueError(f"it must have at most {limit:,} pixels, got {width} x {height}")
    if picture.mode.startswith(DEEP):
        raise ValueError(f"it must have 8 bits a channel, got Pillow's mode {picture.mode}: give an .npy file")
