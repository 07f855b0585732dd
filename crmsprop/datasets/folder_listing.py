"""Which pictures a folder holds for each class, and which of them are held out; none is opened yet."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmsprop.errors import FileFormatError, check_real, shown

#: What the names of pictures end in, in any case.
EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp")
#: Pictures of telephones and cameras, which are not read.
UNREAD = (".avif", ".heic", ".heif")
#: What systems leave in folders, beside names that begin with a dot.
LITTER = ("__macosx", "desktop.ini", "thumbs.db")
#: What the folder beside ``train`` can be called.
TEST_NAMES = ("test", "val", "valid", "validation")
LAYOUT = "FOLDER/class/picture, or FOLDER/train/class/picture and FOLDER/test/class/picture"


class Listing(NamedTuple):
    """Pictures that are not read yet.

    Attributes
    ----------
    paths : list of Path
    labels : list of str
        The class of each.
    others : list of Path
        Files that lay beside them and are no pictures by their names, and pictures that lie in no class.
    """

    paths: list[Path]
    labels: list[str]
    others: list[Path]

    def take(self, places: Iterable[int]) -> "Listing":
        """Return the pictures at these places."""
        return Listing([self.paths[i] for i in places], [self.labels[i] for i in places], self.others)


def list_parts(
    folder: str | os.PathLike[str], test_fraction: float = 0.2, random_state: Any = 0
) -> tuple[Listing, Listing]:
    """Return what is to be read as training and as test data; parameters and errors as those of `load_image_folder`."""
    from sklearn.utils import check_random_state

    fraction = check_real("test_fraction", test_fraction, "[0, 1)")
    rng = check_random_state(random_state)
    root = _folder(folder)
    if (parts := _parts_in(root)) is None:
        return _held_out(list_classes(root), fraction, rng)
    train, test = map(list_classes, parts)
    if unknown := sorted(set(test.labels) - set(train.labels)):
        raise FileFormatError(f"{parts[1]} has classes that {parts[0]} lacks, such as {shown(unknown[0])}")
    return train.take(rng.permutation(len(train.paths))), test


def list_classes(root: Path) -> Listing:
    """Return the pictures in the folders in a folder, ordered by class and name; errors as `load_image_folder`."""
    found = Listing([], [], [])
    for folder in _folders_in(root):
        pictures, others = _files_in(folder)
        found.paths.extend(pictures)
        found.labels.extend([_label(folder)] * len(pictures))
        found.others.extend(others)
    loose = [path for path in _entries(root) if path.suffix.lower() in (*EXTENSIONS, *UNREAD) and path.is_file()]
    if not found.paths:
        plural = "" if len(loose) == 1 else "s"
        got = f"{len(loose)} picture{plural} and no folders" if loose else "no folders"
        raise FileFormatError(f"{root} must hold a folder of pictures for each class, got {got}: {LAYOUT}")
    found.others.extend(loose)
    return found


def skipped(others: Sequence[Path]) -> str:
    """Return what to say of files that are no pictures by their names, and of pictures that are of no class."""
    loose = [path for path in others if path.suffix.lower() in EXTENSIONS]
    unknown = [path for path in others if path.suffix.lower() not in EXTENSIONS]
    told = [_told_of_unknown(unknown)] if unknown else []
    if loose:
        kind = "1 picture that lies" if len(loose) == 1 else f"{len(loose)} pictures that lie"
        told.append(f"{kind} in no folder of a class {_skipped(loose)}")
    return "; ".join(told)


def _told_of_unknown(unknown: Sequence[Path]) -> str:
    known = ", ".join(name.removeprefix(".") for name in EXTENSIONS)
    one, several = "1 file that is no picture by its name", f"{len(unknown)} files that are no pictures by their names"
    kind = one if len(unknown) == 1 else several
    unread = sorted({path.suffix.lower() for path in unknown} & set(UNREAD))
    remedy = f"; save {', '.join(unread)} as JPEG" if unread else ""
    return f"{kind} ({known}) {_skipped(unknown)}{remedy}"


def _skipped(paths: Sequence[Path]) -> str:
    return f"was skipped: {paths[0]}" if len(paths) == 1 else f"were skipped, such as {paths[0]}"


# what is in a folder


def _folder(folder: str | os.PathLike[str]) -> Path:
    if not isinstance(folder, str | os.PathLike):
        raise TypeError(f"folder must be a path, got {shown(folder)}")
    path = Path(folder).expanduser()
    if path.exists() and not path.is_dir():
        raise FileFormatError(f"folder must be a folder, got the file {str(path)!r}")
    return path


def _entries(folder: Path) -> list[Path]:
    """Return what is in a folder, ordered by name, without what is hidden."""
    return sorted(
        path for path in folder.iterdir() if not path.name.startswith(".") and path.name.lower() not in LITTER
    )


def _folders_in(folder: Path) -> list[Path]:
    return [path for path in _entries(folder) if path.is_dir()]


def _parts_in(root: Path) -> tuple[Path, Path] | None:
    """Return the folders of the training and of the test data, where a folder holds these two and they hold folders."""
    folders = sorted(_folders_in(root), key=lambda folder: folder.name != "train")
    parts = [folder.name for folder in folders if folder.name in ("train", *TEST_NAMES) and _folders_in(folder)]
    if "train" in parts and len(parts) > 2:
        raise FileFormatError(f"{root} must hold train and one other part, got {', '.join(parts)}: move the rest away")
    if len(folders) != 2 or folders[0].name != "train" or folders[1].name not in TEST_NAMES:
        return None
    return (folders[0], folders[1]) if all(map(_folders_in, folders)) else None


def _files_in(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the pictures of a class, and other files; FileFormatError unless there are pictures and no folders."""
    pictures: list[Path] = []
    others: list[Path] = []
    for path in _entries(folder):
        if path.is_dir():
            raise FileFormatError(f"{folder} must hold the pictures of a class, got the folder {path.name}: {LAYOUT}")
        (pictures if path.suffix.lower() in EXTENSIONS else others).append(path)
    if not pictures:
        note = f"; {skipped(others)}" if others else ": remove it, or add some"
        raise FileFormatError(f"{folder} must hold the pictures of a class, got none{note}")
    return pictures, others


def _label(folder: Path) -> str:
    """Return the name of a class, which has to fit into a file of the model."""
    try:
        folder.name.encode()
    except UnicodeEncodeError as error:
        raise FileFormatError(f"the name of a class must be Unicode, got the folder {str(folder)!a}") from error
    return folder.name


# which is held out


def _held_out(found: Listing, fraction: float, rng: Any) -> tuple[Listing, Listing]:
    """Return the pictures to train on, shuffled, and about this share of each class, at least one.

    A picture is held out for its name and that of its class: whatever is added to the folder, or taken out of it, no
    other one changes sides, and a model that is tested later has not learned from what it is tested with.
    """
    salt = int(rng.randint(2**31 - 1))
    draws = np.array([_draw(salt, path) for path in found.paths])
    labels = np.array(found.labels)
    held_out = np.zeros(len(labels), bool)
    for name in np.unique(labels):
        (places,) = np.nonzero(labels == name)
        held_out[places[_chosen(str(name), draws[places], fraction)]] = True
    places = rng.permutation(len(labels))
    return found.take(places[~held_out[places]]), found.take(np.nonzero(held_out)[0])._replace(others=[])


def _draw(salt: int, path: Path) -> float:
    """A number in [0, 1) for the class and the name of a picture, the same wherever the folder lies."""
    name = os.fsencode(f"{salt}/{path.parent.name}/{path.name}")
    return int.from_bytes(hashlib.blake2b(name, digest_size=6).digest()) / 2**48


def _chosen(name: str, draws: NDArray[np.float64], fraction: float) -> NDArray[np.bool_]:
    """Which pictures of a class are held out: the draws below the fraction, but one at least, and never all."""
    if fraction == 0:
        return np.zeros(len(draws), bool)
    if len(draws) < 2:
        raise ValueError(
            f"class {shown(name)} must have 2 pictures or more, one of them to be held out, got {len(draws)}: add "
            "some, or put those to test with into folders of their own, FOLDER/test/class/picture beside "
            "FOLDER/train/class/picture"
        )
    smallest, *_, largest = np.sort(draws)
    chosen: NDArray[np.bool_] = ((draws < fraction) | (draws == smallest)) & (draws != largest)
    return chosen
