"""A data set of the user's own, from a folder of pictures."""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from crmsprop.cli.parser import UsageError
from crmsprop.cli.progress import progress
from crmsprop.cli.targets import CLASSES, Targets
from crmsprop.cli.terminal import show, warn
from crmsprop.datasets.folder_listing import Listing, list_parts, skipped
from crmsprop.datasets.image_folder import Broken, common_shape, left_out, read_parts

Array = np.ndarray[Any, np.dtype[Any]]
Pair = tuple[Array, Array]

#: What a listing without pictures is.
NONE = Listing([], [], [])


def read_folder(
    options: argparse.Namespace, targets: Targets, image_shape: tuple[int, ...] | None
) -> tuple[tuple[Pair, Pair], Path]:
    """Return training and test data from the folder that --data names, and the path of a picture to test with.

    Parameters
    ----------
    options : argparse.Namespace
    targets : Targets
        What the model predicts.
    image_shape : tuple of int or None
        Of the images, unless the options name another; None for the size that all pictures have.

    Raises
    ------
    UsageError
        If the folder holds one class only, or the model predicts no classes.
    FileFormatError, ValueError, MemoryError, OSError, MissingExtraError
        As `load_image_folder`.
    """
    train, test = _listed(options, targets)
    split, broken = _read(train, test, options, _wanted(options, image_shape))
    return split, next(path for path in test.paths if path not in broken)


def read_folder_part(options: argparse.Namespace, targets: Targets, image_shape: tuple[int, ...] | None) -> Pair:
    """Return the part that --part names, of those of `read_folder`, with its parameters and errors.

    Pictures of the other part are not decoded. Their heads are read where they say what shape all of them get.
    """
    train, test = _listed(options, targets)
    broken: Broken | None = {} if options.skip_broken else None
    shape = common_shape(train.paths + test.paths, _wanted(options, image_shape), broken)
    chosen = train if options.part == "train" else test
    (_, pair), _ = _read(NONE, chosen._replace(others=train.others + test.others), options, shape)
    return pair


def read_whole_folder(options: argparse.Namespace, targets: Targets, image_shape: tuple[int, ...] | None) -> Pair:
    """Return all pictures in the folder that --data names; parameters and errors as those of `read_folder`.

    One class is enough.
    """
    _check_classes(options, targets)
    train, test = list_parts(options.data, test_fraction=0)
    both = Listing(train.paths + test.paths, train.labels + test.labels, train.others + test.others)
    (_, pair), _ = _read(NONE, both, options, _wanted(options, image_shape))
    return pair


def _listed(options: argparse.Namespace, targets: Targets) -> tuple[Listing, Listing]:
    """Return what is to be read as training and as test data: two classes or more."""
    _check_classes(options, targets)
    train, test = list_parts(options.data)
    if len(set(train.labels)) < 2:
        raise UsageError(f"--data must be a folder with two classes or more, got {options.data!r} with one")
    return train, test


def _check_classes(options: argparse.Namespace, targets: Targets) -> None:
    if targets is not CLASSES:
        raise UsageError(f"--data must be an .npz file, got the folder {options.data!r}: its names are classes only")


def _wanted(options: argparse.Namespace, image_shape: tuple[int, ...] | None) -> tuple[int, ...] | None:
    return image_shape if options.shape_of_rows is None else tuple(options.shape_of_rows)


def _read(
    train: Listing, test: Listing, options: argparse.Namespace, shape: tuple[int, ...] | None
) -> tuple[tuple[Pair, Pair], Broken]:
    """Return both parts, and what is left out of them."""
    if others := train.others + test.others:
        show(skipped(others), sys.stderr)  # whatever else is to be quiet: fewer pictures make another model
    broken: Broken = {}
    with progress(len(train.paths) + len(test.paths), "picture", options.quiet) as advance:
        split = read_parts(train, test, shape, advance, broken.update if options.skip_broken else None)
    if broken:
        warn(left_out(broken))
    return split, broken
