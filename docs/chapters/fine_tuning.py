"""
Fine-tuning
===========

A network that has learnt some classes has learnt to see; that part serves for other
classes, too. `fine_tune` goes on from a fitted network with other data. Where you have
very few images of the new classes, it gets further than a training from scratch, and
with frozen layers it takes a fraction of the time.
"""

# sphinx_gallery_thumbnail_number = 2

import copy

import numpy as np
from matplotlib import pyplot as plt
from sklearn.base import clone

from crmsprop import NetworkClassifier
from crmsprop.datasets import load_digits
from crmsprop.nn import BatchNorm, Conv2D, GlobalAveragePool2D, MaxPool2D, ReLU
from crmsprop.schedules import CosineAnnealing

# %%
# The network before
# ------------------
#
# So that there is something to be learnt about seeing, each digit stands somewhere in a
# picture of 16 x 16 pixels. The first network learns 0 to 5.

(digits, y), _ = load_digits()
X = np.zeros((len(digits), 16, 16, 1), np.uint8)
places = np.random.default_rng(0).integers(0, 9, (len(digits), 2))
for picture, digit, (row, column) in zip(X, digits, places, strict=True):
    picture[row : row + 8, column : column + 8] = digit
new = y > 5  # 6, 7, 8 and 9 come later

layers = []
for filters in (16, 32, 64):
    layers += [
        Conv2D(filters, 3, padding="same", use_bias=False),
        BatchNorm(),
        ReLU(),
        MaxPool2D(2),
    ]
layers[-1] = GlobalAveragePool2D()
before = NetworkClassifier(
    layers,
    learning_rate=3e-3,
    schedule=CosineAnnealing(),
    max_epochs=30,
    random_state=0,
)
before.fit(X[~new], y[~new])
print("knows", before.classes_)

figure, axes = plt.subplots(1, 8, figsize=(8, 1.3), layout="constrained")
for ax, picture in zip(axes, X, strict=False):
    ax.imshow(picture[..., 0], cmap="gray")
    ax.set_axis_off()
plt.show()

# %%
# To new classes
# --------------
#
# 3, 10, 30 or 100 pictures of each of the four new digits to learn from; the other
# pictures of them judge. There are three ways: with `freeze="features"` the
# convolutions stay as they are and only the new output layer learns; with `freeze=None`
# all layers go on learning; and from scratch.

WAYS = {"frozen features": "features", "all layers learn": None}


def accuracy(way, size, seed):
    """What share of the other pictures is known after `size` pictures of each class."""
    rows = np.flatnonzero(new)[np.random.default_rng(seed).permutation(new.sum())]
    few = np.concatenate([rows[y[rows] == digit][:size] for digit in (6, 7, 8, 9)])
    others = np.setdiff1d(rows, few)
    if way in WAYS:
        model = copy.deepcopy(before).set_params(random_state=seed)
        model.fine_tune(X[few], y[few], freeze=WAYS[way], max_epochs=60)
    else:
        model = (
            clone(before)
            .set_params(max_epochs=60, random_state=seed)
            .fit(X[few], y[few])
        )
    return model.score(X[others], y[others])


sizes = [3, 10, 30, 100]
figure, ax = plt.subplots(layout="constrained")
print(" " * 18, *(f"{size:6}" for size in sizes))
for way in (*WAYS, "from scratch"):
    scores = np.array(
        [[accuracy(way, size, seed) for seed in range(3)] for size in sizes]
    )
    print(f"{way:18}", *(f"{score:6.1%}" for score in scores.mean(axis=1)))
    ax.errorbar(
        sizes, scores.mean(axis=1), scores.std(axis=1), marker=".", capsize=3, label=way
    )
ax.set(
    xlabel="pictures of each new class",
    ylabel="accuracy, mean of three draws",
    xscale="log",
)
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
ax.legend()
plt.show()

# %%
# With three pictures of each class, the network that has seen other digits is well
# ahead. With thirty it has nothing left to give: a training from scratch gets as far.
# Frozen features are ahead with three pictures only. What tells six digits apart is not
# all that is needed for four others, and here only the output layer could make up for
# that. A network that has seen more, such as one of a million photographs, has features
# for more.
#
# What to know
# ------------
#
# - Frozen layers cost no backward pass, and without augmentation one forward pass in
#   all: the training of a frozen network takes a fraction of the time.
# - Frozen batch normalization keeps its running statistics, and dropout in frozen
#   layers is off.
# - `unfreeze_after=5` trains the new output first, and after five epochs everything.
# - A lower `learning_rate` keeps what is there; the output layer begins anew unless
#   `reset_head=False`.
# - The first network may come from a file, :func:`crmsprop.load`, or from torch or
#   Keras, :meth:`crmsprop.NetworkClassifier.load_weights`. On the command line it is
#   `crmsprop fine-tune`.
