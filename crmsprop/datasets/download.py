"""Fetch the official archive. pooch verifies it under a temporary name and only then gives it its own."""

import contextlib
import importlib
from pathlib import Path
from types import ModuleType

from crmsprop.datasets.layouts import PICKLED
from crmsprop.errors import FileFormatError, MissingExtraError

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
# The page publishes MD5 c58f30108f718f92721af3b95e74349a, which no longer proves anything against a forger; Keras
# publishes the SHA-256 of the same file (keras/src/datasets/cifar10.py).
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"


def fetch_archive(data_home: Path) -> Path:
    """Download the official pickled archive (170 MB) into `data_home`, with a progress bar, and return its path.

    Raises
    ------
    MissingExtraError
        If pooch or tqdm is not installed.
    FileFormatError
        If what came does not have the published checksum; it is deleted.
    OSError
        If the download fails.
    """
    pooch = _import_pooch()
    is_new = not data_home.exists()
    try:
        fetched = pooch.retrieve(URL, f"sha256:{SHA256}", fname=PICKLED.archive, path=data_home, progressbar=True)
    except OSError as error:
        advice = f"fetch it by other means and put it into {data_home}"
        raise OSError(f"the download of {URL} into {data_home} failed ({error}); {advice}") from error
    except ValueError as error:
        raise FileFormatError(f"{URL} did not give the file with the published checksum; nothing was kept") from error
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # it holds something: the archive
                data_home.rmdir()
    return Path(fetched)


def _import_pooch() -> ModuleType:
    try:
        pooch = importlib.import_module("pooch")
        importlib.import_module("tqdm")  # pooch draws its progress bar with it, and would miss it only later
    except ImportError as error:
        raise MissingExtraError(
            'the download of CIFAR-10 needs pooch and tqdm: pip install "crmsprop[cli]"; '
            f"or fetch {URL} by other means and give its folder as data_home"
        ) from error
    return pooch
