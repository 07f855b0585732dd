"""What the twins of the RMSprop kernels demand; see checks.py."""

from typing import Any

from crmsprop.kernels._boundary import an_array
from crmsprop.kernels._boundary import py_as_long as as_long
from crmsprop.kernels._boundary import py_reads as reads
from crmsprop.kernels._boundary import py_real_of as real_of
from crmsprop.kernels._boundary import py_same_shape as same_shape
from crmsprop.kernels._boundary import py_separate as separate
from crmsprop.kernels._boundary import py_separate_lists as separate_lists
from crmsprop.kernels._boundary import py_writes as writes
from crmsprop.kernels._cpu import effective_n_threads
from crmsprop.kernels.reference.checks import Array
from crmsprop.kernels.rule import RMSpropState


def check_params(params: list[Array]) -> None:
    """Every parameter can be updated in place."""
    for i in range(len(params)):
        check_param(i, params)


def check_param(i: int, params: list[Array]) -> None:
    """Parameter i can be updated in place, and is of the dtype of the first."""
    real, param = real_of(params[0], "params", 0), an_array(params[i], "params", i)
    writes(param, "params", real, param.ndim, i)


def check_rmsprop(params: list[Array], state: RMSpropState, rates: list[Any]) -> None:
    """Every array of the state fits its parameter."""
    if state.mean_squares is None:
        raise TypeError("mean_squares must be a list of arrays, got None")
    for name, values in {**state._asdict(), "rates": rates}.items():
        as_long(values, name, len(params))
    for i, param in enumerate(params):
        check_param(i, params)
        for name, arrays in state._asdict().items():
            if arrays is not None:
                _check_companion(arrays[i], name, param, "params", i)
    separate_lists(("params", *state._fields), (params, *state.lists()), 1 + len(state))


def check_gradients(
    params: list[Array], sizes: list[int], state: RMSpropState, grads: list[Array], scales: list[float] | None
) -> None:
    """Every gradient fits its parameter, and every array is still what it was, before anything is changed."""
    as_long(scales, "scales", len(params))
    as_long(grads, "grads", len(params))
    for i, param in enumerate(params):
        for name, arrays in {"params": params, **state._asdict()}.items():
            if arrays is not None:
                writes(arrays[i], name, param.dtype, arrays[i].ndim, i)
                if arrays[i].size != sizes[i]:
                    raise ValueError(f"{name}[{i}] must keep its memory and its size, got one that was resized")
        _check_companion(grads[i], "grads", param, "params", i)
    separate_lists(("params", *state._fields, "grads"), (params, *state.lists(), grads), 1 + len(state))


def check_update(
    param: Array, grad: Array, mean_square: Array, mean: Array | None, velocity: Array | None, average: Array | None
) -> None:
    """One array, its gradient and its state."""
    real = real_of(an_array(param, "param"), "param")
    an_array(mean_square, "mean_square")
    written = {"param": param, "mean_square": mean_square, "mean": mean, "velocity": velocity, "average": average}
    for name, array in written.items():
        if array is not None:
            same_shape(array, name, param, "param")
            writes(array, name, real, array.ndim)
    same_shape(grad, "grad", param, "param")
    reads(grad, "grad", real, grad.ndim)
    separate((*written, "grad"), (*written.values(), grad), len(written))


def check_n_threads(n_threads: Any) -> None:
    """A number of threads that a compiled kernel would take, or None."""
    effective_n_threads(n_threads)


def check_accumulate(grads: list[Array], sums: list[Array]) -> None:
    """Gradients and what they are added to."""
    _check_pairs(("sums", "grads"), sums, grads)


def check_average(params: list[Array], averages: list[Array]) -> None:
    """Parameters and their running averages."""
    _check_pairs(("averages", "params"), averages, params)


def _check_pairs(names: tuple[str, str], written: list[Array], read: list[Array]) -> None:
    """Arrays that are written, and those of the same shapes that are read for it."""
    as_long(read, names[1], len(written))
    for i, target in enumerate(written):
        real = real_of(an_array(written[0], names[0], 0), names[0], 0)
        writes(an_array(target, names[0], i), names[0], real, target.ndim, i)
        same_shape(read[i], names[1], target, names[0], i)
        reads(read[i], names[1], real, target.ndim, i)
    separate_lists(names, (written, read), 1)


def check_squares(grads: list[Array], sums: list[Array] | None) -> None:
    """Gradients, and what is added to them."""
    as_long(sums, "sums", len(grads))
    for i, grad in enumerate(grads):
        reads(grad, "grads", real_of(grads[0], "grads", 0), grad.ndim, i)
        if sums is not None:
            _check_companion(sums[i], "sums", grad, "grads", i)


def _check_companion(array: Array, name: str, param: Array, param_name: str, i: int) -> None:
    same_shape(array, name, param, param_name, i)
    (reads if name == "grads" else writes)(array, name, param.dtype, param.ndim, i)
