"""
Batch normalization
===================

`BatchNorm()` behind a convolution shifts and scales each channel so that it has mean 0
and variance 1 over the batch, and then by a shift and a scale that it learns. Networks
with it train in fewer epochs and forgive a learning rate that is not quite right. Put
it between each convolution and its ReLU, and give that convolution `use_bias=False`.
"""

from matplotlib import pyplot as plt

from crmsprop import NetworkClassifier
from crmsprop.datasets import load_digits
from crmsprop.nn import models

(X, y), _ = load_digits()
X, y, X_val, y_val = X[:600], y[:600], X[600:], y[600:]


def trained(batch_norm, learning_rate, **parameters):
    layers = models.reference_cnn(batch_norm=batch_norm)
    model = NetworkClassifier(
        layers, learning_rate=learning_rate, random_state=0, **parameters
    )
    return model.fit(X, y, X_val=X_val, y_val=y_val)


# %%
# Fewer epochs
# ------------
#
# The reference network with and without, at four learning rates:

figure, axes = plt.subplots(1, 4, figsize=(10, 3.2), sharey=True, layout="constrained")
for ax, rate in zip(axes, (1e-4, 1e-3, 1e-2, 3e-2), strict=True):
    for batch_norm in (False, True):
        history = trained(batch_norm, rate, max_epochs=8).history_
        ax.plot(
            history["epoch"],
            history["val_loss"],
            marker=".",
            label="with" if batch_norm else "without",
        )
        name = "with" if batch_norm else "without"
        loss, accuracy = history["val_loss"][-1], history["val_accuracy"][-1]
        print(f"{rate:g} {name}: validation loss {loss:.3f}, accuracy {accuracy:.1%}")
    ax.set(title=f"learning rate {rate:g}", xlabel="epoch", yscale="log")
axes[0].set_ylabel("validation loss")
axes[0].legend()
plt.show()

# %%
# With it the network is ahead after eight epochs at every rate. The gain is largest
# where the rate is low: at 1e-4 the plain network has hardly begun. The three higher
# rates, a factor of 30 apart, all end near each other with it.
#
# How large a batch, and how many steps
# -------------------------------------
#
# The means and variances are those of the batch, and of a small batch they are noisy.
# To predict, the network uses running means of them. Four epochs in batches of four
# sizes:

print("images in a batch, accuracy after 4 epochs")
for size in (2, 4, 16, 64):
    for batch_norm in (False, True):
        history = trained(batch_norm, 1e-3, max_epochs=4, batch_size=size).history_
        name = "with" if batch_norm else "without"
        training, validation = history["accuracy"][-1], history["val_accuracy"][-1]
        print(f"{size:2} {name}: {training:.1%} training, {validation:.1%} validation")

# %%
# Batches of two are too small: the normalization behind the dense layer sees two
# numbers. Batches of 64 make only 40 steps in four epochs. The network has learnt, as
# its accuracy in training shows, but its running means still remember where the weights
# were: it predicts badly. The 150 steps in batches of 16 are enough for them to catch
# up. In between it is ahead.
#
# What to know
# ------------
#
# - Since it predicts by running means, the prediction of an image does not depend on
#   the others of the call. `decay`, 0.9 by default, says how long they remember: a
#   tenth of each batch is mixed in.
# - It replaces much of what dropout does. Use less dropout with it: the recipes of
#   `crmsprop train` have 0.15.
# - Keras's `momentum=0.99` is our `decay=0.99`; torch's `momentum=0.1` is our
#   `decay=0.9`.
