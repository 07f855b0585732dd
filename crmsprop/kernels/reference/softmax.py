"""Softmax and its cross-entropy."""

import numpy as np

from crmsprop.kernels.reference import checks
from crmsprop.kernels.reference.checks import Array, silent
from crmsprop.kernels.reference.layer_checks import check_cross_entropy


@silent
def softmax(logits: Array, out: Array, n_threads: int) -> None:
    """out = exp(logits) / sum of exp(logits), row by row; out may be logits."""
    checks.check_map(logits, "logits", out, ndim=2, in_place=True)
    np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf), out=out)
    out /= out.sum(axis=1, keepdims=True)


@silent
def cross_entropy(
    logits: Array,
    labels: Array,
    weights: Array,
    losses: Array,
    hits: Array,
    dlogits: Array | None,
    n_threads: int,
    others: Array | None = None,
    shares: Array | None = None,
    smoothing: float = 0.0,
) -> tuple[float, float]:
    """Softmax cross-entropy of each row, whether its largest logit is the label's, and the gradient.

    Returns the sums over the rows of weight * loss and of weight * hit, in float64.

    Shapes: logits and dlogits (n, classes), labels (n,) int64, weights and losses (n,), hits (n,) uint8. `losses` are
    not weighted; ``dlogits = weights * (softmax(logits) - target)``, or None where it is not wanted. A row's target is
    the distribution ``(1 - smoothing) * (share * one_hot(label) + (1 - share) * one_hot(other)) + smoothing / classes``
    with others (n,) int64 and shares (n,) in [0, 1]; both None for a share of 1. A hit is one of the label with the
    larger share, of the first where both have a half.
    """
    check_cross_entropy(logits, labels, weights, losses, hits, dlogits, others, shares, smoothing)
    target = _distribution(labels, others, shares, smoothing, logits)
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1)
    losses[...] = np.log(sums) - np.where(target == 0, 0, target * shifted).sum(axis=1)
    larger = labels if others is None or shares is None else np.where(shares < 0.5, others, labels)
    hits[...] = logits.argmax(axis=1) == larger
    if dlogits is not None:
        dlogits[...] = exponentials * (weights / sums)[:, None] - weights[:, None] * target
    wide = weights.astype(np.float64)
    return float((wide * losses).sum()), float((wide * hits).sum())


def _distribution(labels: Array, others: Array | None, shares: Array | None, smoothing: float, logits: Array) -> Array:
    """What each row's softmax should be, as an array like `logits`."""
    rows, target = np.arange(len(logits)), np.zeros(logits.shape, logits.dtype)
    target[rows, labels] = 1 if shares is None else shares
    if others is not None and shares is not None:
        target[rows, others] += 1 - shares
    target *= 1 - smoothing
    target += smoothing / max(logits.shape[1], 1)
    return target
