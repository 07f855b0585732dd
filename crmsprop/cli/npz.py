"""A data set of the user's own, from a file by ``numpy.savez``; nothing in it is unpickled."""

import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from crmsprop.cli.npy import Array, check_inflated, read_member, reason
from crmsprop.cli.targets import CLASSES, Targets
from crmsprop.errors import FileFormatError
from crmsprop.files import regular_only

Pair = tuple[Array, Array]

TEST_FRACTION = 0.2


def read_npz(path: Path, targets: Targets = CLASSES) -> tuple[Pair, Pair]:
    """Return training and test data from the arrays X, y, X_test and y_test; or from X and y, a fifth of them as test.

    `targets` is what y has to hold.

    Raises
    ------
    FileFormatError
        If the file is no .npz archive, is damaged, lacks an array, or has one of the wrong shape or type.
    OSError
        If it cannot be read.
    """
    train, test = _read_pairs(path, targets)
    return _split(path, *train, targets) if test is None else (train, test)


def read_whole_npz(path: Path, targets: Targets = CLASSES) -> Pair:
    """Return all samples of a file: X and y, and behind them X_test and y_test, if they are there.

    Raises
    ------
    FileFormatError, OSError
        As `read_npz`, but no class can have too few samples.
    """
    train, test = _read_pairs(path, targets)
    return train if test is None else (np.concatenate([train[0], test[0]]), np.concatenate([train[1], test[1]]))


def _read_pairs(path: Path, targets: Targets) -> tuple[Pair, Pair | None]:
    """Return X and y, and X_test and y_test if they are there, all checked."""
    arrays, others = read_arrays(path, ("X", "y", "X_test", "y_test"))
    if "X" not in arrays or "y" not in arrays:
        raise FileFormatError(f"{path} must hold the arrays X and y, got {', '.join(others) or 'none':.200}")
    train = _checked_pair(path, arrays, "X", "y", targets)
    if "X_test" not in arrays and "y_test" not in arrays:
        return train, None
    test = _checked_pair(path, arrays, "X_test", "y_test", targets)
    _check_alike(path, train, test, targets)
    return train, test


def read_arrays(path: Path, wanted: Sequence[str]) -> tuple[dict[str, Array], list[str]]:
    """Return the arrays in an .npz file that are `wanted`, as far as they are there, and the names of all.

    Raises
    ------
    FileFormatError
        If the file is no .npz archive or is damaged, or an array holds Python objects.
    OSError
        If it cannot be read.
    """
    with open(path, "rb", opener=regular_only) as file:
        if not zipfile.is_zipfile(file):
            raise FileFormatError(f"{path} must be an .npz file as numpy.savez writes it, got something else")
        try:
            with zipfile.ZipFile(file) as archive:
                members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
                found = [name for name in wanted if name in members]
                check_inflated([members[name] for name in found], os.fstat(file.fileno()).st_size)
                return {name: read_member(archive, members[name], name) for name in found}, list(members)
        except Exception as error:  # a hostile archive makes zipfile, its decompressors and numpy raise many types
            raise FileFormatError(f"{path} cannot be read: {reason(error)}") from error


def _checked_pair(path: Path, arrays: dict[str, Array], x_name: str, y_name: str, targets: Targets) -> Pair:
    if (x_name in arrays) != (y_name in arrays):
        raise FileFormatError(f"{path} must hold both {x_name} and {y_name}, or neither")
    X, y = arrays[x_name], arrays[y_name]
    if X.ndim not in (2, 3, 4) or X.dtype.kind not in "biuf":
        shapes = "(n, height, width[, channels]) or (n, features)"
        raise FileFormatError(f"{path}: {x_name} must hold numbers of shape {shapes}, got {X.dtype} of {X.shape}")
    with _of_file(path):
        targets.check(y_name, y, x_name, len(X))
    if not X.size:
        raise FileFormatError(f"{path}: {x_name} must not be empty, got shape {X.shape}")
    if X.dtype.kind == "f" and not np.isfinite(X).all():
        raise FileFormatError(f"{path}: {x_name} must be finite, got NaN or infinity")
    return X, y


def _check_alike(path: Path, train: Pair, test: Pair, targets: Targets) -> None:
    """FileFormatError where a test would fail: after the training, if nobody looked before."""
    if test[0].shape[1:] != train[0].shape[1:] or test[0].dtype != train[0].dtype:
        wanted, got = (f"{X.dtype} samples of shape {X.shape[1:]}" for X in (train[0], test[0]))
        raise FileFormatError(f"{path}: X_test must hold {wanted}, as X, got {got}")
    with _of_file(path):
        targets.check_alike(train[1], test[1])


@contextmanager
def _of_file(path: Path) -> Iterator[None]:
    """Name the file in what is said against its arrays."""
    try:
        yield
    except ValueError as error:
        raise FileFormatError(f"{path}: {error}") from error


def _split(path: Path, X: Array, y: Array, targets: Targets) -> tuple[Pair, Pair]:
    """Hold out a fifth, of each class where there are classes, the same one every time."""
    strata = targets.strata(y)
    try:
        rows = train_test_split(np.arange(len(X)), test_size=TEST_FRACTION, stratify=strata, random_state=0)
    except ValueError as error:
        raise FileFormatError(
            f"{path} has too few samples to hold out a fifth{'' if strata is None else ' of each class'} as the test "
            f"set ({error}): add the arrays X_test and y_test"
        ) from error
    # The rows come shuffled, so that the last of them are a fair sample of a file that is sorted by label.
    train, test = rows
    return (X[train], y[train]), (X[test], y[test])
