"""CIFAR-10: a small modern network, trained with RMSprop in a few minutes, and where it is wrong.

Run this with ``python examples/cifar10.py``, perhaps with the folder that has the data set, and a number of epochs;
without the folder it is downloaded to ~/crmsprop_data (170 MB). Higher accuracies come from ``crmsprop train --data
cifar10 --model fast``.
"""

import sys

import numpy as np

from crmsprop import NetworkClassifier
from crmsprop.augment import Crop, Flip
from crmsprop.callbacks import EpochPrinter
from crmsprop.datasets import CIFAR10_CLASSES, load_cifar10
from crmsprop.nn import models
from crmsprop.schedules import CosineAnnealing, Warmup


def main():
    data_home = sys.argv[1] if len(sys.argv) > 1 else None
    max_epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    (X, y), (X_test, y_test) = load_cifar10(data_home)

    model = NetworkClassifier(
        models.reference_cnn(batch_norm=True, dropout=0.15),
        image_shape=X.shape[1:],
        max_epochs=max_epochs,
        batch_size=128,
        learning_rate=5e-4,
        momentum=0.9,
        schedule=Warmup(1).then(CosineAnnealing(), after=1),
        augmentation=Flip() + Crop(2),
        validation_fraction=0.1,
        callbacks=[EpochPrinter()],
        random_state=0,
    )
    model.fit(X, y)

    print(f"test accuracy {model.score(X_test, y_test):.3f}")
    predicted = model.predict(X_test)
    for k in np.unique(y_test):
        taken_for = np.bincount(predicted[y_test == k], minlength=10)
        print(f"{CIFAR10_CLASSES[k]:>10}: {taken_for[k] / taken_for.sum():.0%} recognized")


if __name__ == "__main__":
    main()
