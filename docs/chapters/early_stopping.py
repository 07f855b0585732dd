"""
Early stopping
==============

How many epochs? With early stopping you need not know: a tenth of the training data is
held out, the training ends when the loss on it has not improved for `patience` epochs,
and the weights of the best epoch are kept.
"""

from matplotlib import pyplot as plt

from crmsprop import CNNClassifier
from crmsprop.datasets import load_digits
from crmsprop.display import TrainingHistoryDisplay

(X, y), (X_test, y_test) = load_digits()
X, y = X[:600], y[:600]
model = CNNClassifier(
    (16, 32), dense_units=(64,), dropout=0.0, learning_rate=3e-3, random_state=0
)

# %%
# What happens without it
# -----------------------
#
# Eighty epochs, with a tenth held out but no stopping:

model.set_params(max_epochs=80, validation_fraction=0.1).fit(X, y)
losses = model.history_["val_loss"]
lowest = losses.index(min(losses))
print(f"validation loss {losses[lowest]:.3f} in epoch {lowest + 1},", end=" ")
print(f"{losses[-1]:.3f} at the end")

display = TrainingHistoryDisplay.from_estimator(model)
display.ax_[0].set_yscale("log")
plt.show()

# %%
# The training loss goes on falling, with jumps: a learning rate of 3e-3 is a little
# high for a network that has nothing left to learn. The validation loss is lowest long
# before the end, and then drifts up. What comes after its lowest point costs time, and
# makes the model worse.

# %%
# With it
# -------
#
# `max_epochs` is now only a limit:

model.set_params(max_epochs=1000, early_stopping=True)
for patience in (2, 5, 10, 20):
    model.set_params(patience=patience).fit(X, y)
    best = min(model.history_["val_loss"])
    print(f"patience {patience:2}: {model.n_epochs_:2} epochs,", end=" ")
    print(f"the best is {model.best_epoch_:2}, its loss {best:.3f}")

# %%
# Patience of 2 gives up too soon: the validation loss of 60 images is noisy, and two
# bad epochs mean nothing. With 5 and more it survives the bumps. The longer it waits,
# the better the loss it finds, and the longer it takes: 5 to 10 is a good range, more
# where the curve is as jagged as this one.
#
# A search, and then all the data
# -------------------------------
#
# Each fit of a search stops early, and so does the last one, which makes
# `best_estimator_`: a tenth of the data has not trained it. Its `best_epoch_` says how
# many epochs are enough: train for as many once more, on everything, and without early
# stopping.

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

model.set_params(patience=5)
search = GridSearchCV(model, {"learning_rate": [1e-3, 3e-3]}, cv=2).fit(X, y)
best = search.best_estimator_
final = clone(best).set_params(early_stopping=False, max_epochs=best.best_epoch_)
final.fit(X, y)

print(f"best of {best.n_epochs_} epochs: {best.best_epoch_};", end=" ")
print(f"on all the data {final.n_epochs_} epochs, and the final model", end=" ")
print(f"reads {final.score(X_test, y_test):.1%} of the test images")

# %%
# In a `Pipeline` the network is a step of `search.best_estimator_`:
# :ref:`the final fit of a pipeline <final-fit-of-a-pipeline>` sets its parameters.
#
# What to know
# ------------
#
# - `restore_best=True`, the default, keeps the weights of the best epoch, not of the
#   last one.
# - The lowest validation loss of many epochs is a little too good to be true: it was
#   picked because it was low. Measure the model on data that it has not chosen by.
# - The held-out tenth does not train. Give a validation set of your own as `fit(X, y,
#   X_val=..., y_val=...)`, or set `validation_fraction`.
# - `monitor="val_accuracy"` watches another column of `history_`, and `min_delta` says
#   how much counts as better.
# - A schedule that spans the run, such as `CosineAnnealing`, spans `max_epochs`: if the
#   training is stopped earlier, the rate never gets low. Use early stopping with a
#   constant rate, or a schedule without it.
