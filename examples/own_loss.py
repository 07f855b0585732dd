"""A loss of your own: the pinball loss, whose minimum is a quantile, and with it an interval around a prediction.

Koenker and Bassett, "Regression quantiles", 1978. What a loss has to do is told by ``help(crmsprop.nn.Loss)``. Run this
with ``python examples/own_loss.py``.
"""

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.base import clone

import crmsprop
from crmsprop import MLPRegressor
from crmsprop.nn import BatchResult, Loss, check_gradients
from crmsprop.schedules import CosineAnnealing


@dataclass(frozen=True)
class Pinball(Loss):
    """``quantile * error`` below the target, ``(quantile - 1) * error`` above it; their mean a row."""

    quantile: float = 0.5

    def __post_init__(self):
        if not 0 < self.quantile < 1:
            raise ValueError(f"quantile must be in (0, 1), got {self.quantile}")

    def evaluate(self, output, target, weights, gradient, memory, n_threads):
        error = target - output
        slopes = np.where(error > 0, self.quantile, self.quantile - 1).astype(output.dtype)
        if gradient is not None:
            np.multiply(-slopes / output.shape[1], weights[:, None], out=gradient)
        losses = (slopes * error).mean(axis=1)
        return BatchResult(float(np.sum(losses * weights, dtype=np.float64)), hits=math.nan)


def main():
    checked = check_gradients(Pinball(0.9), (2,), target=np.array([[0.0, 1.0], [2.0, -1.0]]))
    print(f"largest relative error of the gradient: {checked.errors['x']:.0e}")

    rng = np.random.default_rng(0)
    X = rng.uniform(0, 3, (4000, 1))
    y = np.sin(2 * X[:, 0]) + X[:, 0] * rng.normal(0, 0.2, 4000)  # the noise grows with X
    plan = MLPRegressor((32,), max_epochs=30, learning_rate=0.01, schedule=CosineAnnealing(), random_state=0)
    models = {q: clone(plan).set_params(loss=Pinball(q)).fit(X[:3000], y[:3000]) for q in (0.1, 0.5, 0.9)}
    for quantile, model in models.items():
        print(f"{quantile}: {np.mean(y[3000:] < model.predict(X[3000:])):.3f} of new samples lie below")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "quantile.crms"
        models[0.9].save(path)  # the name and the fields of the loss, no code: who loads it gives the class
        again = crmsprop.load(path, custom_classes=[Pinball])
    print("the same from a file:", np.array_equal(again.predict(X), models[0.9].predict(X)))


if __name__ == "__main__":
    main()
