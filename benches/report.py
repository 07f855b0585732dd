"""Makes RESULTS.md of the rows that the benches left in results/, and of the tables that are kept in tables/.

python -m benches.report
"""

import csv
import json
import statistics
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
HEAD = """# Results

Every table names its command. Times are medians of contenders that took turns in one process, on a shared virtual
machine: noisy, so read the ratios, and measure again. `python -m benches.report` makes this page.

![The fastest peer, in times of crmsprop's](results.png)
"""


def rmsprop_section(document: dict[str, Any]) -> str:
    """The step of RMSprop against its peers."""
    rows = document["rows"]
    names = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
    absent = sorted({name for row in rows for name in row["absent"]})
    lines = [
        "## One step of RMSprop",
        "",
        "    python -m pytest -c benches/pytest.ini benches/bench_rmsprop.py",
        "",
        "Microseconds, float32; every contender's result is checked first."
        + (f" Absent: {', '.join(absent)}." if absent else ""),
        "",
        "| arrays | " + " | ".join(names) + " |",
        "|---|" + "---|" * len(names),
    ]
    for row in rows:
        cells = [_microseconds(row["seconds"].get(name)) for name in names]
        lines.append(f"| {row['case']} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Times faster than each (above 1: crmsprop is faster), and bytes a second, 20 an element, against those of "
        "`np.copyto` of as many elements, 8 an element:",
        "",
        "| arrays | torch eager, the better | torch.compile | optax | numba | numba fastmath | GB/s | of the copy's |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_ratios(row) for row in rows]
    if options := document.get("options"):
        lines += [
            "",
            "Options: times the plain step's time (and times its bytes; a norm is one more read of the gradient). At "
            "100,000 elements the divider is the limit. l2 in float32: where the penalty cancels a constant gradient, "
            "the mean square becomes subnormal, which the processor computes slowly.",
        ]
        lines += [
            "",
            "| option | " + " | ".join(row["case"] for row in options) + " |",
            "|---|" + "---|" * len(options),
        ]
        for name in options[0]["relative"]:
            cells = ["{:.2f} ({:.1f})".format(*row["relative"][name]) for row in options]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    if update := document.get("update"):
        over = (update["rmsprop_update"] - update["empty"]) * 1e6
        lines += [
            "",
            f"`rmsprop_update` on 1,000 elements takes {update['rmsprop_update'] * 1e6:.2f} microseconds, {over:.2f} "
            "more than an empty Cython call with the same arguments.",
        ]
    return "\n".join([*lines, "", _conditions(document)])


def _ratios(row: dict[str, Any]) -> str:
    seconds = row["seconds"]
    ours = seconds["crmsprop"]
    eager = [seconds[name] for name in ("torch for-loop", "torch foreach") if name in seconds]
    peers = [min(eager) if eager else None]
    peers += [seconds.get(name) for name in ("torch.compile", "optax", "numba", "numba fastmath")]
    cells = ["-" if peer is None else f"{peer / ours:.2f}" for peer in peers]
    bandwidth = [f"{row['bandwidth'] / 1e9:.1f}", f"{row['bandwidth'] / row['copy']:.2f}"]
    return f"| {row['case']} | " + " | ".join([*cells, *bandwidth]) + " |"


def _microseconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value * 1e6:,.2f}" if value < 1e-5 else f"{value * 1e6:,.0f}"


def training_section(document: dict[str, Any]) -> str:
    """Epochs of the convolutional networks against the peers."""
    lines = [
        "## Training",
        "",
        "    CRMSPROP_TEST_CIFAR10=DATA_HOME python -m pytest -c benches/pytest.ini benches/bench_training.py",
        "",
        "Images of CIFAR-10 a second in the first epochs, everything included; in brackets how many times slower than "
        "crmsprop, which trains through `fit`.",
        "",
        *_epochs(document["rows"]),
    ]
    for row in document.get("along", []):
        rates = ", ".join(f"{rate:,.0f}" for rate in row["images_per_second"])
        lines += ["", f"{row['case']}, images a second in epochs {row['epochs']} of one training: {rates}."]
    for row in document.get("threads", []):
        lines += ["", f"{row['case']}: two threads train {row['ratio']:.2f} times as fast as one."]
    for row in document.get("augmented", []):
        times = ", ".join(f"with {name} {ratio:.2f} times" for name, ratio in row["ratios"].items())
        lines += ["", f"{row['case']}: an epoch takes {times} as long as without augmentation."]
    return "\n".join([*lines, "", _conditions(document)])


def mlp_section(document: dict[str, Any]) -> str:
    """Epochs of the perceptrons against the peers."""
    lines = [
        "## Training of perceptrons",
        "",
        "    python -m pytest -c benches/pytest.ini benches/bench_mlp.py",
        "",
        "Rows a second, everything included; in brackets how many times slower than crmsprop, which trains through "
        "`fit`. scikit-learn's MLPClassifier has Adam, not RMSprop.",
        "",
        *_epochs(document["rows"]),
    ]
    return "\n".join([*lines, "", _conditions(document)])


def _epochs(rows: list[dict[str, Any]]) -> list[str]:
    """A table of samples a second."""
    names = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
    lines = [
        "| network | " + " | ".join(names) + " | the fastest peer is slower by |",
        "|---|" + "---|" * (len(names) + 1),
    ]
    for row in rows:
        seconds = row["seconds"]
        ours = seconds["crmsprop"]
        cells = [
            "-" if name not in seconds else f"{row['images'] / seconds[name]:,.0f} ({seconds[name] / ours:.1f})"
            for name in names
        ]
        best = min(value for name, value in seconds.items() if name != "crmsprop")
        lines.append(f"| {row['case']} | " + " | ".join(cells) + f" | **{best / ours:.2f}** |")
    return lines


def predict_section(document: dict[str, Any]) -> str:
    """Prediction against the peers."""
    rows = document["rows"]
    names = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
    lines = [
        "## Prediction",
        "",
        "    CRMSPROP_TEST_CIFAR10=DATA_HOME python -m pytest -c benches/pytest.ini benches/bench_predict.py",
        "",
        "Microseconds a call, NumPy in and out through each library's public call; in brackets how many times as long "
        "as crmsprop takes.",
        "",
        "| network | " + " | ".join(names) + " |",
        "|---|" + "---|" * len(names),
    ]
    for row in rows:
        seconds = row["seconds"]
        cells = [
            "-" if name not in seconds else f"{seconds[name] * 1e6:,.0f} ({seconds[name] / seconds['crmsprop']:.1f})"
            for name in names
        ]
        lines.append(f"| {row['case']} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", _conditions(document)])


def search_section(document: dict[str, Any]) -> str:
    """Searches over hyper-parameters against skorch."""
    rows = document["rows"]
    names = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
    lines = [
        "## Search",
        "",
        "    python -m pytest -c benches/pytest.ini benches/bench_search.py",
        "",
        "Seconds of a GridSearchCV on the digits: 12 candidates, 3 folds, a perceptron of 64-100-10 in float32, 10 "
        "epochs in batches of 32; in brackets how many times as long as crmsprop takes. Processes that start have to "
        "import their library. The mean accuracy of all candidates and that of the best are compared first.",
        "",
        "| | " + " | ".join(names) + " | accuracies |",
        "|---|" + "---|" * (len(names) + 1),
    ]
    for row in rows:
        seconds = row["seconds"]
        cells = [
            "-" if name not in seconds else f"{seconds[name]:.2f} ({seconds[name] / seconds['crmsprop']:.1f})"
            for name in names
        ]
        accuracies = "; ".join(f"{name} {mean:.3f}, {best:.3f}" for name, (mean, best) in row["scores"].items())
        lines.append(f"| {row['case']} | " + " | ".join(cells) + f" | {accuracies} |")
    return "\n".join([*lines, "", _conditions(document)])


def kernels_section(document: dict[str, Any]) -> str:
    """Each kernel against the machine."""
    products = [row for row in document["rows"] if "gflops" in row]
    others = [row for row in document["rows"] if "gbytes" in row]
    lines = [
        "## Kernels",
        "",
        "    python -m pytest -c benches/pytest.ini benches/bench_kernels.py",
        "",
        "One thread, float32. Operations are those of the direct sum, of which Winograd and the sparse gradients skip "
        "most, and a dense layer behind a ReLU half: they can pass the peak.",
        "",
        "| product | GFLOP/s | of the FMA peak |",
        "|---|---|---|",
        *(f"| {row['case']} | {row['gflops']:.0f} | {row['of_peak']:.2f} |" for row in products),
        "",
        "| other | GB/s | of a copy's |",
        "|---|---|---|",
        *(f"| {row['case']} | {row['gbytes']:.1f} | {row['of_copy']:.2f} |" for row in others),
    ]
    return "\n".join([*lines, "", _conditions(document)])


def fine_tuning_section(document: dict[str, Any]) -> str:
    """Fine-tuning against training from scratch, and epochs with frozen features."""
    rows = document["rows"]
    names = list(rows[0]["accuracy"])
    each = {name: [100 * row["accuracy"][name] for row in rows] for name in names}
    each["gain"] = [tuned - scratch for tuned, scratch in zip(each[names[0]], each[names[1]], strict=True)]
    lines = [
        "## Fine-tuning",
        "",
        "    python -m benches.compare_fine_tuning DATA_HOME",
        "",
        "A network learns the eight other classes of CIFAR-10, and is fine-tuned to 100 training images each of cats "
        "and dogs: a new head on frozen features, then all layers. The same network learns these images from scratch. "
        "Accuracy on the 2,000 test images of cats and dogs; each seed has other images and another network before. "
        "Settings, the best of twelve for each way on 3,000 training images that neither learns from (`--choose`): "
        + "; ".join(f"{name}, {setting}" for name, setting in document["chosen"].items())
        + f". All of it takes {document['minutes']:.0f} minutes.",
        "",
        "| | " + " | ".join(each) + " |",
        "|---|" + "---|" * len(each),
    ]
    for i, row in enumerate(rows):
        cells = [*(f"{each[name][i]:.1f}%" for name in names), f"{each['gain'][i]:+.1f} points"]
        lines.append(f"| {row['case']} | " + " | ".join(cells) + " |")
    for word, function in (("mean", statistics.mean), ("standard deviation", statistics.stdev)):
        lines.append(f"| {word} | " + " | ".join(f"{function(values):.1f}" for values in each.values()) + " |")
    lines += [
        "",
        "Seconds of an epoch of 2,560 images in batches of 64, and what part of it remains with frozen features, with "
        "flips and shifts and without. Images that are not augmented pass the frozen layers in the first epoch alone, "
        "which is not counted.",
        "",
        "| network | augmented | frozen | not augmented | frozen |",
        "|---|---|---|---|---|",
    ]
    for row in document["epochs"]:
        seconds = row["seconds"]
        cells = []
        for kind in ("augmented", "not augmented"):
            whole, frozen = seconds[f"all layers, {kind}"], seconds[f"features frozen, {kind}"]
            cells += [f"{whole:.2f}", f"{frozen / whole:.2f}"]
        lines.append(f"| {row['case']} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", _conditions(document)])


def _conditions(document: dict[str, Any]) -> str:
    machine, versions = document["machine"], document["versions"]
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{machine['cores']} cores of {machine['cpu']}, {machine['system']}, Python {machine['python']}; {packages}. "
        f"{machine['date']}."
    )


SECTIONS = {
    "training": training_section,
    "mlp": mlp_section,
    "predict": predict_section,
    "search": search_section,
    "kernels": kernels_section,
    "rmsprop": rmsprop_section,
    "fine_tuning": fine_tuning_section,
}


def main() -> None:
    """Write RESULTS.md."""
    parts = [HEAD]
    for name, section in SECTIONS.items():
        path = FOLDER / "results" / f"{name}.json"
        if path.exists():
            parts.append(section(json.loads(path.read_text())))
    parts += [path.read_text().rstrip() for path in sorted((FOLDER / "tables").glob("*.md"))]
    draw()
    draw_curves()
    (FOLDER / "RESULTS.md").write_text("\n\n".join(part.strip() for part in parts) + "\n")


def draw() -> None:
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
    axes.margins(x=0.35)
    axes.set_xlabel("times as long as crmsprop takes, the fastest peer")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(FOLDER / "results.png", dpi=120)


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


if __name__ == "__main__":
    main()
