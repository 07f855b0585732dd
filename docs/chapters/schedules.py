"""
Schedules compared
==================

A schedule moves the learning rate while a network trains: high at first, to get
somewhere, and low at the end, to settle there. It multiplies `learning_rate`, so that
you can change one without the other. If you want one answer: take `CosineAnnealing()`,
and look for the highest `learning_rate` that trains well.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.model_selection import train_test_split

from crmsprop import CNNClassifier
from crmsprop.datasets import load_digits
from crmsprop.schedules import (
    CosineAnnealing,
    ExponentialDecay,
    InverseTimeDecay,
    OneCycle,
    StepDecay,
    Warmup,
)

EPOCHS = 30

SCHEDULES = {
    "StepDecay": StepDecay(factor=0.5, every=7),
    "ExponentialDecay": ExponentialDecay(rate=0.1),
    "InverseTimeDecay": InverseTimeDecay(decay=0.01),
    "CosineAnnealing": CosineAnnealing(),
    "warm-up, cosine": Warmup(3).then(CosineAnnealing(), after=3),
    "OneCycle": OneCycle(),
}

# %%
# What they do to the rate
# ------------------------
#
# Each schedule can draw itself, without a training.

figure, ax = plt.subplots(layout="constrained")
for schedule in SCHEDULES.values():
    schedule.plot(ax, epochs=EPOCHS, steps_per_epoch=19, learning_rate=0.01)
ax.legend(SCHEDULES)
plt.show()

# %%
# Three only fall, in stairs or smoothly, at a pace that you choose. `CosineAnnealing`
# ends at nothing with the last step, however many epochs there are. The last two begin
# low, because the first steps of a fresh network are the riskiest.
#
# What they do to a training
# --------------------------
#
# A schedule lowers the mean rate, so that it is only fair to compare at several
# `learning_rate`. Three of these, three seeds of each, 600 digits to learn from and the
# others to judge:

(X, y), _ = load_digits()
X, X_val, y, y_val = train_test_split(X, y, train_size=600, stratify=y, random_state=0)
RATES = (0.003, 0.01, 0.02)


def losses(schedule, rate, seed):
    """The validation loss of each epoch."""
    model = CNNClassifier(
        (16, 32),
        dense_units=(64,),
        learning_rate=rate,
        schedule=schedule,
        max_epochs=EPOCHS,
    )
    model.set_params(random_state=seed).fit(X, y, X_val=X_val, y_val=y_val)
    return model.history_["val_loss"]


curves = {
    (name, rate): np.mean([losses(schedule, rate, seed) for seed in range(3)], axis=0)
    for name, schedule in {"constant": None, **SCHEDULES}.items()
    for rate in RATES
}

print("validation loss at the end, mean of three seeds")
print(" " * 18, *(f"{rate:>7}" for rate in RATES))
for name in ("constant", *SCHEDULES):
    print(f"{name:18}", *(f"{curves[name, rate][-1]:7.3f}" for rate in RATES))

figure, axes = plt.subplots(1, 3, figsize=(10, 4), sharey=True, layout="constrained")
for ax, rate in zip(axes, RATES, strict=True):
    for name in ("constant", "InverseTimeDecay", "CosineAnnealing", "OneCycle"):
        ax.plot(range(1, EPOCHS + 1), curves[name, rate], label=name)
    ax.set(title=f"learning_rate={rate}", xlabel="epoch", yscale="log")
axes[0].set_ylabel("validation loss")
axes[0].legend()
plt.show()

# %%
# At 0.01 every schedule beats the constant rate, whose loss jumps about at the end
# because its steps stay long: look at the last ten epochs. At 0.003 the fast decays
# lose: they are low before the network has got anywhere. At 0.02, which is too high for
# a fresh network, the two that warm up come through best. `CosineAnnealing` and what is
# made of it are good over the widest range of rates, and have nothing to tune;
# `OneCycle` at 0.01 is the best of all.
#
# That is one network on 600 digits: differences of 0.01 are chance. What you can rely
# on is that a rate that falls to nothing lets you begin with a higher one.
#
# More
# ----
#
# - Schedules multiply, `InverseTimeDecay(1e-6) * StepDecay(0.5, 10)`, and follow each
#   other, `Warmup(3).then(CosineAnnealing(), after=3)`.
# - A function as Keras's LearningRateScheduler takes it goes wherever a schedule does:
#   `schedule=lambda epoch, rate: rate * 0.1 if epoch > 10 else rate`.
# - What waits for the loss to stop falling is no schedule but a callback:
#   :class:`crmsprop.callbacks.ReduceOnPlateau`.
# - All of them, with their formulas: :doc:`/reference/crmsprop.schedules`.
