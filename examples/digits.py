"""A network for scanned digits, from the data to a file: trained, tested, asked, saved and loaded.

Run this with ``python examples/digits.py``; it takes a few seconds and no network.
"""

import tempfile
from pathlib import Path

import numpy as np

import crmsprop
from crmsprop import CNNClassifier
from crmsprop.datasets import load_digits
from crmsprop.schedules import CosineAnnealing


def main():
    (X, y), (X_test, y_test) = load_digits()  # uint8 images of shape (n, height, width, channels)
    print(f"{len(X)} images of shape {X.shape[1:]}, {X.dtype}")

    model = CNNClassifier(max_epochs=30, schedule=CosineAnnealing(), validation_fraction=0.1, random_state=0)
    model.fit(X, y)
    for epoch in (0, 9, 29):
        line = {name: column[epoch] for name, column in model.history_.items()}
        print("epoch {epoch}: loss {loss:.3f}, validation accuracy {val_accuracy:.3f}".format(**line))
    print(f"test accuracy {model.score(X_test, y_test):.3f}")

    probabilities = model.predict_proba(X_test[:1])[0]
    print(f"the first test image shows a {y_test[0]}, the model gives it {probabilities[y_test[0]]:.2f}")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.crms"
        model.save(path)  # arrays and plain settings: no code, no pickle
        again = crmsprop.load(path)
    print("the same from a file:", np.array_equal(again.predict_proba(X_test), model.predict_proba(X_test)))


if __name__ == "__main__":
    main()
