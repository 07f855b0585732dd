"""Training and prediction of networks, and searches, against the peers."""

from typing import Any

from benches.sections.conditions import conditions


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
    return "\n".join([*lines, "", conditions(document)])


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
    return "\n".join([*lines, "", conditions(document)])


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
    return "\n".join([*lines, "", conditions(document)])


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
    return "\n".join([*lines, "", conditions(document)])
