"""The folder that a run leaves, such as the model, its history as CSV, and a picture of its learning curves."""

import argparse
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from crmsprop.cli.parser import UsageError
from crmsprop.cli.resuming import CHECKPOINT, CLAIM, can_go_on, held_claim, note_way_on
from crmsprop.display import TrainingHistoryDisplay
from crmsprop.errors import DivergenceError
from crmsprop.files import write_file

DEFAULT_FOLDER = "crmsprop-run"
MODEL, HISTORY, CURVES = FILES = ("model.crms", "history.csv", "learning_curves.png")

Columns = Mapping[str, Sequence[float | None]]


def add_output_options(
    parser: argparse.ArgumentParser, default: str = DEFAULT_FOLDER, files: Sequence[str] = FILES
) -> None:
    """Add the options that say where the results go, by default and as which files, and how much is shown."""
    group = parser.add_argument_group("output")
    group.add_argument(
        "--output",
        type=lambda text: Path(text).expanduser(),
        metavar="DIR",
        help=f"a new or empty folder for {', '.join(files)} (default: {default} in the current folder, or the "
        f"first of {default}-2, {default}-3, ... that does not exist)",
    )
    add_quiet_option(group)


def add_quiet_option(group: Any, hidden: str = "progress and no table, only the result and where it is") -> None:
    """Add the option that says how much is shown; `hidden` is what is not."""
    group.add_argument("--quiet", action="store_true", help=f"show no {hidden} (default: show them)")


def check_output(wanted: Path | None) -> None:
    """Raise UsageError where `output_folder` would for what is there: before the data are read."""
    if wanted is not None and wanted.exists() and not (wanted.is_dir() and _is_empty(wanted)):
        raise UsageError(f"--output must be a new or an empty folder, got {str(wanted)!r}")


@contextmanager
def output_folder(
    wanted: Path | None,
    default: str = DEFAULT_FOLDER,
    files: Sequence[str] = FILES,
    arguments: Sequence[str] = (),
) -> Iterator[Path]:
    """Make the folder of a run, and unmake it if the run fails: then nothing of ours stays.

    A model stays, and what was written with it: it may be hours of work. A training that has left a checkpoint stays,
    for `resumed_folder`; the error says so. One that diverged does not: it would diverge again.

    Parameters
    ----------
    wanted : Path or None
        None for a folder of the name `default`, or with a number behind it.
    default : str, default="crmsprop-run"
    files : sequence of str
        What the run writes there.
    arguments : sequence of str, default=()
        Those of the command line, where the run can be resumed.

    Yields
    ------
    Path

    Raises
    ------
    UsageError
        If `wanted` is there and not an empty folder.
    OSError
        If the folder cannot be made or written to.
    """
    with ExitStack() as undo:
        folder = _numbered_folder(default, undo) if wanted is None else _wanted_folder(wanted, undo)
        claim = folder / CLAIM
        claim.touch(exist_ok=False)  # no other run may take the folder, and one that cannot be written to fails now
        undo.callback(claim.unlink, missing_ok=True)
        try:
            with held_claim(claim, arguments):
                yield folder
        except BaseException as error:
            _remove_results(folder, (*files, CHECKPOINT) if isinstance(error, DivergenceError) else files)
            if can_go_on(folder):
                note_way_on(error, folder)
                undo.pop_all()
            raise
        if not can_go_on(folder):
            claim.unlink()
        undo.pop_all()


@contextmanager
def written_results(folder: Path, estimator: Any) -> Iterator[None]:
    """Write model, history and learning curves of a fitted estimator, and then do what else may fail.

    The model is first; from then on an error says where it is.
    """
    estimator.save(folder / MODEL)
    try:
        write_table(folder / HISTORY, estimator.history_)
        draw_curves(folder / CURVES, estimator.history_)
        yield
    except BaseException as error:
        error.add_note(f"the model is in {folder / MODEL}")
        raise


def write_table(path: Path, columns: Columns) -> None:
    """Write columns as CSV, such as a history, an epoch a line; what was not measured is empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_file(path, text.getvalue().encode())


def draw_curves(path: Path, history: Columns) -> None:
    """Draw a history as PNG; without pyplot, so that no display is needed and no setting of matplotlib changed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    TrainingHistoryDisplay.from_history(history, ax=figure)
    write_picture(path, figure)


def write_picture(path: Path, figure: Any) -> None:
    """Write a figure of matplotlib as PNG, wholly or not at all."""
    picture = io.BytesIO()
    figure.savefig(picture, dpi=120, format="png")
    write_file(path, picture.getbuffer())


def _numbered_folder(default: str, undo: ExitStack) -> Path:
    for number in count(1):
        folder = Path(default if number == 1 else f"{default}-{number}")
        with suppress(FileExistsError):
            _make(folder, undo)
            break
    return folder


def _wanted_folder(wanted: Path, undo: ExitStack) -> Path:
    check_output(wanted)
    missing = [path for path in (wanted, *wanted.parents) if not path.exists()]
    for path in reversed(missing):
        _make(path, undo)
    return wanted


def _make(folder: Path, undo: ExitStack) -> None:
    folder.mkdir()
    undo.callback(_remove_if_empty, folder)


def _is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


def _remove_results(folder: Path, files: Sequence[str]) -> None:
    """Remove what a run that failed has written, unless its model is there: that is whole, as every file of ours."""
    for name in () if (folder / MODEL).exists() else files:
        (folder / name).unlink(missing_ok=True)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # somebody else's files are in it
        folder.rmdir()
