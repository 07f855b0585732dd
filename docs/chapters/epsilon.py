"""
Epsilon
=======

`epsilon` stands in the denominator of RMSprop's step, `learning_rate * g / (sqrt(v) +
epsilon)`, where `v` is the running mean of the squared gradient. The default of 1e-8
only keeps it from dividing by zero. Larger values, 1e-4 to 1e-2, make small gradients
count for less. Most trainings do not need it; try it when a training is unsteady.
"""

import numpy as np
from matplotlib import pyplot as plt

from crmsprop import CNNClassifier, RMSprop
from crmsprop.datasets import load_digits

# %%
# What it does
# ------------
#
# Parameters with a constant gradient each, from 1e-8 to 1, and how far one step moves
# each of them.

gradients = np.logspace(-8, 0, 81)

figure, ax = plt.subplots(layout="constrained")
for epsilon in (1e-8, 1e-6, 1e-4, 1e-2):
    parameters = np.zeros(81)
    RMSprop(
        [parameters], learning_rate=1e-3, epsilon=epsilon, bias_correction=True
    ).step([gradients])
    ax.plot(gradients, -parameters, label=f"{epsilon:.0e}")
ax.set(
    xlabel="size of the gradient",
    ylabel="length of the step",
    xscale="log",
    yscale="log",
    ylim=(1e-6, 3e-3),
)
ax.legend(title="epsilon")
plt.show()

# %%
# Where the gradient is far above `epsilon`, every parameter moves by the learning rate,
# however small its gradient: this is what RMSprop is for. Where it is far below, the
# step shrinks in proportion, as in plain gradient descent. So `epsilon` says which
# gradients are noise.
#
# What it does to a training
# --------------------------
#
# Four learning rates, and seven values of `epsilon` for each:

(X, y), _ = load_digits()
model = CNNClassifier(
    (16,), dense_units=(32,), dropout=0.0, max_epochs=5, random_state=0
)
epsilons = [1e-8, 1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0]

figure, ax = plt.subplots(layout="constrained")
for rate in (1e-3, 3e-3, 1e-2, 3e-2):
    losses = []
    for epsilon in epsilons:
        model.set_params(learning_rate=rate, epsilon=epsilon).fit(X[:600], y[:600])
        losses.append(model.history_["loss"][-1])
    print(f"rate {rate:g}:", *(f"{loss:.3f}" for loss in losses))
    ax.plot(epsilons, losses, marker=".", label=f"{rate:g}")
ax.set(
    xlabel="epsilon", ylabel="training loss after 5 epochs", xscale="log", yscale="log"
)
ax.legend(title="learning rate")
plt.show()

# %%
# Up to about 1e-4 the curves are flat: the default is as good as any. From there on a
# larger `epsilon` only slows down the trainings whose rate was low or right. It helps
# the one whose rate was too high, 0.03: its steps become shorter. A lower learning rate
# does that, too, and is easier to understand.
#
# What to try
# -----------
#
# - Nothing, as a rule.
# - If the loss jumps and a lower learning rate makes the training too slow: 1e-3.
# - To repeat a training of another library: its value, and its formula. Keras and optax
#   have theirs inside the root; `RMSprop.preset(params, "keras")` is theirs but for
#   rounding, see :meth:`crmsprop.RMSprop.preset`.
