"""The reference program here and in Keras 3, seed by seed in turn, on the same data and the same machine.

    python benches/compare_reference.py DATA_HOME --peer-python PEERS/bin/python [--seeds 0 1 2] [--epochs 30]

PEERS is a virtual environment with ``keras`` and ``tensorflow-cpu``; crmsprop runs in the Python that runs this.
Each run is a process of its own, so that neither holds threads or memory while the other is timed. Prints the tables
of RESULTS.md: test accuracy and seconds an epoch, validation included.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import crmsprop
from crmsprop.datasets import load_cifar10

KERAS = Path(__file__).with_name("keras_reference.py")


def run_ours(data_home: Path, seed: int, epochs: int) -> dict:
    """Run ``crmsprop train --model reference`` and evaluate the model that it leaves."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "run"
        command = ["train", "--model", "reference", "--data", "cifar10", "--data-home", str(data_home), "--quiet"]
        command += ["--seed", str(seed), "--epochs", str(epochs), "--output", str(output)]
        subprocess.run([sys.executable, "-P", "-m", "crmsprop", *command], check=True, stdout=subprocess.DEVNULL)
        with open(output / "history.csv", newline="") as file:
            seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
        _, test = load_cifar10(data_home, download=False)
        result = crmsprop.load(output / "model.crms").evaluate(*test)
    return {
        "seed": seed,
        "epochs": len(seconds),
        "test_loss": result["loss"],
        "test_accuracy": result["accuracy"],
        "median_epoch_seconds": statistics.median(seconds),
    }


def run_keras(python: str, data_home: Path, seed: int, epochs: int) -> dict:
    """Run keras_reference.py for one seed."""
    command = [python, str(KERAS), str(data_home), "--seeds", str(seed), "--epochs", str(epochs)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def table(title: str, rows: list[dict]) -> str:
    """Return the runs of one library as a Markdown table with their means."""
    lines = [f"| {title} | epochs | test loss | test accuracy | seconds an epoch |", "|---|---|---|---|---|"]
    lines += [
        f"| seed {row['seed']} | {row['epochs']} | {row['test_loss']:.3f} | {100 * row['test_accuracy']:.1f}% "
        f"| {row['median_epoch_seconds']:.2f} |"
        for row in rows
    ]
    accuracy, seconds = _mean(rows, "test_accuracy"), _median(rows, "median_epoch_seconds")
    return "\n".join([*lines, f"| mean, median | | | {100 * accuracy:.1f}% | {seconds:.2f} |"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_home", type=Path)
    parser.add_argument("--peer-python", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    ours, keras = [], []
    for seed in options.seeds:
        ours.append(run_ours(options.data_home, seed, options.epochs))
        keras.append(run_keras(options.peer_python, options.data_home, seed, options.epochs))
        print(json.dumps({"crmsprop": ours[-1], "keras": keras[-1]}), file=sys.stderr, flush=True)
    print(table("crmsprop", ours), table("Keras 3", keras), sep="\n\n")
    behind = _mean(keras, "test_accuracy") - _mean(ours, "test_accuracy")
    share = _median(ours, "median_epoch_seconds") / _median(keras, "median_epoch_seconds")
    print(f"\n{-100 * behind:+.1f} points of accuracy, {share:.2f} of the time of an epoch")
    if behind > 0.015 or share > 0.5:
        sys.exit("what is claimed does not hold: at most 1.5 points behind, at most half of the time")


def _mean(rows: list[dict], name: str) -> float:
    return statistics.mean(row[name] for row in rows)


def _median(rows: list[dict], name: str) -> float:
    return statistics.median(row[name] for row in rows)


if __name__ == "__main__":
    main()
