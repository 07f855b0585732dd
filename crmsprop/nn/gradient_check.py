"""Whether the gradients of a layer, a network or a loss are right: for whoever writes one of their own."""

from typing import Any, NamedTuple

import numpy as np

from crmsprop.errors import check_bool, check_integer, check_real, shown
from crmsprop.nn.differences import at_kinks, relative_errors, slopes
from crmsprop.nn.gradient_cases import Case, layer_case, loss_case, network_case, rows_of
from crmsprop.nn.layer import Array, Layer, Run, Shape
from crmsprop.nn.losses import Loss
from crmsprop.nn.network import Network


class GradientCheck(NamedTuple):
    """What `check_gradients` has found, of gradients that are right.

    Parameters
    ----------
    errors : dict of str to float
        The largest relative error of each gradient: that to the input of a layer or a loss, ``"x"``, and those to the
        parameters, by name. Elements at kinks do not count.
    kinks : dict of str to int
        How many elements of each array lie at a kink, where any slope between those on both sides is right.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import ReLU, check_gradients
    >>> check_gradients(ReLU(), x=np.array([[-1.0, 0.0, 1.0]])).kinks
    {'x': 1}
    """

    errors: dict[str, float]
    kinks: dict[str, int]


def check_gradients(
    subject: Layer | Network | Loss,
    input_shape: Shape | None = None,
    *,
    x: Any = None,
    target: Any = None,
    batch_size: int = 3,
    training: bool = True,
    tolerance: float = 1e-6,
    max_elements: int = 500,
    seed: int = 0,
) -> GradientCheck:
    """Compare the gradients of a layer, a network or a loss with differences of what it computes, in float64.

    Of a layer and of a network the gradients of a random projection of the output are compared, ``sum(out * dy)``; of a
    loss those of the weighted sum over a batch. On the way it is checked that all is filled that has to be filled, that
    nothing is changed that is only read, that parameters have the same gradients where nobody asks for that to the
    input, and that a loss is the same with and without a gradient.

    Parameters
    ----------
    subject : Layer, Network or Loss
        A network is checked with the parameters that it has, a layer with what its initializers draw, moved by up to a
        half so that no bias is 0.
    input_shape : tuple of int or None, default=None
        Of one sample: of what a layer gets, or of the output that a loss judges. None where `x` is given, and for a
        network.
    x : array-like of shape (n, *input_shape) or None, default=None
        The batch; None draws `batch_size` samples of the standard normal distribution.
    target : array-like of shape (n, ...), MixedLabels or None, default=None
        What a loss compares with, one row a sample; None for all else.
    batch_size : int, default=3
        At least 1. A loss has as many rows as its target, and no use for it.
    training : bool, default=True
        Whether the passes are those of training: with dropout, and with the batch's own statistics.
    tolerance : float, default=1e-6
        The largest relative error of an element that is still right, in (0, inf).
    max_elements : int, default=500
        So many elements of each array are compared, drawn at random where it has more; at least 1.
    seed : int, default=0
        What batch, parameters and projection are drawn from, at least 0.

    Returns
    -------
    GradientCheck

    Raises
    ------
    AssertionError
        If a gradient is wrong, which is named with the element and both numbers; or if a rule above is broken.
    TypeError, ValueError
        If an argument is out of its range, or does not fit the others.

    Notes
    -----
    The error of a gradient ``a`` with the difference ``n`` is ``abs(a - n) / max(abs(a), abs(n), floor)``; the floor is
    such that the rounding of a difference is within the tolerance. Stanford's course CS231n, in its notes on gradient
    checks, calls 1e-7 fine and 1e-2 wrong, and warns of kinks, where a function has no derivative: 0 in a ReLU, equal
    numbers in a max-pool. There a gradient is right if it lies between the slopes on both sides. Differences are
    central ones of two steps around 1e-3, extrapolated (Richardson, 1911): an error of the fourth order.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop.nn import Dense, SoftmaxCrossEntropy, check_gradients
    >>> found = check_gradients(Dense(3), (4,))
    >>> sorted(found.errors), max(found.errors.values()) < 1e-6
    (['bias', 'weight', 'x'], True)
    >>> check_gradients(SoftmaxCrossEntropy(), (5,), target=np.array([0, 4, 2])).errors["x"] < 1e-6
    True
    """
    check_real("tolerance", tolerance, "(0, inf)")
    check_integer("max_elements", max_elements, 1)
    rng = np.random.default_rng(check_integer("seed", seed, 0))
    run = Run(training=check_bool("training", training))
    if isinstance(subject, Loss):
        case = loss_case(subject, _batch(input_shape, x, rows_of(target), rng), target, rng)
    elif target is not None:
        raise ValueError(f"target must be None where subject is no loss, got {shown(target)}")
    elif isinstance(subject, Network):
        if input_shape not in (None, subject.input_shape):
            raise ValueError(f"input_shape must be {subject.input_shape} for this network, got {input_shape}")
        case = network_case(subject, _batch(subject.input_shape, x, batch_size, rng), run, rng)
    elif isinstance(subject, Layer):
        case = layer_case(subject, _batch(input_shape, x, batch_size, rng), run, rng)
    else:
        raise TypeError(f"subject must be a Layer, a Network or a Loss, got {shown(subject)}")
    return _compared(case, tolerance, max_elements, rng)


def _batch(input_shape: Shape | None, x: Any, batch_size: int, rng: np.random.Generator) -> Array:
    if x is not None:
        batch = np.array(x, np.float64, order="C")
        if batch.size and (input_shape is None or batch.shape[1:] == tuple(input_shape)):
            return batch
        raise ValueError(f"x must be a batch of samples of the shape {input_shape}, got {batch.shape}")
    if input_shape is None:
        raise ValueError("input_shape must be given where x is not, got None")
    return rng.normal(size=(check_integer("batch_size", batch_size, 1), *input_shape))


def _compared(case: Case, tolerance: float, max_elements: int, rng: np.random.Generator) -> GradientCheck:
    result = GradientCheck({}, {})
    for name, array in case.arrays.items():
        elements = np.arange(array.size)
        if array.size > max_elements:
            elements = np.sort(rng.choice(array.size, max_elements, replace=False))
        gradient, found = case.gradients[name].reshape(-1)[elements], slopes(case.value, array, elements.tolist())
        errors = relative_errors(gradient, found, tolerance)
        kinks = (errors > tolerance) & at_kinks(gradient, found)
        errors[kinks] = 0.0
        result.errors[name], result.kinks[name] = float(errors.max(initial=0.0)), int(kinks.sum())
        if not result.errors[name] <= tolerance:
            worst = int(errors.argmax())
            raise AssertionError(
                f"the gradient to {name} must be that of the function: at {_place(elements[worst], array)} it is "
                f"{gradient[worst]:.9g}, and the function has {found.value[worst]:.9g}; a relative error of "
                f"{errors[worst]:.2g}, above {tolerance:g}"
            )
    return result


def _place(element: int, array: Array) -> list[int]:
    return [int(index) for index in np.unravel_index(element, array.shape)]
