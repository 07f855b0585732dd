"""How the chapters run: in which order, and with warnings as errors."""

import warnings
from pathlib import Path

#: The files of docs/chapters, in the order in which they are read.
NAMES = (
    "learning_rate",
    "schedules",
    "rho",
    "epsilon",
    "penalties",
    "augmentation",
    "early_stopping",
    "batch_normalization",
    "deeper_networks",
    "fine_tuning",
    "cifar10",
)


class Order:
    """What sphinx-gallery sorts the files of a folder by."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, filename: str) -> int:
        return NAMES.index(Path(filename).stem)

    def __repr__(self) -> str:  # in Sphinx's cache: the same in every build
        return "<Order>"


#: The filters of the build itself, while a chapter runs.
_before: list[list[object]] = []


def warnings_are_errors(config: dict[str, object], filename: str, when: str) -> None:
    """Called before and after each chapter."""
    if when == "before":
        _before.append(warnings.filters[:])
        warnings.simplefilter("error")
    else:
        warnings.filters[:] = _before.pop()
