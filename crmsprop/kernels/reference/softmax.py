"""Softmax and its cross-entropy."""

import numpy as np

from crmsprop.kernels.reference import checks
from crmsprop.kernels.reference.checks import Array, silent


@silent
def softmax(logits: Array, out: Array, n_threads: int) -> None:
    """out = exp(logits) / sum of exp(logits), row by row; out may be logits."""
    checks.check_map(logits, "logits", out, ndim=2, in_place=True)
    np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf), out=out)
    out /= out.sum(axis=1, keepdims=True)


@silent
def cross_entropy(
    logits: Array, labels: Array, weights: Array, losses: Array, hits: Array, dlogits: Array | None, n_threads: int
) -> tuple[float, float]:
    """Softmax cross-entropy of each row, whether its largest logit is the label's, and the gradient.

    Returns the sums over the rows of weight * loss and of weight * hit, in float64.

    Shapes: logits and dlogits (n, classes), labels (n,) int64, weights and losses (n,), hits (n,) uint8. `losses` are
    not weighted; ``dlogits = weights * (softmax(logits) - one_hot(labels))``, or None where it is not wanted.
    """
    checks.check_cross_entropy(logits, labels, weights, losses, hits, dlogits)
    rows = np.arange(len(logits))
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1)
    losses[...] = np.log(sums) - shifted[rows, labels]
    hits[...] = logits.argmax(axis=1) == labels
    if dlogits is not None:
        dlogits[...] = exponentials * (weights / sums)[:, None]
        dlogits[rows, labels] -= weights
    wide = weights.astype(np.float64)
    return float((wide * losses).sum()), float((wide * hits).sum())
