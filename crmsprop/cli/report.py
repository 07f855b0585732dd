"""What a run prints: the history as a table, and the result."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from crmsprop.cli.output import CURVES, HISTORY, MODEL

FORMATS = {"epoch": "d", "learning_rate": ".3g", "seconds": ".2f"}


def history_table(history: Mapping[str, Sequence[float | None]]) -> str:
    """Return a history as aligned text, an epoch a line, without the columns that were not measured."""
    columns = [_cells(name, values) for name, values in history.items() if any(value is not None for value in values)]
    return "\n".join("  ".join(row) for row in zip(*columns, strict=True))


def training_line(estimator: Any) -> str:
    """Return how long the training was, and why it ended early if it did."""
    seconds = sum(estimator.history_["seconds"])
    plural = "" if estimator.n_epochs_ == 1 else "s"
    line = f"trained {estimator.n_epochs_} epoch{plural} in {seconds:.1f} s"
    if not estimator.early_stopping:
        return line
    stopped = estimator.n_epochs_ - estimator.best_epoch_ >= estimator.patience
    kept = "its" if estimator.restore_best else "the last epoch's"
    why = "early stopping ended it, " if stopped else ""
    return f"{line}; {why}the best epoch was {estimator.best_epoch_}, {kept} weights are kept"


def result_lines(
    score: Mapping[str, float], n_samples: int, folder: Path, more: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Return the result on the test data, and where everything is; `more` are other files and what they are."""
    files = {
        MODEL: "the model, for crmsprop.load",
        HISTORY: "its history, an epoch a line",
        CURVES: "the picture of its learning curves",
        **more,
    }
    width = max(len(str(folder / name)) for name in files)
    lines = [f"{folder / name!s:{width}}  {meaning}" for name, meaning in files.items()]
    return "\n".join([f"{result_words(score, 'test ')} on {n_samples:,} samples", *lines])


def result_words(score: Mapping[str, float], part: str = "") -> str:
    """Return means, such as loss and accuracy, as words; `part` stands before each."""
    return ", ".join(f"{part}{name} {value:.4f}" for name, value in score.items() if not math.isnan(value))


def aligned(columns: Sequence[tuple[str, Sequence[str], str]]) -> str:
    """Return columns as a table: each has a name, its cells, and "<" or ">" for their side."""
    widths = [max(map(len, (name, *cells))) for name, cells, _ in columns]
    rows = zip(*((name, *cells) for name, cells, _ in columns), strict=True)
    sides = [side for _, _, side in columns]
    lines = [
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)) for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def _cells(name: str, values: Sequence[float | None]) -> list[str]:
    """Return a column as right-aligned cells under its name."""
    form = FORMATS.get(name, ".4f")
    if form == ".4f" and any(value is not None and abs(value) >= 1e6 for value in values):
        form = ".3e"  # a loss on its way to infinity
    cells = [name, *("" if value is None else format(value, form) for value in values)]
    width = max(len(cell) for cell in cells)
    return [cell.rjust(width) for cell in cells]
