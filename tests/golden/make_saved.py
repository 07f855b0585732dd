"""Makes the files in saved/: models as this version of crmsprop writes them, for every later version to load.

    python tests/golden/make_saved.py VERSION

A file is written once and never again: what is there stays as it is, whatever has become of crmsprop since. Whoever
adds a class that a file can name adds a model here, and runs this. Beside each ``VERSION-name.crms`` lies an .npz file
with samples, what the model predicted for them when it was made, and what it was made with. crmsprop has to be
installed: the files say its version. ``0.1-without_version`` was written before they did.
"""

import argparse
import platform
from pathlib import Path

import numpy as np

import crmsprop
from crmsprop import augment, nn, schedules
from crmsprop.persistence import save_network

FOLDER = Path(__file__).parent / "saved"
#: Small, and a little trained.
SHARED = {"random_state": 0, "max_epochs": 2, "batch_size": 16}
SMALL = {**SHARED, "hidden_layer_sizes": (4,)}

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(40, 3))
LABELS = np.arange(40) % 3
IMAGES = RNG.integers(0, 256, (40, 6, 6, 2)).astype(np.uint8)

SCHEDULES = [
    schedules.CosineAnnealing(0.25, cycle=2, cycle_growth=2),
    schedules.ExponentialDecay(0.1),
    schedules.InverseTimeDecay(1e-3),
    schedules.OneCycle(0.25, 10, 100),
    schedules.PiecewiseConstant([1, 10.5], [0.5, 1.0, 0.0]),
    schedules.StepDecay(0.5, 10),
    schedules.Warmup(2.5).then(schedules.CosineAnnealing(), after=2.5),
]
AUGMENTATION = augment.Sum(
    (
        augment.Flip(0.25), augment.Rotation(15), augment.Translation(0.1), augment.Zoom(0.1), augment.Crop(1),
        augment.Brightness(0.2), augment.Contrast(0.2), augment.Cutout(2), augment.Mixup(0.2),
    )
)  # fmt: skip
STACK = [
    nn.Whitening2D(2),
    nn.Conv2D(4, 3, padding="same", initializer=nn.Dirac()),
    nn.BatchNorm(epsilon=1e-3),
    nn.GELU(),
    nn.DepthwiseConv2D(3, padding="same", initializer=nn.Ones()),
    nn.Residual([nn.Conv2D(4, 3, padding="same"), nn.LeakyReLU(0.2), nn.Scale(0.5)], shortcut=[nn.Conv2D(4, 1)]),
    nn.SpatialDropout2D(0.1),
    nn.MaxPool2D(2, stride=1),
    nn.AveragePool2D(2, stride=1),
    nn.Residual([nn.Conv2D(4, 1, initializer=nn.LeCunNormal()), nn.SiLU()]),
    nn.GlobalAveragePool2D(),
    nn.Flatten(),
    nn.Dense(5, initializer=nn.GlorotNormal(), l2=0.01),
    nn.ELU(0.5),
    nn.Dense(5, initializer=nn.HeNormal()),
    nn.Sigmoid(),
    nn.Dense(5, initializer=nn.HeUniform()),
    nn.Tanh(),
    nn.Dropout(0.1),
    nn.Dense(4, initializer=nn.GlorotUniform()),
    nn.ReLU(),
]


def models():
    """Return unfitted estimators by name, each with the data that it is to learn."""
    names = np.array(["bird", "cat", "dog"])[LABELS]
    brightness = IMAGES.mean(axis=(1, 2, 3)) / 255
    return {
        "mlp_classifier": (
            crmsprop.MLPClassifier(
                **SMALL, schedule=schedules.Product(tuple(SCHEDULES)), early_stopping=True, momentum=0.5,
                scoring="accuracy", monitor="val_score", validation_fraction=0.25, clip_norm=1.0,
            ),
            ROWS, names,
        ),
        "cnn_classifier": (
            crmsprop.CNNClassifier(
                (3,), dense_units=(4,), **SHARED, augmentation=AUGMENTATION, ema=0.9, class_weight={0: 2.0, 1: 1.0}
            ),
            IMAGES, LABELS,
        ),
        "network_classifier": (crmsprop.NetworkClassifier(STACK, **SHARED, dtype="float32"), IMAGES / 255, LABELS),
        "several_labels": (crmsprop.MLPClassifier(**SMALL), ROWS, (ROWS > 0).astype(int)),
        "mlp_regressor": (crmsprop.MLPRegressor(**SMALL, loss="poisson"), ROWS.astype(np.float32), np.abs(ROWS)),
        "cnn_regressor": (crmsprop.CNNRegressor((3,), dense_units=(4,), **SHARED), IMAGES, brightness),
        "network_regressor": (crmsprop.NetworkRegressor([nn.Dense(4), nn.ReLU()], **SHARED), ROWS, ROWS[:, 0]),
        "absolute_error": (crmsprop.MLPRegressor(**SMALL, loss=nn.AbsoluteError()), ROWS, ROWS[:, 0]),
        "binary_cross_entropy": (crmsprop.MLPClassifier(**SMALL, loss=nn.BinaryCrossEntropy()), ROWS, ROWS > 0),
        "huber": (crmsprop.MLPRegressor(**SMALL, loss=nn.Huber()), ROWS, ROWS[:, :2]),
        "poisson": (crmsprop.MLPRegressor(**SMALL, loss=nn.PoissonDeviance()), ROWS, np.abs(ROWS[:, 0])),
        "softmax": (crmsprop.MLPClassifier(**SMALL, loss=nn.SoftmaxCrossEntropy(0.1)), ROWS, LABELS),
        "squared_error": (crmsprop.MLPRegressor(**SMALL, loss=nn.SquaredError()), ROWS, ROWS[:, 0]),
    }  # fmt: skip


def predictions(model, X):
    """Return the probabilities of a classifier, and what a regressor predicts."""
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("version", help="that will be released with these files, such as 0.1")
    version = parser.parse_args().version
    if not f"{crmsprop.__version__}.".startswith(f"{version}."):
        parser.error(f"crmsprop must be installed as version {version}, got {crmsprop.__version__}")
    for name, (model, X, y) in models().items():
        if not list(FOLDER.glob(f"*-{name}.crms")):
            model.fit(X, y).save(FOLDER / f"{version}-{name}.crms")
            made_with = f"crmsprop {crmsprop.__version__}, NumPy {np.__version__}, {platform.machine()}"
            values = {"predict": model.predict(X[:5]), "outputs": predictions(model, X[:5]), "made_with": made_with}
            np.savez_compressed(FOLDER / f"{version}-{name}.npz", X=X[:5], **values)
    network = FOLDER / f"{version}-network.crms"
    if not list(FOLDER.glob("*-network.crms")):
        save_network(network, crmsprop.load(FOLDER / f"{version}-network_classifier.crms").network_)


if __name__ == "__main__":
    main()
