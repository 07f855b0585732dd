"""
L2 and dropout
==============

Both are for a network that has learnt its training images by heart: its training loss
goes on falling while its validation loss rises. More images help more than either.
Where there are no more, try dropout first, `dropout=0.3` to `0.5`, then L2.
"""

import numpy as np
from matplotlib import pyplot as plt

from crmsprop import NetworkClassifier
from crmsprop.datasets import load_digits
from crmsprop.nn import Dense, Dropout, Flatten, ReLU

(X, y), _ = load_digits()
X, y, X_val, y_val = X[:150], y[:150], X[150:], y[150:]


def trained(dropout=0.0, l2=0.0, first_l2=None, seed=0):
    """A network that is far too large for 150 images of 64 pixels."""
    hidden = [
        Dense(256, l2=first_l2),
        ReLU(),
        Dropout(dropout),
        Dense(128),
        ReLU(),
        Dropout(dropout),
    ]
    model = NetworkClassifier(
        [Flatten(), *hidden],
        l2=l2,
        learning_rate=1e-3,
        max_epochs=60,
        random_state=seed,
    )
    return model.fit(X, y, X_val=X_val, y_val=y_val)


# %%
# What over-fitting looks like
# ----------------------------

figure, axes = plt.subplots(1, 3, figsize=(9, 3.4), sharey=True, layout="constrained")
cases = {"neither": {}, "dropout of 0.5": {"dropout": 0.5}, "L2 of 0.01": {"l2": 0.01}}
for ax, (title, parameters) in zip(axes, cases.items(), strict=True):
    history = trained(**parameters).history_
    for column, label in (("loss", "training"), ("val_loss", "validation")):
        ax.plot(history["epoch"], history[column], label=label)
    ax.set(title=title, xlabel="epoch", yscale="log")
axes[0].set_ylabel("loss")
axes[0].legend()
plt.show()

# %%
# On the left, the training loss falls to a thousandth, and the validation loss stops
# after twenty epochs and creeps up: what the network still learns is only true of these
# 150 images. In the middle half of the units are dropped at each step. The training
# loss, which is measured with the units that are left, falls slowly, and so does the
# validation loss, for longer and further. On the right, L2 keeps the weights small; the
# gap is smaller, too, but the validation loss is no better than without: 0.01 is too
# much here.

# %%
# How much of it
# --------------
#
# One picture of one seed proves nothing. Here are six strengths of each, and three
# seeds:


def last_losses(**parameters):
    """Validation loss and accuracy at the end, mean of three seeds."""
    histories = [trained(**parameters, seed=seed).history_ for seed in range(3)]
    return [
        np.mean([history[column][-1] for history in histories])
        for column in ("val_loss", "val_accuracy")
    ]


figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
tried = {
    "dropout": [0, 0.2, 0.35, 0.5, 0.65, 0.8],
    "l2": [0, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2],
}
print("validation      loss  accuracy")
for ax, (name, values) in zip(axes, tried.items(), strict=True):
    losses, accuracies = zip(
        *[last_losses(**{name: value}) for value in values], strict=True
    )
    for value, loss, accuracy in zip(values, losses, accuracies, strict=True):
        print(f"{name:8}{value:<7g}{loss:.3f}  {accuracy:8.1%}")
    ax.plot([str(value) for value in values], losses, marker=".")
    ax.set(xlabel=name, ylim=(0.25, 0.55))
axes[0].set_ylabel("validation loss, mean of three seeds")
plt.show()

# %%
# Both have a valley, and dropout's is deeper: the loss falls by a fifth, that of L2 by
# an eighth. The accuracy hardly moves: the network is less sure of itself where it is
# wrong, which is what the loss counts, and it is wrong about as often. Far too much of
# either does more harm than none: with a dropout of 0.8 the loss leaves the picture.
# Note how L2's scale is logarithmic: try powers of ten.

# %%
# One layer only
# --------------
#
# `l2` of the estimator is for the weights of all layers, and never for biases or batch
# normalization. A layer with an `l2` of its own has that instead. Here the first layer
# alone is penalized:

for l2 in (None, 0.1):
    weights = trained(first_l2=l2).network_.arena.views
    sizes = {
        name: np.linalg.norm(view)
        for name, view in weights.items()
        if name.endswith("weight")
    }
    print(f"l2 of the first layer {l2}:", *(f"{size:.2f}" for size in sizes.values()))

# %%
# The numbers are the norms of the weights of the three layers. The first one's shrink
# to a sixth; those of the others grow a little to make up for it.
#
# Coming from elsewhere
# ---------------------
#
# The penalty adds `l2 * w` to the gradient. Keras's `l2(0.01)` adds twice that: write
# `l2=0.02` here. torch's `weight_decay` of its RMSprop is our `l2`. Our `weight_decay`
# is the decoupled kind, which torch has in AdamW: it shrinks each weight by
# `learning_rate * weight_decay` a step, whatever its gradient, and does not pass
# through RMSprop's division. The losses in `history_` are without the penalty.
