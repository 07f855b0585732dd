"""Epochs of any length as whole steps."""

import math

# Far beyond any training, and still an integer, where a float of epochs may overflow.
_NEVER = 1e18


def nearest_step(epochs: float, steps_per_epoch: int) -> int:
    """Return the step that is nearest to a number of epochs: 0.7 * 10 is a little more than 7, and means step 7."""
    return math.floor(min(epochs * float(steps_per_epoch), _NEVER) + 0.5)
