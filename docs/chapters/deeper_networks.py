"""
Deeper networks
===============

More layers can learn more, but a long row of them hardly learns at all. Two things mend
that: batch normalization, and blocks whose input is added to what they make of it,
`Residual`. Before you build your own, try a network of `crmsprop.nn.models`.
"""

from matplotlib import pyplot as plt

from crmsprop import NetworkClassifier
from crmsprop.datasets import load_digits
from crmsprop.nn import BatchNorm, Conv2D, GlobalAveragePool2D, ReLU, Residual, models

(X, y), _ = load_digits()
X, y, X_val, y_val = X[:600], y[:600], X[600:], y[600:]

# %%
# Three ways to stack convolutions
# --------------------------------
#
# Three, nine and nineteen convolutions of eight filters, then the mean over all pixels,
# then the output:

PLAIN = [Conv2D(8, 3, padding="same"), ReLU()]
NORMALIZED = [Conv2D(8, 3, padding="same", use_bias=False), BatchNorm(), ReLU()]
BLOCK = [Residual([*NORMALIZED, *NORMALIZED[:2]]), ReLU()]


def stack(kind, convolutions):
    """A list of layers; a block has two convolutions, and the first stands alone."""
    if kind == "a row":
        return [*PLAIN * convolutions, GlobalAveragePool2D()]
    if kind == "a normalized row":
        return [*NORMALIZED * convolutions, GlobalAveragePool2D()]
    return [*NORMALIZED, *BLOCK * (convolutions // 2), GlobalAveragePool2D()]


figure, axes = plt.subplots(1, 3, figsize=(9, 3.4), sharey=True, layout="constrained")
for ax, kind in zip(
    axes, ("a row", "a normalized row", "residual blocks"), strict=True
):
    for convolutions in (3, 9, 19):
        model = NetworkClassifier(
            stack(kind, convolutions), learning_rate=3e-3, max_epochs=8, random_state=0
        )
        history = model.fit(X, y).history_
        ax.plot(history["epoch"], history["loss"], marker=".", label=convolutions)
        print(f"{kind:18}{convolutions:3} convolutions: loss {history['loss'][-1]:.3f}")
    ax.set(title=kind, xlabel="epoch")
axes[0].set_ylabel("training loss")
axes[0].legend(title="convolutions")
plt.show()

# %%
# On the left, depth buys nothing: all three hardly learn in eight epochs. In the
# middle, normalized, they learn, and nine convolutions get further than three, but
# nineteen no further than nine. On the right, the same convolutions in residual blocks:
# now each step in depth pays, and nineteen are the best of all nine curves. A block
# needs only to learn what to *add* to its input; when it has learnt nothing yet, the
# signal passes it unharmed.

# %%
# Networks that are there
# -----------------------
#
# `crmsprop.nn.models` returns lists of layers; the estimator adds the output layer.

small = {
    "reference_cnn": models.reference_cnn(),
    "resnet20, width 4": models.resnet20(width=4),
}
for name, layers in small.items():
    model = NetworkClassifier(
        layers, learning_rate=3e-3, max_epochs=8, random_state=0
    ).fit(X, y)
    n_parameters = sum(view.size for view in model.network_.arena.views.values())
    score = model.score(X_val, y_val)
    print(f"{name:20}{n_parameters:8,} numbers, {score:.1%} of the held-out digits")

# %%
# Deeper is not better by itself: on 600 images of 8 x 8 pixels the small network wins,
# in a fraction of the time. Depth pays with more data and larger images. On CIFAR-10
# the reference network reaches 67%, and `fast_cnn`, which has six convolutions and a
# fixed first one, 90%: see :doc:`/tuning/cifar10`.
#
# What to try
# -----------
#
# - First the two or three convolutions of `CNNClassifier`.
# - Then `models.reference_cnn(batch_norm=True)`.
# - For photographs of 32 x 32 pixels `models.fast_cnn()`; `models.resnet20()` is the
#   classic.
# - `models.vgg16()` where you want its published weights:
#   :meth:`crmsprop.CNNClassifier.load_weights`.
