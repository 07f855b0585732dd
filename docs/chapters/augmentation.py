"""
Augmentation
============

Augmentation changes each training image a little, anew in every epoch: the network
never sees the same picture twice and learns what the changes have in common. It helps
where there are few images, and costs nearly nothing here, because images are moved
while their batch is gathered. Choose changes after which you yourself would still know
the class.
"""

import numpy as np
from matplotlib import pyplot as plt

from crmsprop import CNNClassifier
from crmsprop.augment import Rotation, Translation, Zoom
from crmsprop.datasets import load_digits

(X, y), _ = load_digits()
X, y, X_val, y_val = X[:200], y[:200], X[200:], y[200:]

# %%
# Look at it first
# ----------------
#
# Operations are added. The picture shows each image as it is, and then as it is in
# seven epochs.

augmentation = Rotation(15) + Translation(0.1) + Zoom(0.1)
augmentation.plot(X[:4])
plt.show()

# %%
# The digits are turned by up to 15 degrees, moved by up to a tenth of the picture and
# made larger or smaller by up to a tenth, and what lies beyond the edge is the colour
# of the edge. All of it is one interpolation. If you cannot tell the classes any more,
# it is too much. `Flip()`, the first choice for photographs, is wrong here: there are
# no mirrored digits.
#
# What it does to a training
# --------------------------
#
# 200 digits to learn from, the others to judge:


def trained(augmentation, seed=0):
    model = CNNClassifier(
        (16, 32), dense_units=(64,), dropout=0.2, learning_rate=3e-3, max_epochs=150
    )
    model.set_params(augmentation=augmentation, random_state=seed)
    return model.fit(X, y, X_val=X_val, y_val=y_val)


figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True, layout="constrained")
for ax, given in zip(axes, (None, augmentation), strict=True):
    history = trained(given).history_
    for column, label in (("loss", "training"), ("val_loss", "validation")):
        ax.plot(history["epoch"], history[column], label=label)
    ax.set(
        title="as they are" if given is None else "augmented",
        xlabel="epoch",
        yscale="log",
    )
axes[0].set_ylabel("loss")
axes[0].legend()
plt.show()

# %%
# On the left the training loss falls to nothing: the network knows its 200 digits by
# heart, and its validation loss rises from the thirtieth epoch on. On the right it
# cannot learn them by heart. The training loss, that of the changed images, keeps close
# to the validation loss, which goes on falling, and ends at less than half of what it
# is on the left.
#
# How much of it
# --------------
#
# Judged by the validation images as they are, and by the same images moved by one pixel
# down and to the right:

moved = np.roll(X_val, (1, 1), axis=(1, 2))
strengths = {
    "none": None,
    "Rotation(15)": Rotation(15),
    "Translation(0.15)": Translation(0.15),
    "half of the three": Rotation(7.5) + Translation(0.05) + Zoom(0.05),
    "the three": augmentation,
    "three times the three": Rotation(45) + Translation(0.3) + Zoom(0.3),
}
print("accuracy, mean of three seeds")
print(" " * 22, "as they are   moved")
for name, given in strengths.items():
    models = [trained(given, seed) for seed in range(3)]
    plain, shifted = (
        np.mean([model.score(images, y_val) for model in models])
        for images in (X_val, moved)
    )
    print(f"{name:22} {plain:11.1%}{shifted:8.1%}")

# %%
# On images as they are, the three at half strength gain two points; at full strength
# they gain one. These digits were scanned with care, and stand straight and in the
# middle. On images that were moved, a translation makes all the difference: from a
# third to more than four fifths. Augmentation teaches what you show. Three times the
# three is worse than the three on both: most of such digits cannot be read.
#
# What to try
# -----------
#
# - Photographs: `Flip() + Crop(2)`; then `Cutout` and `Mixup`, which help long
#   trainings of large networks.
# - Scans and signs: `Rotation(10) + Translation(0.1) + Zoom(0.1)`.
# - More epochs than without: what is never twice the same takes longer to learn.
# - All operations, and how to write your own: :doc:`/reference/crmsprop.augment`.
