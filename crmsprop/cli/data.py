"""The options that say what to train on, and the data that they stand for."""

import argparse
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from crmsprop.cli.folders import read_folder, read_folder_part, read_whole_folder
from crmsprop.cli.hints import did_you_mean
from crmsprop.cli.npz import read_npz, read_whole_npz
from crmsprop.cli.parser import UsageError
from crmsprop.cli.targets import CLASSES, Targets
from crmsprop.datasets import load_cifar10, load_digits

Array = np.ndarray[Any, np.dtype[Any]]
Split = tuple[tuple[Array, Array], tuple[Array, Array]]


class Data(NamedTuple):
    """A data set with its test part.

    Attributes
    ----------
    name : str
        As the user gave it.
    X, X_test : ndarray of shape (n, height, width[, channels]) or (n, n_features)
    y, y_test : ndarray of shape (n,) or (n, n_outputs)
    targets : Targets
        What y holds.
    watching : int
        Samples of X that watch the training, and do not train.
    example : Path or None
        A picture of the test data, where these are pictures.
    """

    name: str
    X: Array
    y: Array
    X_test: Array
    y_test: Array
    targets: Targets = CLASSES
    watching: int = 0
    example: Path | None = None

    @property
    def holds_images(self) -> bool:
        """Whether a sample has a height and a width."""
        return self.X.ndim > 2

    def describe(self) -> str:
        """Return one line: samples of what shape, what is to be told of them, and how many there are for what."""
        shape = " x ".join(str(size) for size in self.X.shape[1:])
        kind = "images" if self.holds_images else "rows"
        watching = f", {self.watching:,} to watch the training" if self.watching else ""
        counts = f"{len(self.X) - self.watching:,} to train on{watching}, {len(self.X_test):,} to test"
        scale = "" if self.holds_images or self.X.dtype != np.uint8 else " (not scaled: rows are taken as they are)"
        return f"{self.name}: {kind} of {shape} {self.X.dtype}{scale}, {self.targets.count(self.y)}: {counts}"


class Labelled(NamedTuple):
    """Samples with their labels or numbers.

    Attributes
    ----------
    name, part : str
        Of the data set, as the user gave them.
    X : ndarray of shape (n, height, width[, channels]) or (n, n_features)
    y : ndarray of shape (n,) or (n, n_outputs)
    """

    name: str
    part: str
    X: Array
    y: Array


#: What --data is where it is not given.
DEFAULT = "digits"
#: What --part can be.
PARTS = ("test", "train", "all")


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `load_data`."""
    group = parser.add_argument_group("data")
    group.add_argument(
        "--data",
        default=DEFAULT,
        metavar="NAME|FOLDER|FILE.npz",
        help='"digits": 1,797 scanned digits that come with scikit-learn and need no network; "cifar10": 60,000 colour '
        'photographs; a folder with a folder of pictures for each class (extra "images"), or with two folders of such, '
        "train and test; or a file by numpy.savez with the arrays X and y, and perhaps X_test and y_test. Without test "
        "data about a fifth of each class is held out. X has shape (n, height, width[, channels]) or (n, features); "
        f"uint8 images are scaled to 0..1, everything else is taken as it is (default: {DEFAULT})",
    )
    group.add_argument(
        "--image-shape",
        dest="shape_of_rows",
        type=_sizes,
        action=_Sizes,
        nargs="+",
        metavar="N",
        help="height, width and perhaps channels, as 64 64 or 64x64: what the pictures in FOLDER are resized to, "
        "whatever their proportions (default: the size that all of them have, or that the model takes); or what the "
        "rows of FILE.npz hold (default: rows are rows)",
    )
    group.add_argument(
        "--skip-broken",
        action="store_true",
        help="leave out the pictures in FOLDER that cannot be read, with a warning that names the first of them "
        "(default: refuse the folder)",
    )
    group.add_argument(
        "--data-home",
        type=Path,
        metavar="DIR",
        help="the folder that has CIFAR-10, or that gets it: unpacked in the pickled or the binary layout, or as the "
        "official archive (default: $CRMSPROP_DATA, or else ~/crmsprop_data)",
    )
    group.add_argument(
        "--no-download",
        dest="download",
        action="store_false",
        help="fail, rather than download CIFAR-10 (170 MB) where it is missing (default: download it)",
    )


class _Sizes(argparse.Action):
    """Takes what the words behind an option say as one list."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        setattr(namespace, self.dest, [size for word in values for size in word])


def _sizes(text: str) -> list[int]:
    """Return the whole numbers in a word, such as 64 or 64x64."""
    try:
        return [int(part) for part in re.split("[x,]", text)]
    except ValueError:
        rule = f"must be whole numbers, such as 64 64 or 64x64, got {text!r}"
        hint = ": a file that is no part of it goes before the options" if text and Path(text).exists() else ""
        raise argparse.ArgumentTypeError(rule + hint) from None


def add_part_option(parser: argparse.ArgumentParser) -> None:
    """Add the option of `load_part`, beside those of `load_data`."""
    parser.add_argument(
        "--part",
        choices=PARTS,
        default="test",
        help='which samples: "test", those that take no part in a training; "train", the others; or "all" (default: '
        "test)",
    )


def load_part(
    options: argparse.Namespace, targets: Targets = CLASSES, image_shape: tuple[int, ...] | None = None
) -> Labelled:
    """Return the part of the data that the options name; parameters as those of `load_data`.

    Raises
    ------
    UsageError, FileFormatError, OSError, MissingExtraError
        As `load_data`; a file of which all is wanted needs no samples to hold out.
    """
    if options.part == "all" and options.data.endswith(".npz"):
        _check_flags(options)
        X, y = read_whole_npz(_existing(options.data), targets)
        return Labelled(options.data, "all", _as_images(X, options.shape_of_rows), y)
    if _is_folder(options.data):
        _check_flags(options)
        read = read_whole_folder if options.part == "all" else read_folder_part
        return Labelled(options.data, options.part, *read(options, targets, image_shape))
    data = load_data(options, targets, image_shape)
    parts = {"train": (data.X, data.y), "test": (data.X_test, data.y_test)}
    if options.part != "all":
        return Labelled(data.name, options.part, *parts[options.part])
    return Labelled(data.name, "all", *(np.concatenate(both) for both in zip(*parts.values(), strict=True)))


def load_data(
    options: argparse.Namespace, targets: Targets = CLASSES, image_shape: tuple[int, ...] | None = None
) -> Data:
    """Return the data that the options name.

    Parameters
    ----------
    options : argparse.Namespace
    targets : Targets
        What y has to hold.
    image_shape : tuple of int or None
        Of the images that a model takes: pictures get it, unless the options name another.

    Raises
    ------
    UsageError
        If they name nothing that we know, or images of a shape that the rows do not have.
    FileFormatError, OSError, MemoryError, MissingExtraError
        If the data cannot be read or had.
    """
    name: str = options.data
    _check_flags(options)
    if _is_folder(name):
        split, example = read_folder(options, targets, image_shape)
        return Data(name, *_flat(split), targets, example=example)
    if name in NAMED:
        train, test = NAMED[name](options)
    elif name.endswith(".npz"):
        train, test = read_npz(_existing(name), targets)
    else:
        raise _no_data(name)
    X, X_test = (_as_images(part[0], options.shape_of_rows) for part in (train, test))
    return Data(name, X, train[1], X_test, test[1], targets)


def _existing(name: str) -> Path:
    """Return the path of a file; UsageError where there is none."""
    path = Path(name)
    if not path.exists():
        raise _no_data(name)
    return path


def _no_data(name: str) -> UsageError:
    """Return the error about a name that stands for no data, with one that may be meant."""
    kinds = f"{', '.join(NAMED)}, a folder with a folder of pictures for each class, or the path of an .npz file"
    path = Path(name)
    if path.exists():
        return UsageError(f"--data must be {kinds}, got the file {name!r}, which is none of them{_as_npz(path)}")
    hint = did_you_mean(name, [*NAMED, *_data_beside(path)])
    return UsageError(f"--data must be {kinds}, got {name!r}, which does not exist{hint}")


def _as_npz(path: Path) -> str:
    """What to do with a table in a file of another kind."""
    if path.suffix.lower() not in (".csv", ".npy", ".tsv", ".txt", ".parquet"):
        return ""
    return f": save it as a table of numbers, numpy.savez({path.stem + '.npz'!r}, X=..., y=...)"


def _data_beside(path: Path) -> Iterator[str]:
    """Yield what could be data where a path leads to nothing."""
    with suppress(OSError):
        yield from (str(other) for other in path.parent.iterdir() if other.is_dir() or other.suffix == ".npz")


def _is_folder(name: str) -> bool:
    return name not in NAMED and not name.endswith(".npz") and Path(name).is_dir()


def _flat(split: Split) -> tuple[Array, Array, Array, Array]:
    (X, y), (X_test, y_test) = split
    return X, y, X_test, y_test


def _check_flags(options: argparse.Namespace) -> None:
    if options.data != "cifar10" and (options.data_home is not None or not options.download):
        flag = "--no-download" if options.data_home is None else "--data-home"
        raise UsageError(f"{flag} does nothing without --data cifar10")
    shape = options.shape_of_rows
    if shape is not None and options.data.endswith(".npz") and (len(shape) not in (2, 3) or min(shape) < 1):
        raise UsageError(f"--image-shape must be height, width and perhaps channels, got {shape}")
    if options.skip_broken and (options.data in NAMED or options.data.endswith(".npz")):
        raise UsageError(f"--skip-broken does nothing without --data FOLDER, got --data {options.data}")


def _digits(options: argparse.Namespace) -> Split:
    return load_digits()


def _cifar10(options: argparse.Namespace) -> Split:
    try:
        return load_cifar10(options.data_home, download=options.download)
    except FileNotFoundError as error:
        if getattr(options, "resume", None) is None:
            raise
        rule = "give --data-home again, for --resume to find CIFAR-10 elsewhere or to download it"
        raise UsageError(f"{rule}: {str(error).partition(';')[0]}") from error
    except ValueError as error:
        if options.data_home is not None or not str(error).startswith("data_home must"):
            raise
        raise UsageError(f"$CRMSPROP_DATA{str(error).removeprefix('data_home')}; or give --data-home") from error


#: What --data knows by name.
NAMED: dict[str, Callable[[argparse.Namespace], Split]] = {"digits": _digits, "cifar10": _cifar10}


def _as_images(X: Array, shape: Sequence[int] | None) -> Array:
    """Return rows as images of `shape`, unless that is None."""
    if shape is None:
        return X
    if X.ndim != 2:
        raise UsageError(f"--image-shape is for rows; these samples are images already, of shape {X.shape[1:]}")
    if X.shape[1] != np.prod(shape):
        raise UsageError(f"--image-shape must fit rows of {X.shape[1]} numbers, got {shape}")
    return X.reshape(-1, *shape)
