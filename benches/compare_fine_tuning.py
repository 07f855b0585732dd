"""Fine-tuning against training from scratch, where there are few images of the new classes.

    python -m benches.compare_fine_tuning DATA_HOME [--seeds 0 1 2 3 4]
    python -m benches.compare_fine_tuning DATA_HOME --choose

For each seed a network is trained on the eight classes of CIFAR-10 that are neither cat nor dog, and fine-tuned to 100
training images each of cats and dogs, which the seed draws; the same network is trained from scratch on these images.
Both are tested on the 2,000 test images of cats and dogs. Then it is measured what an epoch with frozen features takes.
Writes results/fine_tuning.json, of which ``python -m benches.report`` makes RESULTS.md; 10 minutes on two cores.

With --choose, both ways go through the same settings, and are judged by training images that neither they nor the
network before them learn from: see CHOSEN. The test images are used for nothing but the figures of the first command.
"""

import argparse
import copy
import itertools
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benches.harness import save
from crmsprop import NetworkClassifier
from crmsprop.augment import Crop, Flip, Rotation, Translation, Zoom
from crmsprop.datasets import load_cifar10
from crmsprop.nn import models
from crmsprop.schedules import CosineAnnealing, Warmup

Samples = tuple[np.ndarray, np.ndarray]

CAT, DOG = 3, 5
IMAGES = 100  # of each, to learn from
HELD_OUT = 1500  # training images of each, for --choose
AUGMENTATIONS = {
    "flip and crop": Flip() + Crop(2),
    "flip and moves": Flip() + Rotation(15) + Translation(0.1) + Zoom(0.1),
}
#: How the network learns the eight classes: the recipe "fast" of cli/recipes.py, shortened, with fewer filters and
#: without smoothed labels, whose features serve other classes less well (Kornblith, Chen, Lee and Norouzi, 2021).
BEFORE = {
    "layers": models.fast_cnn((32, 128, 128)),
    "image_shape": (32, 32, 3),
    "max_epochs": 6,
    "batch_size": 256,
    "learning_rate": 5e-4,
    "momentum": 0.85,
    "weight_decay": 2.0,
    "schedule": Warmup(1).then(CosineAnnealing(), after=1),
    "augmentation": AUGMENTATIONS["flip and crop"],
    "flip_predictions": True,
}


class Setting(NamedTuple):
    """What --choose compares."""

    max_epochs: int
    learning_rate: float
    augmentation: str

    def __str__(self) -> str:
        return f"{self.max_epochs} epochs at {self.learning_rate:g} with {self.augmentation}"


SETTINGS = [Setting(*each) for each in itertools.product((30, 90), (1e-4, 3e-4, 1e-3), AUGMENTATIONS)]
#: The best of SETTINGS for each way, by the mean of three draws, on 3,000 held-out training images.
CHOSEN = {
    "fine-tuned": Setting(90, 3e-4, "flip and crop"),
    "from scratch": Setting(90, 3e-4, "flip and crop"),
}
#: An epoch is timed with these.
NETWORKS = {
    "fast_cnn((32, 128, 128))": models.fast_cnn((32, 128, 128)),
    "reference_cnn()": models.reference_cnn(),
    "reference_cnn(batch_norm=True)": models.reference_cnn(batch_norm=True),
    "resnet20()": models.resnet20(),
}


def parameters(setting: Setting, seed: int) -> dict[str, object]:
    """How both ways train on the few images."""
    augmentation = AUGMENTATIONS[setting.augmentation]
    chosen = {**setting._asdict(), "augmentation": augmentation, "batch_size": 20, "schedule": CosineAnnealing()}
    return {**BEFORE, **chosen, "random_state": seed}


def fine_tuned(before: NetworkClassifier, few: Samples, setting: Setting, seed: int) -> NetworkClassifier:
    """A new head on frozen features for a third of the epochs, then all layers."""
    model = copy.deepcopy(before).set_params(**parameters(setting, seed))
    return model.fine_tune(*few, freeze="features", unfreeze_after=setting.max_epochs // 3)


def from_scratch(before: NetworkClassifier, few: Samples, setting: Setting, seed: int) -> NetworkClassifier:
    """The same network, without what it has learnt before."""
    return NetworkClassifier(**parameters(setting, seed)).fit(*few)


WAYS = {"fine-tuned": fine_tuned, "from scratch": from_scratch}


def trained_before(train: Samples, seed: int) -> NetworkClassifier:
    """The network that knows the eight other classes."""
    X, y = train
    others = ~np.isin(y, (CAT, DOG))
    return NetworkClassifier(**{**BEFORE, "random_state": seed}).fit(X[others], y[others])


def drawn(train: Samples, seed: int, count: int, skip: int = 0) -> Samples:
    """Return `count` images each of cats and dogs, in an order that the seed draws, from `skip` on."""
    X, y = train
    orders = [np.random.default_rng(seed).permutation(np.flatnonzero(y == label)) for label in (CAT, DOG)]
    rows = np.concatenate([order[skip : skip + count] for order in orders])
    return X[rows], y[rows]


def compare(train: Samples, test: Samples, seeds: list[int]) -> list[dict[str, object]]:
    """Return the test accuracy of both ways for each seed."""
    pets = np.isin(test[1], (CAT, DOG))
    judged, rows = (test[0][pets], test[1][pets]), []
    for seed in seeds:
        before, few = trained_before(train, seed), drawn(train, seed, IMAGES)
        row = {name: way(before, few, CHOSEN[name], seed).score(*judged) for name, way in WAYS.items()}
        rows.append({"case": f"seed {seed}", "accuracy": row})
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def choose(train: Samples, seeds: list[int]) -> None:
    """Print the mean accuracy of both ways with each setting, on held-out training images, the best first."""
    before, found = trained_before(train, seeds[0]), []
    for name, setting in itertools.product(WAYS, SETTINGS):
        scores = []
        for seed in seeds:
            model = WAYS[name](before, drawn(train, seed, IMAGES), setting, seed)
            scores.append(model.score(*drawn(train, seed, HELD_OUT, skip=IMAGES)))
        found.append((name, statistics.mean(scores), statistics.stdev(scores), setting))
        print(found[-1], file=sys.stderr, flush=True)
    for name, mean, deviation, setting in sorted(found, key=lambda each: each[:2], reverse=True):
        print(f"{name:12}  {100 * mean:.1f}%, deviation {100 * deviation:.1f}, {setting}")


def epoch_seconds(layers: list, images: Samples) -> dict[str, float]:
    """Median seconds of an epoch, all layers learning or the features frozen, augmented or not."""
    model = NetworkClassifier(layers, image_shape=(32, 32, 3), batch_size=64, max_epochs=1, random_state=0).fit(*images)
    freezes = {"all layers": None, "features frozen": "features"}
    augmentations = {"augmented": AUGMENTATIONS["flip and crop"], "not augmented": None}
    seconds: dict[str, list[float]] = {}
    for _, freeze, augmentation in itertools.product(range(3), freezes, augmentations):
        model.set_params(augmentation=augmentations[augmentation])
        model.fine_tune(*images, freeze=freezes[freeze], max_epochs=3)
        seconds.setdefault(f"{freeze}, {augmentation}", []).extend(model.history_["seconds"][1:])
    return {name: statistics.median(values) for name, values in seconds.items()}


def check(rows: list[dict], epochs: list[dict]) -> None:
    """End with an error where what is claimed does not hold."""
    gain = statistics.mean(row["accuracy"]["fine-tuned"] - row["accuracy"]["from scratch"] for row in rows)
    share = epochs[0]["seconds"]["features frozen, augmented"] / epochs[0]["seconds"]["all layers, augmented"]
    print(f"{100 * gain:+.1f} points by fine-tuning; an epoch with frozen features takes {share:.2f} of a full one")
    if gain < 0.05 or share > 0.5:
        sys.exit("what is claimed does not hold: at least 5 points, at most half of an epoch")


def main() -> None:
    """Compare both ways and write what was found; or choose the settings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_home", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--choose", action="store_true", help="compare settings on held-out training images")
    options = parser.parse_args()
    train, test = load_cifar10(options.data_home, download=False)
    if options.choose:
        choose(train, options.seeds or [100, 101, 102])
        return
    began = time.perf_counter()
    rows = compare(train, test, options.seeds or [0, 1, 2, 3, 4])
    images = drawn(train, 0, 1280)
    epochs = [{"case": name, "seconds": epoch_seconds(layers, images)} for name, layers in NETWORKS.items()]
    chosen = {name: str(setting) for name, setting in CHOSEN.items()}
    minutes = (time.perf_counter() - began) / 60
    save("fine_tuning", rows, ("crmsprop", "numpy"), epochs=epochs, chosen=chosen, minutes=minutes)
    check(rows, epochs)


if __name__ == "__main__":
    main()
