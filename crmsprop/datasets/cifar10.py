"""CIFAR-10: 60,000 colour photographs of ten kinds of thing (Krizhevsky, 2009)."""

import os
from collections.abc import Iterator
from pathlib import Path

from crmsprop.datasets.archive import read_archive
from crmsprop.datasets.batch import Batch, Split, assemble
from crmsprop.datasets.download import URL, fetch_archive
from crmsprop.datasets.layouts import LAYOUTS, PICKLED, Layout, RawBatch, read_folder
from crmsprop.errors import check_bool

#: The name of each label, in the order of the labels 0 to 9.
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def load_cifar10(data_home: str | os.PathLike[str] | None = None, download: bool = True) -> Split:
    """Return CIFAR-10 as two pairs of images and labels.

    It is taken from the first of these that is there: the folder ``cifar-10-batches-py`` (pickled) or
    ``cifar-10-batches-bin`` (binary) in `data_home`, or `data_home` itself if it holds those files; the archive
    ``cifar-10-python.tar.gz`` or ``cifar-10-binary.tar.gz`` in `data_home`, which is read in memory; a download of the
    former. Pickled files are never unpickled, only read, so that files from strangers run nothing. Only a download is
    held against the published checksum. Batches of fewer than 10,000 images are read, if all six are equally long.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder to look in and to download to. None means the environment variable ``CRMSPROP_DATA`` or, without it,
        ``~/crmsprop_data``.
    download : bool, default=True
        Whether to download the official archive (170 MB; needs the extra ``cli``) if there is nothing in `data_home`.

    Returns
    -------
    X_train : uint8 array of shape (50000, 32, 32, 3)
        The images as (n, height, width, channels), 0 to 255, red, green and blue.
    y_train : int64 array of shape (50000,)
        Their labels, 0 to 9; `CIFAR10_CLASSES` has the names.
    X_test : uint8 array of shape (10000, 32, 32, 3)
        The test images.
    y_test : int64 array of shape (10000,)
        The test labels.

    Raises
    ------
    FileNotFoundError
        If there is nothing in `data_home` and `download` is False.
    FileFormatError
        If what is there is incomplete, damaged or hostile, or the download does not have the published checksum.
    MissingExtraError
        If a download is needed and pooch or tqdm is not installed.
    OSError
        If a file cannot be read, or the download fails.

    References
    ----------
    A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009;
    https://www.cs.toronto.edu/~kriz/cifar.html

    Examples
    --------
    Six batches of one black horse each, in the official binary layout:

    >>> import pathlib, tempfile
    >>> from crmsprop.datasets import CIFAR10_CLASSES, load_cifar10
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]:
    ...         _ = pathlib.Path(folder, name + ".bin").write_bytes(bytes([7]) + bytes(3072))
    ...     (X_train, y_train), (X_test, y_test) = load_cifar10(folder, download=False)
    >>> X_train.shape, X_test.shape, CIFAR10_CLASSES[y_test[0]]
    ((5, 32, 32, 3), (1, 32, 32, 3), 'horse')
    """
    check_bool("download", download)
    home = _data_folder(data_home)
    found = _find(home)
    if found is None and not download:
        raise FileNotFoundError(_nothing_found(home))
    layout, files = found or (PICKLED, read_archive(fetch_archive(home), PICKLED))
    return assemble(_decode(layout, files))


def _data_folder(data_home: str | os.PathLike[str] | None) -> Path:
    if data_home is None:
        data_home = os.environ.get("CRMSPROP_DATA") or "~/crmsprop_data"
    if not isinstance(data_home, str | os.PathLike):
        raise TypeError(f"data_home must be a path or None, got {data_home!r}")
    try:
        home = Path(data_home).expanduser()
    except RuntimeError as error:
        raise ValueError(f"data_home must name a home folder that exists, got {os.fspath(data_home)!r}") from error
    if home.exists() and not home.is_dir():
        raise ValueError(f"data_home must be a folder, got {str(home)!r}")
    return home


def _find(home: Path) -> tuple[Layout, Iterator[RawBatch]] | None:
    """Return the first source in `home`. A folder with at least one batch is one: what it lacks is then an error."""
    for layout in LAYOUTS:
        for folder in (home / layout.folder, home):
            if any((folder / name).exists() for name in layout.files):
                return layout, read_folder(folder, layout)
    for layout in LAYOUTS:
        if (home / layout.archive).exists():
            return layout, read_archive(home / layout.archive, layout)
    return None


def _nothing_found(home: Path) -> str:
    places = [f"{layout.folder}/" for layout in LAYOUTS] + [layout.archive for layout in LAYOUTS]
    return (
        f"no CIFAR-10 in data_home={str(home)!r}: looked there for {', '.join(places)} and for the batches themselves; "
        f"give the folder that has them as data_home, or put {URL} there, or allow download=True"
    )


def _decode(layout: Layout, files: Iterator[RawBatch]) -> Iterator[tuple[int, str, Batch]]:
    for index, source, data in files:
        yield index, source, layout.decode(data, source)
