"""Fine-tuning against training from scratch, where there are few images of the new classes.

    python benches/compare_fine_tuning.py DATA_HOME [--seeds 0 1 2 3 4] [--images 100]

For each seed a network is trained on the eight classes of CIFAR-10 that are neither cat nor dog, and then fine-tuned to
cat and dog with a few training images of each; the same network is trained from scratch on these images. Both are
tested on the 2,000 test images of cats and dogs. The settings were chosen on training images that neither sees: see
CHOSEN. Prints the table of RESULTS.md, and what an epoch costs with frozen features and with all layers learning.
"""

import argparse
import statistics
from pathlib import Path

import numpy as np

from crmsprop import NetworkClassifier
from crmsprop.augment import Crop, Flip
from crmsprop.datasets import load_cifar10
from crmsprop.nn import models
from crmsprop.schedules import CosineAnnealing

CAT, DOG = 3, 5
LAYERS = models.reference_cnn(batch_norm=True, dropout=0.2)
#: Chosen on 2,000 other training images of cats and dogs, not on the test images.
CHOSEN = {
    "before": {"max_epochs": 8, "batch_size": 64, "learning_rate": 1e-3},
    "tuned": {"freeze": "features", "max_epochs": 20, "learning_rate": 1e-3},
    "scratch": {"max_epochs": 40, "learning_rate": 1e-3},
}


def classifier(seed: int, **parameters: object) -> NetworkClassifier:
    """Return the network that both ways train."""
    given = {"batch_size": 20, "schedule": CosineAnnealing(), "augmentation": Flip() + Crop(2), **parameters}
    return NetworkClassifier(LAYERS, image_shape=(32, 32, 3), random_state=seed, **given)


def few(X: np.ndarray, y: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` images each of cats and dogs, drawn by the seed."""
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.permutation(np.flatnonzero(y == label))[:count] for label in (CAT, DOG)])
    return X[rows], y[rows]


def both_ways(train: tuple, test: tuple, seed: int, count: int) -> dict[str, float]:
    """Return the accuracy of both on the test images."""
    X, y = train
    others = (y != CAT) & (y != DOG)
    model = classifier(seed, **CHOSEN["before"]).fit(X[others], y[others])
    some = few(X, y, count, seed)
    tuned = model.set_params(batch_size=20).fine_tune(*some, **CHOSEN["tuned"])
    scratch = classifier(seed, **CHOSEN["scratch"]).fit(*some)
    pets = np.isin(test[1], (CAT, DOG))
    judged = test[0][pets], test[1][pets]
    return {"fine-tuned": tuned.score(*judged), "from scratch": scratch.score(*judged)}


def epoch_seconds(train: tuple, freeze: str | None) -> float:
    """Median seconds of an epoch of 10,000 images, after one to warm up."""
    X, y = train[0][:10_000], train[1][:10_000]
    model = classifier(0, max_epochs=1, augmentation=None, batch_size=64).fit(X, y)
    model.fine_tune(X, y, freeze=freeze, max_epochs=8)
    return statistics.median(model.history_["seconds"][1:])


def report(rows: list[dict[str, float]], seeds: list[int]) -> str:
    """Return the table, with the mean of each way."""
    names = list(rows[0])
    lines = [f"| seed | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|"]
    lines += [
        f"| {seed} | {' | '.join(f'{100 * row[name]:.1f}%' for name in names)} |"
        for seed, row in zip(seeds, rows, strict=True)
    ]
    means = [100 * statistics.mean(row[name] for row in rows) for name in names]
    return "\n".join([*lines, f"| mean | {' | '.join(f'{mean:.1f}%' for mean in means)} |"])


def main() -> None:
    """Run all seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_home", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--images", type=int, default=100)
    options = parser.parse_args()
    train, test = load_cifar10(options.data_home, download=False)
    rows = [both_ways(train, test, seed, options.images) for seed in options.seeds]
    print(report(rows, options.seeds))
    frozen, whole = epoch_seconds(train, "features"), epoch_seconds(train, None)
    print(f"\nAn epoch with frozen features takes {frozen / whole:.2f} of one with all layers ({whole:.2f} s).")


if __name__ == "__main__":
    main()
