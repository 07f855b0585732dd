"""check_gradients: it passes what is right, kinks included, and names what is wrong, down to the element."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from crmsprop import nn
from crmsprop.nn import BatchResult, Dense, Layer, Loss, MixedLabels, Network, ReLU, check_gradients
from crmsprop.nn.differences import STEP, Value, at_kinks, relative_errors, slopes

RIGHT = [
    (Dense(3), (5,)),
    (nn.Conv2D(3, 3, stride=2, padding="same"), (6, 5, 2)),
    (nn.MaxPool2D(2), (6, 5, 2)),
    (nn.Flatten(), (2, 3, 1)),
    (nn.BatchNorm(), (7,)),
    (nn.BatchNorm(), (3, 2, 4)),
    (nn.Dropout(0.4), (9,)),
    (nn.GELU(), (7,)),
    (nn.Whitening2D(2), (6, 6, 1)),
    (nn.Residual([Dense(4), nn.Tanh(), Dense(5)]), (5,)),
]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("layer", "shape"), RIGHT, ids=repr)
def test_layers_that_are_right(layer, shape, training):
    found = check_gradients(layer, shape, batch_size=6, training=training)
    learned = [parameter.name for parameter in layer.parameters(shape) if parameter.learned]
    assert list(found.errors) == list(found.kinks) == ["x", *learned]
    assert max(found.errors.values()) < 1e-7


LABELS = np.array([0, 4, 2, 2])
NUMBERS = np.random.default_rng(3).uniform(size=(4, 5))


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (nn.SoftmaxCrossEntropy(0.1), LABELS),
        (nn.SoftmaxCrossEntropy(), MixedLabels(LABELS, LABELS[::-1].copy(), np.array([0.0, 0.2, 0.5, 0.9]))),
        (nn.BinaryCrossEntropy(0.1), NUMBERS.round()),
        *((loss, NUMBERS) for loss in (nn.SquaredError(), nn.AbsoluteError(), nn.Huber(0.5), nn.PoissonDeviance())),
    ],
    ids=repr,
)
def test_losses_that_are_right(loss, target):
    assert check_gradients(loss, (5,), target=target).errors["x"] < 1e-7


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_is_checked_with_the_parameters_that_it_has(dtype):
    layers = [nn.Conv2D(4, 3), ReLU(), nn.MaxPool2D(2), nn.BatchNorm(), nn.Dropout(0.2), nn.Flatten(), Dense(3)]
    network = Network(layers, (8, 7, 2), dtype)
    with pytest.raises(ValueError, match="the parameters of the network must not all be 0: initialize it"):
        check_gradients(network)
    network.initialize(np.random.default_rng(0))
    before = network.arena.flat.copy()
    found = check_gradients(network, batch_size=5)
    assert list(found.errors) == ["x", "0.weight", "0.bias", "3.gamma", "3.beta", "6.weight", "6.bias"]
    assert max(found.errors.values()) < 1e-7
    np.testing.assert_array_equal(network.arena.flat, before)


# what is wrong


@dataclass(frozen=True)
class Wrong(Dense):
    """A Dense layer with one thing wrong."""

    units: int = 3
    what: str = ""

    def forward(self, x, out, own, run):
        super().forward(x, out, own, run)
        if self.what == "forward changes x":
            x[0, 0] += 1
        if self.what == "forward changes the weight":
            own.params[0][0, 0] += 1
        if self.what == "forward leaves a hole":
            out[1, 2] = np.nan

    def backward(self, x, out, dy, dx, own, run):
        super().backward(x, out, dy, dx, own, run)
        if self.what == "backward changes out":
            out[0, 0] = 0
        if self.what == "backward changes the bias":
            own.params[1][0] += 1
        if self.what == "the gradient is added":
            own.grads[0] += np.nan
        if self.what == "dx is forgotten" and dx is not None:
            dx[2] = np.nan
        if self.what == "dx is a little too large" and dx is not None:
            dx *= 1.0001
        if self.what == "one weight is wrong":
            own.grads[0][1, 2] *= -1
        if self.what == "the bias needs dx" and dx is None:
            own.grads[1][:] = 0


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("forward changes x", "forward must not change x"),
        ("forward changes the weight", "forward must not change weight"),
        ("forward leaves a hole", r"forward must fill out with finite numbers, got nan at \[1, 2\]"),
        ("backward changes out", "backward must not change out"),
        ("backward changes the bias", "backward must not change bias"),
        ("the gradient is added", r"backward must fill the gradient to weight with finite .*, got nan at \[0, 0\]"),
        ("dx is forgotten", r"backward must fill dx with finite numbers, got nan at \[2, 0\]"),
        ("dx is a little too large", r"the gradient to x must be .* a relative error of 0.0001, above 1e-06"),
        ("one weight is wrong", r"the gradient to weight must be .*: at \[1, 2\] it is .* error of 2, above 1e-06"),
        ("the bias needs dx", "backward must give bias the same gradient where dx is None"),
    ],
)
def test_a_layer_that_is_wrong_is_told_where(what, message):
    with pytest.raises(AssertionError, match=f"^{message}"):
        check_gradients(Wrong(what=what), (4,))


def test_what_is_in_a_network_is_found_as_well():
    network = Network([Dense(4), nn.Tanh(), Wrong(what="one weight is wrong")], (4,))
    network.initialize(np.random.default_rng(0))
    with pytest.raises(AssertionError, match=r"the gradient to 2.weight must be .*: at \[1, 2\]"):
        check_gradients(network)


@dataclass(frozen=True)
class WrongLoss(nn.SquaredError):
    """The squared error with one thing wrong."""

    what: str = ""

    def evaluate(self, output, target, weights, gradient, memory, n_threads):
        result = super().evaluate(output, target, weights, gradient, memory, n_threads)
        if self.what == "a half" and gradient is not None:
            gradient /= 2
        if self.what == "no weights" and gradient is not None:
            gradient /= weights[:, None]
        if self.what == "another loss" and gradient is not None:
            return BatchResult(result.loss + 1e-6, math.nan)
        if self.what == "a hole" and gradient is not None:
            gradient[0, 1] = np.nan
        if self.what == "changes weights":
            weights /= weights.sum()
        if self.what == "changes output":
            output -= target
        return result


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("a half", "the gradient to x must be that of the function: .* a relative error of 0.5, above 1e-06"),
        ("no weights", "the gradient to x must be that of the function"),
        ("another loss", r"evaluate must give the same loss with a gradient and without, got \S+ and \S+"),
        ("a hole", r"evaluate must fill gradient with finite numbers, got nan at \[0, 1\]"),
        ("changes weights", "evaluate must not change weights"),
        ("changes output", "evaluate must not change output"),
    ],
)
def test_a_loss_that_is_wrong_is_told_where(what, message):
    with pytest.raises(AssertionError, match=f"^{message}"):
        check_gradients(WrongLoss(what=what), (5,), target=NUMBERS)


def test_the_tolerance_decides():
    layer = Wrong(what="dx is a little too large")
    assert check_gradients(layer, (4,), tolerance=2e-4).errors["x"] == pytest.approx(1e-4, rel=1e-3)
    with pytest.raises(AssertionError, match="above 9e-05"):
        check_gradients(layer, (4,), tolerance=9e-5)


# kinks


@dataclass(frozen=True)
class Slope(ReLU):
    """A ReLU with a slope of its own at 0."""

    at_zero: float = 0.5

    def backward(self, x, out, dy, dx, own, run):
        super().backward(x, out, dy, dx, own, run)
        if dx is not None:
            dx[x == 0] = self.at_zero * dy[x == 0]


@pytest.mark.parametrize("at_zero", [0.0, 0.3, 1.0])
def test_any_slope_between_those_of_both_sides_is_right_at_a_kink(at_zero):
    found = check_gradients(Slope(at_zero), x=[[0.0, 1.0, -1.0, 0.0]])
    assert found.kinks == {"x": 2}
    assert found.errors["x"] < 1e-9


@pytest.mark.parametrize("at_zero", [-0.1, 1.1])
def test_no_other_slope_is(at_zero):
    with pytest.raises(AssertionError, match=r"the gradient to x must be .* at \[0, 0\]"):
        check_gradients(Slope(at_zero), x=[[0.0, 1.0]])


@pytest.mark.parametrize("distance", np.linspace(-1.2, 1.2, 25) * STEP)
def test_a_kink_within_a_step_is_no_error(distance):
    assert check_gradients(ReLU(), x=[[distance]]).errors["x"] < 1e-9


@pytest.mark.parametrize("distance", np.linspace(0.1, 1.2, 12) * STEP)
@pytest.mark.parametrize("factor", [-0.5, 1.5])
def test_a_kink_within_a_step_hides_no_other_slope(distance, factor):
    with pytest.raises(AssertionError, match="the gradient to x"):
        check_gradients(_Scaled(factor), x=[[distance]])


@dataclass(frozen=True)
class _Scaled(ReLU):
    factor: float

    def backward(self, x, out, dy, dx, own, run):
        super().backward(x, out, dy, dx, own, run)
        if dx is not None:
            dx *= self.factor


def test_ties_of_a_pool():
    assert check_gradients(nn.MaxPool2D(2), x=np.ones((1, 4, 4, 1))).kinks == {"x": 16}


# the differences themselves


@pytest.mark.parametrize(
    ("function", "derivative"),
    [(np.sin, np.cos), (np.exp, np.exp), (lambda x: x**4 - x**3, lambda x: 4 * x**3 - 3 * x**2), (np.arctan, None)],
)
def test_slopes_against_closed_formulas(function, derivative):
    derivative = derivative or (lambda x: 1 / (1 + x**2))
    x = np.linspace(-2, 2, 41)
    array = x.copy()

    def total():
        values = function(array)
        return Value(float(values.sum()), float(np.abs(values).sum()))

    found = slopes(total, array, range(x.size))
    np.testing.assert_allclose(found.value, derivative(x), rtol=0, atol=found.noise)
    assert found.noise < 2e-9
    assert relative_errors(derivative(x), found, 1e-6).max() <= 1e-6
    wrong = derivative(x) + 1e-5
    assert not at_kinks(wrong, found).any()
    size = np.maximum(np.maximum(np.abs(wrong), np.abs(derivative(x))), found.noise / 1e-6)
    np.testing.assert_allclose(relative_errors(wrong, found, 1e-6), 1e-5 / size, rtol=0.01)
    np.testing.assert_array_equal(array, x)


# arguments


@dataclass(frozen=True)
class Logarithm(Layer):
    """Of numbers above 0."""

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, x, out, own, run):
        with np.errstate(invalid="ignore"):
            np.log(x, out=out)

    def backward(self, x, out, dy, dx, own, run):
        if dx is not None:
            np.divide(dy, x, out=dx)


def test_a_batch_of_ones_own():
    x = np.array([[1.0, 2.0], [3.0, 0.1]], np.float32)
    assert check_gradients(Logarithm(), x=x).errors["x"] < 1e-7
    assert check_gradients(Logarithm(), (2,), x=x).errors["x"] < 1e-7
    with pytest.raises(AssertionError, match="forward must fill out with finite numbers, got nan"):
        check_gradients(Logarithm(), (2,))


def test_some_elements_of_a_large_array():
    calls = []

    @dataclass(frozen=True)
    class Counting(Dense):
        units: int = 2

        def forward(self, x, out, own, run):
            calls.append(1)
            super().forward(x, out, own, run)

    check_gradients(Counting(), (50,), max_elements=7)
    assert len(calls) == 3 + 3 + 4 * (7 + 7 + 2)  # once for the shape, twice backward; once an array and 4 an element


def test_the_seed_decides():
    found = [
        check_gradients(Wrong(what="dx is a little too large"), (4,), tolerance=1, seed=seed) for seed in (0, 0, 1)
    ]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("arguments", "named", "message"),
    [
        ((Dense(3),), {}, "input_shape must be given where x is not, got None"),
        ((Dense(3), (4,)), {"x": np.ones((2, 5))}, r"x must be a batch of samples of the shape \(4,\), got \(2, 5\)"),
        ((Dense(3),), {"x": np.ones((0, 5))}, r"x must be a batch of samples of the shape None, got \(0, 5\)"),
        ((Dense(3), (4,)), {"target": LABELS}, "target must be None where subject is no loss, got array"),
        ((Dense(3), (4,)), {"tolerance": 0}, r"tolerance must be in \(0, inf\), got 0"),
        ((Dense(3), (4,)), {"max_elements": 0}, "max_elements must be at least 1, got 0"),
        ((Dense(3), (4,)), {"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ((Dense(3), (4,)), {"seed": -1}, "seed must be at least 0, got -1"),
        ((Dense(3), (4,)), {"training": 1}, "training must be True or False, got 1"),
        ((nn.SquaredError(), (4,)), {}, "target must be given for a loss, got None"),
        ((nn.SquaredError(),), {"x": np.ones((2, 5)), "target": NUMBERS}, "target must have a row for each of 2 rows"),
        ((nn.SquaredError, (4,)), {}, "subject must be a Layer, a Network or a Loss, got <class"),
        ((Network([Dense(3)], (4,)), (5,)), {}, r"input_shape must be \(4,\) for this network, got \(5,\)"),
        ((Dense(3), (4, 4)), {}, r"layers\[0\], Dense\(.*\), does not fit the shape \(4, 4\)"),
    ],
)
def test_arguments_that_are_refused(arguments, named, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        check_gradients(*arguments, **named)


def test_a_loss_of_ones_own_must_override_evaluate():
    class Own(Loss):
        pass

    array = np.ones((2, 3))
    with pytest.raises(TypeError, match="Own must override evaluate"):
        Own().evaluate(array, array, np.ones(2), None, None, 1)
    assert Own().memory(4, np.dtype("f4")) is None
    assert Own().predict(array, 1) is array


def test_a_shape_that_is_none_is_refused_with_the_layer():
    @dataclass(frozen=True)
    class Listed(ReLU):
        def output_shape(self, input_shape):
            return list(input_shape)

    with pytest.raises(
        TypeError, match=r"output_shape of layers\[1\], .*Listed\(\), must be a tuple of integers, got \[3"
    ):
        Network([Dense(3), Listed()], (4,))
