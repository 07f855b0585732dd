"""
Rho by cross-validation
=======================

`rho` is how long RMSprop remembers: it divides each gradient by the root of a running
mean of its squares, and that mean looks back over some 1 / (1 - rho) steps, ten with
the default of 0.9. Leave it alone until the learning rate is chosen; then choose the
two together.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.model_selection import GridSearchCV

from crmsprop import CNNClassifier, RMSprop
from crmsprop.datasets import load_digits
from crmsprop.display import SearchHeatmapDisplay

RHOS = [0.8, 0.9, 0.95, 0.99]

# %%
# What it does
# ------------
#
# Here is one parameter whose gradient is noise of size 1 for 200 steps, and then of
# size 0.1.

gradients = np.random.default_rng(0).normal(size=400) * np.repeat([1.0, 0.1], 200)

figure, ax = plt.subplots(layout="constrained")
for rho in RHOS:
    optimizer = RMSprop([np.zeros(1)], rho=rho)
    roots = []
    for gradient in gradients:
        optimizer.step([np.array([gradient])])
        roots.append(np.sqrt(optimizer.mean_squares[0][0]))
    ax.plot(roots, label=rho)
ax.set(xlabel="step", ylabel="what the gradient is divided by")
ax.legend(title="rho")
plt.show()

# %%
# Short memories follow every gust: the divisor is noisy, and so are the steps. Long
# ones are smooth, but late: 200 steps after the gradients have shrunk, rho=0.99 still
# divides them by far too much, and the parameter hardly moves. At the beginning they
# are late in the other direction: the mean starts from 0, so that the first steps are
# too long, up to 1 / sqrt(1 - rho) learning rates: three with 0.9, ten with 0.99.
#
# The search
# ----------
#
# The estimators are scikit-learn's in every respect, so this is a plain `GridSearchCV`:
# 18 combinations, three folds.

(X, y), _ = load_digits()
model = CNNClassifier(
    (16,), dense_units=(32,), dropout=0.0, max_epochs=10, random_state=0
)
grid = {"learning_rate": [3e-3, 1e-2, 3e-2], "rho": [0.5, *RHOS, 0.999]}
search = GridSearchCV(model, grid, cv=3).fit(X, y)
best = search.best_index_
print(search.best_params_)
deviation = search.cv_results_["std_test_score"][best]
print(
    f"accuracy {search.best_score_:.3f}, standard deviation over folds {deviation:.3f}"
)

SearchHeatmapDisplay.from_estimator(search)
plt.show()

# %%
# The best cells are in the column of 0.01, with `rho` of 0.95 or less, and they are as
# good as equal: they differ by less than the folds do. `rho` matters at the other
# rates. At 0.003, 0.99 is best. At 0.03 a long memory is fatal: 0.99 knows half of the
# digits, 0.999 hardly more than a guess, for its first steps are thirty times too long.
# So the two belong into one grid; a search over either alone would have shown half of
# this.
#
# What to try
# -----------
#
# - 0.9, the default, first. torch's default is 0.99, and asks for a lower learning rate
#   at the start: see above.
# - Then 0.95 and 0.99 with the same learning rate and with a third of it, for trainings
#   of many epochs.
# - On the command line: `crmsprop tune --param rho=0.8,0.9,0.95,0.99 --param
#   learning_rate=0.003,0.01`, which leaves this picture. With `--jobs 2` it runs in two
#   processes; with `--halving` candidates that look hopeless stop early.
