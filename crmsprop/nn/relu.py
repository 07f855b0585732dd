"""The rectified linear unit."""

from dataclasses import dataclass

from crmsprop import kernels
from crmsprop.nn.layer import Array, Layer, Own, Run, Shape


@dataclass(frozen=True)
class ReLU(Layer):
    """``max(x, 0)``, element by element; its gradient at 0 is 0.

    Examples
    --------
    >>> from crmsprop.nn import ReLU
    >>> ReLU().output_shape((128,))
    (128,)
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        kernels.relu_forward(x, out, run.n_threads)

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        if dx is not None:
            kernels.relu_backward(out, dy, dx, run.n_threads)
