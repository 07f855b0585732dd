"""
CIFAR-10 from start to finish
=============================

The whole way, with what the chapters before have shown: 60,000 colour photographs of
ten kinds of thing, a learning rate, a training, a look at the mistakes. CIFAR-10 is 170
MB and an honest training takes minutes, so this page was built with **a stand-in in the
same format**: 1,500 digits in chance colours. The code is the one for the real data,
which `load_cifar10` downloads where it finds none; what the real data gives stands at
the end, with frozen figures.
"""

# sphinx_gallery_thumbnail_number = 4

import numpy as np
from matplotlib import pyplot as plt

from crmsprop import NetworkClassifier, find_learning_rate
from crmsprop.augment import Crop
from crmsprop.datasets import load_cifar10
from crmsprop.display import ConfusionDisplay, FiltersDisplay, TrainingHistoryDisplay
from crmsprop.nn import models
from crmsprop.schedules import CosineAnnealing, Warmup

# %%
# The data
# --------
#
# `load_cifar10` looks in `~/crmsprop_data`, or in the folder that the environment
# variable `CRMSPROP_DATA` names, takes either official layout, packed or unpacked, and
# never unpickles a file. With the real data the shapes are (50000, 32, 32, 3) and
# (10000, 32, 32, 3).

(X, y), (X_test, y_test) = load_cifar10()
print(X.shape, X.dtype, X_test.shape)

figure, axes = plt.subplots(1, 8, figsize=(8, 1.3), layout="constrained")
for ax, image in zip(axes, X, strict=False):
    ax.imshow(image)
    ax.set_axis_off()
plt.show()

# %%
# A network and its learning rate
# -------------------------------
#
# Two convolutions with batch normalization, and a little dropout:
# :doc:`/tuning/batch_normalization`. Then the finder: :doc:`/tuning/learning_rate`.

model = NetworkClassifier(
    models.reference_cnn(batch_norm=True, dropout=0.15),
    augmentation=Crop(2),  # for photographs: Flip() + Crop(2)
    batch_size=64,
    momentum=0.9,
    random_state=0,
)
result = find_learning_rate(model, X, y)
print(result)
result.plot()
plt.show()

# %%
# The loss falls from 1e-5 on and turns near 2e-2. Batch normalization makes the slope
# long, and the suggestions are a factor of twenty apart. The steepest point is the most
# careful of them; with a momentum of 0.9, which makes steps ten times as long, that is
# a fair choice.
#
# The training
# ------------
#
# A warm-up, then a cosine, and a tenth of the training images held out to see how it
# goes.

model.set_params(
    learning_rate=result.suggestion,
    schedule=Warmup(1).then(CosineAnnealing(), after=1),
    max_epochs=15,
    validation_fraction=0.1,
)
model.fit(X, y)
print(f"{model.history_['val_accuracy'][-1]:.1%} of the held-out images")
TrainingHistoryDisplay.from_estimator(model)
plt.show()

# %%
# A tenth is held out in the training, and its loss no longer falls from the tenth epoch
# on: more epochs would change little.
#
# The test, once
# --------------
#
# Everything so far was chosen without the test images. Now they say what the model is
# worth, and which classes it takes for which:

print({name: round(value, 3) for name, value in model.evaluate(X_test, y_test).items()})
ConfusionDisplay.from_estimator(model, X_test, y_test)
plt.show()

# %%
# The diagonal is what it got right. The pictures are those mistakes that it was surest
# of, with its probability: the place to look for wrong labels, and for what the network
# cannot see.
#
# What the first layer has learnt
# -------------------------------
#
# Each square is one of the 32 filters of 3 x 3 pixels. Trained on photographs they
# become edges and colour contrasts; trained on digits in chance colours, most look like
# the noise that they began as.

FiltersDisplay.from_estimator(model)
plt.show()

# %%
# The real CIFAR-10
# -----------------
#
# What follows did not run when this page was built: these are the figures of one
# training by the command in the title, on two cores, 24 November 2026
# (`benches/RESULTS.md`).

history = np.genfromtxt(
    "../../benches/results/fast_cifar10.csv", delimiter=",", names=True
)

figure, ax = plt.subplots(layout="constrained")
ax.plot(history["epoch"], 100 * history["accuracy"], marker=".", label="training")
ax.plot(history["epoch"], 100 * history["val_accuracy"], marker=".", label="held out")
ax.set(
    xlabel="epoch",
    ylabel="accuracy (%)",
    title="crmsprop train --data cifar10 --model fast",
    xticks=range(2, 19, 2),
)
ax.grid(alpha=0.3)
ax.legend()
plt.show()

# %%
# After 18 epochs, 14 minutes, it classifies 90.5% of the **test** images. From the
# twelfth epoch on the gap between the curves is what the network knows by heart: more
# epochs alone would gain little.
#
# The programs that `crmsprop train --data cifar10` knows, and what they have reached:
#
# .. list-table::
#    :header-rows: 1
#
#    * - `--model`
#      - test accuracy
#      - an epoch
#    * - `reference`, the article's network and rates
#      - 65.4% (mean of ten seeds)
#      - 1.5 s
#    * - `tuned`, the same network with batch normalization, augmentation, warm-up and a
#        cosine
#      - 80.5% (mean of three seeds)
#      - 6.5 s
#    * - `fast`
#      - 90.5% (one seed)
#      - 48 s
#
# `vgg16` and `resnet20` are there, too, without a figure yet. The article's program is
# a fair baseline, not a good classifier: Keras 3 reaches 66.4% with it. Accuracy
# differs between seeds by up to six points. `benches/RESULTS.md` has each program's
# command, seeds and curve.
