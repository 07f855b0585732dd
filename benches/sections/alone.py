"""crmsprop by itself: its kernels, its memory and its import, and fine-tuning against training from scratch."""

import statistics
from typing import Any

from benches.sections.conditions import conditions


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
    return "\n".join([*lines, "", conditions(document)])


def footprint_section(document: dict[str, Any]) -> str:
    """Memory of a fit, and time of an import."""
    memory, (ours, theirs) = document["memory"], document["imports"].values()
    lines = [
        "## Memory and import",
        "",
        "    CRMSPROP_TEST_CIFAR10=DATA_HOME python -m pytest -c benches/pytest.ini benches/bench_footprint.py",
        "",
        f"`CNNClassifier.fit`, the reference CNN on {memory['images']:,} uint8 images ({memory['data'] / 1e6:.0f} MB), "
        f"batches of 32: adds {memory['added'] / 1e6:.1f} MB at most to the {memory['before'] / 1e6:.0f} MB that the "
        f"process holds before. `import crmsprop` takes {ours:.2f} s, `import sklearn.neural_network` {theirs:.2f} s: "
        f"{ours / theirs:.2f} times as long.",
    ]
    return "\n".join([*lines, "", conditions(document)])


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
    return "\n".join([*lines, "", conditions(document)])
