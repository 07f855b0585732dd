"""The candidates of a search by their scores: as text, as CSV, and as a picture."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crmsprop.cli.output import write_picture, write_table
from crmsprop.cli.report import aligned
from crmsprop.cli.trials import Trial, ranked
from crmsprop.display import SearchHeatmapDisplay
from crmsprop.display.candidates import is_number

TABLE, PICTURE = STANDINGS = ("search.csv", "search.png")

#: Candidates that are printed; the file has all of them.
SHOWN = 20


def standings_table(trials: Sequence[Trial]) -> str:
    """Return the best candidates as a table, a line each, and in words what is not in it."""
    farthest: dict[str, Trial] = {}
    for trial in ranked(trials):
        farthest.setdefault(str(trial), trial)  # that of the last rung, which comes first
    order = [trial for trial in farthest.values() if not math.isnan(trial.mean)]
    shown = order[:SHOWN]
    columns = [
        ("rank", [str(i) for i in range(1, len(shown) + 1)], ">"),
        *((name, [trial.candidate[name].words for trial in shown], ">") for name in trials[0].candidate),
        *([("epochs", [str(trial.epochs) for trial in shown], ">")] if _has_rungs(trials) else []),
        ("mean", [f"{trial.mean:.4f}" for trial in shown], ">"),
        ("std", [f"{trial.std:.4f}" for trial in shown], ">"),
        ("seconds", [f"{trial.seconds:.2f}" for trial in shown], ">"),
    ]
    return "\n".join([aligned(columns), *_not_shown(trials, len(order))])


def _not_shown(trials: Sequence[Trial], n_scored: int) -> list[str]:
    lines = [f"and {n_scored - SHOWN} more"] if n_scored > SHOWN else []
    problems = [trial for trial in trials if trial.problem]
    if problems:
        lines.append(f"no score for {len(problems)}, such as {problems[0]}: {problems[0].problem}")
    return lines


def write_standings(folder: Path, trials: Sequence[Trial], scoring: str) -> None:
    """Write the trials that have an outcome as CSV, and, where one has a mean, a picture of them."""
    known = [trial for trial in ranked(trials) if trial.outcomes]
    write_table(folder / TABLE, _columns(known))
    if any(not math.isnan(trial.mean) for trial in known):
        _draw(folder / PICTURE, known, scoring)


def _columns(order: Sequence[Trial]) -> dict[str, list[Any]]:
    """Return the columns, with the names of ``cv_results_``, the best first; what is not known is None."""
    means = [_known(trial.mean) for trial in order]
    return {
        "rank": [None if mean is None else rank for rank, mean in enumerate(means, start=1)],
        **{f"param_{name}": [trial.candidate[name].words for trial in order] for name in order[0].candidate},
        **({"iter": [t.rung for t in order], "n_resources": [t.epochs for t in order]} if _has_rungs(order) else {}),
        "mean_test_score": means,
        "std_test_score": [_known(trial.std) for trial in order],
        **{f"split{i}_test_score": [_known(t.scores[i]) for t in order] for i in range(order[0].n_splits)},
        "mean_fit_time": [_known(trial.seconds) for trial in order],
        "problem": [trial.problem or None for trial in order],
    }


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number


def _has_rungs(trials: Sequence[Trial]) -> bool:
    return any(trial.rung for trial in trials)


def _draw(path: Path, trials: Sequence[Trial], scoring: str) -> None:
    """Draw the means as PNG; without pyplot, so that no display is needed."""
    from matplotlib.figure import Figure

    figure, rungs = Figure(figsize=(7.5, 5), layout="constrained"), _has_rungs(trials)
    results = {
        "params": [{**_drawn(trial), **({"max_epochs": trial.epochs} if rungs else {})} for trial in trials],
        f"mean_test_{scoring}": [trial.mean for trial in trials],
        f"std_test_{scoring}": [trial.std for trial in trials],
    }
    SearchHeatmapDisplay.from_cv_results(results, metric=scoring, ax=figure)
    write_picture(path, figure)


def _drawn(trial: Trial) -> dict[str, Any]:
    """Return the parameters as they stand on the axes: numbers in order, all else as words."""
    return {name: value if is_number(value) else words for name, (words, value) in trial.candidate.items()}
