"""Pictures of the results: results.png, and learning_curves.png, which the README shows."""

import csv
import json
from pathlib import Path

FOLDER = Path(__file__).parent


def draw_ratios() -> None:
    """Draw results.png: how many times as long the fastest peer takes."""
    from matplotlib.figure import Figure

    bars = {}
    for name, word in (("predict", "predict"), ("mlp", "train"), ("training", "train")):
        for row in json.loads((FOLDER / "results" / f"{name}.json").read_text())["rows"]:
            ours = row["seconds"]["crmsprop"]
            peer, seconds = min(
                ((peer, value) for peer, value in row["seconds"].items() if peer != "crmsprop"),
                key=lambda item: item[1],
            )
            bars[f"{word} {row['case']}"] = (seconds / ours, peer)
    figure = Figure(figsize=(8, 0.4 * len(bars) + 1), layout="constrained")
    axes = figure.subplots()
    drawn = axes.barh(list(bars), [ratio for ratio, _ in bars.values()], color="tab:blue")
    axes.bar_label(drawn, [f" {ratio:.1f} ({peer})" for ratio, peer in bars.values()])
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("time of the fastest peer, divided by that of crmsprop")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(FOLDER / "results.png", dpi=120, bbox_inches="tight")  # the labels behind the bars are within


def draw_curves() -> None:
    """Draw learning_curves.png, which the README shows: the history that is a table in RESULTS.md."""
    from matplotlib.figure import Figure

    from crmsprop.display import TrainingHistoryDisplay

    with (FOLDER / "results" / "fast_cifar10.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    history = {name: [float(row[name]) for row in rows] for name in rows[0]}
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    TrainingHistoryDisplay.from_history(history, ax=figure)
    figure.savefig(FOLDER / "learning_curves.png", dpi=100)
