"""The optimizer."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crmsprop import kernels
from crmsprop.errors import check_bool, check_choice, check_integer, check_real
from crmsprop.kernels.rule import RMSpropRates, RMSpropRule, RMSpropState
from crmsprop.optimizer.groups import Array, Group, filled_like, unpack
from crmsprop.optimizer.presets import PRESETS
from crmsprop.optimizer.state import check_state_dict, load_state, state_to_dict


class RMSprop:
    """RMSprop (Tieleman and Hinton, 2012), updating a list of arrays in place.

    For each parameter and its gradient, element by element::

        g     = grad + l2 * param
        v     = rho * v + (1 - rho) * g**2              v is called mean_square
        param = param - learning_rate * g / (sqrt(v) + epsilon)

    All options happen in one pass over memory, on all cores, and give the same bits for any number of threads and any
    instruction set. Their order: mean over the accumulated gradients, maximize, clip, ``+ l2 * param``, moments, step,
    decoupled decay, average.

    Parameters
    ----------
    params : sequence of ndarray, or sequence of dict
        Arrays to train: all float32 or all float64, C-contiguous, writable, of any shape, not overlapping. Or groups
        of them: each a dict with ``params`` and, where it differs, ``learning_rate``, ``l2``, ``weight_decay`` and
        ``frozen`` (True: neither these parameters nor their state change).
    learning_rate : float, default=1e-3
        Step size, in [0, inf). May be set at any time.
    rho : float, default=0.9
        Decay of the mean square, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root, in [0, inf); must not round to 0 in the dtype of `params`.
    momentum : float, default=0.0
        In [0, 1): ``velocity = momentum * velocity + g / (sqrt(v) + epsilon)`` and ``param -= learning_rate *
        velocity``.
    nesterov : bool, default=False
        Move by ``u + momentum * velocity`` in place of the velocity, where u is what was just added to it. Needs
        `momentum`.
    centered : bool, default=False
        Take the root of ``v - mean**2``, clamped at 0, where ``mean = rho * mean + (1 - rho) * g`` (Graves, 2013).
    eps_in_sqrt : bool, default=False
        Divide by ``sqrt(v + epsilon)``, as Keras, TensorFlow and optax do.
    lr_in_momentum : bool, default=False
        ``velocity = momentum * velocity + learning_rate * g / ...`` and ``param -= velocity``, as Keras, TensorFlow and
        optax do: it differs where the learning rate moves.
    bias_correction : bool, default=False
        Divide v and mean by ``1 - rho**t`` in step t, as optax does, whatever `initial_mean_square`.
    initial_mean_square : float, default=0.0
        What v starts from, in [0, inf).
    l2 : float, default=0.0
        L2 penalty, in [0, inf), coupled: added to the gradient as ``l2 * param``.
    weight_decay : float, default=0.0
        In [0, inf), decoupled: takes ``learning_rate * weight_decay`` of the old parameter off.
    clip_value : float or None, default=None
        Largest absolute value of an element of a gradient, in (0, inf).
    clip_norm, global_clip_norm : float or None, default=None
        Largest Euclidean norm of one array's gradient, or of all of them together, in (0, inf). At most one kind of
        clip may be on.
    ema : float or None, default=None
        Decay, in [0, 1), of a running average of the parameters, see `averages`. After the first step the average is
        the parameters themselves, as in Keras.
    accumulate_steps : int, default=1
        Update once every so many calls of `step`, with the mean of their gradients.
    maximize : bool, default=False
        Go up the gradient.
    n_threads : int or None, default=None
        Threads to use; None for every core that the process may use.

    Attributes
    ----------
    params : list of ndarray
        The arrays of all groups, in order.
    mean_squares : list of ndarray
        Running mean of the squared gradients, one array a parameter.
    means, velocities, averages : list of ndarray or None
        State of `centered`, `momentum` and `ema`; None without. The averages may be read at any time.
    n_steps : int
        Updates made.

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

    mean_squares: list[Array]
    means: list[Array] | None
    velocities: list[Array] | None
    averages: list[Array] | None
    n_steps: int

    _thawed: list[int]  # numbers of the parameters that are not frozen, and their arrays
    _thawed_params: list[Array]
    _state: RMSpropState
    _n_accumulated: int

    def __init__(
        self,
        params: Iterable[Array] | Iterable[Mapping[str, Any]],
        learning_rate: float = 1e-3,
        rho: float = 0.9,
        epsilon: float = 1e-8,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        centered: bool = False,
        eps_in_sqrt: bool = False,
        lr_in_momentum: bool = False,
        bias_correction: bool = False,
        initial_mean_square: float = 0.0,
        l2: float = 0.0,
        weight_decay: float = 0.0,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        global_clip_norm: float | None = None,
        ema: float | None = None,
        accumulate_steps: int = 1,
        maximize: bool = False,
        n_threads: int | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.rho = check_real("rho", rho, "[0, 1)")
        self.epsilon = check_real("epsilon", epsilon, "[0, inf)")
        self.momentum = check_real("momentum", momentum, "[0, 1)")
        self.nesterov = check_bool("nesterov", nesterov)
        self.centered = check_bool("centered", centered)
        self.eps_in_sqrt = check_bool("eps_in_sqrt", eps_in_sqrt)
        self.lr_in_momentum = check_bool("lr_in_momentum", lr_in_momentum)
        self.bias_correction = check_bool("bias_correction", bias_correction)
        self.initial_mean_square = check_real("initial_mean_square", initial_mean_square, "[0, inf)")
        self.l2 = check_real("l2", l2, "[0, inf)")
        self.weight_decay = check_real("weight_decay", weight_decay, "[0, inf)")
        self.clip_value = _optional("clip_value", clip_value, "(0, inf)")
        self.clip_norm = _optional("clip_norm", clip_norm, "(0, inf)")
        self.global_clip_norm = _optional("global_clip_norm", global_clip_norm, "(0, inf)")
        self.ema = _optional("ema", ema, "[0, 1)")
        self.accumulate_steps = check_integer("accumulate_steps", accumulate_steps, 1)
        self.maximize = check_bool("maximize", maximize)
        self.n_threads = n_threads
        kernels.effective_n_threads(n_threads)
        self._check_combinations()
        self.params, self._groups = unpack(list(params))
        self._check_epsilon()
        self.reset()

    @classmethod
    def preset(cls, params: Iterable[Array] | Iterable[Mapping[str, Any]], name: str, **overrides: Any) -> "RMSprop":
        """Return an optimizer with the formula, the defaults and the initial state of another library's RMSprop.

        Parameters
        ----------
        params : sequence of ndarray, or sequence of dict
        name : {"torch", "keras", "tf1", "optax"}
        **overrides
            Parameters of this class, by our names: `l2` for torch's ``weight_decay``, `clip_norm` for Keras's
            ``clipnorm``, `ema` for its ``ema_momentum``.

        Examples
        --------
        >>> import numpy as np
        >>> from crmsprop import RMSprop
        >>> RMSprop.preset([np.zeros(3)], "torch", momentum=0.9).rho
        0.99
        """
        return cls(params, **{**PRESETS[check_choice("name", name, tuple(PRESETS))], **overrides})

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
            If a gradient does not fit its parameter, or a norm that is to be clipped is not finite; nothing is changed
            then.
        """
        rate = self._learning_rate if learning_rate is None else check_real("learning_rate", learning_rate, "[0, inf)")
        if len(grads) != len(self.params):
            raise ValueError(f"grads must hold one array a parameter, {len(self.params)}, got {len(grads)}")
        n_threads = kernels.effective_n_threads(self.n_threads)
        thawed = [grads[i] for i in self._thawed]
        if self._n_accumulated + 1 < self.accumulate_steps:
            kernels.rmsprop_accumulate(thawed, self._state.sums or [], n_threads)
            self._n_accumulated += 1
            return
        rates, scales, rule = self._rates(rate), self._scales(thawed, n_threads), self._rule()
        kernels.rmsprop_step(self._thawed_params, thawed, *self._state, rates, scales, rule, n_threads)
        self.n_steps += 1
        self._n_accumulated = 0

    def reset(self) -> None:
        """Forget the state: as before the first step, with the parameters as they are now."""
        self.mean_squares = filled_like(self.params, self.initial_mean_square)
        self.means = filled_like(self.params) if self.centered else None
        self.velocities = filled_like(self.params) if self.momentum else None
        self.averages = None if self.ema is None else [param.copy() for param in self.params]
        self._sums = filled_like(self.params) if self.accumulate_steps > 1 else None
        self.n_steps = self._n_accumulated = 0
        self._thawed = [i for i, group in enumerate(self._groups) if not group.frozen]
        self._thawed_params = [self.params[i] for i in self._thawed]
        self._state = RMSpropState(
            [self.mean_squares[i] for i in self._thawed],
            *(
                None if column is None else [column[i] for i in self._thawed]
                for column in (self.means, self.velocities, self.averages, self._sums)
            ),
        )

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the state: arrays keyed as ``"mean_squares.0"``, and counters.

        Returns
        -------
        dict
            What `load_state_dict` of an optimizer with the same options and shapes takes. The parameters themselves and
            the options are not in it.
        """
        return state_to_dict(self._full_state(), {"n_steps": self.n_steps, "n_accumulated": self._n_accumulated})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` returned.

        Raises
        ------
        TypeError, ValueError
            If a key, a shape or a dtype is not that of this optimizer; nothing is changed then.
        """
        counters = check_state_dict(state, self._full_state())
        load_state(state, self._full_state())
        self.n_steps, self._n_accumulated = counters["n_steps"], counters["n_accumulated"]

    def _full_state(self) -> RMSpropState:
        return RMSpropState(self.mean_squares, self.means, self.velocities, self.averages, self._sums)

    def _rates(self, learning_rate: float) -> list[RMSpropRates]:
        """Settings of each array that is not frozen; those of one group share one object."""
        made: dict[Group, RMSpropRates] = {}
        for i in self._thawed:
            group = self._groups[i]
            if group not in made:
                made[group] = self._group_rates(group, learning_rate)
        return [made[self._groups[i]] for i in self._thawed]

    def _group_rates(self, group: Group, learning_rate: float) -> RMSpropRates:
        rate = learning_rate if group.learning_rate is None else group.learning_rate
        inside = self.lr_in_momentum or not self.momentum
        decay = self.weight_decay if group.weight_decay is None else group.weight_decay
        l2 = self.l2 if group.l2 is None else group.l2
        return RMSpropRates(rate if inside else 1.0, 1.0 if inside else rate, l2, 1.0 - rate * decay)

    def _scales(self, grads: list[Array], n_threads: int) -> list[float] | None:
        """Factor on each gradient, or None where all are 1."""
        factor = (-1.0 if self.maximize else 1.0) / self.accumulate_steps
        limit = self.clip_norm or self.global_clip_norm
        if limit is None:
            return None if factor == 1.0 else [factor] * len(grads)
        squares = kernels.rmsprop_squares(grads, self._state.sums, n_threads)
        if self.global_clip_norm:
            squares = [math.fsum(squares)] * len(grads)
        norms = [math.sqrt(square) / self.accumulate_steps for square in squares]
        for i, norm in zip(self._thawed, norms, strict=True):
            if not math.isfinite(norm):
                raise ValueError(f"grads[{i}] must have a finite norm to be clipped, got {norm}; nothing was changed")
        return [factor * min(1.0, limit / norm) if norm else factor for norm in norms]

    def _rule(self) -> RMSpropRule:
        """Numbers that all arrays share in the coming step."""
        correction = 1.0 / (1.0 - self.rho ** (self.n_steps + 1)) if self.bias_correction else 1.0
        return RMSpropRule(
            self.rho,
            correction,
            self.epsilon if self.eps_in_sqrt else 0.0,
            0.0 if self.eps_in_sqrt else self.epsilon,
            self.momentum,
            self.nesterov,
            math.inf if self.clip_value is None else self.clip_value,
            self.ema if self.ema and self.n_steps else 0.0,
        )

    def _check_combinations(self) -> None:
        clips = {"clip_value": self.clip_value, "clip_norm": self.clip_norm, "global_clip_norm": self.global_clip_norm}
        given = [f"{name}={value}" for name, value in clips.items() if value is not None]
        if len(given) > 1:
            raise ValueError(f"at most one of {', '.join(clips)} may be given, got {', '.join(given)}")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs momentum in (0, 1), got momentum=0.0")

    def _check_epsilon(self) -> None:
        if self.params and self.epsilon > 0 and self.params[0].dtype.type(self.epsilon) == 0:
            raise ValueError(f"epsilon must not round to 0 in {self.params[0].dtype}, got {self.epsilon}")


def _optional(name: str, value: float | None, interval: str) -> float | None:
    return None if value is None else check_real(name, value, interval)
