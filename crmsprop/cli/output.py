"""The folder that a run leaves: the model, its history as CSV, and a picture of its learning curves."""

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from crmsprop.cli.parser import UsageError
from crmsprop.display import TrainingHistoryDisplay

DEFAULT_FOLDER = "crmsprop-run"
MODEL, HISTORY, CURVES = FILES = ("model.crms", "history.csv", "learning_curves.png")

#: What marks a folder that a run is about to fill.
CLAIM = ".crmsprop-running"

Columns = Mapping[str, Sequence[float | None]]


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the results go, and how much is shown."""
    group = parser.add_argument_group("output")
    group.add_argument(
        "--output",
        type=lambda text: Path(text).expanduser(),
        metavar="DIR",
        help=f"a new or empty folder for {', '.join(FILES)} (default: {DEFAULT_FOLDER} in the current folder, or the "
        f"first of {DEFAULT_FOLDER}-2, {DEFAULT_FOLDER}-3, ... that does not exist)",
    )
    group.add_argument(
        "--quiet",
        action="store_true",
        help="show no progress and no table, only the result and where it is (default: show them)",
    )


@contextmanager
def output_folder(wanted: Path | None) -> Iterator[Path]:
    """Make the folder of a run, and unmake it if the run fails: then nothing of ours stays.

    Raises
    ------
    UsageError
        If `wanted` is there and not an empty folder.
    OSError
        If the folder cannot be made or written to.
    """
    with ExitStack() as undo:
        folder = _numbered_folder(undo) if wanted is None else _wanted_folder(wanted, undo)
        claim = folder / CLAIM
        claim.touch(exist_ok=False)  # no other run may take the folder, and one that cannot be written to fails now
        undo.callback(_remove_results, folder)
        undo.callback(claim.unlink, missing_ok=True)
        yield folder
        claim.unlink()
        undo.pop_all()


def write_results(folder: Path, estimator: Any) -> None:
    """Write model, history and learning curves of a fitted estimator."""
    estimator.save(folder / MODEL)
    write_history(folder / HISTORY, estimator.history_)
    draw_curves(folder / CURVES, estimator.history_)


def write_history(path: Path, history: Columns) -> None:
    """Write a history as CSV, an epoch a line; what was not measured is empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(history)
        writer.writerows(zip(*history.values(), strict=True))


def draw_curves(path: Path, history: Columns) -> None:
    """Draw a history as PNG; without pyplot, so that no display is needed and no setting of matplotlib changed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    TrainingHistoryDisplay.from_history(history, ax=figure)
    figure.savefig(path, dpi=120, format="png")


def _numbered_folder(undo: ExitStack) -> Path:
    for number in count(1):
        folder = Path(DEFAULT_FOLDER if number == 1 else f"{DEFAULT_FOLDER}-{number}")
        with suppress(FileExistsError):
            _make(folder, undo)
            break
    return folder


def _wanted_folder(wanted: Path, undo: ExitStack) -> Path:
    missing = [path for path in (wanted, *wanted.parents) if not path.exists()]
    if not missing and not (wanted.is_dir() and _is_empty(wanted)):
        raise UsageError(f"--output must be a new or an empty folder, got {str(wanted)!r}")
    for path in reversed(missing):
        _make(path, undo)
    return wanted


def _make(folder: Path, undo: ExitStack) -> None:
    folder.mkdir()
    undo.callback(_remove_if_empty, folder)


def _is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


def _remove_results(folder: Path) -> None:
    for name in FILES:
        (folder / name).unlink(missing_ok=True)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # somebody else's files are in it
        folder.rmdir()
