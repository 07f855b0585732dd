"""
Choosing a learning rate
========================

The learning rate is how far each step moves the weights. Too low, and the training
takes for ever; too high, and it learns nothing. Nothing else matters as much, so choose
it first, and choose it again when the network, the batch size or `rho` has changed.
"""

from matplotlib import pyplot as plt

from crmsprop import CNNClassifier, find_learning_rate
from crmsprop.datasets import load_digits

(X, y), _ = load_digits()
model = CNNClassifier(filters=(16, 32), dense_units=(64,), random_state=0)

# %%
# The finder
# ----------
#
# `find_learning_rate` trains a fresh network on one batch after the other, each at a
# higher rate than the one before. It takes as long as a few epochs, and does not change
# the estimator. Its defaults, 100 steps from 1e-7 to 10, suit any network; a second
# look, with more steps over the part that matters, gives a smoother curve:

result = find_learning_rate(
    model, X, y, min_learning_rate=1e-5, max_learning_rate=1.0, steps=200
)
for way, rate in result.suggestions().items():
    print(f"{way:10}{rate:.1e}")

result.plot()
plt.show()

# %%
# Read it from the left. Up to about 1e-3 the steps are too short to change anything in
# 200 of them. Then the loss falls: these rates learn. Near 0.05 it turns: the steps are
# too long, and throw away what was learnt. A good rate lies on the slope, well before
# the turn. The dots suggest three such places: where the fall is steepest, two thirds
# along the longest valley, and a tenth of the rate at the lowest point. Here the last
# two are the same.
#
# Does it hold?
# -------------
#
# Ten epochs at the steepest point's rate, at ten times as much, and at a tenth and a
# hundredth of it:

suggested = result.suggestion
figure, ax = plt.subplots(layout="constrained")
for rate in (suggested / 100, suggested / 10, suggested, suggested * 10):
    model.set_params(learning_rate=rate, max_epochs=10).fit(X, y)
    ax.plot(
        model.history_["epoch"], model.history_["loss"], marker=".", label=f"{rate:.1e}"
    )
    print(f"{rate:.1e}: training loss {model.history_['loss'][-1]:.2f}")
ax.set(xlabel="epoch", ylabel="training loss", yscale="log", ylim=(0.04, 6))
ax.legend(title="learning rate")
plt.show()

# %%
# A hundredth of it has hardly begun after ten epochs, and a tenth is on its way. Ten
# times as much ends at 2.3, the loss of guessing among ten classes: the network is
# broken after its first steps, and does not recover.
#
# What to try
# -----------
#
# - The finder's `suggestion`. If the training is unsteady, a third of it.
# - If there is no clear slope: more steps, or larger batches.
# - On the command line: `crmsprop find-lr`, which leaves the picture and a table, and
#   warns where the loss falls so little that it may be chance.
# - Once the rate is right, let it fall during the training: :doc:`/tuning/schedules`.
# - The rate belongs to its batch size. Larger batches bear a somewhat higher rate: ask
#   the finder again.
