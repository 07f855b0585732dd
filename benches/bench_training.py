"""Training of convolutional networks on CIFAR-10 against the peers, in turn in one process.

    CRMSPROP_TEST_CIFAR10=DATA_HOME python -m pytest -c benches/pytest.ini benches/bench_training.py

An epoch of a contender is one turn: gathering and scaling of batches, both passes and RMSprop included; of crmsprop a
whole `fit` of five epochs, of which a fifth counts. Before it is timed its loss must have fallen below that of a guess.
Writes results/training.json; ``python -m benches.report`` makes RESULTS.md of it.
"""

import pytest

from benches.contests import compete, images
from benches.harness import interleave, save
from benches.network_contenders import PACKAGES, REFERENCE, WIDE
from crmsprop import CNNClassifier
from crmsprop.augment import Brightness, Contrast, Crop, Cutout, Flip, Mixup, Rotation, Translation, Zoom

ROWS, ALONG, THREADS, AUGMENTED = [], [], [], []

CASES = {
    "reference CNN, batch 32": (REFERENCE, 32),
    "reference CNN, batch 128": (REFERENCE, 128),
    "wide CNN, batch 256": (WIDE, 256),
}


@pytest.fixture(scope="module", autouse=True)
def results():
    yield
    save("training", ROWS, PACKAGES, along=ALONG, threads=THREADS, augmented=AUGMENTED)


@pytest.mark.parametrize("case", CASES)
def test_training(benchmark, case):
    layers, batch = CASES[case]
    row, ours = compete(case, layers, *images(3840), batch)
    ROWS.append(row)
    benchmark.extra_info.update(row)
    benchmark.pedantic(ours.train, rounds=5, warmup_rounds=1)


def test_through_a_training(benchmark):
    """Density falls as the network learns: what an image costs at the beginning, in the middle and at the end."""
    X, y = images(10_000)
    model = CNNClassifier(padding="valid", max_epochs=15, batch_size=32, random_state=0).fit(X, y)
    history, epochs = model.history_, [0, 7, 14]
    row = {
        "case": "reference CNN, batch 32",
        "epochs": [epoch + 1 for epoch in epochs],
        "images_per_second": [len(X) / history["seconds"][epoch] for epoch in epochs],
        "accuracy": [history["accuracy"][epoch] for epoch in epochs],
    }
    assert row["accuracy"] == sorted(row["accuracy"])
    ALONG.append(row)
    benchmark.extra_info.update(row)
    benchmark.pedantic(model.predict, (X[:256],), rounds=3)


def test_two_threads_over_one(benchmark):
    """What the second core adds to a training of the reference CNN."""
    X, y = images(3840)
    fits = {
        f"{n_threads}": lambda n_threads=n_threads: CNNClassifier(
            padding="valid", max_epochs=1, n_threads=n_threads, random_state=0
        ).fit(X, y)
        for n_threads in (1, 2)
    }
    seconds = interleave(fits, rounds=11, turn=0.1)
    THREADS.append({"case": "reference CNN, batch 32", "ratio": seconds["1"] / seconds["2"]})
    benchmark.extra_info.update(THREADS[-1])
    benchmark.pedantic(fits["2"], rounds=3)


MOVES = Flip() + Rotation(15) + Translation(0.1) + Zoom(0.1)
AUGMENTATIONS = {
    "none": None,
    "flip and crop": Flip() + Crop(4, fill_mode="constant"),
    "flip, rotation, translation and zoom": MOVES,
    "these, brightness, contrast and cutout": MOVES + Brightness(0.2) + Contrast(0.2) + Cutout(8),
    "mixup": Mixup(),
}


def test_augmentation(benchmark):
    """How much longer an epoch of the reference CNN takes; which gradients are 0 depends on the images, too."""
    X, y = images(3840)
    fits = {
        name: lambda augmentation=augmentation: CNNClassifier(
            padding="valid", max_epochs=1, random_state=0, augmentation=augmentation
        ).fit(X, y)
        for name, augmentation in AUGMENTATIONS.items()
    }
    assert fits["none"]().network_.arena.flat.tobytes() != fits["mixup"]().network_.arena.flat.tobytes()
    seconds = interleave(fits, rounds=11, turn=0.1)
    ratios = {name: seconds[name] / seconds["none"] for name in seconds if name != "none"}
    AUGMENTED.append({"case": "reference CNN, batch 32", "ratios": ratios})
    benchmark.extra_info.update(AUGMENTED[-1])
    benchmark.pedantic(fits["flip, rotation, translation and zoom"], rounds=3)
