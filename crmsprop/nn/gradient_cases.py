"""What check_gradients compares: a function of arrays, and what its gradients are said to be.

The passes are run as a network runs them. What they have to fill holds NaN before; what they only read is compared with
what it was.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from crmsprop.nn.chain import Chain
from crmsprop.nn.differences import Value
from crmsprop.nn.layer import Array, Layer, Own, Parameter, Run, Site
from crmsprop.nn.losses import Loss, MixedLabels
from crmsprop.nn.network import Network


class Case(NamedTuple):
    """A function of arrays, and its gradients by the names of the arrays."""

    arrays: Mapping[str, Array]
    gradients: Mapping[str, Array]
    value: Callable[[], Value]


def layer_case(layer: Layer, x: Array, run: Run, rng: np.random.Generator) -> Case:
    """Return a layer as a function of `x` and its parameters, which are drawn."""
    chain = Chain([layer], x.shape[1:], fused=False)
    params = [_drawn(parameter, rng) for parameter in chain.parameters]
    if layer.adapts:
        layer.adapt(x, params)
    return _case_of_passes(_Passes(chain, params, x, run, prefix="0."), rng)


def network_case(network: Network, x: Array, run: Run, rng: np.random.Generator) -> Case:
    """Return a network as a function of `x` and of its parameters as they are."""
    params = [view.astype(np.float64) for view in network.arena.views.values()]
    if params and not any(param.any() for param in params):
        raise ValueError("the parameters of the network must not all be 0: initialize it")
    chain = Chain(network.layers, network.input_shape, fused=network.fused)
    return _case_of_passes(_Passes(chain, params, x, run, fused=network.fused), rng)


def loss_case(loss: Loss, output: Array, target: Any, rng: np.random.Generator) -> Case:
    """Return the weighted sum of a loss over a batch as a function of the output."""
    n = rows_of(target)
    if len(output) != n:
        raise ValueError(f"target must have a row for each of {len(output)} rows of x, got {n}")
    target = target if isinstance(target, MixedLabels) else np.asarray(target)
    weights, memory = rng.uniform(0.5, 1.5, n), loss.memory(n, np.dtype(np.float64))

    def evaluated(gradient: Array | None) -> float:
        given = [output.copy(), weights.copy()]
        result = loss.evaluate(given[0], target, given[1], gradient, memory, 1)
        _assert_same("evaluate", {"output": output, "weights": weights}, given)
        return float(result.loss)

    def value() -> Value:
        return Value(evaluated(None), abs(evaluated(None)) + float(weights.sum()))

    gradient = np.full_like(output, np.nan)
    with_gradient, without = evaluated(gradient), evaluated(None)
    _assert_filled("evaluate", "gradient", gradient)
    if not np.isclose(with_gradient, without, rtol=1e-12, atol=0):
        raise AssertionError(
            f"evaluate must give the same loss with a gradient and without, got {with_gradient} and {without}"
        )
    return Case({"x": output}, {"x": gradient}, value)


def rows_of(target: Any) -> int:
    """Return how many samples a target is of; ValueError where there is none."""
    if target is None:
        raise ValueError("target must be given for a loss, got None")
    return len(target.labels if isinstance(target, MixedLabels) else target)


def _drawn(parameter: Parameter, rng: np.random.Generator) -> Array:
    drawn = np.array(parameter.initializer(parameter.shape, rng), np.float64)
    return np.maximum(drawn + rng.uniform(-0.5, 0.5, drawn.shape), parameter.minimum)


def _case_of_passes(passes: "_Passes", rng: np.random.Generator) -> Case:
    dy = np.asarray(rng.normal(size=passes.forward().shape))

    def value() -> Value:
        terms = passes.forward() * dy
        return Value(float(terms.sum()), float(np.abs(terms).sum()))

    return Case({"x": passes.x, **passes.learned}, passes.backward(dy), value)


class _Passes:
    """Both passes of a chain on one batch, again and again.

    Attributes
    ----------
    x : ndarray of shape (n, *input_shape)
        The batch.
    learned : dict of str to ndarray
        The parameters that have a gradient.
    """

    def __init__(
        self, chain: Chain, params: Sequence[Array], x: Array, run: Run, prefix: str = "", fused: bool = True
    ) -> None:
        names = [parameter.name.removeprefix(prefix) for parameter in chain.parameters]
        has_gradient = [parameter.learned for parameter in chain.parameters]
        self.x = x
        self.learned = {name: param for name, param, one in zip(names, params, has_gradient, strict=True) if one}
        self._chain, self._run, self._params = chain, run, params
        grads = [np.empty_like(param) for param in self.learned.values()]
        memory = chain.memory(Site(0, x.shape[1:], len(x), x.dtype, run.n_threads, True, fused))
        # A forward pass moves what is not learned, so each one gets the same to begin with.
        self._own = Own([param.copy() for param in params], grads, memory)
        self._own_learned = [param for param, one in zip(self._own.params, has_gradient, strict=True) if one]
        self._out = np.empty((len(x), *chain.output_shape))

    def forward(self) -> Array:
        """Return the output, in a buffer that the next pass overwrites."""
        for own, param in zip(self._own.params, self._params, strict=True):
            own[...] = param
        x = self.x.copy()
        self._out.fill(np.nan)
        self._chain.forward(x, self._out, self._own, self._run)
        _assert_filled("forward", "out", self._out)
        _assert_same("forward", {"x": self.x, **self.learned}, [x, *self._own_learned])
        return self._out

    def backward(self, dy: Array) -> dict[str, Array]:
        """Return the gradients to the input, as "x", and to each parameter that is learned."""
        dx = np.empty_like(self.x)
        gradients, without_dx = self._backward(dy, dx), self._backward(dy, None)
        for name, gradient in without_dx.items():
            if not np.array_equal(gradient, gradients[name]):
                raise AssertionError(f"backward must give {name} the same gradient where dx is None")
        return {"x": dx, **gradients}

    def _backward(self, dy: Array, dx: Array | None) -> dict[str, Array]:
        out, x = self.forward(), self.x.copy()
        written, filled = out.copy(), dict(zip(self.learned, self._own.grads, strict=True))
        for array in [*filled.values(), *([] if dx is None else [dx])]:
            array.fill(np.nan)
        self._chain.backward(x, out, dy.copy(), dx, self._own, self._run)
        before = {"x": self.x, "out": written, **self.learned}
        _assert_same("backward", before, [x, out, *self._own_learned])
        if dx is not None:
            _assert_filled("backward", "dx", dx)
        for name, gradient in filled.items():
            _assert_filled("backward", f"the gradient to {name}", gradient)
        return {name: gradient.copy() for name, gradient in filled.items()}


def _assert_filled(where: str, name: str, array: Array) -> None:
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        place = tuple(map(int, bad[0]))
        raise AssertionError(f"{where} must fill {name} with finite numbers, got {array[place]} at {list(place)}")


def _assert_same(where: str, before: Mapping[str, Array], after: Sequence[Array]) -> None:
    for (name, array), other in zip(before.items(), after, strict=True):
        if not np.array_equal(array, other):
            raise AssertionError(f"{where} must not change {name}")
