"""Pictures from files, as the pixels that a network takes; Pillow is imported where it is used."""

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmsprop.datasets.folder_listing import UNREAD
from crmsprop.errors import FileFormatError, require_extra
from crmsprop.files import regular_only

#: Formats that are read. Others of Pillow's start programs (EPS), are rare, or were seldom looked at for attacks.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
#: More pixels than this are refused before any is decoded: with what the decoders take, 0.8 GB in the worst formats.
MAX_PIXELS = 50_000_000
#: libwebp holds two pictures of its own beside Pillow's two: the same memory for fewer pixels.
SHARES = {"WEBP": 0.6}
#: What Pillow calls pixels of so many channels.
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
#: Modes without colours.
GREY = ("1", "L", "LA", "La")
#: Modes with more than 8 bits a channel; Pillow would cut them off at 255.
DEEP = ("I", "F")
#: The TIFF tag for the bits of each channel.
BITS_PER_SAMPLE = 258
#: The EXIF tag that says how a camera was held, and its values for sideways.
ORIENTATION, SIDEWAYS = 0x0112, (5, 6, 7, 8)
#: A JPEG is decoded at an eighth, a quarter or half of its size where so many times what is wanted is left: five times
#: faster for a photograph of 12 megapixels, and Pillow's own margin for no visible difference.
MARGIN = 3


def read_picture(path: Path, image_shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a picture as pixels: the first, where the file holds several; turned as its EXIF data say.

    Parameters
    ----------
    path : Path
    image_shape : tuple of int
        Height, width and channels, 1, 3 or 4 of them. A picture of another size is resized, without keeping its
        proportions; colours become grey, and grey colours, where they have to.

    Returns
    -------
    uint8 array of shape `image_shape`

    Raises
    ------
    FileFormatError
        If the file is no picture of a format that is read, is damaged, truncated or too large, or has more than 8 bits
        a channel.
    MissingExtraError
        If Pillow is not installed.
    OSError
        If the file cannot be read.
    """
    height, width, channels = image_shape
    Image, ImageOps = _pillow("Image"), _pillow("ImageOps")
    with _opened(path) as picture:
        sideways = _is_sideways(picture)
        picture.draft(None, (MARGIN * (height if sideways else width), MARGIN * (width if sideways else height)))
        ImageOps.exif_transpose(picture, in_place=True)
        upright = picture if picture.mode == MODES[channels] else picture.convert(MODES[channels])
        if upright.size != (width, height):
            upright = upright.resize((width, height), Image.Resampling.BILINEAR)
        return np.array(upright, np.uint8).reshape(image_shape)


def measure_picture(path: Path) -> tuple[int, int, int]:
    """Return height, width and channels of a picture, turned upright: 1 channel for grey, 3 for colours.

    Only the head of the file is read.

    Raises
    ------
    FileFormatError, MissingExtraError, OSError
        As `read_picture`, as far as the head tells.
    """
    with _opened(path) as picture:
        width, height = picture.size[::-1] if _is_sideways(picture) else picture.size
        return height, width, 1 if picture.mode in GREY else 3


def _pillow(module: str) -> Any:
    return require_extra(f"PIL.{module}", "reading pictures", "images", "pillow")


def _is_sideways(picture: Any) -> bool:
    return picture.getexif().get(ORIENTATION) in SIDEWAYS


class _Bounded(io.BufferedReader):
    """A file of which nobody can ask for more than it has: Python takes the memory before it looks."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return that many bytes, or those up to the end."""
        return super().read(size if size is None else min(size, os.fstat(self.fileno()).st_size))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Let the block decode a picture of Pillow's; whatever a hostile file does, the error is FileFormatError."""
    Image = _pillow("Image")
    with _Bounded(io.FileIO(path, opener=regular_only)) as file:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a large picture, which is refused below, and of odd metadata
                with Image.open(file, formats=FORMATS) as picture:
                    _check(picture)
                    yield picture
        except Exception as error:  # a hostile file makes Pillow and its decoders raise many types
            what = _no_format(path) if type(error).__name__ == "UnidentifiedImageError" else error
            raise FileFormatError(f"{path} cannot be read: {str(what) or type(error).__name__}") from error


def _no_format(path: Path) -> str:
    remedy = ": save it as JPEG" if path.suffix.lower() in UNREAD else ""
    return f"no picture of a known format{remedy}"


def _check(picture: Any) -> None:
    width, height = picture.size
    limit = int(MAX_PIXELS * SHARES.get(picture.format, 1.0))
    if width * height > limit:
        raise ValueError(f"it must have at most {limit:,} pixels, got {width} x {height}")
    if picture.mode.startswith(DEEP):
        raise ValueError(f"it must have 8 bits a channel, got Pillow's mode {picture.mode}: save it with 8 bits")
    if (bits := _bits(picture)) > 8:
        raise ValueError(f"it must have 8 bits a channel, got {bits}: save it with 8 bits")


def _bits(picture: Any) -> int:
    """Return the bits that the file has for a channel, or 8 for less: the mode of colours is that of 8 bits for 16 too.

    Of PNG and PPM what the decoder is told says it.
    """
    if picture.format == "TIFF":
        return int(max(picture.tag_v2.get(BITS_PER_SAMPLE, (1,))))
    told = picture.tile[0][3] if picture.tile else None
    if picture.format == "PNG":
        return 16 if ";16" in str(told) else 8
    if picture.format == "PPM" and isinstance(told, tuple):
        return int(told[1]).bit_length()  # the largest value
    return 8
