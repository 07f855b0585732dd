"""What the estimators share about losses: the check of a name, and of what a loss of the user's predicts."""

from typing import Any

import numpy as np

from crmsprop.errors import check_choice, shown
from crmsprop.estimators.inputs import Array
from crmsprop.nn import Loss, SoftmaxCrossEntropy
from crmsprop.nn.pointwise_losses import PointwiseLoss


def check_loss(loss: Any, names: tuple[str, ...]) -> str:
    """Return `loss` if it is one of `names`; TypeError or ValueError otherwise, where it is no Loss either."""
    if isinstance(loss, str):
        return check_choice("loss", loss, names)
    raise TypeError(f"loss must be one of {', '.join(map(repr, names))}, or an instance of a Loss, got {shown(loss)}")


def check_takes_targets(loss: Loss, several: bool) -> None:
    """ValueError where one of our losses is for targets of another kind: a class a sample, or a target an output."""
    evaluate = type(loss).evaluate
    if several and evaluate is SoftmaxCrossEntropy.evaluate:
        rule = "loss must be for numbers, as SquaredError is, or for several labels, as BinaryCrossEntropy is"
        raise ValueError(f"{rule}, where y holds such, got {shown(loss)}, which is for one class a sample")
    if not several and evaluate is PointwiseLoss.evaluate:
        rule = "loss must be for one class a sample, as SoftmaxCrossEntropy is"
        raise ValueError(f"{rule}, where y holds such, got {shown(loss)}, which is for numbers or several labels")


def predicts_alike(loss: Loss, other: Loss) -> bool:
    """Return whether two losses make the same of the outputs of a network."""
    return type(loss).predict is type(other).predict


def checked_predictions(predicted: Any, outputs: Array, loss: Loss) -> Array:
    """Return what a loss makes of outputs; ValueError unless it has their shape."""
    if not isinstance(predicted, np.ndarray) or predicted.shape != outputs.shape:
        found = getattr(predicted, "shape", None) or shown(predicted)
        raise ValueError(f"predict of {shown(loss)} must give an array of shape {outputs.shape}, got {found}")
    return predicted.astype(outputs.dtype, copy=False)
