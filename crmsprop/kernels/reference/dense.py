"""Dense layers."""

from typing import Any

import numpy as np

from crmsprop.kernels.reference import checks
from crmsprop.kernels.reference.checks import Array, silent
from crmsprop.kernels.reference.elementwise import cut_off, relu_backward


def dense_scratch(samples: int, inputs: int, units: int, dtype: Any, training: bool, n_threads: int) -> int:
    """Elements of scratch that the dense kernels need for up to `samples` rows."""
    return 0


@silent
def dense_forward(
    x: Array, weight: Array, bias: Array | None, out: Array, relu: bool, sparse: bool, scratch: Array, n_threads: int
) -> None:
    """out = x weight + bias, cut off at 0 if `relu`.

    Shapes: x (n, inputs), weight (inputs, units), bias (units,) or None, out (n, units).

    `sparse` says that many elements of x are exactly 0, as behind a ReLU. Such an element may then be skipped: where it
    meets an infinite or NaN weight, the product is NaN or nothing. All else is the same whatever `sparse` is.
    """
    checks.check_dense(x, weight, bias, out)
    np.matmul(x, weight, out=out)
    if bias is not None:
        out += bias
    if relu:
        cut_off(out)


@silent
def dense_backward(
    x: Array,
    weight: Array,
    dy: Array,
    dx: Array | None,
    dweight: Array,
    dbias: Array | None,
    sparse_x: bool,
    sparse_dy: bool,
    cut_dx: bool,
    scratch: Array,
    n_threads: int,
) -> None:
    """dx = dy weight', dweight = x' dy, dbias = sum of dy over rows; `dx` and `dbias` may be None.

    `sparse_x` and `sparse_dy` are for dweight and dx what `sparse` is for the forward pass. `cut_dx` says that x is the
    output of a ReLU, perhaps through a dropout, and dx the gradient before the ReLU: 0 where x is not above 0.
    """
    checks.check_dense_backward(x, weight, dy, dx, dweight, dbias)
    np.matmul(x.T, dy, out=dweight)
    if dbias is not None:
        np.sum(dy, axis=0, out=dbias)
    if dx is not None:
        np.matmul(dy, weight.T, out=dx)
        if cut_dx:
            relu_backward(x, dx, dx, n_threads)
