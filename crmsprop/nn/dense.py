"""The fully connected layer."""

from dataclasses import dataclass

from crmsprop import kernels
from crmsprop.errors import check_bool, check_integer, check_real
from crmsprop.nn.arena import aligned_zeros
from crmsprop.nn.initializers import GLOROT_UNIFORM, Initializer, Zeros, check_initializer
from crmsprop.nn.layer import MOST, Array, Layer, Own, Parameter, Run, Shape, Site, describe_shape


@dataclass(frozen=True)
class Dense(Layer):
    """``out = x @ weight + bias`` for rows of numbers.

    Parameters
    ----------
    units : int
        Width of the output, at least 1.
    use_bias : bool, default=True
    l2 : float or None, default=None
        L2 penalty on the weights of this layer, in [0, inf); None for the estimator's.
    initializer : Initializer, default=GlorotUniform()
        Of the weights; biases start at 0.

    Examples
    --------
    >>> from crmsprop.nn import Dense
    >>> Dense(64, l2=0.01).output_shape((100,))
    (64,)
    >>> {parameter.name: parameter.l2 for parameter in Dense(64, l2=0.01).parameters((100,))}
    {'weight': 0.01, 'bias': None}
    """

    units: int
    use_bias: bool = True
    l2: float | None = None
    initializer: Initializer = GLOROT_UNIFORM

    def __post_init__(self) -> None:
        check_integer("units", self.units, 1, MOST)
        check_bool("use_bias", self.use_bias)
        if self.l2 is not None:
            check_real("l2", self.l2, "[0, inf)")
        check_initializer(self.initializer)

    @property
    def surroundings(self) -> tuple[bool, bool, bool, bool]:
        """What the layer has to do with ReLUs around it, as FusedDense has it: nothing here."""
        return False, False, False, False

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1:
            raise ValueError(
                f"Dense needs rows of numbers, got shape {describe_shape(input_shape)}: put Flatten() before it"
            )
        return (self.units,)

    def parameters(self, input_shape: Shape) -> tuple[Parameter, ...]:
        weight = Parameter("weight", (input_shape[0], self.units), self.initializer, l2=self.l2)
        return (weight, Parameter("bias", (self.units,), Zeros(), decays=False))[: 1 + self.use_bias]

    def memory(self, site: Site) -> Array:
        size = kernels.dense_scratch(
            site.batch_size, site.input_shape[0], self.units, site.dtype, site.training, site.n_threads
        )
        return aligned_zeros(size, site.dtype)

    def flops(self, input_shape: Shape) -> int:
        return 2 * input_shape[0] * self.units

    def forward(self, x: Array, out: Array, own: Own, run: Run) -> None:
        relu, behind_relu, _, _ = self.surroundings
        bias = own.params[1] if self.use_bias else None
        kernels.dense_forward(x, own.params[0], bias, out, relu, behind_relu, own.memory, run.n_threads)

    def backward(self, x: Array, out: Array, dy: Array, dx: Array | None, own: Own, run: Run) -> None:
        relu, behind_relu, cuts_dx, dy_is_cut = self.surroundings
        if relu and not dy_is_cut:
            kernels.relu_backward(out, dy, dy, run.n_threads)
        weight, dweight, dbias = own.params[0], own.grads[0], own.grads[1] if self.use_bias else None
        sparse = behind_relu, relu
        kernels.dense_backward(x, weight, dy, dx, dweight, dbias, *sparse, cuts_dx, own.memory, run.n_threads)


@dataclass(frozen=True)
class FusedDense(Dense):
    """Dense, then perhaps ReLU, in one pass, perhaps behind a ReLU: what fusion makes of a Dense and its neighbours.

    An input that comes from a ReLU is full of exact zeros, and so is a gradient that goes through one: they are
    skipped.

    Attributes
    ----------
    fused_relu : bool
        Whether a ReLU runs in the same pass.
    behind_relu : bool
        Whether the input comes from a ReLU.
    cuts_dx : bool
        Whether the gradient to the input is to be the one before that ReLU, a FusedDense's own, and perhaps a dropout.
    dy_is_cut : bool
        Whether the gradient comes from a layer that did this for the layer's own ReLU.
    """

    fused_relu: bool = False
    behind_relu: bool = False
    cuts_dx: bool = False
    dy_is_cut: bool = False

    @property
    def surroundings(self) -> tuple[bool, bool, bool, bool]:
        return self.fused_relu, self.behind_relu, self.cuts_dx, self.dy_is_cut
