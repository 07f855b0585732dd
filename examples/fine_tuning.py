"""Few images of new classes: go on from a network that has learned others, and compare with a start from nothing.

Run this with ``python examples/fine_tuning.py``. On the command line it is ``crmsprop fine-tune --data FOLDER
model.crms``.
"""

from sklearn.base import clone

from crmsprop import CNNClassifier
from crmsprop.datasets import load_digits
from crmsprop.schedules import CosineAnnealing


def main():
    (X, y), (X_test, y_test) = load_digits()
    old, new = y < 6, y >= 6
    model = CNNClassifier(max_epochs=15, schedule=CosineAnnealing(), random_state=0)
    model.fit(X[old], y[old])
    print(f"learned the digits 0 to 5 from {old.sum()} images")

    X_few, y_few = X[new][:20], y[new][:20]  # twenty images of 6, 7, 8 and 9
    X_new, y_new = X_test[y_test >= 6], y_test[y_test >= 6]
    scratch = clone(model).set_params(max_epochs=60).fit(X_few, y_few)
    print(f"6 to 9 from {len(X_few)} images, from scratch: accuracy {scratch.score(X_new, y_new):.3f}")

    # The output layer starts anew, for the new classes. All layers learn; freeze="features" would keep the convolutions
    # as they are, which spares most of the time where images are larger.
    model.fine_tune(X_few, y_few, freeze=None, max_epochs=60)
    print(f"6 to 9 from {len(X_few)} images, fine-tuned:   accuracy {model.score(X_new, y_new):.3f}")
    print("classes now:", model.classes_)


if __name__ == "__main__":
    main()
