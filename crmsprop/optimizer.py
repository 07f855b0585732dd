"""RMSprop on any list of NumPy arrays, in place, in one compiled pass."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from crmsprop import kernels
from crmsprop.errors import check_bool, check_real

Array = np.ndarray[Any, np.dtype[Any]]

GROUP_KEYS = ("params", "learning_rate", "l2")


class RMSprop:
    """RMSprop (Tieleman and Hinton, 2012), updating a list of arrays in place.

    For each parameter and its gradient, element by element::

        g     = grad + l2 * param
        v     = rho * v + (1 - rho) * g**2              v is called mean_square
        param = param - learning_rate * g / (sqrt(v) + epsilon)

    With ``centered`` the root is that of ``v - mean**2``, clamped at 0, where ``mean = rho * mean + (1 - rho) * g``
    (Graves, 2013). With ``momentum`` the parameter moves by ``learning_rate * velocity``, where ``velocity =
    momentum * velocity + g / (sqrt(v) + epsilon)``. All of it happens in one pass over memory, on all cores, and
    gives the same bits for any number of threads.

    Parameters
    ----------
    params : sequence of ndarray, or sequence of dict
        Arrays to train: all float32 or all float64, C-contiguous, writable, of any shape, not overlapping. Or groups
        of them: each a dict with ``params`` and, if it has its own, ``learning_rate`` and ``l2``.
    learning_rate : float, default=1e-3
        Step size, in [0, inf). May be set at any time.
    rho : float, default=0.9
        Decay of the mean square, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root, in [0, inf); must not round to 0 in the dtype of `params`.
    momentum : float, default=0.0
        In [0, 1).
    centered : bool, default=False
        Divide by the standard deviation of the gradient instead of its root mean square.
    l2 : float, default=0.0
        L2 penalty, in [0, inf), coupled: added to the gradient as ``l2 * param``.
    n_threads : int or None, default=None
        Threads to use; None for every core that the process may use.

    Attributes
    ----------
    params : list of ndarray
        The arrays of all groups, in order.
    mean_squares : list of ndarray
        Running mean of the squared gradients, one array a parameter.
    means, velocities : list of ndarray or None
        State of `centered` and of `momentum`; None without.
    n_steps : int
        Steps taken.

    Raises
    ------
    TypeError, ValueError
        If a parameter is out of range, or an array is not as above: the message names it by its index.

    Examples
    --------
    >>> import numpy as np
    >>> from crmsprop import RMSprop
    >>> weights = np.array([1.0, -2.0])
    >>> optimizer = RMSprop([weights], learning_rate=0.1)
    >>> for _ in range(100):
    ...     optimizer.step([2 * weights])  # the gradient of sum(weights**2)
    >>> bool(np.abs(weights).max() < 0.1)
    True
    """

    def __init__(
        self,
        params: Iterable[Array] | Iterable[Mapping[str, Any]],
        learning_rate: float = 1e-3,
        rho: float = 0.9,
        epsilon: float = 1e-8,
        *,
        momentum: float = 0.0,
        centered: bool = False,
        l2: float = 0.0,
        n_threads: int | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.rho = check_real("rho", rho, "[0, 1)")
        self.epsilon = check_real("epsilon", epsilon, "[0, inf)")
        self.momentum = check_real("momentum", momentum, "[0, 1)")
        self.centered = check_bool("centered", centered)
        self.l2 = check_real("l2", l2, "[0, inf)")
        self.n_threads = n_threads
        kernels.effective_n_threads(n_threads)
        self._set_groups(list(params))
        self._check_epsilon()
        self.reset()

    @property
    def learning_rate(self) -> float:
        """Step size of every group that has none of its own."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = check_real("learning_rate", value, "[0, inf)")

    def step(self, grads: Sequence[Array], *, learning_rate: float | None = None) -> None:
        """Update every parameter in place, once.

        Parameters
        ----------
        grads : sequence of ndarray
            One gradient a parameter, in the order of `params`, of its shape and dtype, C-contiguous. Not changed.
        learning_rate : float or None, default=None
            Step size of this step alone, in [0, inf), in place of `learning_rate`.

        Raises
        ------
        TypeError, ValueError
            If a gradient does not fit its parameter; nothing is changed then.
        """
        rate = self._learning_rate if learning_rate is None else check_real("learning_rate", learning_rate, "[0, inf)")
        if len(grads) != len(self.params):
            raise ValueError(f"grads must hold one array a parameter, {len(self.params)}, got {len(grads)}")
        kernels.rmsprop_step(
            self.params,
            list(grads),
            self.mean_squares,
            self.means,
            self.velocities,
            [rate if own is None else own for own in self._own_rates],
            self._l2s,
            self.rho,
            self.epsilon,
            self.momentum,
            kernels.effective_n_threads(self.n_threads),
        )
        self.n_steps += 1

    def reset(self) -> None:
        """Forget the state: mean squares, means and velocities become 0 and the count of steps too."""
        self.mean_squares = _zeros_like(self.params)
        self.means = _zeros_like(self.params) if self.centered else None
        self.velocities = _zeros_like(self.params) if self.momentum else None
        self.n_steps = 0

    def _set_groups(self, params: list[Any]) -> None:
        groups = params if params and isinstance(params[0], Mapping) else [{"params": params}]
        self.params: list[Array] = []
        self._own_rates: list[float | None] = []
        self._l2s: list[float] = []
        for i, group in enumerate(groups):
            _check_group(i, group)
            arrays = list(group["params"])
            rate, l2 = group.get("learning_rate"), group.get("l2", self.l2)
            own = None if rate is None else check_real(f"params[{i}]['learning_rate']", rate, "[0, inf)")
            self.params += arrays
            self._own_rates += [own] * len(arrays)
            self._l2s += [check_real(f"params[{i}]['l2']", l2, "[0, inf)")] * len(arrays)
        _check_arrays(self.params)

    def _check_epsilon(self) -> None:
        if self.params and self.epsilon > 0 and self.params[0].dtype.type(self.epsilon) == 0:
            raise ValueError(f"epsilon must not round to 0 in {self.params[0].dtype}, got {self.epsilon}")


def _check_group(i: int, group: Any) -> None:
    if not isinstance(group, Mapping) or "params" not in group:
        raise TypeError(f"params[{i}] must be a dict with the key 'params', as the first group is, got {group!r:.100}")
    unknown = sorted(set(group) - set(GROUP_KEYS))
    if unknown:
        raise ValueError(
            f"params[{i}] must have no keys but {', '.join(GROUP_KEYS)}, got {', '.join(map(str, unknown))}"
        )


def _check_arrays(params: list[Array]) -> None:
    """Refuse what the kernel would refuse, before any state is made; and arrays that overlap."""
    for i, param in enumerate(params):
        if not isinstance(param, np.ndarray):
            raise TypeError(f"params[{i}] must be a NumPy array, got {type(param).__name__}")
    kernels.rmsprop_check(params)
    intervals = sorted((*np.lib.array_utils.byte_bounds(param), i) for i, param in enumerate(params) if param.size)
    for (_, end, i), (begin, _, j) in itertools.pairwise(intervals):
        if begin < end:
            raise ValueError(f"params[{max(i, j)}] must not overlap params[{min(i, j)}] in memory")


def _zeros_like(params: list[Array]) -> list[Array]:
    """Zeros for each parameter, all of them views of one array, so that a snapshot of the state is one copy."""
    flat = np.zeros(sum(param.size for param in params), params[0].dtype if params else np.float64)
    ends = np.cumsum([0, *(param.size for param in params)])
    return [flat[ends[i] : ends[i + 1]].reshape(param.shape) for i, param in enumerate(params)]
